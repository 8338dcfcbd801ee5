//! The threads behind a pool.

use std::sync::Arc;

/// The rayon pool of one job.
#[derive(Clone, Debug)]
pub(super) struct Workers(Arc<rayon::ThreadPool>);

impl Workers {
    /// Starts the threads. `None` if the system refuses to start them.
    pub(super) fn start(wanted: usize) -> Option<Self> {
        rayon::ThreadPoolBuilder::new()
            .num_threads(wanted)
            .thread_name(|index| format!("kerf-{index}"))
            .build()
            .ok()
            .map(|pool| Self(Arc::new(pool)))
    }

    /// Number of threads that a request for all threads gives.
    pub(super) fn available() -> usize {
        std::thread::available_parallelism().map_or(1, usize::from)
    }

    /// Number of threads.
    pub(super) fn count(&self) -> usize {
        self.0.current_num_threads()
    }

    /// Runs `op` on a worker. Parallel work inside `op` is spread over all workers.
    pub(super) fn install<R: Send>(&self, op: impl FnOnce() -> R + Send) -> R {
        self.0.install(op)
    }
}
