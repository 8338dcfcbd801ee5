//! The WebAssembly shell: JavaScript values in and out, no logic. Everything else is in `kerf-bindings`.
//!
//! A call is driven from outside, step by step, so that a worker can do between two steps what only it can: hear that the user
//! cancels, open more files. Nothing here is for two threads; with the feature `threads` the work inside a step is.

#![cfg(target_arch = "wasm32")]

mod answer;
mod call;
mod failure;
mod files;

pub use call::Call;
#[cfg(feature = "threads")]
pub use wasm_bindgen_rayon::init_thread_pool;

use wasm_bindgen::prelude::*;

/// Names of the functions that a [`Call`] knows.
#[wasm_bindgen]
pub fn commands() -> Vec<String> {
    let commands = kerf_bindings::commands().into_iter();
    commands.map(String::from).collect()
}

/// Version of this module.
#[wasm_bindgen]
pub fn version() -> String {
    kerf_bindings::VERSION.into()
}

/// Id of the instruction set that is the default.
#[wasm_bindgen]
pub fn isa() -> String {
    kerf_bindings::isa().into()
}

/// Size of the module's memory, which never shrinks.
#[wasm_bindgen(js_name = memoryBytes)]
pub fn memory_bytes() -> f64 {
    kerf_bindings::peak_bytes() as f64
}

/// After a step that threw: what happened, as `{"error": {code, message, details}}`. The module cannot be used any more.
#[wasm_bindgen]
pub fn failure() -> Option<String> {
    failure::last()
}
