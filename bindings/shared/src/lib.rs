//! The functions that every binding offers: one request and one response type each, no knowledge of the host language.
//!
//! A shell (Node, browser) hands [`invoke`] the name of a function, its request as JSON and a [`Host`] that hears progress
//! and says when to stop and where files are; it gets one JSON text and arrays of numbers back, whatever happens. Everything between is here
//! and tested without a shell.

mod answer;
pub mod api;
mod calibration;
mod call;
mod classify;
mod compare;
mod compress;
mod convert;
mod dispatch;
mod embed;
mod encoding;
pub mod error;
mod evaluate;
#[cfg(feature = "train")]
pub mod finetune;
mod generate;
mod held;
mod host;
mod inspect;
mod long_run;
mod machine;
mod open_model;
mod pairs;
pub mod panics;
pub mod progress;
mod reporter;
#[cfg(feature = "train")]
pub mod route;
mod routed_text;
mod routing;
mod running;
mod sample;
mod sentences;
mod share;
pub mod storage;
mod surrogates;
mod tasks;
mod text_file;
mod text_tokens;
mod tokenizers;
mod vectors;
mod vocabulary;
mod writer;

pub use answer::{Array, Envelope, Numbers};
pub use call::Call;
pub use dispatch::{commands, dispatch, invoke};
pub use error::Error;
pub use host::Host;
pub use kerf_kernels::Stop;
pub use kerf_run::{Event, Stage};

/// Version of this build.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

pub use machine::peak_rss_bytes as peak_bytes;
pub use routing::rules as router_rules;

/// Id of the instruction set that this machine gets by default.
pub fn isa() -> &'static str {
    kerf_kernels::Kernels::detect().isa().id()
}
