//! What an architecture can say. These doc comments are the reference of `kerf-architecture.json` too: a description in JSON has
//! the same fields, in camelCase, and a variant of an enum is its name (`"pre"`) or, with content, an object (`{"field": "..."}`).
//!
//! A *stem* is the name of a tensor without the model's prefix and without `.weight`; `{}` in it stands for the number of the
//! block. A *field* is the name of a field of config.json.

use super::leak;
use crate::Kind;
use serde::{Deserialize, Serialize};

/// A text that lives as long as the program.
pub type Name = &'static str;
/// A list that lives as long as the program.
pub type List<T> = &'static [T];

/// Derives what every part of a description has. A field that is not named here is refused in JSON.
macro_rules! part {
    ($item:item) => {
        #[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        $item
    };
}

part! {
/// One architecture: data over the one generic block.
pub struct Architecture {
    /// Stable id, such as `llama`.
    #[serde(deserialize_with = "leak::name")]
    pub id: Name,
    /// Values of `model_type` in config.json. Rows may share one if their width is in different fields.
    #[serde(deserialize_with = "leak::names")]
    pub model_types: List<Name>,
    /// Decoders attend to earlier tokens only, encoders to all.
    pub kind: Kind,
    /// Prefixes that tensor names of the body may have, tried in this order; the empty prefix is a bare body. Names saved by
    /// sentence-transformers (`0.auto_model.` before the prefix) are tried too.
    #[serde(deserialize_with = "leak::names")]
    pub prefixes: List<Name>,
    /// Names of the configuration's fields.
    pub fields: Fields,
    /// Fields that must have this value if they are there, since the block computes nothing else.
    #[serde(default, deserialize_with = "leak::list")]
    pub fixed: List<Requirement>,
    /// What tokens become before the first block.
    pub embeddings: EmbeddingNames,
    /// What a block consists of.
    pub block: BlockNames,
    /// Kind of every norm.
    pub norm: Norm,
    /// Whether layer norms have a shift (`.bias`). Root mean square norms have none.
    #[serde(default)]
    pub norm_bias: Bias,
    /// How the parts of a block are joined.
    pub order: Order,
    /// What is special about attention. Default: nothing.
    #[serde(default)]
    pub attention: Attention,
    /// How a token's place is told.
    pub positions: Positions,
    /// Stem of the norm after the last block.
    #[serde(default, deserialize_with = "leak::optional")]
    pub final_norm: Option<Name>,
    /// How hidden states become logits. Encoders have none.
    #[serde(default)]
    pub head: Option<Head>,
    /// Other names that programs give the module of the head, whatever its tensor is called: a result says them too.
    #[serde(default, deserialize_with = "leak::names")]
    pub head_aliases: List<Name>,
    /// What programs do with the tensors when they load them that keeps them from opening compressed layers; absent where they open them.
    #[serde(default, deserialize_with = "leak::optional")]
    pub unopened: Option<Name>,
    /// How llama.cpp runs it, if it does: for results in GGUF.
    #[serde(default)]
    pub gguf: Option<Gguf>,
    /// Tensors of old files that transformers computes itself today, such as masks and position numbers: whole names without
    /// the prefix, `{}` for the number of the block. A result does not have them.
    #[serde(default, deserialize_with = "leak::names")]
    pub dead: List<Name>,
    /// Stems without the prefix of matrices beside the head that readers tie to the token embedding. One that is equal to it bit
    /// by bit is left out of a result, unless `tie_word_embeddings` is false.
    #[serde(default, deserialize_with = "leak::names")]
    pub copies: List<Name>,
}}

part! {
/// What llama.cpp does that the rest of a description does not say. Tensor names follow from roles.
pub struct Gguf {
    /// Its name of the architecture.
    #[serde(deserialize_with = "leak::name")]
    pub architecture: Name,
    /// Whether it rotates neighbours instead of halves, so that rows of queries and keys move.
    #[serde(default)]
    pub moved_rows: bool,
    /// Whether it reads `rope_freqs.weight`.
    #[serde(default)]
    pub rope_factors: bool,
    /// Whether it reads a sliding window.
    #[serde(default)]
    pub window: bool,
}}

/// A [`Gguf`] of that name, without anything special.
pub(super) const fn gguf(architecture: Name) -> Option<Gguf> {
    Some(Gguf {
        architecture,
        moved_rows: false,
        rope_factors: false,
        window: false,
    })
}

