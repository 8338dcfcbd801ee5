//! The threads behind a pool in WebAssembly: a module cannot start any, so its host does, once, for rayon's global pool.

use super::home;

/// The global rayon pool, which the host has started (a pool that it has not started is the calling thread alone).
#[derive(Clone, Debug)]
pub(super) struct Workers(());

impl Workers {
    /// `None` where the host has started no threads.
    pub(super) fn start(_wanted: usize) -> Option<Self> {
        (Self::available() > 1).then_some(Self(()))
    }

    /// How many threads there are.
    pub(super) fn available() -> usize {
        rayon::current_num_threads()
    }

    /// Number of threads.
    pub(super) fn count(&self) -> usize {
        Self::available()
    }

    /// Runs `op` on a worker, and meanwhile does here what only this thread can.
    pub(super) fn install<R: Send>(&self, op: impl FnOnce() -> R + Send) -> R {
        home::HOME.drive(op)
    }
}
