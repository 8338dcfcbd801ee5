//! What a call ends with, as a JavaScript object.

use js_sys::{Float32Array, Object, Reflect, Uint32Array};
use kerf_bindings::{Array, Envelope, Numbers};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** The end of a call. */
export interface Answer {
  /** `{"ok": response}` or `{"error": {code, message, details}}`. */
  json: string
  /** Fields of the response that are arrays of numbers, each in a buffer of its own. */
  arrays: Record<string, Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>>
}
"#;

#[wasm_bindgen]
extern "C" {
    /// An object with the fields above.
    #[wasm_bindgen(typescript_type = "Answer")]
    pub type Answer;
}

/// The object. Numbers are copied out of the module's memory, which nobody else may keep.
pub fn answer(envelope: &Envelope) -> Answer {
    let arrays = Object::new();
    for array in &envelope.arrays {
        set(&arrays, array.name, &numbers(array));
    }
    let answer = Object::new();
    set(&answer, "json", &JsValue::from_str(&envelope.json));
    set(&answer, "arrays", &arrays);
    answer.unchecked_into()
}

fn numbers(array: &Array) -> JsValue {
    match &array.numbers {
        Numbers::F32(numbers) => Float32Array::from(numbers.as_slice()).into(),
        Numbers::U32(numbers) => Uint32Array::from(numbers.as_slice()).into(),
    }
}

fn set(object: &Object, name: &str, value: &JsValue) {
    // An object that was just made takes every field.
    let _ = Reflect::set(object, &name.into(), value);
}
