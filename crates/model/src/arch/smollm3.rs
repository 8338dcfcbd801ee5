//! SmolLM 3 (Hugging Face, 2025): LLaMA in which every fourth block does not rotate.

use super::llama::LLAMA;
use super::*;

pub(super) const SMOLLM3: Architecture = Architecture {
    id: "smollm3",
    model_types: &["smollm3"],
    fixed: &[must("use_sliding_window", Fixed::Flag(false))],
    positions: Positions::Rope(RopeFields {
        theta: setting("rope_theta", 2_000_000.0),
        fraction: all_of_a_head(),
        local_theta: None,
        skipped: Some(SkippedRope {
            list: "no_rope_layers",
            last_of: setting("no_rope_layer_interval", 4),
        }),
    }),
    head: Some(Head {
        stem: "lm_head",
        tied: setting("tie_word_embeddings", true),
        cap: None,
    }),
    gguf: None,
    ..LLAMA
};
