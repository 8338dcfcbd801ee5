//! Architectures as data over one generic block: one file of data and one row in [`table`] each.
//!
//! What the generic block can do is what [`Architecture`] can say; a new architecture fills in the same fields. One that needs
//! something new adds it to `data.rs` and to the block, where it is tested for all. A model that is not in the table can be
//! described by a file of the same fields: see [`json`].
mod bert;
mod check;
mod data;
mod distilbert;
mod gemma;
mod gemma2;
mod gemma3;
mod gpt2;
mod gpt_neox;
pub mod json;
mod leak;
mod llama;
mod mistral;
mod modernbert;
mod mpnet;
mod nomic_bert;
mod opt;
mod phi;
mod phi3;
mod qwen2;
mod qwen3;
mod roberta;
mod smollm3;

pub use data::*;

use crate::{Kind, ModelError};

/// All architectures. Each row runs through the battery of contract tests.
pub fn table() -> &'static [&'static Architecture] {
    &[
        &llama::LLAMA,
        &mistral::MISTRAL,
        &qwen2::QWEN2,
        &qwen3::QWEN3,
        &smollm3::SMOLLM3,
        &gemma::GEMMA,
        &gemma2::GEMMA2,
        &gemma3::GEMMA3,
        &gpt2::GPT2,
        &gpt_neox::GPT_NEOX,
        &opt::OPT,
        &phi::PHI,
        &phi3::PHI3,
        &bert::BERT,
        &roberta::ROBERTA,
        &distilbert::DISTILBERT,
        &mpnet::MPNET,
        &modernbert::MODERNBERT,
        &nomic_bert::NOMIC_BERT,
        &nomic_bert::NOMIC_BERT_HUB,
    ]
}

/// The architecture of a `model_type`. Where several rows have it, the first whose width is in the configuration.
pub fn by_model_type(
    model_type: &str,
    config: &serde_json::Value,
) -> Result<&'static Architecture, ModelError> {
    let mut found = table()
        .iter()
        .filter(|row| row.model_types.contains(&model_type));
    let first = found.clone().next();
    found
        .find(|row| config.get(row.fields.hidden).is_some())
        .or(first)
        .copied()
        .ok_or_else(|| ModelError::UnknownArchitecture {
            model_type: model_type.chars().take(80).collect(),
            known: known_types(),
        })
}

fn known_types() -> Vec<String> {
    let mut types: Vec<String> = Vec::new();
    for name in table().iter().flat_map(|row| row.model_types) {
        if !types.iter().any(|known| known == name) {
            types.push(name.to_string());
        }
    }
    types
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_keeps_the_rules_that_the_block_relies_on() {
        for row in table() {
            assert_eq!(check::check(row), Ok(()), "{}", row.id);
        }
    }

    #[test]
    fn rows_are_told_apart() {
        let mut ids: Vec<_> = table().iter().map(|row| row.id).collect();
        let types = table().iter().flat_map(|row| {
            let width = row.fields.hidden;
            row.model_types.iter().map(move |name| (*name, width))
        });
        let mut types: Vec<_> = types.collect();
        for count in [ids.len(), types.len()] {
            ids.sort();
            ids.dedup();
            types.sort();
            types.dedup();
            assert!(ids.len() == count || types.len() == count);
        }
    }

    #[test]
    fn an_unknown_type_is_named_with_the_known_ones() {
        let error = by_model_type("mamba", &serde_json::Value::Null).unwrap_err();
        assert_eq!(error.code(), "UNKNOWN_ARCHITECTURE");
        assert!(error.to_string().contains("mamba") && error.to_string().contains("llama"));
    }
}
