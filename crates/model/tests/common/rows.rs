//! A small model of any row of the table, made from the row's data alone.

use super::Memory;
use kerf_model::arch::{Architecture, Fixed};
use kerf_model::{ModelError, Network};
use kerf_tensors::TensorsError;
use serde_json::{Map, Value, json};

/// Tokens of a sequence.
pub const TOKENS: usize = 40;

/// A configuration with every field that the row reads; windows are shorter than the sequence.
pub fn config(row: &Architecture) -> Value {
    let mut config = Map::new();
    let mut set = |field: &str, value: Value| {
        config.entry(field).or_insert(value);
    };
    for requirement in row.fixed {
        match requirement.value {
            Fixed::Text(text) => set(requirement.field, json!(text)),
            Fixed::OneOf(texts) => set(requirement.field, json!(texts[0])),
            Fixed::Flag(flag) => set(requirement.field, json!(flag)),
            Fixed::Number(number) => set(requirement.field, json!(number)),
            Fixed::SameAs(_) => {}
        }
    }
    let fields = &row.fields;
    set("model_type", json!(row.model_types[0]));
    set(fields.hidden, json!(16));
    set(fields.blocks, json!(4));
    set(fields.heads, json!(2));
    set(fields.intermediate, json!(24));
    set(fields.vocab, json!(32));
    set(fields.positions.field, json!(TOKENS + 2));
    fields
        .kv_heads
        .into_iter()
        .for_each(|field| set(field, json!(1)));
    fields
        .head_dim
        .into_iter()
        .for_each(|field| set(field, json!(8)));
    if let Some(window) = &row.attention.window {
        set(window.width.field, json!(5));
        window
            .enabled
            .iter()
            .for_each(|flag| set(flag.field, json!(true)));
    }
    Value::Object(config)
}

/// The tensors that opening asks for, one after the other.
pub fn weights(row: &'static Architecture, config: &Value) -> Memory {
    let mut weights = Memory::default();
    for _ in 0..1000 {
        match Network::open_as(row, config, &weights) {
            Ok(_) => return weights,
            Err(
                ModelError::Tensors(TensorsError::TensorMissing { tensor })
                | ModelError::HeadMissing { tensor, .. },
            ) => {
                weights.add(&tensor, &[1], 0.0, 0.0);
            }
            Err(ModelError::Tensors(TensorsError::WrongShape {
                tensor, expected, ..
            })) => {
                let offset = if expected.len() == 1 { 1.0 } else { 0.0 };
                weights.add(&tensor, &expected, offset, 0.4);
            }
            Err(error) => panic!("{}: {error}", row.id),
        }
    }
    panic!("{}: it asks for tensors without end", row.id);
}
