//! What a format must know of a model beyond its tensors, as plain data. `kerf-model` fills it in, but for the tokenizer, which is
//! the matter of the bindings.

use std::collections::{BTreeMap, HashSet};

pub use crate::gguf::Value;

/// The tokenizer as keys and values of a GGUF file, or the reason why it has no such form. `None` if nobody looked.
pub type TokenizerValues = Option<Result<Vec<(String, Value)>, String>>;

/// What is known of a model. The default knows nothing, not even the architecture.
#[derive(Clone, Debug, Default)]
pub struct ModelInfo {
    /// Id of the architecture; the model_type of config.json if the architecture is not known.
    pub architecture: String,
    /// Whether kerf knows the architecture. If not, the sets of tensors below are empty.
    pub known: bool,
    /// Whether the model is an encoder, which gives vectors and no tokens.
    pub encoder: bool,
    /// Names of the weight tensors of the linear layers inside the blocks.
    pub linears: HashSet<String>,
    /// Name of one of `linears` that is stored as [inputs, outputs], if there is any.
    pub transposed: Option<String>,
    /// Names of the embeddings and of an untied head.
    pub embeddings: HashSet<String>,
    /// Names of the tensors that no program reads. No format writes them.
    pub dead: HashSet<String>,
    /// Names of the tensors that kerf's network does not read, but other programs may.
    pub unread: HashSet<String>,
    /// Names that other readers give the module of the head, also of a tied one. Empty without a head.
    pub heads: Vec<String>,
    /// Why the readers of compressed-tensors do not open this architecture; `None` if they do.
    pub unopened: Option<String>,
    /// What llama.cpp needs, or the reason why it cannot run the model. `None` if llama.cpp has no such
    /// architecture, or kerf does not know it.
    pub gguf: Option<Result<GgufInfo, String>>,
    /// The tokenizer, for formats that hold it ([`super::Format::holds_tokenizer`]).
    pub tokenizer: TokenizerValues,
}

/// A model as llama.cpp sees it.
#[derive(Clone, Debug, Default)]
pub struct GgufInfo {
    /// llama.cpp's name of the architecture.
    pub architecture: String,
    /// The tensors that llama.cpp needs, by their names in the model.
    pub tensors: BTreeMap<String, GgufName>,
    /// Metadata such as sizes. Keys stand without the name of the architecture in front.
    pub values: Vec<(String, Value)>,
    /// Divisors of the rotary frequencies, for the tensor `rope_freqs.weight`; `None` where the file needs none.
    pub rope_factors: Option<Vec<f32>>,
    /// Sentences for the user about what llama.cpp does otherwise.
    pub notes: Vec<String>,
}

/// A tensor as llama.cpp has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GgufName {
    /// Name in the GGUF file.
    pub name: String,
    /// Rows of one attention head, where llama.cpp rotates neighbouring rows and the model rotates halves: rows are then moved. 0 where
    /// no row moves.
    pub head_rows: usize,
    /// Whether the file holds 1 + the value.
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
    /// What the tensor of that name is to a format.
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
