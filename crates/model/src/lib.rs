//! What the network computes, on token ids: architectures as data over one generic block, forward, decoding, evaluation.

mod adapted;
pub mod arch;
mod attention;
mod attention_heads;
#[cfg(feature = "train")]
pub mod backward;
pub mod batch;
mod block;
mod block_tensors;
#[cfg(feature = "train")]
mod buffers;
mod cache;
mod config;
mod distance;
mod embedding;
pub mod error;
pub mod evaluate;
pub mod evolve;
mod fill;
pub mod finite;
mod forward;
pub mod gate;
pub mod generate;
mod heads;
mod label_heads;
mod layers;
mod learning_size;
mod memory_weights;
mod model_info;
mod names;
pub mod network;
mod neutral;
mod norm;
mod overlay;
#[cfg(test)]
mod plain;
mod positions;
mod reader;
mod received;
mod rope;
mod sample;
#[cfg(feature = "train")]
mod saved;
#[cfg(all(test, feature = "train"))]
mod saved_tests;
#[cfg(test)]
mod skipped_tokens;
mod small;
mod uses;
mod walker;
pub mod weights;

pub use adapted::with_own_head;
pub use batch::Batch;
pub use block::BlockWeights;
pub use block_tensors::{BlockTensor, NormOf, TensorPlace};
pub use cache::{BlockCache, Cache};
pub use error::ModelError;
pub use fill::{batches, fill};
pub use label_heads::{ClassifierHead, Labels, Problem, SpanHead, SpanLogits};
#[cfg(feature = "train")]
pub use label_heads::{FreshHead, FreshTensor, Headed};
pub use memory_weights::MemoryWeights;
pub use network::{Kind, Linear, Network, Part};
pub use overlay::Overlay;
pub use received::Look;
#[cfg(feature = "train")]
pub use saved::Saved;
pub use uses::Use;
pub use walker::Walker;
pub use weights::WeightSource;
