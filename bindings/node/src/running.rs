//! The calls that run for one environment. A Worker may be terminated, and its environment with it, while they do.

use kerf_bindings::Stop;
use napi::bindgen_prelude::*;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The calls of an environment. Its end asks all of them to stop and waits for none: they end soon on their own threads, and
/// whatever they then say to JavaScript goes nowhere.
#[derive(Default)]
pub struct Running(Mutex<Calls>);

#[derive(Default)]
struct Calls {
    ended: bool,
    last: u64,
    stops: HashMap<u64, Stop>,
}

impl Running {
    /// Those of `env`; made, with the hook for its end, at the first call.
    pub fn of(env: &Env) -> Result<Arc<Self>> {
        if let Some(running) = env.get_instance_data::<Arc<Self>>()? {
            return Ok(Arc::clone(running));
        }
        let running = Arc::new(Self::default());
        env.set_instance_data(Arc::clone(&running), (), |_| ())?;
        env.add_env_cleanup_hook(Arc::clone(&running), |running| running.end())?;
        Ok(running)
    }

    /// Counts a call in until the entry is dropped.
    pub fn enter(self: Arc<Self>, stop: Stop) -> Entry {
        let mut calls = self.calls();
        calls.last += 1;
        let id = calls.last;
        calls.stops.insert(id, stop);
        drop(calls);
        Entry { running: self, id }
    }

    fn end(&self) {
        let mut calls = self.calls();
        calls.ended = true;
        calls.stops.values().for_each(Stop::ask);
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One call that runs.
pub struct Entry {
    running: Arc<Running>,
    id: u64,
}

impl Entry {
    /// Whether nobody is there any more to hear of it.
    pub fn is_orphan(&self) -> bool {
        self.running.calls().ended
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.running.calls().stops.remove(&self.id);
    }
}
