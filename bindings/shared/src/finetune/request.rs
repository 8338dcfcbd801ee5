//! Request and response of `finetune`.

use serde::{Deserialize, Serialize};

macro_rules! data {
    ($item:item) => {
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        $item
    };
}

data! {
/// `finetune`.
pub struct FinetuneRequest {
    /// Folder or file of the model.
    pub model: String,
    /// Description of the architecture in JSON (a file), for a model_type that kerf does not know.
    #[serde(default)] pub architecture: Option<String>,
    /// Folder of the result; without it a sibling of the model, NAME-tuned.
    #[serde(default)] pub out: Option<String>,
    /// Folder of checkpoints; without it a hidden sibling of `out`. It is removed after success.
    #[serde(default)] pub work_dir: Option<String>,
    /// Replace a result of kerf that is at `out` already.
    #[serde(default)] #[cfg_attr(feature = "ts", ts(optional, as = "Option<bool>"))] pub force: bool,
    /// Kind of task, an id of the table of tasks.
    pub task: String,
    /// File of the examples to learn from, in the form of the task.
    pub data: String,
    /// File of examples that are measured and never learned from; without it a share of `data` is held out.
    #[serde(default)] pub held_out: Option<String>,
    /// Most tokens of an example; longer ones are cut. Default: what the model says, at most 256 (384 for answering).
    #[serde(default)] pub max_tokens: Option<usize>,
    /// How it is learned.
    #[serde(default)] #[cfg_attr(feature = "ts", ts(optional, as = "Option<FinetuneOptions>"))] pub options: FinetuneOptions,
}}

data! {
/// How a training goes. Every option has a default.
pub struct FinetuneOptions {
    /// Passes over the examples. Default 3.
    #[serde(default)] pub epochs: Option<f64>,
    /// Steps of the optimiser, in place of `epochs`.
    #[serde(default)] pub steps: Option<u64>,
    /// Examples of a batch. Default 32; windows of text 8.
    #[serde(default)] pub batch: Option<usize>,
    /// Batches whose gradients are added up for one step. Default 1.
    #[serde(default)] pub accumulate: Option<usize>,
    /// The highest learning rate. Default 5e-5; 1e-4 where weights are removed.
    #[serde(default)] pub learning_rate: Option<f64>,
    /// Share of the steps in which the learning rate rises from 0. Default 0.06.
    #[serde(default)] pub warm_up: Option<f64>,
    /// How the learning rate falls after that: `linear`, `cosine` or `constant`. Default `linear`.
    #[serde(default)] pub rate_schedule: Option<String>,
    /// Share of the highest learning rate at the end. Default 0.01.
    #[serde(default)] pub end_rate: Option<f64>,
    /// Weight decay, apart from the gradient; norms and biases have none. Default 0.
    #[serde(default)] pub weight_decay: Option<f64>,
    /// Euclidean norm to which the gradient of a step is clipped; 0 does not clip. Default 1, and 0 for method `mgpp`, as in its paper.
    #[serde(default)] pub clip: Option<f64>,
    /// Seed of the order of the examples, of a new head, and of what is held out.
    #[serde(default)] #[cfg_attr(feature = "ts", ts(optional, as = "Option<u64>"))] pub seed: u64,
    /// Steps between two measurements on the held-out examples, of which 512 at most count. Default: a tenth of the training, 200 at most.
    #[serde(default)] pub evaluate_every: Option<u64>,
    /// Measurements without a better one after which the training ends. Default: it goes on to its end.
    #[serde(default)] pub patience: Option<usize>,
    /// Share of `data` that is held out where no file `heldOut` is given, 0 to 0.5. Default 0.05.
    #[serde(default)] pub held_out_share: Option<f64>,
    /// Share of the weights of the target matrices to remove while learning, all together, 0 to 0.99. Default 0.
    #[serde(default)] pub sparsity: Option<f64>,
    /// How weights are removed, an id of the table of pruners. Default: `mgpp` with a `sparsity`, else `dense`.
    #[serde(default)] pub method: Option<String>,
    /// Share of the target weights that the first cut removes. Default 0.3.
    #[serde(default)] pub initial_sparsity: Option<f64>,
    /// Share of the steps before the first cut. Default 0.1.
    #[serde(default)] pub prune_start: Option<f64>,
    /// Share of the steps after which the zeros are final. Default 0.9.
    #[serde(default)] pub prune_end: Option<f64>,
    /// Steps between two cuts. Default 10.
    #[serde(default)] pub prune_every: Option<u64>,
    /// Parameters of the pruner, by name. (In TypeScript they stand among the other options.)
    #[serde(default)] #[cfg_attr(feature = "ts", ts(optional, as = "Option<std::collections::BTreeMap<String, f64>>"))] pub params: std::collections::BTreeMap<String, f64>,
    /// Weight of what the model computed before it learned, beside the labels of the task, 0 to 1. Default 0.
    #[serde(default)] pub distill: Option<f64>,
    /// Patterns (`*`) of names of tensors that do not learn.
    #[serde(default)] #[cfg_attr(feature = "ts", ts(optional, as = "Option<Vec<String>>"))] pub freeze: Vec<String>,
    /// Peak memory that the run may use, in bytes; 0 = no limit. Refused before the start if it cannot be kept.
    #[serde(default)] #[cfg_attr(feature = "ts", ts(optional, as = "Option<u64>"))] pub max_memory_bytes: u64,
    /// Worker threads; 0 = all.
    #[serde(default)] #[cfg_attr(feature = "ts", ts(optional, as = "Option<usize>"))] pub threads: usize,
}}

