//! Work that only one thread can do, while it waits for the workers. In WebAssembly the host's files belong to the thread that
//! the host called. Workers send requests for these files to that thread.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard};

type Task = Box<dyn FnOnce() + Send>;

/// The home of this process. Tests create homes of their own.
#[cfg(all(target_arch = "wasm32", feature = "threads"))]
pub(super) static HOME: Home = Home::new();

/// The thread that drives a pool, seen from the workers.
pub(super) struct Home {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    asked: VecDeque<Task>,
    lost: bool,
}

impl Home {
    const fn new() -> Self {
        let state = Mutex::new(State {
            asked: VecDeque::new(),
            lost: false,
        });
        Self {
            state,
            changed: Condvar::new(),
        }
    }

    /// Runs `op` on a worker of this thread's pool, or of the global pool if there is none. Until `op` ends, this thread runs the
    /// tasks that workers send. On a worker it simply runs `op`.
    pub(super) fn drive<R: Send>(&self, op: impl FnOnce() -> R + Send) -> R {
        if rayon::current_thread_index().is_some() {
            return op();
        }
        let (result, done) = (Mutex::new(None), Mutex::new(false));
        rayon::in_place_scope(|scope| {
            scope.spawn(|_| {
                let _last = Last(self, &done);
                let value = op();
                *result.lock().unwrap_or_else(|held| held.into_inner()) = Some(value);
            });
            self.serve(&done);
        });
        let result = result.into_inner().unwrap_or_else(|held| held.into_inner());
        result.expect("the scope passes on a panic of its task")
    }

    /// Runs `task` on the thread that drives the pool, and waits for the result.
    pub(super) fn ask<R: Send + 'static>(&self, task: impl FnOnce() -> R + Send + 'static) -> R {
        let (tell, answer) = std::sync::mpsc::channel();
        self.lock().asked.push_back(Box::new(move || {
            // The send cannot fail, since the asking thread waits below.
            let _ = tell.send(task());
        }));
        self.changed.notify_all();
        answer
            .recv()
            .expect("a thread that drives serves until all tasks are done")
    }

    /// Records that a worker died. Rayon does not notice such a death, so without the record the waiting thread would wait for
    /// ever.
    pub(super) fn lose(&self) {
        self.lock().lost = true;
        self.changed.notify_all();
    }

    fn serve(&self, done: &Mutex<bool>) {
        loop {
            let mut state = self.lock();
            while state.asked.is_empty() && !state.lost && !*held(done) {
                state = self
                    .changed
                    .wait(state)
                    .unwrap_or_else(|held| held.into_inner());
            }
            assert!(!state.lost, "a worker thread was lost");
            let Some(task) = state.asked.pop_front() else {
                return;
            };
            drop(state);
            task();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        held(&self.state)
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|held| held.into_inner())
}

/// Wakes the home when it is dropped, at the end of a task or by its panic.
struct Last<'a>(&'a Home, &'a Mutex<bool>);

impl Drop for Last<'_> {
    fn drop(&mut self) {
        // The home holds this lock while it looks at the flag, so it cannot miss the change.
        let state = self.0.lock();
        *held(self.1) = true;
        drop(state);
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rayon::prelude::*;
    use std::thread;

    #[test]
    fn workers_get_what_only_the_home_can_do() {
        let home = Box::leak(Box::new(Home::new()));
        let home: &'static Home = home;
        let here = thread::current().id();
        let sum = home.drive(|| {
            assert_ne!(thread::current().id(), here);
            (0..100u32)
                .into_par_iter()
                .with_max_len(1)
                .map(|i| {
                    let (at, value) = home.ask(move || (thread::current().id(), u64::from(i * i)));
                    assert_eq!(at, here);
                    value
                })
                .sum::<u64>()
        });
        assert_eq!(sum, 328_350);
    }

    #[test]
    fn a_panic_and_a_lost_worker_end_the_wait() {
        let home: &'static Home = Box::leak(Box::new(Home::new()));
        let panicked = thread::spawn(|| home.drive(|| panic!("in a task"))).join();
        assert!(panicked.is_err());
        assert_eq!(home.drive(|| 7), 7);
        home.lose();
        // The home is unusable after the loss: tasks that still run may use memory of the thread that waited.
        assert!(thread::spawn(|| home.drive(|| 7)).join().is_err());
    }
}
