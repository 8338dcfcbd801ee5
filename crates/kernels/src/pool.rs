//! The one seam to threads: a rayon pool per job, never the global one, or no threads at all.

/// Worker threads of one job. Cheap to clone. Tasks are independent; results never depend on the number of threads.
///
/// Every method may be called from inside a task of the same pool: the inner tasks then run on the same workers.
#[derive(Clone, Debug)]
pub struct Pool {
    threads: usize,
    #[cfg(feature = "threads")]
    inner: Option<std::sync::Arc<rayon::ThreadPool>>,
}

impl Pool {
    /// `threads` = 0: as many as the machine has. 1, or a build without threads: everything runs on the caller.
    /// Where the system refuses to start threads, the pool has one.
    pub fn new(threads: usize) -> Self {
        Self::build(threads)
    }

    /// How many threads [`Pool::new`] asks for.
    pub fn wanted(threads: usize) -> usize {
        match (cfg!(feature = "threads"), threads) {
            (false, _) => 1,
            (true, 0) => std::thread::available_parallelism().map_or(1, usize::from),
            (true, n) => n,
        }
    }

    #[cfg(feature = "threads")]
    fn build(threads: usize) -> Self {
        let wanted = Self::wanted(threads);
        let inner = (wanted > 1)
            .then(|| {
                rayon::ThreadPoolBuilder::new()
                    .num_threads(wanted)
                    .thread_name(|index| format!("kerf-{index}"))
                    .build()
                    .ok()
            })
            .flatten()
            .map(std::sync::Arc::new);
        let threads = if inner.is_some() { wanted } else { 1 };
        Self { threads, inner }
    }

    #[cfg(not(feature = "threads"))]
    fn build(_threads: usize) -> Self {
        Self { threads: 1 }
    }

    /// Number of tasks that run at once.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Runs `task(i)` for every `i < n`. Returns when all are done. A panic in a task is passed on.
    pub fn run(&self, n: usize, task: impl Fn(usize) + Sync) {
        #[cfg(feature = "threads")]
        if let Some(pool) = self.inner.as_ref().filter(|_| n > 1) {
            use rayon::prelude::*;
            pool.install(|| (0..n).into_par_iter().with_max_len(1).for_each(&task));
            return;
        }
        (0..n).for_each(task);
    }

    /// Cuts `data` into pieces of `chunk` elements (the last may be shorter) and runs `task(index, piece)` on each.
    /// A `chunk` of 0 counts as 1.
    pub fn chunks_mut<T: Send>(
        &self,
        data: &mut [T],
        chunk: usize,
        task: impl Fn(usize, &mut [T]) + Sync,
    ) {
        let chunk = chunk.max(1);
        #[cfg(feature = "threads")]
        if let Some(pool) = self.inner.as_ref().filter(|_| data.len() > chunk) {
            use rayon::prelude::*;
            pool.install(|| {
                data.par_chunks_mut(chunk)
                    .with_max_len(1)
                    .enumerate()
                    .for_each(|(index, piece)| task(index, piece));
            });
            return;
        }
        for (index, piece) in data.chunks_mut(chunk).enumerate() {
            task(index, piece);
        }
    }

    /// `task(i)` for every `i < n`, results in order.
    pub fn map<T: Send>(&self, n: usize, task: impl Fn(usize) -> T + Sync) -> Vec<T> {
        #[cfg(feature = "threads")]
        if let Some(pool) = self.inner.as_ref().filter(|_| n > 1) {
            use rayon::prelude::*;
            return pool.install(|| (0..n).into_par_iter().with_max_len(1).map(&task).collect());
        }
        (0..n).map(&task).collect()
    }

    /// Runs both, at once if there are two threads.
    pub fn join<A: Send, B: Send>(
        &self,
        a: impl FnOnce() -> A + Send,
        b: impl FnOnce() -> B + Send,
    ) -> (A, B) {
        #[cfg(feature = "threads")]
        if let Some(pool) = &self.inner {
            return pool.join(a, b);
        }
        (a(), b())
    }
}