data! {
/// A measurement during a training.
pub struct LearningPoint {
    /// Steps done.
    pub step: u64,
    /// Mean loss of the steps since the measurement before.
    #[serde(skip_serializing_if = "Option::is_none")] pub loss: Option<f64>,
    /// Loss of the held-out examples.
    #[serde(skip_serializing_if = "Option::is_none")] pub held_out: Option<f64>,
    /// Learning rate.
    pub learning_rate: f64,
    /// Share of the target weights that the last cut removed; between two cuts some of them may be back.
    pub sparsity: f64,
}}

data! {
/// What `finetune` did.
pub struct FinetuneReport {
    /// Folder of the result.
    pub out: String,
    /// Architecture id.
    pub architecture: String,
    /// Kind of task.
    pub task: String,
    /// How weights were removed.
    pub method: String,
    /// Names of the labels of a classifier.
    #[serde(skip_serializing_if = "Option::is_none")] pub labels: Option<Vec<String>>,
    /// Examples that were learned from.
    pub examples: u64,
    /// Examples that were only measured: 512 at most on the way; `measured` is of all.
    pub held_out_examples: u64,
    /// Examples that were cut at `maxTokens`.
    pub truncated: u64,
    /// Weights that learned.
    pub learned: u64,
    /// Share of the target weights that are zero in the result.
    pub sparsity: f64,
    /// Steps done.
    pub steps: u64,
    /// Step of the result: that with the least held-out loss.
    pub best_step: u64,
    /// Held-out loss before the first step.
    pub loss_before: f64,
    /// Held-out loss of the result.
    pub loss_after: f64,
    /// The way there.
    pub curve: Vec<LearningPoint>,
    /// What the result does on the file `heldOut`, as `evaluate` measures it.
    #[serde(skip_serializing_if = "Option::is_none")] pub measured: Option<crate::api::Evaluation>,
    /// Bytes of all files.
    pub output_bytes: u64,
    /// Tokens that went through the network to learn.
    pub tokens: u64,
    /// Wall time.
    pub seconds: f64,
    /// Id of the instruction set.
    pub isa: String,
    /// Worker threads.
    pub threads: usize,
    /// Peak memory of the process.
    pub peak_rss_bytes: u64,
    /// Peak memory as planned.
    pub planned_peak_bytes: u64,
    /// Things a user should know.
    pub notes: Vec<String>,
}}
