//! What a call resolves to.

use kerf_bindings::{Array, Envelope, Numbers};
use napi::bindgen_prelude::*;
use napi_derive::napi;
use std::collections::HashMap;

/// The end of a call.
#[napi(object, object_from_js = false)]
pub struct Answer {
    /// `{"ok": response}` or `{"error": {code, message, details}}`.
    pub json: String,
    /// Fields of the response that are arrays of numbers, each in a buffer of its own that was not copied (except where the host
    /// allows only its own memory, as Electron does).
    pub arrays: HashMap<String, Either<Float32Array, Uint32Array>>,
}

impl From<Envelope> for Answer {
    fn from(envelope: Envelope) -> Self {
        Self {
            json: envelope.json,
            arrays: envelope.arrays.into_iter().map(named).collect(),
        }
    }
}

fn named(array: Array) -> (String, Either<Float32Array, Uint32Array>) {
    let numbers = match array.numbers {
        Numbers::F32(numbers) => Either::A(Float32Array::new(numbers)),
        Numbers::U32(numbers) => Either::B(Uint32Array::new(numbers)),
    };
    (array.name.into(), numbers)
}
