//! The one seam to threads: a rayon pool per job, never the global one, or no threads at all.

/// Worker threads of one job. Cheap to clone. Tasks are independent; results never depend on the number of threads.
#[derive(Clone, Debug)]
pub struct Pool {
    threads: usize,
    #[cfg(feature = "threads")]
    inner: Option<std::sync::Arc<rayon::ThreadPool>>,
}

impl Pool {
    /// `threads` = 0: as many as the machine has. 1, or a build without threads: everything runs on the caller.
    pub fn new(threads: usize) -> Self {
        todo!("{threads}")
    }

    /// Number of tasks that run at once.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Runs `task(i)` for every `i < n`. Returns when all are done. A panic in a task is passed on.
    pub fn run(&self, n: usize, task: impl Fn(usize) + Sync) {
        todo!("{n} {}", {
            let _ = &task;
            0
        })
    }

    /// Cuts `data` into pieces of `chunk` elements (the last may be shorter) and runs `task(index, piece)` on each.
    pub fn chunks_mut<T: Send>(
        &self,
        data: &mut [T],
        chunk: usize,
        task: impl Fn(usize, &mut [T]) + Sync,
    ) {
        todo!("{} {chunk} {}", data.len(), {
            let _ = &task;
            0
        })
    }

    /// `task(i)` for every `i < n`, results in order.
    pub fn map<T: Send>(&self, n: usize, task: impl Fn(usize) -> T + Sync) -> Vec<T> {
        todo!("{n} {}", {
            let _ = &task;
            0
        })
    }

    /// Runs both, at once if there are two threads.
    pub fn join<A: Send, B: Send>(
        &self,
        a: impl FnOnce() -> A + Send,
        b: impl FnOnce() -> B + Send,
    ) -> (A, B) {
        (a(), b())
    }
}
