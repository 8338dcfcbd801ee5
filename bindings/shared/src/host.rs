//! What a function needs from whoever calls it.

use crate::storage::{FileSystem, Storage};
use kerf_kernels::Stop;
use kerf_run::Event;
use std::sync::Arc;

/// The host of one call. Called from the thread that does the work.
pub trait Host {
    /// Progress. Must return soon; dropping or merging events is the host's affair (see [`crate::progress`]).
    fn event(&self, event: Event);
    /// Whether the user wants to stop.
    fn cancelled(&self) -> bool;
    /// Stops work in the middle of a unit; asked whenever `cancelled` is true. A host that has no other thread to ask from
    /// gives one that is never asked.
    fn stop(&self) -> Stop {
        Stop::default()
    }
    /// Where the paths of a request lead.
    fn storage(&self) -> Arc<dyn Storage> {
        Arc::new(FileSystem)
    }
}

/// The host of tests: hears nothing and stops nothing.
#[cfg(test)]
pub(crate) struct Quiet;

#[cfg(test)]
impl Host for Quiet {
    fn event(&self, _event: Event) {}
    fn cancelled(&self) -> bool {
        false
    }
}
