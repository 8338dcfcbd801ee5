//! How long work runs: units that are done one `step` at a time, a journal of those that are done, and a host that hears progress and
//! may stop the work. What the work is, its owner says: a compression, a training.
//!
//! [`param`] says what the rows of the tables of such work may be told.
//!
//! A run of kind `X` has a list of units, of which each is idempotent. Its `step` does the next one that the [`Journal`] does not have,
//! writes the file of the unit and then its line, and returns a [`Step`]. [`Shares`] says which part of the whole each unit is.

mod cancel;
mod error;
mod event;
mod host;
mod journal;
pub mod param;
mod share;
mod step;

pub use cancel::CancelCheck;
pub use error::RunError;
pub use event::{Event, Stage};
pub use host::{Alone, Host, Part};
pub use journal::{Journal, Record};
pub use share::Shares;
pub use step::{Clock, OutFactory, Step};
