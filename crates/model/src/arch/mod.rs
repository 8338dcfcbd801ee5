//! Architectures as data over one generic block: one file of data and one row in [`table`] each.
//!
//! What the generic block can do is what [`Architecture`] can say; a new architecture fills in the same fields. Those that
//! need something new add it here and in the block together: a transposed weight layout (gpt2) and one matrix for q, k and v
//! (gpt2, gpt_neox) belong to [`LinearRow`]; norms of q and k (qwen3) to [`BlockNames`]; a parallel residual (gpt_neox, phi)
//! to [`NormOrder`]; a rotary fraction (phi, gpt_neox) to [`Positions::Rope`].

mod bert;
mod llama;

use crate::{Kind, ModelError};

/// One architecture.
#[derive(Debug)]
pub struct Architecture {
    /// Stable id.
    pub id: &'static str,
    /// Values of `model_type` in config.json.
    pub model_types: &'static [&'static str],
    /// Decoders attend to earlier tokens only, encoders to all.
    pub kind: Kind,
    /// Prefixes that tensor names of the body may have, tried in this order; the empty prefix is a bare body.
    pub prefixes: &'static [&'static str],
    /// Names of the configuration's fields.
    pub fields: Fields,
    /// Fields that must have this value if they are there, since the block computes nothing else.
    pub fixed: &'static [(&'static str, Fixed)],
    /// What tokens become before the first block.
    pub embeddings: EmbeddingNames,
    /// What a block consists of.
    pub block: BlockNames,
    /// Kind of every norm.
    pub norm: Norm,
    /// Where a block's norms stand.
    pub norm_order: NormOrder,
    /// How a token's place is told.
    pub positions: Positions,
    /// Norm after the last block, under the prefix.
    pub final_norm: Option<&'static str>,
    /// How hidden states become logits.
    pub head: Option<Head>,
}

/// Names of fields of config.json. Those in an `Option` do not exist in every architecture.
#[derive(Debug)]
pub struct Fields {
    /// Width of the residual stream.
    pub hidden: &'static str,
    /// Number of blocks.
    pub blocks: &'static str,
    /// Number of query heads.
    pub heads: &'static str,
    /// Number of key and value heads; as many as query heads if absent.
    pub kv_heads: Option<&'static str>,
    /// Width of a head; hidden / heads if absent.
    pub head_dim: Option<&'static str>,
    /// Width inside the MLP.
    pub intermediate: &'static str,
    /// Size of the vocabulary.
    pub vocab: &'static str,
    /// Largest number of positions, and its default.
    pub positions: (&'static str, usize),
    /// Added to the variance in norms, and its default.
    pub norm_eps: (&'static str, f64),
    /// Activation of the MLP, and its default.
    pub activation: (&'static str, &'static str),
}

/// A value that a configuration field must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fixed {
    /// This text.
    Text(&'static str),
    /// This truth value.
    Flag(bool),
}

/// Stems of embedding tensors, under the prefix; `.weight` is added.
#[derive(Debug)]
pub struct EmbeddingNames {
    /// Token embedding [vocab, hidden].
    pub token: &'static str,
    /// Type embedding [types, hidden] and the field with the number of types; every token has type 0.
    pub token_type: Option<(&'static str, &'static str)>,
    /// Norm of the sum.
    pub norm: Option<&'static str>,
}

/// Stems of a block's tensors, under the prefix; `{}` is the number of the block.
#[derive(Debug)]
pub struct BlockNames {
    /// Linear layers, ordered as [`Role`] is.
    pub linears: &'static [LinearRow],
    /// Norm before attention ([`NormOrder::Pre`]) or after it.
    pub attention_norm: &'static str,
    /// Norm before the MLP ([`NormOrder::Pre`]) or after it.
    pub mlp_norm: &'static str,
}

/// One linear layer of a block.
#[derive(Debug)]
pub struct LinearRow {
    /// What it does.
    pub role: Role,
    /// Stem of its tensors.
    pub stem: &'static str,
    /// Whether it has a bias.
    pub bias: Bias,
}

/// What a linear layer does in the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Queries.
    Q,
    /// Keys.
    K,
    /// Values.
    V,
    /// Output of the attention.
    O,
    /// Gate of a gated MLP; an MLP without this row has none.
    Gate,
    /// First matrix of the MLP.
    Up,
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
            Role::O => "o",
            Role::Gate => "gate",
            Role::Up => "up",
            Role::Down => "down",
        }
    }

    /// Index of the input that it shares with others.
    pub fn input(self) -> usize {
        match self {
            Role::Q | Role::K | Role::V => 0,
            Role::O => 1,
            Role::Gate | Role::Up => 2,
            Role::Down => 3,
        }
    }
}

/// When a linear layer has a bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bias {
    /// Always.
    Always,
    /// As this field says; if the configuration does not have it, as the file has it.
    Field(&'static str),
}

/// Kind of a norm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Norm {
    /// Root mean square, scale only.
    Rms,
    /// Mean and variance, scale and shift.
    Layer,
}

/// Where a block's norms stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormOrder {
    /// x + f(norm(x)).
    Pre,
    /// norm(x + f(x)).
    Post,
}

/// How a token's place is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Positions {
    /// Queries and keys are rotated, halves against each other (Su et al., RoFormer, arXiv 2104.09864).
    Rope,
    /// A learned embedding of this stem, [positions, hidden], is added to the token's.
    Learned(&'static str),
}

/// How hidden states become logits.
#[derive(Debug)]
pub struct Head {
    /// Stem of an untied head, without the prefix.
    pub stem: &'static str,
    /// Field that says whether the token embedding serves as head, and its default.
    pub tied: (&'static str, bool),
}

/// All architectures. Each row runs through the battery of contract tests.
pub fn table() -> &'static [&'static Architecture] {
    static TABLE: [&Architecture; 2] = [&llama::LLAMA, &bert::BERT];
    &TABLE
}

/// The architecture of a `model_type`.
pub fn by_model_type(model_type: &str) -> Result<&'static Architecture, ModelError> {
    let found = table()
        .iter()
        .find(|row| row.model_types.contains(&model_type));
    found
        .copied()
        .ok_or_else(|| ModelError::UnknownArchitecture {
            model_type: model_type.chars().take(80).collect(),
            known: table()
                .iter()
                .flat_map(|row| row.model_types)
                .map(|known| known.to_string())
                .collect(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_the_order_that_the_block_relies_on() {
        for row in table() {
            let roles: Vec<Role> = row.block.linears.iter().map(|linear| linear.role).collect();
            assert!(
                roles.is_sorted_by(|a, b| a < b),
                "{}: {roles:?} out of order",
                row.id
            );
            for needed in [Role::Q, Role::K, Role::V, Role::O, Role::Up, Role::Down] {
                assert!(roles.contains(&needed), "{}: no {needed:?}", row.id);
            }
            for linear in row.block.linears {
                assert!(linear.stem.contains("{}"), "{}: {}", row.id, linear.stem);
            }
        }
    }

    #[test]
    fn ids_and_model_types_are_unique() {
        let mut types: Vec<_> = table().iter().flat_map(|row| row.model_types).collect();
        let count = types.len();
        types.sort();
        types.dedup();
        assert_eq!(types.len(), count);
    }

    #[test]
    fn an_unknown_type_is_named_with_the_known_ones() {
        let error = by_model_type("mamba").unwrap_err();
        assert_eq!(error.code(), "UNKNOWN_ARCHITECTURE");
        assert!(error.to_string().contains("mamba") && error.to_string().contains("llama"));
    }
}
