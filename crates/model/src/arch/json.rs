//! Architectures described by a user, in JSON of the fields of [`Architecture`].
//!
//! A description may say `"like": "llama"`: what it leaves out is then as in that built-in row, in `fields`, `embeddings`, `block` and
//! `attention` field by field. In a model folder the file is called [`FILE`], and goes before the table of built-in rows.

use super::check::{Broken, check};
use super::{Architecture, table};
use crate::ModelError;
use kerf_tensors::complaint::Complaint;
use kerf_tensors::{Folder, TensorsError};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Name of a description in a model folder.
pub const FILE: &str = "kerf-architecture.json";
/// Objects that `like` fills field by field.
const FILLED: [&str; 4] = ["fields", "embeddings", "block", "attention"];
/// More bytes than any description has.
const MAX_BYTES: usize = 1 << 20;

/// Reads a description; `path` is its file, for errors. A description is kept for the life of the program, each once.
///
/// `BAD_ARCHITECTURE` names the field, what it may hold and what it holds.
pub fn parse(path: &str, bytes: &[u8]) -> Result<&'static Architecture, ModelError> {
    let bad = |field: &str, expected: String, actual: String| ModelError::BadArchitecture {
        path: path.to_string(),
        field: field.to_string(),
        expected,
        actual,
    };
    if bytes.len() > MAX_BYTES {
        let expected = format!("at most {MAX_BYTES} bytes");
        return Err(bad("file", expected, format!("{} bytes", bytes.len())));
    }
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| bad("file", "valid JSON".into(), format!("an error ({error})")))?;
    let Value::Object(mut given) = value else {
        return Err(bad("file", "an object".into(), "another value".into()));
    };
    if let Some(like) = given.remove("like") {
        given = like_built_in(&like, given).ok_or_else(|| {
            let ids: Vec<&str> = table().iter().map(|row| row.id).collect();
            bad(
                "like",
                format!("one of {}", ids.join(", ")),
                like.to_string(),
            )
        })?;
    }
    let merged = Value::Object(given);
    let mut kept = KEPT.lock().unwrap_or_else(|held| held.into_inner());
    if let Some(row) = kept.get(&merged.to_string()) {
        return Ok(row);
    }
    let text = merged.to_string();
    let row: Architecture = serde_path_to_error::deserialize(merged).map_err(|error| {
        let at = error.path().to_string();
        let complaint = Complaint::new(&at, &error.into_inner().to_string());
        bad(&complaint.path, complaint.expected, complaint.actual)
    })?;
    check(&row).map_err(|broken: Broken| bad(&broken.field, broken.expected, broken.actual))?;
    let row: &'static Architecture = Box::leak(Box::new(row));
    kept.insert(text, row);
    Ok(row)
}

/// Descriptions that were read, so that the same one does not take memory again.
static KEPT: Mutex<BTreeMap<String, &'static Architecture>> = Mutex::new(BTreeMap::new());

/// What is given, over a built-in row. `None` if there is no such row.
fn like_built_in(like: &Value, given: Map<String, Value>) -> Option<Map<String, Value>> {
    let row = table().iter().find(|row| like == row.id)?;
    let Ok(Value::Object(mut whole)) = serde_json::to_value(row) else {
        return None;
    };
    for (field, value) in given {
        match (whole.get_mut(&field), value) {
            (Some(Value::Object(inside)), Value::Object(value)) if FILLED.contains(&&*field) => {
                inside.extend(value);
            }
            (_, value) => {
                whole.insert(field, value);
            }
        }
    }
    Some(whole)
}

