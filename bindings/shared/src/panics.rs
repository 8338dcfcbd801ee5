//! A panic is a bug in kerf. It must not cross the boundary: it becomes an `INTERNAL` error with its place.

use crate::Error;
use std::any::Any;
use std::panic::{PanicHookInfo, set_hook};
use std::sync::{Mutex, Once};

/// Where the last panic happened. One for the process, since the panic of a pool thread is caught on another thread.
static LAST_LOCATION: Mutex<Option<String>> = Mutex::new(None);

/// Makes panics remember where they happened, instead of printing to standard error. For shells: a library must not write
/// to its host's terminal. Does something on the first call only.
pub fn capture() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| set_hook(Box::new(remember)));
}

fn remember(info: &PanicHookInfo<'_>) {
    let location = info.location().map(ToString::to_string);
    if let Ok(mut last) = LAST_LOCATION.lock() {
        *last = location;
    }
}

/// The error of a caught panic.
pub fn to_error(payload: &(dyn Any + Send)) -> Error {
    let reason = payload
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic without a message".into());
    let location = LAST_LOCATION
        .lock()
        .ok()
        .and_then(|mut last| last.take())
        .unwrap_or_default();
    Error::Internal { reason, location }
}
