//! Which part of a call something is, so that all of it together is told as one share that never falls.

use crate::Host;
use crate::storage::Storage;
use kerf_kernels::Stop;
use kerf_run::Event;
use std::cell::Cell;
use std::sync::Arc;

/// A host that hears of a work as of the part of a larger one between two shares.
pub struct Part<'a> {
    host: &'a dyn Host,
    from: f64,
    to: f64,
}

impl<'a> Part<'a> {
    /// From one share of the larger work to another, each 0 to 1.
    pub fn of(host: &'a dyn Host, from: f64, to: f64) -> Self {
        Self { host, from, to }
    }
}

impl Host for Part<'_> {
    fn event(&self, event: Event) {
        self.host.event(event.within(self.from, self.to));
    }

    fn cancelled(&self) -> bool {
        self.host.cancelled()
    }

    fn stop(&self) -> Stop {
        self.host.stop()
    }

    fn storage(&self) -> Arc<dyn Storage> {
        self.host.storage()
    }
}

/// A host that never hears of a smaller share than before: what is done again (after a resume, or an error) was told already.
pub struct Rising<'a> {
    host: &'a dyn Host,
    highest: &'a Cell<f64>,
}

impl<'a> Rising<'a> {
    /// `highest`: what was told so far.
    pub fn of(host: &'a dyn Host, highest: &'a Cell<f64>) -> Self {
        Self { host, highest }
    }
}

impl Host for Rising<'_> {
    fn event(&self, event: Event) {
        let overall = event.overall.clamp(self.highest.get(), 1.0);
        self.highest.set(overall);
        self.host.event(Event { overall, ..event });
    }

    fn cancelled(&self) -> bool {
        self.host.cancelled()
    }

    fn stop(&self) -> Stop {
        self.host.stop()
    }

    fn storage(&self) -> Arc<dyn Storage> {
        self.host.storage()
    }
}

/// Ends of parts of these weights, which are not all 0, of 1.
pub fn ends<const N: usize>(weights: [f64; N]) -> [f64; N] {
    let all: f64 = weights.iter().sum();
    let mut sum = 0.0;
    weights.map(|weight| {
        sum += weight;
        sum / all
    })
}
