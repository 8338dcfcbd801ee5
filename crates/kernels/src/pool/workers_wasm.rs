//! The threads behind a pool in WebAssembly. A module cannot start threads, so the host starts them once, for rayon's global
//! pool.

use super::home;

/// The global rayon pool, which the host starts. A pool that the host has not started consists of the calling thread alone.
#[derive(Clone, Debug)]
pub(super) struct Workers(());

impl Workers {
    /// `None` if the host has started no threads.
    pub(super) fn start(_wanted: usize) -> Option<Self> {
        (Self::available() > 1).then_some(Self(()))
    }

    /// Number of threads that exist.
    pub(super) fn available() -> usize {
        rayon::current_num_threads()
    }

    /// Number of threads.
    pub(super) fn count(&self) -> usize {
        Self::available()
    }

    /// Runs `op` on a worker. Meanwhile this thread runs the tasks that only it can run.
    pub(super) fn install<R: Send>(&self, op: impl FnOnce() -> R + Send) -> R {
        home::HOME.drive(op)
    }
}