/// The description in a model folder, if there is one. `model_type`: of its configuration, which the description must be for.
pub fn of_folder(
    folder: &dyn Folder,
    model_type: Option<&str>,
) -> Result<Option<&'static Architecture>, ModelError> {
    let bytes = match folder.read(FILE) {
        Ok(bytes) => bytes,
        Err(TensorsError::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let path = format!("{}/{FILE}", folder.name());
    let row = parse(&path, &bytes)?;
    match model_type.filter(|model_type| !row.model_types.contains(model_type)) {
        None => Ok(Some(row)),
        Some(model_type) => Err(ModelError::BadArchitecture {
            path,
            field: "modelTypes".into(),
            expected: format!("{model_type:?} among them, the model_type of config.json"),
            actual: format!("{:?}", row.model_types),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::Order;
    use serde_json::json;

    fn read(value: &Value) -> Result<&'static Architecture, ModelError> {
        parse("a.json", value.to_string().as_bytes())
    }

    #[test]
    fn every_built_in_row_can_be_written_and_read_as_json() {
        for row in table() {
            let json = serde_json::to_value(row).unwrap();
            assert_eq!(read(&json).unwrap(), *row, "{}", row.id);
        }
    }

    #[test]
    fn like_fills_what_is_left_out() {
        let given = json!({
            "like": "llama", "id": "spiral", "modelTypes": ["spiral"],
            "fields": {"hidden": "width"},
            "block": {"attentionNorm": "layers.{}.first", "mlpNorm": null},
            "order": "parallel",
        });
        let (row, llama) = (read(&given).unwrap(), table()[0]);
        assert_eq!(
            (row.id, row.fields.hidden, row.order),
            ("spiral", "width", Order::Parallel)
        );
        assert_eq!(
            (row.fields.blocks, row.block.linears),
            (llama.fields.blocks, llama.block.linears)
        );
        assert_eq!(
            (row.block.attention_norm, row.block.mlp_norm),
            ("layers.{}.first", None)
        );
        // The same description is the same row.
        assert!(std::ptr::eq(row, read(&given).unwrap()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let llama = serde_json::to_value(table()[0]).unwrap();
        let with = |path: &str, value: Value| {
            let mut changed = llama.clone();
            *changed.pointer_mut(path).unwrap() = value;
            changed
        };
        let without = |field: &str| {
            let mut changed = llama.clone();
            changed.as_object_mut().unwrap().remove(field);
            changed
        };
        let unknown = |field: &str| {
            let mut changed = llama.clone();
            changed[field] = json!(1);
            changed
        };
        for (description, field, expected, actual) in [
            (
                unknown("speed"),
                "speed",
                "one of id, modelTypes",
                "unknown field speed",
            ),
            (without("fields"), "fields", "a value", "none"),
            (with("/id", json!(3)), "id", "a string", "integer 3"),
            (
                with("/order", json!("sideways")),
                "order",
                "one of pre, post",
                "unknown variant sideways",
            ),
            (
                with("/fields/positions", json!({"field": "n"})),
                "fields.positions.default",
                "a value",
                "none",
            ),
            (
                with("/block/linears/1/role", json!("x")),
                "block.linears[1].role",
                "one of q, k",
                "unknown variant x",
            ),
            (
                with("/block/linears", json!([])),
                "block.linears",
                "[q, k, v] or [qkv]",
                "[]",
            ),
            (
                with("/block/linears/0/stem", json!("q")),
                "block",
                "one {}",
                "\"q\"",
            ),
            (
                with("/block/mlpNorm", json!(null)),
                "block.mlpNorm",
                "parallel",
                "Pre",
            ),
            (
                with("/prefixes", json!([])),
                "prefixes",
                "at least one",
                "[]",
            ),
            (
                with("/modelTypes", json!([])),
                "modelTypes",
                "at least one",
                "[]",
            ),
            (
                with("/block/linears/1/stem", json!("layers.{}.self_attn.q_proj")),
                "block.linears",
                "its own",
                "q_proj",
            ),
            (
                with(
                    "/attention/window",
                    json!({"width": {"field": "w", "default": 0}, "layers": "all"}),
                ),
                "attention.window",
                "at least 1",
                "Some(0)",
            ),
            (
                with(
                    "/attention/window",
                    json!({"width": {"field": "w", "default": 4}, "layers": {"allButLastOf": {"field": "n", "default": 0}}}),
                ),
                "attention.window",
                "at least 1",
                "default: 0",
            ),
            (
                with("/head/cap", json!({"field": "c", "default": 0})),
                "cap",
                "more than 0",
                "Some(0.0)",
            ),
            (json!({"like": "lama"}), "like", "one of llama", "\"lama\""),
            (json!([]), "file", "an object", "another value"),
        ] {
            let error = read(&description).unwrap_err();
            assert_eq!(error.code(), "BAD_ARCHITECTURE");
            let data = error.data().details;
            assert_eq!(data["field"], field, "{error}");
            let holds = |key: &str, part: &str| data[key].as_str().unwrap().contains(part);
            assert!(
                holds("expected", expected) && holds("actual", actual),
                "{error}"
            );
            assert!(error.to_string().contains("a.json"));
        }
        assert!(
            parse("a.json", b"{")
                .unwrap_err()
                .to_string()
                .contains("valid JSON")
        );
    }
}
