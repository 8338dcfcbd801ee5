//! A panic is a bug in kerf. It must not cross the boundary: it becomes an `INTERNAL` error with its place.

use crate::Error;
use std::any::Any;
use std::panic::{PanicHookInfo, set_hook};
use std::sync::{Mutex, Once};

/// The last panic: its message, and where. One for the process, since the panic of a pool thread is caught on another thread.
static LAST: Mutex<Option<(String, String)>> = Mutex::new(None);

/// Makes panics remember what and where they were, instead of printing to standard error. For shells: a library must not write
/// to its host's terminal. Does something on the first call only.
pub fn capture() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| set_hook(Box::new(remember)));
}

fn remember(info: &PanicHookInfo<'_>) {
    let location = info.location().map(ToString::to_string);
    if let Ok(mut last) = LAST.lock() {
        // Where nothing is caught, the first is the cause of what follows.
        if cfg!(panic = "unwind") || last.is_none() {
            *last = Some((message(info.payload()), location.unwrap_or_default()));
        }
    }
    if cfg!(panic = "abort") {
        kerf_kernels::pool::lost();
    }
}

fn message(payload: &dyn Any) -> String {
    payload
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic without a message".into())
}

/// The error of a caught panic.
pub fn to_error(payload: &(dyn Any + Send)) -> Error {
    let location = take().map(|(_, location)| location).unwrap_or_default();
    let reason = message(payload);
    Error::Internal { reason, location }
}

/// The error of a panic that was not caught, because nothing can be: for a shell whose call ended in a trap.
pub fn last() -> Option<Error> {
    take().map(|(reason, location)| Error::Internal { reason, location })
}

fn take() -> Option<(String, String)> {
    LAST.lock().ok().and_then(|mut last| last.take())
}
