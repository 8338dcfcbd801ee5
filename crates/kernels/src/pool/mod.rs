//! The only module that deals with threads. A job has a rayon pool of its own, never the global one, or no threads at all. It
//! also has the token that stops running work.

#[cfg(all(feature = "threads", any(target_arch = "wasm32", test)))]
mod home;
#[cfg_attr(target_arch = "wasm32", path = "workers_wasm.rs")]
#[cfg(feature = "threads")]
mod workers;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A token with which any thread can stop the work of a pool. After [`Stop::ask`], [`Pool::run`] and [`Pool::chunks_mut`] skip
/// every task that has not begun. The running computation then ends within moments, and its result is worthless. The caller must
/// discard it.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks the work to stop. The request cannot be taken back.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the work was asked to stop.
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The worker threads of one job. Clones share the threads and are cheap. Tasks are independent, and results never depend on the
/// number of threads.
///
/// Every method may be called inside a task of the same pool. The inner tasks then run on the same workers.
#[derive(Clone, Debug)]
pub struct Pool {
    threads: usize,
    stop: Option<Stop>,
    #[cfg(feature = "threads")]
    inner: Option<workers::Workers>,
}

impl Pool {
    /// A pool of `threads` threads; 0 means as many as there are. With one thread, and in a build without threads, every task
    /// runs on the calling thread. If the system refuses to start threads, the pool has one.
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

    /// The same pool, which skips its tasks after a request of `stop`.
    pub fn with_stop(self, stop: Stop) -> Self {
        let stop = Some(stop);
        Self { stop, ..self }
    }

    /// The same pool, which no stop concerns: for work that changes what must not be left half changed.
    pub fn without_stop(self) -> Self {
        let stop = None;
        Self { stop, ..self }
    }

    /// Whether tasks are skipped from now on.
    pub fn stopped(&self) -> bool {
        self.stop.as_ref().is_some_and(Stop::asked)
    }

    /// Number of tasks that can run at the same time.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Runs `task(i)` for every `i < n` and returns when all have ended. A panic in a task is passed on.
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

    /// Cuts `data` into pieces of `chunk` elements (the last piece may be shorter) and runs `task(index, piece)` on each. A
    /// `chunk` of 0 counts as 1.
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

    /// The results of `task(i)` for every `i < n`, in order. A stop does not skip these tasks, because the caller needs their
    /// results.
    pub fn map<T: Send>(&self, n: usize, task: impl Fn(usize) -> T + Sync) -> Vec<T> {
        #[cfg(feature = "threads")]
        if let Some(pool) = self.inner.as_ref().filter(|_| n > 1) {
            use rayon::prelude::*;
            return pool.install(|| (0..n).into_par_iter().with_max_len(1).map(&task).collect());
        }
        (0..n).map(&task).collect()
    }

    /// Runs both closures, at the same time if there are two threads.
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

/// Runs `task` on the thread that the host called. In WebAssembly only that thread can read the host's files. Elsewhere, and on
/// that thread itself, it simply runs the task. It works inside tasks of a [`Pool`] only.
pub fn at_home<R: Send + 'static>(task: impl FnOnce() -> R + Send + 'static) -> R {
    #[cfg(all(feature = "threads", target_arch = "wasm32"))]
    if !is_home() {
        return home::HOME.ask(task);
    }
    task()
}

/// Whether [`at_home`] would run its task on the calling thread.
pub fn is_home() -> bool {
    #[cfg(all(feature = "threads", target_arch = "wasm32"))]
    return rayon::current_thread_index().is_none();
    #[cfg(not(all(feature = "threads", target_arch = "wasm32")))]
    true
}

/// Records that this thread has died in a place where a panic cannot be caught (WebAssembly). Threads that wait for it then
/// panic.
pub fn lost() {
    #[cfg(all(feature = "threads", target_arch = "wasm32"))]
    if !is_home() {
        home::HOME.lose();
    }
}
