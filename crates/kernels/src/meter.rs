//! What work takes: floating-point operations, counted where they are done, and seconds of the sections that a caller names.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// A running count of floating-point operations. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Flops(Arc<AtomicU64>);

impl Flops {
    /// Counts 2 a b c: a product of matrices.
    pub fn add_product(&self, a: usize, b: usize, c: usize) {
        self.add(2 * a as u64 * b as u64 * c as u64);
    }

    /// Adds `flops` operations to the count.
    pub fn add(&self, flops: u64) {
        self.0.fetch_add(flops, Ordering::Relaxed);
    }

    /// All operations that were counted so far.
    pub fn total(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a section took. What sections inside it took is not part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spent {
    /// Wall time.
    pub seconds: f64,
    /// Floating-point operations of matrix products, factorizations and panels. Elementwise work is not counted.
    pub flops: u64,
}

impl Spent {
    /// Adds what another section took.
    pub fn add(&mut self, other: Self) {
        self.seconds += other.seconds;
        self.flops += other.flops;
    }
}

/// Adds up what named sections take. Clones are one meter.
///
/// Sections may be inside one another, but not side by side: one thread at a time says what is being done, and the whole pool works on it.
#[derive(Clone, Debug)]
pub struct Meter {
    flops: Flops,
    clock: fn() -> f64,
    sections: Arc<Mutex<Sections>>,
}

#[derive(Debug, Default)]
struct Sections {
    done: Vec<(&'static str, Spent)>,
    /// For each section that is under way, what the sections inside it took.
    inside: Vec<Spent>,
}

impl Meter {
    /// `clock`: seconds since some fixed moment. (WebAssembly has no clock of its own.)
    pub fn new(flops: Flops, clock: fn() -> f64) -> Self {
        let sections = Arc::default();
        Self {
            flops,
            clock,
            sections,
        }
    }

    /// Does `work` as a section of that name.
    pub fn section<R>(&self, name: &'static str, work: impl FnOnce() -> R) -> R {
        self.sections().inside.push(Spent::default());
        let (begun, before) = ((self.clock)(), self.flops.total());
        let result = work();
        let whole = Spent {
            seconds: (self.clock)() - begun,
            flops: self.flops.total() - before,
        };
        self.sections().finish(name, whole);
        result
    }

    /// What was done since the last call, in the order in which sections first ended.
    pub fn take(&self) -> Vec<(&'static str, Spent)> {
        std::mem::take(&mut self.sections().done)
    }

    fn sections(&self) -> MutexGuard<'_, Sections> {
        self.sections
            .lock()
            .unwrap_or_else(|held| held.into_inner())
    }
}

impl Sections {
    fn finish(&mut self, name: &'static str, whole: Spent) {
        let inside = self.inside.pop().unwrap_or_default();
        if let Some(outer) = self.inside.last_mut() {
            outer.add(whole);
        }
        let own = Spent {
            seconds: whole.seconds - inside.seconds,
            flops: whole.flops - inside.flops,
        };
        match self.done.iter_mut().find(|(of, _)| *of == name) {
            Some((_, spent)) => spent.add(own),
            None => self.done.push((name, own)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second goes by whenever somebody looks.
    fn ticks() -> f64 {
        static TICKS: AtomicU64 = AtomicU64::new(0);
        TICKS.fetch_add(1, Ordering::Relaxed) as f64
    }

    #[test]
    fn a_step_is_counted_without_the_steps_inside_it() {
        let flops = Flops::default();
        let meter = Meter::new(flops.clone(), ticks);
        let work = || {
            flops.add(10);
            let inner = meter.section("inner", || {
                flops.add_product(1, 2, 3);
                5
            });
            meter.section("inner", || flops.add(1));
            inner
        };
        assert_eq!(meter.section("outer", work), 5);
        let spent = |seconds, flops| Spent { seconds, flops };
        assert_eq!(
            meter.take(),
            [("inner", spent(2.0, 13)), ("outer", spent(3.0, 10))]
        );
        assert!(meter.take().is_empty());
    }
}