part! {
/// A field of config.json and what it is where the field is absent (null counts as absent, but where the value itself is
/// optional).
pub struct Setting<T> {
    /// Name of the field.
    #[serde(deserialize_with = "leak::name")]
    pub field: Name,
    /// Its value where it is absent.
    pub default: T,
}}

/// A [`Setting`] in one line.
pub(super) const fn setting<T: Copy>(field: Name, default: T) -> Setting<T> {
    Setting { field, default }
}

part! {
/// Names of fields of config.json. Those in an `Option` do not exist in every architecture.
pub struct Fields {
    /// Width of the residual stream.
    #[serde(deserialize_with = "leak::name")]
    pub hidden: Name,
    /// Number of blocks.
    #[serde(deserialize_with = "leak::name")]
    pub blocks: Name,
    /// Number of query heads.
    #[serde(deserialize_with = "leak::name")]
    pub heads: Name,
    /// Number of key and value heads; as many as query heads if absent.
    #[serde(default, deserialize_with = "leak::optional")]
    pub kv_heads: Option<Name>,
    /// Width of a head; hidden / heads if absent.
    #[serde(default, deserialize_with = "leak::optional")]
    pub head_dim: Option<Name>,
    /// Width inside the MLP.
    #[serde(deserialize_with = "leak::name")]
    pub intermediate: Name,
    /// Where `intermediate` is absent: so many times the width. Without this it must be there.
    #[serde(default)]
    pub intermediate_times: Option<usize>,
    /// Size of the vocabulary.
    #[serde(deserialize_with = "leak::name")]
    pub vocab: Name,
    /// Largest number of positions.
    pub positions: Setting<usize>,
    /// Added to the variance in norms.
    pub norm_eps: Setting<f64>,
    /// Activation of the MLP.
    pub activation: Setting<Activation>,
}}

/// Activation of the MLP, by its names in configurations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Activation {
    /// x times the logistic function of x.
    #[serde(rename = "silu", alias = "swish", alias = "swiglu")]
    Silu,
    /// x times the normal distribution function of x.
    #[serde(rename = "gelu", alias = "geglu")]
    GeluErf,
    /// The approximation of gelu by a hyperbolic tangent.
    #[serde(rename = "gelu_pytorch_tanh", alias = "gelu_new", alias = "gelu_fast")]
    GeluTanh,
    /// max(x, 0).
    #[serde(rename = "relu")]
    Relu,
}

part! {
/// A field that must have a certain value if it is there.
pub struct Requirement {
    /// Name of the field.
    #[serde(deserialize_with = "leak::name")]
    pub field: Name,
    /// The value.
    pub value: Fixed,
}}

/// A [`Requirement`] in one line.
pub(super) const fn must(field: Name, value: Fixed) -> Requirement {
    Requirement { field, value }
}

