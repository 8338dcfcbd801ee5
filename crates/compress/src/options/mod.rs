//! The options of a compression, the same type from the command line to the container's metadata.

mod budget;
mod checks;
mod defaults;
pub mod glob;
pub mod params;
pub mod presets;
pub mod recover;
pub mod resolve;
pub mod rules;

use crate::CompressError;
use params::GivenParams;
use recover::RecoverOption;
use rules::Rule;
use serde::{Deserialize, Serialize};

/// What to remove, and how. Unknown fields are errors; every field has a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[serde(default, rename_all = "camelCase")]
pub struct Options {
    /// How small, by name: `safe`, `light`, `compact`, `small` or `tiny`, which fills in what is not given. Default: `light`, unless
    /// something else says how small (`sparsity`, `keepMask`, `bits`, `pattern`, a budget, or a method that only removes).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// How much effort, by name: `fast`, `balanced` or `best`, which fills in what is not given. Default: `balanced`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<String>,
    /// Share of the weights of each target matrix to remove, 0 to 0.99. Default: what an N:M pattern says, else 0, so that nothing is
    /// removed unless it is asked for. Methods that only remove weights need it, or an N:M pattern, or `keepMask`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sparsity: Option<f64>,
    /// Zeros that the target matrices have already stay exactly zero, and nothing else is removed, whatever method solves: for a model that was
    /// pruned while it was fine-tuned. Few bits may still round a small survivor to 0, as they may any weight. Not beside `sparsity`, an N:M `pattern`, a budget or the method `entropy`; a rule that says one of
    /// these for some matrices decides about them alone. Default: false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "ts", ts(optional, as = "Option<bool>"))]
    pub keep_mask: bool,
    /// Bits per weight that the target matrices may take on average, 0.5 to 16, all their bytes counted. Method `entropy` chooses zeros and codes
    /// for it; with another method each matrix gets 2, 3, 4 or 8 bits, as a survey of the model says. `bits` may not be given then.
    /// Default: what the preset says (5 for `light`) in format `kerf`, where neither another method nor `sparsity`, `keepMask`, `bits` or
    /// `pattern` is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_bits: Option<f64>,
    /// Bytes that all files of the result may take together; as `targetBits` else.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
    pub target_bytes: Option<u64>,
    /// Bits of a code, 2 to 8; 16 keeps the survivors in the source's float type. Alone it removes nothing. Default: what the format
    /// has, else what the preset says (8 for `safe` and `light`), else 4. A budget decides them for each matrix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bits: Option<u8>,
    /// Columns that share a scale, a multiple of 8; 0 = a whole row. Default 128.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_size: Option<usize>,
    /// Id of the method table. Default: `entropy` in format
    /// `kerf` for a preset or a budget (`targetBits`, `targetBytes`) without `sparsity`, `keepMask`, `bits` or `pattern`; `rtn` for the
    /// preset `safe` where nothing is removed; else `joint`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Id of the schedule table. All but uniform look at the model first. Default:
    /// that of the method unless the quality is `fast`, the pattern N:M or `keepMask` given, else `uniform`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// What a schedule gives a share of its own: `matrix`, `block` (all matrices of a block alike), or `nested` (blocks, and the
    /// matrices inside by a third of the slope). Default `nested`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub granularity: Option<String>,
    /// Levels of estimated loss that `error-levels` tells apart; 0 = each matrix or block has its own. Default 6.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub levels: Option<usize>,
    /// Share of weights by which `error-levels` answers a tenfold loss, 0 to 1. Default 0.15.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slope: Option<f64>,
    /// What makes losses of different matrices comparable for `error-levels`: `weights`, their number, or `output`, the energy of
    /// what the matrix puts out. Default `output`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss_scale: Option<String>,
    /// Generations of `search`, each about three times as long as a forward pass over 2,048 tokens of calibration. Default 40.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generations: Option<usize>,
    /// `unstructured`, `row` (the same count in every row) or `N:M` such as `2:4` (sets the sparsity to 1 - N/M). Default: what
    /// the method's paper uses (`row` for wanda, else `unstructured`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Bits of embeddings and head, 2 to 8, or 16 to keep them as they are. Default: in format `kerf`, where they are entropy-coded,
    /// what the preset says (6 for `light`), without one as `bits`, but not below 4 or above 8; in other formats what the format has, else 8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedding_bits: Option<u8>,
    /// Bits of the head, also where it is an embedding at the same time, 2 to 8, or 16. Every prediction goes through it. Default:
    /// in format `kerf` what the preset says (8 for `light`); without one `embeddingBits` if given, else that, but at least 6 in
    /// format `kerf`; in other formats as `embeddingBits`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head_bits: Option<u8>,
    /// Share of embedding weights to remove by magnitude, 0 to 0.99. Default 0.
    pub embedding_sparsity: f64,
    /// Upper limit of calibration tokens. Default 16384.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<usize>,
    /// Damping of the Hessian, relative to the mean of its diagonal (of each entry at most four times the median); raised tenfold as often as needed. Default 0.01.
    pub damping_rel: f64,
    /// How much of what the dense model computes from its own inputs a layer aims at, given the inputs that it really gets, 0 to
    /// 1; 0 aims at what the layer computes from those. More than 0 runs the dense model along with the calibration, which doubles
    /// the forward passes. Rules share it. Default: 0 at quality `fast`, else what the method is known for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blend: Option<f64>,
    /// Teaches what survived to do what the dense model does, after the solver: values, scales, norms and biases move, and what is 0
    /// stays 0. `false`: not at all, the default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub recover: Option<RecoverOption>,
    /// Peak memory that the run may use, in bytes; 0 = no limit, the default. Refused before the start if it cannot be kept.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub max_memory_bytes: u64,
    /// Worker threads; 0 = all of the machine.
    pub threads: usize,
    /// Seed of everything random.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub seed: u64,
    /// Largest loss that a calibrated run may measure of its result (`measured.loss` of the report): mean KL divergence in nats for
    /// decoders, 1 minus the mean cosine for encoders. A result that lost more is an error, and is kept beside `out`. Default: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_loss: Option<f64>,
    /// A repair (more damping, dead columns, a fallback) is an error.
    pub strict: bool,
    /// Id of the instruction set; `portable` gives the same bytes on every machine, slowly. Default: the best of this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isa: Option<String>,
    /// Form of the result, an id of the table of formats: `kerf`, `safetensors` (dense, exact zeros), or a form of another runtime, on
    /// whose grid every matrix is solved. Default `kerf`.
    pub format: String,
    /// Largest file of the result, in bytes. Default 5 GB.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub max_shard_bytes: u64,
    /// Matrices for which something else holds; the first rule that matches a matrix decides, and one that decides about none
    /// is an error.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "ts", ts(optional, as = "Option<Vec<Rule>>"))]
    pub rules: Vec<Rule>,
    /// Parameters of methods, among the other options; a name that is none of either is an error. (kerf-schema writes their types.)
    #[serde(flatten)]
    #[cfg_attr(feature = "ts", ts(skip))]
    pub params: GivenParams,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            preset: None,
            quality: None,
            sparsity: None,
            keep_mask: false,
            target_bits: None,
            target_bytes: None,
            bits: None,
            group_size: None,
            method: None,
            schedule: None,
            granularity: None,
            levels: None,
            slope: None,
            loss_scale: None,
            generations: None,
            pattern: None,
            embedding_bits: None,
            head_bits: None,
            embedding_sparsity: 0.0,
            tokens: None,
            damping_rel: 0.01,
            blend: None,
            recover: None,
            max_memory_bytes: 0,
            threads: 0,
            seed: 0,
            max_loss: None,
            strict: false,
            isa: None,
            format: "kerf".into(),
            max_shard_bytes: 5_000_000_000,
            rules: Vec::new(),
            params: GivenParams::default(),
        }
    }
}

/// Options with every default filled in, as plans and reports have them. (For TypeScript only.)
#[cfg(feature = "ts")]
#[derive(ts_rs::TS)]
#[ts(
    type = "Options & Required<Pick<Options, 'sparsity' | 'bits' | 'groupSize' | 'method' | 'schedule' | 'granularity' | 'levels' | 'slope' | 'lossScale' | 'generations' | 'pattern' | 'embeddingBits' | 'headBits' | 'tokens' | 'blend'>>"
)]
pub struct FilledOptions {}

/// A `BAD_OPTION`.
pub(crate) fn bad_option(
    option: &str,
    expected: &str,
    actual: impl std::fmt::Display,
) -> CompressError {
    CompressError::BadOption {
        option: option.into(),
        expected: expected.into(),
        actual: actual.to_string(),
        reason: String::new(),
    }
}

/// A `BAD_OPTION` for what may not be given beside something else; `reason` says what that is, and what to do.
pub(crate) fn conflict(
    option: &str,
    actual: impl std::fmt::Display,
    reason: impl Into<String>,
) -> CompressError {
    CompressError::BadOption {
        option: option.into(),
        expected: "nothing".into(),
        actual: actual.to_string(),
        reason: reason.into(),
    }
}
