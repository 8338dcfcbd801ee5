//! What will be done, and what was done, as data.

pub use crate::solve::repair::Repair;

use serde::{Deserialize, Serialize};

/// How much of a text was used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct TextUse {
    /// Bytes of the text.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub bytes: u64,
    /// Bytes of it behind the tokens that were used, about.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub used_bytes: u64,
    /// Tokens that were used.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub tokens: u64,
    /// Texts that were longer than what the model takes, of which the rest was cut.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub cut: u64,
}

/// One compressed matrix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct LayerReport {
    /// Name of the tensor.
    pub name: String,
    /// Block it belongs to, from 0; absent for embeddings and unknown architectures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block: Option<usize>,
    /// Role in its block, such as `q` or `down`; absent where `block` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// [out, in].
    pub shape: [usize; 2],
    /// Method that solved it.
    pub method: String,
    /// Share of weights removed.
    pub sparsity: f64,
    /// Bits of a code; 16 or 32 if survivors are floats.
    pub bits: u8,
    /// Step of the grid over the root mean square of a row, of a method that chooses sparsity and bits by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<f64>,
    /// Bits of file per weight: codes, mask, scales, tables, padding.
    pub bits_per_weight: f64,
    /// tr((W-W')H(W-W')^T) / tr(W H W^T); absent for methods without calibration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relative_output_error: Option<f64>,
    /// sum((W-W')^2) / sum(W^2).
    pub relative_weight_error: f64,
}

/// What a block, or the whole model, learned after the solver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct RecoveredPart {
    /// The block, from 0; absent for the whole model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<usize>,
    /// Tokens that were taught.
    pub tokens: usize,
    /// Steps of the optimiser.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub steps: u64,
    /// Wall time.
    pub seconds: f64,
    /// Loss of the held-out share before. By block: mean over tokens of |x - y|^2 / |y|^2, with y what the dense block gives. Whole: mean
    /// KL divergence in nats (decoders), or 1 minus the mean cosine plus 0.4 times the relative error of the hidden states (encoders).
    pub before: f64,
    /// The same of what was kept; equal to `before` if nothing was better.
    pub after: f64,
}

/// What one step of the work took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct Work {
    /// The phase it belongs to, as in `phases`.
    pub phase: String,
    /// The block, from 0; absent for what is done once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block: Option<usize>,
    /// `read`, `network` (tokens through matrices), `moments`, `factor`, `target`, `support`, `refit`, `rounding`, `descent`, `encode`,
    /// `error` (measuring what was lost), `distance` (of probed models), `teach`, or `rest`.
    pub step: String,
    /// Wall time.
    pub seconds: f64,
    /// Floating-point operations of products, factorizations and column loops; what is done element by element is not counted.
    pub flops: f64,
}

/// What was done. `compress --json` prints this.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "ts",
    derive(ts_rs::TS),
    ts(optional_fields, rename = "CompressReport")
)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Folder of the result.
    pub out: String,
    /// Architecture id, or the model_type that is not known.
    pub architecture: String,
    /// Share of weights removed over all compressed matrices.
    pub sparsity: f64,
    /// All bytes of the compressed matrices in the result and their headers, times 8, over their number of weights.
    pub bits_per_weight: f64,
    /// The same for embeddings and head; absent if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedding_bits_per_weight: Option<f64>,
    /// Bytes of all files of the model folder that were carried or compressed.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub input_bytes: u64,
    /// Bytes of every file of the result.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub output_bytes: u64,
    /// Wall time of this run (a resumed run counts from its own start).
    pub seconds: f64,
    /// Seconds by phase: plan, calibrate, survey, search, statistics, solve, forward, recover, measure, write.
    pub phases: std::collections::BTreeMap<String, f64>,
    /// What the steps of the phases took, in this run.
    pub work: Vec<Work>,
    /// Peak resident memory of the process, 0 where the system does not tell.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub peak_rss_bytes: u64,
    /// Peak memory that the plan had promised.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub planned_peak_bytes: u64,
    /// Bytes of the result that the plan had foreseen.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub planned_output_bytes: u64,
    /// Seconds that were foreseen; absent if nobody asked or the model is such that it cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub planned_seconds: Option<f64>,
    /// Calibration tokens used.
    pub tokens: usize,
    /// How much of the calibration text that is; absent without one (no calibration, or the model's own text).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<TextUse>,
    /// Instruction set id.
    pub isa: String,
    /// Worker threads.
    pub threads: usize,
    /// Units taken over from an interrupted run.
    pub resumed_units: usize,
    /// The options with every default filled in.
    #[cfg_attr(feature = "ts", ts(as = "crate::options::FilledOptions"))]
    pub options: crate::Options,
    /// How close the result is to the original; absent where nothing was calibrated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<crate::measured::Measured>,
    /// What was taught after the solver, block by block or once; empty without `recover`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "ts", ts(optional, as = "Option<Vec<RecoveredPart>>"))]
    pub recovered: Vec<RecoveredPart>,
    /// Repairs, in order.
    pub repairs: Vec<Repair>,
    /// Things a user should know that are not repairs.
    pub notes: Vec<String>,
    /// Compressed matrices in order.
    pub layers: Vec<LayerReport>,
    /// Compressed embeddings and head.
    pub embeddings: Vec<LayerReport>,
}

/// What will happen to one tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct PlannedTensor {
    /// Name of the tensor.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its element type in the source.
    pub dtype: String,
    /// `target`, `embedding`, `kept`, or `dead` for what the result does not have, since nobody reads it.
    pub part: String,
    /// What it is that it is kept or left out; absent where that goes without saying.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Role of a matrix in the network, as rules name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Block of a target matrix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block: Option<usize>,
    /// Index of the rule that decided about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<usize>,
    /// Method, for what is compressed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Share of weights that will be removed; 0 where the zeros of the source stay, which are counted when the weights are read.
    pub sparsity: f64,
    /// Bits of a code; absent for what is kept as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bits: Option<u8>,
    /// Bytes in the source.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub input_bytes: u64,
    /// Bytes in the result.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub output_bytes: u64,
}

/// What will happen, before it does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct PlanReport {
    /// Architecture id, or the model_type that is not known.
    pub architecture: String,
    /// The options with every default filled in.
    #[cfg_attr(feature = "ts", ts(as = "crate::options::FilledOptions"))]
    pub options: crate::Options,
    /// Tensors in the order of the files.
    pub tensors: Vec<PlannedTensor>,
    /// Bytes of all files of the model folder that will be carried or compressed.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub input_bytes: u64,
    /// Bytes of every file of the result. Of format `kerf` an estimate: codes are entropy-coded, so that bytes depend on them. Other
    /// formats are foreseen exactly.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub output_bytes: u64,
    /// Bits per weight of the target matrices; an estimate where `output_bytes` is one.
    pub bits_per_weight: f64,
    /// Peak memory.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub peak_memory_bytes: u64,
    /// Disk that the work folder and the result need together, at most.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub disk_bytes: u64,
    /// Whether activations go through the disk to keep `maxMemoryBytes`.
    pub spills_activations: bool,
    /// Calibration tokens that will be used at most; 0 without calibration.
    pub tokens: usize,
    /// How much of the calibration text that is, where it was read for the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<TextUse>,
    /// Rough floating-point operations of the run.
    pub flops: f64,
    /// Seconds that the run will take here, from a run of a moment; absent if nobody asked or it cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Things a user should know.
    pub notes: Vec<String>,
}
