//! DistilBERT (Sanh et al., arXiv 1910.01108).

use super::bert::BERT;
use super::*;

pub(super) const DISTILBERT: Architecture = Architecture {
    id: "distilbert",
    model_types: &["distilbert"],
    prefixes: &["", "distilbert."],
    fields: Fields {
        hidden: "dim",
        blocks: "n_layers",
        heads: "n_heads",
        intermediate: "hidden_dim",
        activation: setting("activation", Activation::GeluErf),
        ..BERT.fields
    },
    fixed: &[],
    embeddings: EmbeddingNames {
        token_type: None,
        ..BERT.embeddings
    },
    block: BlockNames {
        linears: &[
            linear(
                Role::Q,
                "transformer.layer.{}.attention.q_lin",
                Bias::Always,
            ),
            linear(
                Role::K,
                "transformer.layer.{}.attention.k_lin",
                Bias::Always,
            ),
            linear(
                Role::V,
                "transformer.layer.{}.attention.v_lin",
                Bias::Always,
            ),
            linear(
                Role::O,
                "transformer.layer.{}.attention.out_lin",
                Bias::Always,
            ),
            linear(Role::Up, "transformer.layer.{}.ffn.lin1", Bias::Always),
            linear(Role::Down, "transformer.layer.{}.ffn.lin2", Bias::Always),
        ],
        attention_norm: "transformer.layer.{}.sa_layer_norm",
        mlp_norm: Some("transformer.layer.{}.output_layer_norm"),
        ..BERT.block
    },
    copies: &["vocab_projector"],
    ..BERT
};
