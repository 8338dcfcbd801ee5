//! What the network computes, on token ids: architectures as data over one generic block, forward, decoding, evaluation.

mod adapted;
pub mod arch;
mod attention;
pub mod batch;
mod block;
mod cache;
mod card;
mod config;
mod distance;
mod embedding;
pub mod error;
pub mod evaluate;
pub mod evolve;
pub mod finite;
mod forward;
pub mod gate;
pub mod generate;
mod heads;
mod layers;
mod names;
pub mod network;
mod neutral;
mod norm;
#[cfg(test)]
mod plain;
mod positions;
mod reader;
mod received;
mod rope;
mod sample;
#[cfg(test)]
mod skipped_tokens;
mod small;
mod uses;
pub mod weights;

pub use adapted::with_own_head;
pub use batch::Batch;
pub use block::BlockWeights;
pub use cache::{BlockCache, Cache};
pub use error::ModelError;
pub use network::{Kind, Linear, Network};
pub use uses::Use;
pub use weights::WeightSource;
