//! Qwen 2, 2.5 and 3, the dense ones.

use super::llama::{LLAMA, TENSORS};
use super::{Config, Model, Row};
use crate::TensorsError;
use serde_json::json;

pub(super) const QWEN2: Row = Row {
    id: "qwen2",
    model_type: "qwen2",
    class: "Qwen2ForCausalLM",
    moved_rows: false,
    more: qwen,
    ..LLAMA
};

pub(super) const QWEN3: Row = Row {
    id: "qwen3",
    model_type: "qwen3",
    class: "Qwen3ForCausalLM",
    tensors: TENSORS,
    ..QWEN2
};

fn qwen(_: &Model<'_>, config: &mut Config) -> Result<(), TensorsError> {
    config.insert("hidden_act".into(), json!("silu"));
    config.insert("use_sliding_window".into(), json!(false));
    Ok(())
}
