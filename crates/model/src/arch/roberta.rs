//! RoBERTa (Liu et al., arXiv 1907.11692), XLM-RoBERTa and CamemBERT: BERT whose positions begin behind the padding token.

use super::bert::BERT;
use super::*;

pub(super) const ROBERTA: Architecture = Architecture {
    id: "roberta",
    model_types: &["roberta", "xlm-roberta", "camembert"],
    prefixes: &["", "roberta."],
    fixed: &[
        must("position_embedding_type", Fixed::Text("absolute")),
        must("is_decoder", Fixed::Flag(false)),
        must("pad_token_id", Fixed::Number(1)),
    ],
    positions: Positions::Learned(LearnedPositions {
        stem: "embeddings.position_embeddings",
        first: 2,
        extra: 0,
    }),
    copies: &["lm_head.decoder"],
    ..BERT
};
