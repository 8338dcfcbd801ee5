//! The architectures of llama.cpp: their names in transformers, the names of their tensors, and how the converter changed the
//! values. An architecture is one row in the file of its family.

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
    /// The value of `general.architecture`.
    pub id: &'static str,
    /// `model_type` in transformers.
    pub model_type: &'static str,
    /// Class of the model in transformers.
    pub class: &'static str,
    /// Prefix of the names of the body's tensors.
    pub prefix: &'static str,
    /// Stems of tensor names: in the file, and in the body of the model. `{}` stands for the number of the block. The stem is
    /// followed by `weight` or `bias`.
    pub tensors: &'static [(&'static str, &'static str)],
    /// Stems of the three matrices that the model stores separately and `blk.{}.attn_qkv` holds one after the other.
    pub parts_of_qkv: Option<[&'static str; 3]>,
    /// Whether the file has rows of queries and keys in another order, because llama.cpp rotates neighbours instead of halves.
    pub moved_rows: bool,
    /// Whether the file stores 1 + the weights of norms.
    pub plus_one: bool,
    /// Key in the file and field in config.json of the epsilon that norms add to the variance.
    pub eps: (&'static str, &'static str),
    /// Whether the model has a head, which computes logits.
    pub head: bool,
    /// Whether config.json has separate fields for the number of key heads and the width of a head.
    pub heads_apart: bool,
    pub rope: Rotation,
    /// Adds the other fields of config.json.
    pub more: fn(&Model<'_>, &mut Config) -> Result<(), TensorsError>,
}

/// Rotary positions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rotation {
    /// No rotary positions: positions are learned.
    None,
    /// Rotary positions on whole heads.
    Whole,
    /// Rotary positions on a part of each head. The field `partial_rotary_factor` of config.json gives the part.
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

/// The row of a file's architecture. `GGUF_UNSUPPORTED` if there is none, or if the file is not a model.
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
