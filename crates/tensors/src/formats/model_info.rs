//! What a format must know of a model beyond its tensors, as plain data: `kerf-model` and the tokenizer fill it in.

use std::collections::{BTreeMap, HashSet};

pub use crate::gguf::Value;

/// The tokenizer in llama.cpp's values; the reason if it has no such form; `None` if nobody looked.
pub type TokenizerValues = Option<Result<Vec<(String, Value)>, String>>;

/// What is known of a model.
#[derive(Clone, Debug, Default)]
pub struct ModelInfo {
    /// Id of its architecture, or its model_type if that is not known.
    pub architecture: String,
    /// Whether the architecture is known.
    pub known: bool,
    /// Whether it is an encoder.
    pub encoder: bool,
    /// Weight tensors of the linear layers of its blocks.
    pub linears: HashSet<String>,
    /// One of them that is stored as [inputs, outputs], if there is any.
    pub transposed: Option<String>,
    /// Embeddings and untied head.
    pub embeddings: HashSet<String>,
    /// Tensors that nobody reads: no format has them.
    pub dead: HashSet<String>,
    /// Tensors that the network does not read, but others may.
    pub unread: HashSet<String>,
    /// Names that readers give the module of the head, also where it is tied; none without a head.
    pub heads: Vec<String>,
    /// Why readers of compressed layers do not open this architecture, if they do not.
    pub unopened: Option<String>,
    /// What llama.cpp needs; the reason if it cannot run the model.
    pub gguf: Option<Result<GgufInfo, String>>,
    /// The tokenizer.
    pub tokenizer: TokenizerValues,
}

/// A model as llama.cpp sees it.
#[derive(Clone, Debug, Default)]
pub struct GgufInfo {
    /// Its name of the architecture.
    pub architecture: String,
    /// Tensors of the model that it needs.
    pub tensors: BTreeMap<String, GgufName>,
    /// Sizes and numbers, keys without the architecture.
    pub values: Vec<(String, Value)>,
    /// Divisors of the rotary frequencies, for `rope_freqs.weight`.
    pub rope_factors: Option<Vec<f32>>,
    /// Things a user should know.
    pub notes: Vec<String>,
}

/// A tensor as llama.cpp has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GgufName {
    /// Its name.
    pub name: String,
    /// Rows of a head where it turns neighbours instead of halves, so that rows move; 0 elsewhere.
    pub head_rows: usize,
    /// Whether it stores 1 + the value.
    pub plus_one: bool,
}

/// What a tensor is to a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TensorKind {
    /// Weights of a linear layer inside the blocks.
    Target,
    /// Embedding or head.
    Embedding,
    /// Everything else.
    Other,
}

impl ModelInfo {
    /// What a tensor is.
    pub fn kind(&self, name: &str) -> TensorKind {
        if self.linears.contains(name) {
            TensorKind::Target
        } else if self.embeddings.contains(name) {
            TensorKind::Embedding
        } else {
            TensorKind::Other
        }
    }
}
