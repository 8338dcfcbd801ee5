//! The threads behind a pool.

use std::sync::Arc;

/// A rayon pool of one job.
#[derive(Clone, Debug)]
pub(super) struct Workers(Arc<rayon::ThreadPool>);

impl Workers {
    /// `None` where the system refuses to start threads.
    pub(super) fn start(wanted: usize) -> Option<Self> {
        rayon::ThreadPoolBuilder::new()
            .num_threads(wanted)
            .thread_name(|index| format!("kerf-{index}"))
            .build()
            .ok()
            .map(|pool| Self(Arc::new(pool)))
    }

    /// How many threads "all" are.
    pub(super) fn available() -> usize {
        std::thread::available_parallelism().map_or(1, usize::from)
    }

    /// Number of threads.
    pub(super) fn count(&self) -> usize {
        self.0.current_num_threads()
    }

    /// Runs `op` on a worker; parallel work inside goes to all of them.
    pub(super) fn install<R: Send>(&self, op: impl FnOnce() -> R + Send) -> R {
        self.0.install(op)
    }
}
