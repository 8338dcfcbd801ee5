//! One call, driven step by step.

use crate::answer::{Answer, answer};
use crate::failure;
use crate::files::{HostFiles, JsFiles};
use kerf_bindings::progress::Coalescer;
use kerf_bindings::storage::{Hosted, Storage};
use kerf_bindings::{Event, Host, Stop};
use std::cell::RefCell;
use std::sync::Arc;
use wasm_bindgen::prelude::*;
use web_time::Instant;

/// A call of one function.
#[wasm_bindgen]
pub struct Call {
    call: RefCell<kerf_bindings::Call>,
    host: JsHost,
}

#[wasm_bindgen]
impl Call {
    /// Nothing is done yet. `onEvent` gets progress as JSON, about twenty times a second at most.
    #[wasm_bindgen(constructor)]
    pub fn new(
        command: &str,
        #[wasm_bindgen(js_name = requestJson)] request_json: &str,
        files: HostFiles,
        #[wasm_bindgen(js_name = onEvent, unchecked_param_type = "(eventJson: string) => void")]
        on_event: js_sys::Function,
    ) -> Self {
        failure::watch();
        Self {
            call: RefCell::new(kerf_bindings::Call::new(command, request_json)),
            host: JsHost {
                files: Arc::new(JsFiles::new(files)),
                on_event,
                stop: Stop::default(),
                coalescer: RefCell::default(),
            },
        }
    }

    /// One step. `undefined`: there is more to do; else the response or the error. Throws only where the module breaks down: see
    /// `failure`.
    pub fn step(&self) -> Option<Answer> {
        let envelope = self.call.borrow_mut().step(&self.host)?;
        self.host.finish();
        Some(answer(&envelope))
    }

    /// Ends the call with code `CANCELLED`, in its next step, or in this one if it is called while `onEvent` or a file is.
    pub fn cancel(&self) {
        self.host.stop.ask();
    }
}

struct JsHost {
    files: Arc<JsFiles>,
    on_event: js_sys::Function,
    stop: Stop,
    coalescer: RefCell<Coalescer>,
}

impl JsHost {
    fn send(&self, event: &Event) {
        if let Ok(json) = serde_json::to_string(event) {
            // What a listener throws is not the engine's affair.
            let _ = self.on_event.call1(&JsValue::NULL, &json.into());
        }
    }

    fn finish(&self) {
        let held = self.coalescer.borrow_mut().finish();
        held.iter().for_each(|event| self.send(event));
    }
}

impl Host for JsHost {
    fn event(&self, event: Event) {
        let ready = self.coalescer.borrow_mut().push(event, Instant::now());
        ready.iter().for_each(|event| self.send(event));
    }

    fn cancelled(&self) -> bool {
        self.stop.asked()
    }

    fn stop(&self) -> Stop {
        self.stop.clone()
    }

    fn storage(&self) -> Arc<dyn Storage> {
        Arc::new(Hosted(self.files.clone()))
    }
}
