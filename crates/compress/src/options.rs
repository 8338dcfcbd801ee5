//! The options of a compression, the same type from the command line to the container's metadata.

use serde::{Deserialize, Serialize};

/// What to remove, and how. Unknown fields are errors; every field has a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Options {
    /// Share of the weights of each target matrix to remove, 0 to 0.99. Default 0.7; 0 removes none.
    pub sparsity: f64,
    /// Bits of a code, 2 to 8; 16 keeps the survivors in the source's float type. Default 4.
    pub bits: u8,
    /// Columns that share a scale; 0 = a whole row. Default 128.
    pub group_size: usize,
    /// Id of the method table: `rtn`, `magnitude`, `wanda`, `obs`. Default `obs`.
    pub method: String,
    /// Id of the schedule table. Default `uniform`.
    pub schedule: String,
    /// `unstructured`, `row` (the same count in every row) or `N:M` such as `2:4` (sets the sparsity to 1 - N/M). Default: what
    /// the method's paper uses (`row` for wanda, else `unstructured`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Bits of embeddings and head, 2 to 8, or 16 to keep them as they are. Default 8.
    pub embedding_bits: u8,
    /// Share of embedding weights to remove by magnitude. Default 0.
    pub embedding_sparsity: f64,
    /// Upper limit of calibration tokens. Default 16384.
    pub tokens: usize,
    /// Damping of the Hessian, relative to its mean diagonal; raised tenfold as often as needed. Default 0.01.
    pub damping_rel: f64,
    /// Peak memory that the run may use, in bytes; 0 = no limit. Refused before the start if it cannot be kept.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub max_memory_bytes: u64,
    /// Worker threads; 0 = all of the machine.
    pub threads: usize,
    /// Seed of everything random.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub seed: u64,
    /// A repair (more damping, dead columns, a fallback) is an error.
    pub strict: bool,
    /// Id of the instruction set; `portable` gives the same bytes on every machine, slowly. Default: the best of this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isa: Option<String>,
    /// Form of the result: `kerf` or `safetensors` (dense, exact zeros). Default `kerf`.
    pub format: String,
    /// Largest file of the result, in bytes. Default 5 GB.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub max_shard_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            sparsity: 0.7,
            bits: 4,
            group_size: 128,
            method: "obs".into(),
            schedule: "uniform".into(),
            pattern: None,
            embedding_bits: 8,
            embedding_sparsity: 0.0,
            tokens: 16384,
            damping_rel: 0.01,
            max_memory_bytes: 0,
            threads: 0,
            seed: 0,
            strict: false,
            isa: None,
            format: "kerf".into(),
            max_shard_bytes: 5_000_000_000,
        }
    }
}
