//! Who hears of the work, and may stop it.

use crate::Event;

/// What a step needs from its host.
pub trait Host {
    /// Progress.
    fn event(&mut self, event: Event);
    /// Asked often; true ends the step with `CANCELLED`.
    fn cancelled(&self) -> bool;
}

/// Nobody hears of the work, and nobody stops it.
pub struct Alone;

impl Host for Alone {
    fn event(&mut self, _event: Event) {}

    fn cancelled(&self) -> bool {
        false
    }
}

/// A host that hears of a unit as of the part of the whole run between two shares.
pub struct Part<'h> {
    pub(crate) host: &'h mut dyn Host,
    pub(crate) from: f64,
    pub(crate) to: f64,
}

impl Host for Part<'_> {
    fn event(&mut self, event: Event) {
        self.host.event(event.within(self.from, self.to));
    }

    fn cancelled(&self) -> bool {
        self.host.cancelled()
    }
}
