//! Gemma (arXiv 2403.08295): LLaMA with scaled embeddings, norms of 1 + weight, and a tanh gelu. Its configurations have had three
//! names for that activation; transformers takes "gelu" for the approximation by a tangent too.

use super::llama::LLAMA;
use super::*;

pub(super) const GEMMA: Architecture = Architecture {
    id: "gemma",
    model_types: &["gemma"],
    fields: Fields {
        positions: setting("max_position_embeddings", 8192),
        activation: setting("hidden_activation", Activation::GeluTanh),
        ..LLAMA.fields
    },
    fixed: &[
        must("use_bidirectional_attention", Fixed::Flag(false)),
        must("hidden_act", TANH_GELU),
    ],
    embeddings: EmbeddingNames {
        scaled: true,
        ..LLAMA.embeddings
    },
    norm: Norm::RmsPlusOne,
    head: Some(Head {
        stem: "lm_head",
        tied: setting("tie_word_embeddings", true),
        cap: None,
    }),
    gguf: gguf("gemma"),
    ..LLAMA
};

const TANH_GELU: Fixed = Fixed::OneOf(&["gelu", "gelu_pytorch_tanh"]);
