//! Files on disk: safetensors (headers and positioned reads), the kerf container, and the formats of results, with the grids and
//! quantized matrices that they store.

pub mod amount;
pub mod bytes;
pub mod catalog;
mod column_factor;
pub mod complaint;
pub mod digest;
pub mod dtype;
mod entropy;
pub mod error;
pub mod files;
mod float5;
pub mod folder;
mod foreign;
pub mod formats;
mod gguf;
pub mod grid;
mod json;
pub mod kerf;
pub mod mask;
pub mod quantized;
pub mod range;
pub mod rounding;
pub mod safetensors;
pub mod source;
mod transpose;

pub use catalog::{Catalog, Stored, TensorEntry};
pub use column_factor::nearest_column_factor;
pub use digest::Digest;
pub use dtype::DType;
pub use error::{ErrorData, TensorsError};
pub use files::ModelFiles;
pub use folder::{Folder, OutFolder, Workspace};
pub use grid::{Grid, Scales};
pub use kerf::EncodedTensor;
pub use mask::Mask;
pub use quantized::{QuantizedMatrix, Values};
pub use source::{Sink, Source, SourceReader};
pub use transpose::{transpose, transpose_into};
