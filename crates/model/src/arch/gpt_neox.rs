//! GPT-NeoX and Pythia (Black et al., arXiv 2204.06745): attention and MLP side by side, and queries, keys and values in one matrix,
//! head by head.

use super::llama::LLAMA;
use super::*;

pub(super) const GPT_NEOX: Architecture = Architecture {
    id: "gpt_neox",
    model_types: &["gpt_neox"],
    prefixes: &["gpt_neox.", ""],
    fields: Fields {
        kv_heads: None,
        head_dim: None,
        norm_eps: setting("layer_norm_eps", 1e-5),
        activation: setting("hidden_act", Activation::GeluErf),
        ..LLAMA.fields
    },
    embeddings: EmbeddingNames {
        token: "embed_in",
        ..LLAMA.embeddings
    },
    block: BlockNames {
        linears: &[
            linear(
                Role::QkvByHead,
                "layers.{}.attention.query_key_value",
                ATTENTION_BIAS,
            ),
            linear(Role::O, "layers.{}.attention.dense", ATTENTION_BIAS),
            linear(Role::Up, "layers.{}.mlp.dense_h_to_4h", Bias::Always),
            linear(Role::Down, "layers.{}.mlp.dense_4h_to_h", Bias::Always),
        ],
        ..LLAMA.block
    },
    norm: Norm::Layer,
    norm_bias: Bias::Always,
    order: Order::ParallelUnless("use_parallel_residual"),
    positions: Positions::Rope(RopeFields {
        theta: setting("rotary_emb_base", 10_000.0),
        fraction: setting("rotary_pct", 0.25),
        local_theta: None,
        skipped: None,
    }),
    final_norm: Some("final_layer_norm"),
    head: Some(Head {
        stem: "embed_out",
        tied: setting("tie_word_embeddings", false),
        cap: None,
    }),
    // transformers 5 calls the module so, and renames the tensor when it loads it.
    head_aliases: &["lm_head"],
    gguf: None,
    dead: &[
        "layers.{}.attention.bias",
        "layers.{}.attention.masked_bias",
        "layers.{}.attention.rotary_emb.inv_freq",
        "rotary_emb.inv_freq",
    ],
    ..LLAMA
};

const ATTENTION_BIAS: Bias = Bias::Field("attention_bias");
