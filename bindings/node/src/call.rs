//! One call on one thread.
//!
//! Not on libuv's pool: that has four threads for all of the host's files and name look-ups, and a call may take hours.

use crate::answer::Answer;
use crate::running::Entry;
use kerf_bindings::progress::Coalescer;
use kerf_bindings::{Host, Stop};
use napi::bindgen_prelude::*;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, JsDeferred, Status};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The JavaScript callback for progress. Weak: it does not keep the process alive.
pub type Events = ThreadsafeFunction<String, Unknown<'static>, String, Status, false, true>;

/// Settles the promise from another thread.
pub type Deferred = JsDeferred<Answer, Box<dyn FnOnce(Env) -> Result<Answer> + Send>>;

/// Large enough for the recursion of tokenizers' regular expressions on hostile text.
const STACK_BYTES: usize = 16 << 20;
/// How long a finished call waits for a host that is too busy to take its last events.
const LAST_EVENTS: Duration = Duration::from_secs(2);

/// What a call needs on its thread.
pub struct Call {
    command: String,
    request_json: String,
    host: NodeHost,
}

impl Call {
    /// `cancel` is shared with the token that JavaScript holds, and with the environment behind `entry`.
    pub fn new(
        command: String,
        request_json: String,
        on_event: Events,
        cancel: Stop,
        entry: Entry,
    ) -> Self {
        let host = NodeHost {
            on_event,
            cancel,
            entry,
            coalescer: Mutex::default(),
            in_flight: Arc::default(),
        };
        Self {
            command,
            request_json,
            host,
        }
    }

    /// Starts the thread; it settles `deferred` when done, unless the environment has ended by then.
    pub fn spawn(self, deferred: Deferred) -> Result<()> {
        std::thread::Builder::new()
            .name("kerf".into())
            .stack_size(STACK_BYTES)
            .spawn(move || {
                let envelope = kerf_bindings::invoke(&self.command, &self.request_json, &self.host);
                self.host.finish();
                deferred.resolve(Box::new(move |_| Ok(envelope.into())));
            })
            .map(drop)
            .map_err(|error| Error::from_reason(format!("cannot start a thread: {error}")))
    }
}

/// Events that JavaScript has not seen yet.
#[derive(Default)]
struct InFlight {
    count: Mutex<usize>,
    none_left: Condvar,
}

/// Counts one event down, whether it was delivered or dropped on the way.
struct Arrival(Arc<InFlight>);

impl Drop for Arrival {
    fn drop(&mut self) {
        let mut count = self.0.count.lock().unwrap_or_else(PoisonError::into_inner);
        *count -= 1;
        if *count == 0 {
            self.0.none_left.notify_all();
        }
    }
}

struct NodeHost {
    on_event: Events,
    cancel: Stop,
    entry: Entry,
    coalescer: Mutex<Coalescer>,
    in_flight: Arc<InFlight>,
}

impl NodeHost {
    fn send(&self, event: &kerf_bindings::Event) {
        let Ok(json) = serde_json::to_string(event) else {
            return;
        };
        *self
            .in_flight
            .count
            .lock()
            .unwrap_or_else(PoisonError::into_inner) += 1;
        let arrival = Arrival(Arc::clone(&self.in_flight));
        self.on_event.call_with_return_value(
            json,
            ThreadsafeFunctionCallMode::NonBlocking,
            move |_returned, _env| {
                drop(arrival);
                Ok(())
            },
        );
    }

    /// Sends what was held back, and waits until JavaScript has seen all, so that no event follows the result.
    fn finish(&self) {
        if self.entry.is_orphan() {
            return;
        }
        let held = self
            .coalescer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .finish();
        held.iter().for_each(|event| self.send(event));
        let count = self
            .in_flight
            .count
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // An event loop that is blocked for longer gets its result late events or not; the result matters more.
        let _ = self
            .in_flight
            .none_left
            .wait_timeout_while(count, LAST_EVENTS, |count| *count > 0);
    }
}

impl Host for NodeHost {
    fn event(&self, event: kerf_bindings::Event) {
        let ready = self
            .coalescer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(event, Instant::now());
        ready.iter().for_each(|event| self.send(event));
    }

    fn cancelled(&self) -> bool {
        self.cancel.asked()
    }

    fn stop(&self) -> Stop {
        self.cancel.clone()
    }
}
