//! The Node shell: threads and callbacks, no logic. Everything else is in `kerf-bindings`.

mod answer;
mod call;
mod running;

use call::{Call, Deferred, Events};
use kerf_bindings::Stop;
use napi::bindgen_prelude::*;
use napi_derive::napi;
use running::Running;

/// Fresh pages cost more than arithmetic on virtual machines; this allocator hands pages out again. Rust's side only.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Asks a running call to stop.
#[napi]
#[derive(Default)]
pub struct CancelToken {
    stop: Stop,
}

#[napi]
impl CancelToken {
    /// A token for one call.
    #[napi(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks to stop. Returns at once; the call ends soon after with code `CANCELLED`.
    #[napi]
    pub fn cancel(&self) {
        self.stop.ask();
    }
}

/// Runs one function on a thread of its own and resolves to its response or its error. The promise keeps the process alive,
/// progress does not. All events arrive before the promise is settled. If the environment ends first, the call is cancelled.
#[napi(catch_unwind, ts_return_type = "Promise<Answer>")]
pub fn invoke<'env>(
    env: &'env Env,
    command: String,
    request_json: String,
    #[napi(ts_arg_type = "(eventJson: string) => void")] on_event: Events,
    token: &CancelToken,
) -> Result<Object<'env>> {
    kerf_bindings::panics::capture();
    let stop = token.stop.clone();
    let entry = Running::of(env)?.enter(stop.clone());
    let (deferred, promise): (Deferred, _) = env.create_deferred()?;
    Call::new(command, request_json, on_event, stop, entry).spawn(deferred)?;
    Ok(promise)
}

/// Names of the functions that `invoke` knows.
#[napi(catch_unwind)]
pub fn commands() -> Vec<String> {
    kerf_bindings::commands()
        .into_iter()
        .map(String::from)
        .collect()
}

/// Version of this addon.
#[napi(catch_unwind)]
pub fn version() -> String {
    kerf_bindings::VERSION.into()
}

/// Id of the instruction set that this machine gets by default.
#[napi(catch_unwind)]
pub fn isa() -> String {
    kerf_bindings::isa().into()
}
