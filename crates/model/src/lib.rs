//! What the network computes, on token ids: architectures as data over one generic block, forward, decoding, evaluation.

mod adapted;
pub mod arch;
mod attention;
pub mod batch;
mod block;
mod config;
mod distance;
mod embedding;
pub mod error;
pub mod evaluate;
pub mod evolve;
pub mod finite;
mod forward;
pub mod generate;
mod heads;
mod layers;
mod model_info;
mod names;
pub mod network;
mod neutral;
mod norm;
mod reader;
mod rope;
mod sample;
mod small;
mod uses;
pub mod weights;

pub use adapted::with_own_head;
pub use batch::Batch;
pub use block::{BlockCache, BlockWeights};
pub use error::ModelError;
pub use network::{Kind, Linear, Network};
pub use uses::Use;
pub use weights::WeightSource;