part! {
/// A value that a configuration field must have.
pub enum Fixed {
    /// This text.
    Text(#[serde(deserialize_with = "leak::name")] Name),
    /// One of these texts.
    OneOf(#[serde(deserialize_with = "leak::names")] List<Name>),
    /// This truth value.
    Flag(bool),
    /// This whole number.
    Number(u64),
    /// What this other field holds.
    SameAs(#[serde(deserialize_with = "leak::name")] Name),
}}

part! {
/// Embeddings.
pub struct EmbeddingNames {
    /// Stem of the token embedding [vocab, hidden].
    #[serde(deserialize_with = "leak::name")]
    pub token: Name,
    /// The type embedding.
    #[serde(default)]
    pub token_type: Option<TypeEmbedding>,
    /// Stem of the norm of the sum.
    #[serde(default, deserialize_with = "leak::optional")]
    pub norm: Option<Name>,
    /// Whether a token's embedding is multiplied by sqrt(hidden), rounded to the type that the model computes in (gemma).
    #[serde(default)]
    pub scaled: bool,
}}

part! {
/// A type embedding [types, hidden]; every token has type 0.
pub struct TypeEmbedding {
    /// Its stem.
    #[serde(deserialize_with = "leak::name")]
    pub stem: Name,
    /// Number of types.
    pub count: Setting<usize>,
}}

part! {
/// Stems of a block's tensors.
pub struct BlockNames {
    /// Linear layers, ordered as [`Role`] is. Each is one target matrix.
    #[serde(deserialize_with = "leak::list")]
    pub linears: List<LinearRow>,
    /// Norm of attention; [`Order`] says where it stands.
    #[serde(deserialize_with = "leak::name")]
    pub attention_norm: Name,
    /// Norm of the MLP. Only a parallel block may be without: its MLP sees what attention sees.
    #[serde(default, deserialize_with = "leak::optional")]
    pub mlp_norm: Option<Name>,
    /// Norm of what attention gives, before it is added to the residual stream (gemma 2).
    #[serde(default, deserialize_with = "leak::optional")]
    pub attention_output_norm: Option<Name>,
    /// Norm of what the MLP gives, before it is added.
    #[serde(default, deserialize_with = "leak::optional")]
    pub mlp_output_norm: Option<Name>,
    /// Root mean square norm of each query head [head width], before it is rotated.
    #[serde(default, deserialize_with = "leak::optional")]
    pub query_norm: Option<Name>,
    /// The same of each key head.
    #[serde(default, deserialize_with = "leak::optional")]
    pub key_norm: Option<Name>,
    /// Whether block 0 has no attention norm, since that of the embeddings stands before it (modernbert).
    #[serde(default)]
    pub bare_first: bool,
}}

part! {
/// One linear layer of a block.
pub struct LinearRow {
    /// What it does.
    pub role: Role,
    /// Stem of its tensors.
    #[serde(deserialize_with = "leak::name")]
    pub stem: Name,
    /// Whether it has a bias.
    #[serde(default)]
    pub bias: Bias,
    /// Whether its weight is stored as [in, out] (gpt2's Conv1D) instead of [out, in].
    #[serde(default)]
    pub transposed: bool,
}}

/// A [`LinearRow`] with its weight stored as [out, in].
pub(super) const fn linear(role: Role, stem: Name, bias: Bias) -> LinearRow {
    LinearRow {
        role,
        stem,
        bias,
        transposed: false,
    }
}

/// What a linear layer does in the block. One matrix may do the work of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// Queries.
    Q,
    /// Keys.
    K,
    /// Values.
    V,
    /// Queries, keys and values, one after the other.
    Qkv,
    /// Query, key and value of the first head, then those of the second, ... (gpt_neox).
    QkvByHead,
    /// Output of the attention.
    O,
    /// Gate of a gated MLP: what goes through the activation. An MLP without this row has none.
    Gate,
    /// First matrix of the MLP.
    Up,
    /// Gate and first matrix, one after the other.
    GateUp,
    /// Last matrix of the MLP.
    Down,
}

/// Number of different inputs that the linear layers of a block see.
pub const INPUTS: usize = 4;

impl Role {
    /// Stable id.
    pub fn id(self) -> &'static str {
        match self {
            Role::Q => "q",
            Role::K => "k",
            Role::V => "v",
            Role::Qkv | Role::QkvByHead => "qkv",
            Role::O => "o",
            Role::Gate => "gate",
            Role::Up => "up",
            Role::GateUp => "gateUp",
            Role::Down => "down",
        }
    }

    /// Index of the input that it shares with others.
    pub fn input(self) -> usize {
        match self {
            Role::Q | Role::K | Role::V | Role::Qkv | Role::QkvByHead => 0,
            Role::O => 1,
            Role::Gate | Role::Up | Role::GateUp => 2,
            Role::Down => 3,
        }
    }

    /// Whether it gates the MLP.
    pub fn gates(self) -> bool {
        matches!(self, Role::Gate | Role::GateUp)
    }
}

/// When a layer has a bias.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Bias {
    /// Always.
    Always,
    /// If the file has it.
    #[default]
    AsStored,
    /// As this field says; if the configuration does not have it, as the file has it.
    Field(#[serde(deserialize_with = "leak::name")] Name),
}

/// Kind of a norm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Norm {
    /// Root mean square, scale only.
    Rms,
    /// Root mean square; the scale is 1 + the stored weight (gemma).
    RmsPlusOne,
    /// Mean and variance, scale and maybe shift.
    Layer,
}

