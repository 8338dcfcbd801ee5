//! Progress of one stage, for code that counts.

use crate::Host;
use kerf_run::{Event, Stage};

/// Tells the host how far one stage is.
pub struct Reporter<'a> {
    host: &'a dyn Host,
    stage: Stage,
    unit: &'static str,
    name: String,
    /// Added to what is counted, when a stage has several parts.
    offset: u64,
    /// Total of all parts; 0 takes the total of the part.
    total: u64,
}

impl<'a> Reporter<'a> {
    /// A stage with one part.
    pub fn new(host: &'a dyn Host, stage: Stage, unit: &'static str, name: &str) -> Self {
        Self {
            host,
            stage,
            unit,
            name: name.into(),
            offset: 0,
            total: 0,
        }
    }

    /// One part of a stage: `offset` units were done before, `total` in all parts.
    pub fn part(mut self, offset: u64, total: u64) -> Self {
        self.offset = offset;
        self.total = total;
        self
    }

    /// Tells, and returns whether to go on.
    pub fn report(&self, done: u64, total: u64) -> bool {
        let (done, total) = (done + self.offset, total.max(self.total));
        self.host.event(Event {
            stage: self.stage,
            done,
            total,
            unit: self.unit.into(),
            name: self.name.clone(),
            overall: done as f64 / total.max(1) as f64,
        });
        !self.host.cancelled()
    }
}
