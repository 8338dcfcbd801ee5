//! Mistral 7B and its kind (Jiang et al., arXiv 2310.06825): LLaMA, in which a token may see only a window of those before it.

use super::llama::LLAMA;
use super::*;

pub(super) const MISTRAL: Architecture = Architecture {
    id: "mistral",
    model_types: &["mistral"],
    attention: Attention {
        window: Some(Window {
            width: setting("sliding_window", Some(4096)),
            enabled: None,
            layers: WindowLayers::All,
        }),
        ..PLAIN_ATTENTION
    },
    ..LLAMA
};
