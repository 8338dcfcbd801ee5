//! Nomic Embed (Nussbaum et al., arXiv 2402.01613): BERT with rotary positions and a gated MLP. Configurations come with two sets of
//! fields: those of transformers 5, and those of the files on the hub, whose code is their own.

use super::bert::BERT;
use super::*;

pub(super) const NOMIC_BERT: Architecture = Architecture {
    id: "nomic_bert",
    model_types: &["nomic_bert"],
    prefixes: &["", "nomic_bert."],
    fields: Fields {
        head_dim: Some("head_dim"),
        positions: setting("max_position_embeddings", 2048),
        activation: setting("hidden_act", Activation::Silu),
        ..BERT.fields
    },
    fixed: &[],
    embeddings: EmbeddingNames {
        norm: Some("emb_ln"),
        ..BERT.embeddings
    },
    block: BlockNames {
        linears: &[
            linear(Role::Qkv, "encoder.layers.{}.attn.Wqkv", Bias::AsStored),
            linear(Role::O, "encoder.layers.{}.attn.out_proj", Bias::AsStored),
            linear(Role::Gate, "encoder.layers.{}.mlp.fc12", Bias::AsStored),
            linear(Role::Up, "encoder.layers.{}.mlp.fc11", Bias::AsStored),
            linear(Role::Down, "encoder.layers.{}.mlp.fc2", Bias::AsStored),
        ],
        attention_norm: "encoder.layers.{}.norm1",
        mlp_norm: Some("encoder.layers.{}.norm2"),
        ..BERT.block
    },
    positions: rope(1000.0),
    dead: &[
        "embeddings.position_ids",
        "embeddings.token_type_ids",
        "rotary_emb.inv_freq",
        "rotary_emb.original_inv_freq",
        "layers.{}.self_attn.rotary_emb.inv_freq",
        "encoder.layers.{}.attn.rotary_emb.inv_freq",
    ],
    unopened: Some(
        "transformers 5 splits attn.Wqkv into three layers when it loads it, which it cannot do with codes",
    ),
    ..BERT
};

pub(super) const NOMIC_BERT_HUB: Architecture = Architecture {
    id: "nomic_bert_hub",
    fields: Fields {
        hidden: "n_embd",
        blocks: "n_layer",
        heads: "n_head",
        head_dim: None,
        intermediate: "n_inner",
        intermediate_times: Some(4),
        // Beyond these the frequencies change.
        positions: setting("max_trained_positions", 2048),
        norm_eps: setting("layer_norm_epsilon", 1e-12),
        activation: setting("activation_function", Activation::Silu),
        ..NOMIC_BERT.fields
    },
    fixed: &[
        must("prenorm", Fixed::Flag(false)),
        must("parallel_block", Fixed::Flag(false)),
        must("rotary_emb_interleaved", Fixed::Flag(false)),
        must("use_rms_norm", Fixed::Flag(false)),
        must("causal", Fixed::Flag(false)),
    ],
    positions: Positions::Rope(RopeFields {
        theta: setting("rotary_emb_base", 1000.0),
        fraction: setting("rotary_emb_fraction", 1.0),
        local_theta: None,
        skipped: None,
    }),
    ..NOMIC_BERT
};