part! {
/// How the parts of a block are joined.
pub enum Order {
    /// x + f(norm(x)), first attention, then the MLP.
    Pre,
    /// norm(x + f(x)), first attention, then the MLP.
    Post,
    /// x + attention(norm(x)) + mlp(norm(x)): both see the same x.
    Parallel,
    /// [`Order::Parallel`], but [`Order::Pre`] where this field is false.
    ParallelUnless(#[serde(deserialize_with = "leak::name")] Name),
}}

part! {
/// What is special about attention. Without any of it: scores are divided by sqrt(head width), and every token is seen.
#[derive(Default)]
pub struct Attention {
    /// Scores are divided by the square root of this instead of that of the head width.
    #[serde(default)]
    pub scale: Option<Setting<f64>>,
    /// Scores s become c tanh(s / c), if the field is not null.
    #[serde(default)]
    pub cap: Option<Setting<Option<f64>>>,
    /// Blocks in which tokens see only those near them.
    #[serde(default)]
    pub window: Option<Window>,
    /// What is added to the scores by the distance of two tokens.
    #[serde(default)]
    pub distance_bias: Option<DistanceBias>,
}}

/// Attention without anything special.
pub(super) const PLAIN_ATTENTION: Attention = Attention {
    scale: None,
    cap: None,
    window: None,
    distance_bias: None,
};

part! {
/// Blocks in which tokens see only those near them. Where the configuration has `layer_types`, that says which blocks.
pub struct Window {
    /// Tokens that are seen, if the field is not null. Decoders: the token itself and those before it. Encoders: half of
    /// them before it, half after it, itself not counted.
    pub width: Setting<Option<usize>>,
    /// A flag without which there is no window.
    #[serde(default)]
    pub enabled: Option<Setting<bool>>,
    /// Which blocks, where the configuration has no `layer_types`.
    pub layers: WindowLayers,
}}

part! {
/// Which blocks have a window.
pub enum WindowLayers {
    /// All.
    All,
    /// All from this one on.
    From(Setting<usize>),
    /// All but the last of each so many (blocks 5, 11, ... of 6).
    AllButLastOf(Setting<usize>),
    /// All but the first of each so many (blocks 0, 3, ... of 3).
    AllButFirstOf(Setting<usize>),
}}

part! {
/// A table [buckets, heads], shared by all blocks, of what is added to scores: half of the buckets for tokens before, half
/// for tokens after; near distances have one each, far ones share by their logarithm (T5, arXiv 1910.10683).
pub struct DistanceBias {
    /// Its stem.
    #[serde(deserialize_with = "leak::name")]
    pub stem: Name,
    /// Number of buckets.
    pub buckets: Setting<usize>,
    /// Distances from here on share the last bucket.
    pub max_distance: usize,
}}

part! {
/// How a token's place is told.
pub enum Positions {
    /// Queries and keys are rotated, halves against each other (Su et al., RoFormer, arXiv 2104.09864).
    Rope(RopeFields),
    /// A learned embedding is added to the token's.
    Learned(LearnedPositions),
}}

part! {
/// Fields of rotary positions. `rope_scaling` and `rope_parameters` are read for every architecture, and what they hold wins.
pub struct RopeFields {
    /// Base of the frequencies.
    pub theta: Setting<f64>,
    /// Share of a head, from its start, that is rotated.
    #[serde(default = "all_of_a_head")]
    pub fraction: Setting<f64>,
    /// Base in blocks with a window, where it differs. Scaling is not applied to it.
    #[serde(default)]
    pub local_theta: Option<Setting<f64>>,
    /// Blocks without rotation.
    #[serde(default)]
    pub skipped: Option<SkippedRope>,
}}

part! {
/// Blocks without rotation (smollm3).
pub struct SkippedRope {
    /// Field with a list of numbers, one for each block: 0 = without.
    #[serde(deserialize_with = "leak::name")]
    pub list: Name,
    /// Where that is absent: the last of each so many.
    pub last_of: Setting<usize>,
}}

pub(super) const fn all_of_a_head() -> Setting<f64> {
    setting("partial_rotary_factor", 1.0)
}

/// Rotary positions with no more than a base.
pub(super) const fn rope(theta: f64) -> Positions {
    Positions::Rope(RopeFields {
        theta: setting("rope_theta", theta),
        fraction: all_of_a_head(),
        local_theta: None,
        skipped: None,
    })
}

part! {
/// A learned embedding [rows, hidden] of positions.
pub struct LearnedPositions {
    /// Its stem.
    #[serde(deserialize_with = "leak::name")]
    pub stem: Name,
    /// Row of the first token.
    #[serde(default)]
    pub first: usize,
    /// Rows beyond those that the field of positions counts.
    #[serde(default)]
    pub extra: usize,
}}

/// A learned embedding whose rows are the positions.
pub(super) const fn learned(stem: Name) -> Positions {
    Positions::Learned(LearnedPositions {
        stem,
        first: 0,
        extra: 0,
    })
}

part! {
/// How hidden states become logits. A bias [vocab] is added if the file has one.
pub struct Head {
    /// Stem of an untied head, without the prefix.
    #[serde(deserialize_with = "leak::name")]
    pub stem: Name,
    /// Whether the token embedding serves as head.
    pub tied: Setting<bool>,
    /// Logits l become c tanh(l / c), if the field is not null.
    #[serde(default)]
    pub cap: Option<Setting<Option<f64>>>,
}}
