//! MPNet (Song et al., arXiv 2004.09297): BERT with a bias of scores by distance, one table for all blocks.

use super::bert::BERT;
use super::*;

pub(super) const MPNET: Architecture = Architecture {
    id: "mpnet",
    model_types: &["mpnet"],
    prefixes: &["", "mpnet."],
    fixed: &[must("relative_attention_num_buckets", Fixed::Number(32))],
    embeddings: EmbeddingNames {
        token_type: None,
        ..BERT.embeddings
    },
    block: BlockNames {
        linears: &[
            linear(Role::Q, "encoder.layer.{}.attention.attn.q", Bias::Always),
            linear(Role::K, "encoder.layer.{}.attention.attn.k", Bias::Always),
            linear(Role::V, "encoder.layer.{}.attention.attn.v", Bias::Always),
            linear(Role::O, "encoder.layer.{}.attention.attn.o", Bias::Always),
            linear(
                Role::Up,
                "encoder.layer.{}.intermediate.dense",
                Bias::Always,
            ),
            linear(Role::Down, "encoder.layer.{}.output.dense", Bias::Always),
        ],
        attention_norm: "encoder.layer.{}.attention.LayerNorm",
        ..BERT.block
    },
    attention: Attention {
        distance_bias: Some(DistanceBias {
            stem: "encoder.relative_attention_bias",
            buckets: setting("relative_attention_num_buckets", 32),
            max_distance: 128,
        }),
        ..PLAIN_ATTENTION
    },
    positions: Positions::Learned(LearnedPositions {
        stem: "embeddings.position_embeddings",
        first: 2,
        extra: 0,
    }),
    copies: &["lm_head.decoder"],
    ..BERT
};
