//! Gemma 3, the text models (arXiv 2503.19786): Gemma 2 with norms of query and key heads instead of soft caps, and a global block
//! after every five with a window and a base of their own.

use super::gemma2::GEMMA2;
use super::*;

pub(super) const GEMMA3: Architecture = Architecture {
    id: "gemma3",
    model_types: &["gemma3_text"],
    fields: Fields {
        positions: setting("max_position_embeddings", 131_072),
        ..GEMMA2.fields
    },
    block: BlockNames {
        query_norm: Some("layers.{}.self_attn.q_norm"),
        key_norm: Some("layers.{}.self_attn.k_norm"),
        ..GEMMA2.block
    },
    attention: Attention {
        // Newer versions of transformers read this field and cap nothing: no model has it.
        cap: None,
        window: Some(Window {
            width: setting("sliding_window", Some(4096)),
            enabled: None,
            layers: WindowLayers::AllButLastOf(setting("sliding_window_pattern", 6)),
        }),
        ..GEMMA2.attention
    },
    positions: Positions::Rope(RopeFields {
        theta: setting("rope_theta", 1_000_000.0),
        fraction: all_of_a_head(),
        local_theta: Some(setting("rope_local_base_freq", 10_000.0)),
        skipped: None,
    }),
    head: Some(Head {
        stem: "lm_head",
        tied: setting("tie_word_embeddings", true),
        cap: Some(setting("final_logit_softcapping", None)),
    }),
    gguf: Some(Gguf {
        architecture: "gemma3",
        moved_rows: false,
        rope_factors: false,
        window: true,
    }),
    ..GEMMA2
};
