//! The one seam to threads: a rayon pool per job, never the global one, or no threads at all; and the way to stop work that
//! is under way.

#[cfg(all(feature = "threads", any(target_arch = "wasm32", test)))]
mod home;
#[cfg_attr(target_arch = "wasm32", path = "workers_wasm.rs")]
#[cfg(feature = "threads")]
mod workers;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A token by which any thread asks the work of a pool to stop. After [`Stop::ask`], [`Pool::run`] and [`Pool::chunks_mut`] leave out every
/// task that has not begun. The computation that is under way ends within moments, and its result is worthless: whoever asked must
/// throw it away.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks the work to stop. This cannot be taken back.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody has asked.
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Worker threads of one job. Cheap to clone. Tasks are independent; results never depend on the number of threads.
///
/// Every method may be called from inside a task of the same pool: the inner tasks then run on the same workers.
#[derive(Clone, Debug)]
pub struct Pool {
    threads: usize,
    stop: Option<Stop>,
    #[cfg(feature = "threads")]
    inner: Option<workers::Workers>,
}

impl Pool {
    /// A pool of `threads` threads; 0 stands for all that the machine has. With one thread, and in a build without threads, every task
    /// runs on the thread that calls. If the system refuses to start threads, the pool has one.
    pub fn new(threads: usize) -> Self {
        Self::build(threads)
    }

    /// Number of threads that [`Pool::new`] tries to start.
    pub fn wanted(threads: usize) -> usize {
        match threads {
            #[cfg(feature = "threads")]
            0 => workers::Workers::available(),
            #[cfg(feature = "threads")]
            n => n,
            #[cfg(not(feature = "threads"))]
            _ => 1,
        }
    }

    #[cfg(feature = "threads")]
    fn build(threads: usize) -> Self {
        let wanted = Self::wanted(threads);
        let inner = (wanted > 1).then(|| workers::Workers::start(wanted));
        let inner = inner.flatten();
        Self {
            threads: inner.as_ref().map_or(1, workers::Workers::count),
            stop: None,
            inner,
        }
    }

    #[cfg(not(feature = "threads"))]
    fn build(_threads: usize) -> Self {
        Self {
            threads: 1,
            stop: None,
        }
    }

    /// The same pool, whose tasks are left out after `stop` was asked.
    pub fn with_stop(self, stop: Stop) -> Self {
        let stop = Some(stop);
        Self { stop, ..self }
    }

    /// Whether tasks are left out from now on.
    pub fn stopped(&self) -> bool {
        self.stop.as_ref().is_some_and(Stop::asked)
    }

    /// Number of tasks that run at once.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Runs `task(i)` for every `i < n`. Returns when all are done. A panic in a task is passed on.
    pub fn run(&self, n: usize, task: impl Fn(usize) + Sync) {
        let task = |index| {
            if !self.stopped() {
                task(index);
            }
        };
        #[cfg(feature = "threads")]
        if let Some(pool) = self.inner.as_ref().filter(|_| n > 1) {
            use rayon::prelude::*;
            pool.install(|| (0..n).into_par_iter().with_max_len(1).for_each(task));
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
        let task = |index, piece: &mut [T]| {
            if !self.stopped() {
                task(index, piece);
            }
        };
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

    /// `task(i)` for every `i < n`, results in order. Never left out: somebody waits for the results.
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
            return pool.install(|| rayon::join(a, b));
        }
        (a(), b())
    }
}

/// Runs `task` on the thread that the host called, which alone reaches the host's files in WebAssembly; elsewhere, and on that
/// thread, it simply runs. Works inside tasks of a [`Pool`] only.
pub fn at_home<R: Send + 'static>(task: impl FnOnce() -> R + Send + 'static) -> R {
    #[cfg(all(feature = "threads", target_arch = "wasm32"))]
    if !is_home() {
        return home::HOME.ask(task);
    }
    task()
}

/// Whether [`at_home`] would run its task on this very thread.
pub fn is_home() -> bool {
    #[cfg(all(feature = "threads", target_arch = "wasm32"))]
    return rayon::current_thread_index().is_none();
    #[cfg(not(all(feature = "threads", target_arch = "wasm32")))]
    true
}

/// Says that this thread will not come back, where a panic cannot be caught (WebAssembly): whoever waits for it panics.
pub fn lost() {
    #[cfg(all(feature = "threads", target_arch = "wasm32"))]
    if !is_home() {
        home::HOME.lose();
    }
}
