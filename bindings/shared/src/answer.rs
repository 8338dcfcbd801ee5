//! What a function gives back: fields as JSON, and beside them arrays of numbers, which never become text.

use crate::Error;
use serde::Serialize;
use serde_json::{Value, json};

/// Numbers of one type, in the order of their rows.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    /// Vectors, logits.
    F32(Vec<f32>),
    /// Token ids.
    U32(Vec<u32>),
}

/// An array of numbers. It crosses the boundary as one typed array under its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Name of its field in the response.
    pub name: &'static str,
    /// Sizes, the slowest first; their product is the number of numbers.
    pub shape: Vec<usize>,
    /// Row by row.
    pub numbers: Numbers,
}

/// A response type. Its fields are JSON, except for what it takes out as arrays.
pub trait Response: Serialize {
    /// Takes the arrays out: those fields must be left out when the rest is written as JSON.
    fn take_arrays(&mut self) -> Vec<Array> {
        Vec::new()
    }
}

/// The response of one function.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// All fields that are no arrays.
    pub json: Value,
    /// The others.
    pub arrays: Vec<Array>,
}

impl Answer {
    /// Takes a response apart. `INTERNAL` if it cannot be written as JSON.
    pub fn of<R: Response>(command: &str, mut response: R) -> Result<Self, Error> {
        let arrays = response.take_arrays();
        let json = serde_json::to_value(response).map_err(|error| Error::Internal {
            reason: format!("the response of {command} cannot be written as JSON: {error}"),
            location: String::new(),
        })?;
        Ok(Self { json, arrays })
    }

    /// Everything as one JSON value, arrays as nested lists: for small responses.
    pub fn into_json(self) -> Value {
        let Self { mut json, arrays } = self;
        for array in arrays {
            json[array.name] = nested(&array.shape, &flat(array.numbers));
        }
        json
    }
}

fn flat(numbers: Numbers) -> Vec<Value> {
    match numbers {
        Numbers::F32(numbers) => numbers.into_iter().map(Value::from).collect(),
        Numbers::U32(numbers) => numbers.into_iter().map(Value::from).collect(),
    }
}

fn nested(shape: &[usize], numbers: &[Value]) -> Value {
    match shape {
        [rows, rest @ ..] if !rest.is_empty() => {
            let row = numbers.len() / (*rows).max(1);
            let row = |index: usize| nested(rest, &numbers[index * row..(index + 1) * row]);
            (0..*rows).map(row).collect()
        }
        _ => numbers.to_vec().into(),
    }
}

/// What crosses the boundary at the end of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope {
    /// `{"ok": response}` or `{"error": {code, message, details}}`.
    pub json: String,
    /// Arrays of the response, which are fields of it; none beside an error.
    pub arrays: Vec<Array>,
}

impl From<Answer> for Envelope {
    fn from(Answer { json, arrays }: Answer) -> Self {
        let json = json!({ "ok": json }).to_string();
        Self { json, arrays }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_are_beside_the_json_and_can_become_lists_by_their_shape() {
        let array = |name, shape: &[usize], numbers| Array {
            name,
            shape: shape.to_vec(),
            numbers,
        };
        let answer = Answer {
            json: json!({ "dimensions": 2 }),
            arrays: vec![
                array(
                    "vectors",
                    &[3, 2],
                    Numbers::F32(vec![1., 2., 3., 4., 5., 6.]),
                ),
                array("ids", &[2], Numbers::U32(vec![u32::MAX, 0])),
                array("none", &[0, 2], Numbers::F32(Vec::new())),
            ],
        };
        let envelope = Envelope::from(answer.clone());
        assert_eq!(envelope.json, r#"{"ok":{"dimensions":2}}"#);
        assert_eq!(envelope.arrays, answer.arrays);
        assert_eq!(
            answer.into_json(),
            json!({
                "dimensions": 2,
                "vectors": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]],
                "ids": [u32::MAX, 0],
                "none": [],
            })
        );
    }
}
