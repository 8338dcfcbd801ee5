//! Architectures of llama.cpp: what transformers calls them, where their tensors belong, and what the converter did to them. One row
//! each, in the file of its family.

mod bert;
mod gemma;
mod llama;
mod phi;
mod qwen;

use super::Model;
use super::keys::{Keys, ORIGINAL};
use crate::TensorsError;
use serde_json::{Map, Value};

/// Fields of config.json.
pub(super) type Config = Map<String, Value>;

/// A row of the table.
pub(super) struct Row {
    /// `general.architecture`.
    pub id: &'static str,
    /// `model_type` in transformers.
    pub model_type: &'static str,
    /// Its class in transformers.
    pub class: &'static str,
    /// What stands before the names of the body's tensors.
    pub prefix: &'static str,
    /// Stems of tensors: of the file, and of the body; `{}` is the number of the block. Weights and biases follow.
    pub tensors: &'static [(&'static str, &'static str)],
    /// Stems of the three matrices that `blk.{}.attn_qkv` holds one after the other, where the model has them apart.
    pub parts_of_qkv: Option<[&'static str; 3]>,
    /// Whether rows of queries and keys were moved, since llama.cpp rotates neighbours instead of halves.
    pub moved_rows: bool,
    /// Whether norms have 1 added.
    pub plus_one: bool,
    /// Key and field of what is added to the variance in norms.
    pub eps: (&'static str, &'static str),
    /// Whether it turns logits out of hidden states.
    pub head: bool,
    /// Whether config.json has fields for the number of key heads and the width of a head.
    pub heads_apart: bool,
    pub rope: Rotation,
    /// The rest of config.json.
    pub more: fn(&Model<'_>, &mut Config) -> Result<(), TensorsError>,
}

/// Rotary positions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rotation {
    /// None: positions are learned.
    None,
    /// Of whole heads.
    Whole,
    /// Of a part of a head, which config.json says as `partial_rotary_factor`.
    Part,
}

static TABLE: [&Row; 11] = [
    &llama::LLAMA,
    &qwen::QWEN2,
    &qwen::QWEN3,
    &gemma::GEMMA,
    &gemma::GEMMA2,
    &gemma::GEMMA3,
    &phi::PHI2,
    &phi::PHI3,
    &bert::BERT,
    &bert::NOMIC_BERT,
    &llama::SMOLLM3,
];

/// The row of a file. `GGUF_UNSUPPORTED` for an architecture without one, and for what is no model.
pub(super) fn of(keys: &Keys<'_>) -> Result<&'static Row, TensorsError> {
    const TYPE: &str = "general.type";
    if let Some(kind) = keys.text(TYPE)?.filter(|kind| *kind != "model") {
        let reason = format!("it is {kind:?}, a part that belongs to a model");
        return Err(keys.refuse(TYPE, reason, "name the file of the model itself"));
    }
    let found = TABLE.iter().find(|row| row.id == keys.architecture());
    found.copied().ok_or_else(|| {
        let known: Vec<&str> = TABLE.iter().map(|row| row.id).collect();
        let reason = format!(
            "{:?} is no architecture that kerf reads from GGUF ({})",
            keys.architecture(),
            known.join(", ")
        );
        keys.refuse("general.architecture", reason, ORIGINAL)
    })
}
