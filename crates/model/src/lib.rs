//! What the network computes, on token ids: architectures as data over one generic block, forward, decoding, evaluation.

pub mod arch;
pub mod batch;
pub mod error;
pub mod evaluate;
pub mod generate;
pub mod network;
pub mod weights;

pub use batch::Batch;
pub use error::ModelError;
pub use network::{BlockWeights, Kind, Linear, Network, Tap};
pub use weights::WeightSource;
