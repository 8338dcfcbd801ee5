//! Request and response of `route`.

use crate::api::Calibration;
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
/// `route`.
pub struct RouteRequest {
    /// Folder or file of the model, a decoder.
    pub model: String,
    /// Description of the architecture in JSON (a file), for a model_type that kerf does not know.
    #[serde(default)] pub architecture: Option<String>,
    /// Folder of the result; without it a sibling of the model, NAME-router.
    #[serde(default)] pub out: Option<String>,
    /// Folder of what is found so far; without it a hidden sibling of `out`. It is removed after success.
    #[serde(default)] pub work_dir: Option<String>,
    /// Replace a result of kerf that is at `out` already.
    #[serde(default)] #[cfg_attr(feature = "ts", ts(optional, as = "Option<bool>"))] pub force: bool,
    /// Calibration text.
    #[serde(default)] #[cfg_attr(feature = "ts", ts(optional, as = "Option<Calibration>"))] pub calibration: Calibration,
    /// How it is searched and learned.
    #[serde(default)] #[cfg_attr(feature = "ts", ts(optional, as = "Option<RouteOptions>"))] pub options: RouteOptions,
}}

data! {
/// How a router is made. Every option has a default.
pub struct RouteOptions {
    /// Mean share of tokens that each block skips, more than 0, at most 0.95. Default 0.3.
    #[serde(default)] pub token_sparsity: Option<f64>,
    /// Which router, an id of the list of routers. Default `static`.
    #[serde(default)] pub router: Option<String>,
    /// Most tokens of calibration text; a quarter of its windows is held out, to measure. Default 8192.
    #[serde(default)] pub tokens: Option<usize>,
    /// Generations of the search; 0 takes the best of its starts. Default 20.
    #[serde(default)] pub generations: Option<usize>,
    /// Changed schedules in each generation. Default 16.
    #[serde(default)] pub offspring: Option<usize>,
    /// Of a router that learns: steps of the optimiser. Default 300.
    #[serde(default)] pub steps: Option<u64>,
    /// Of a router that learns: the highest learning rate. Default 0.003.
    #[serde(default)] pub learning_rate: Option<f64>,
    /// Of a router that learns: rank of two thin matrices for each block that a skipped token is multiplied by in its place; 0 has none.
    /// Default 0.
    #[serde(default)] pub rank: Option<usize>,
    /// Seed of everything random.
    #[serde(default)] #[cfg_attr(feature = "ts", ts(optional, as = "Option<u64>"))] pub seed: u64,
    /// Peak memory that the run may use, in bytes; 0 = no limit. Refused before the start if it cannot be kept.
    #[serde(default)] #[cfg_attr(feature = "ts", ts(optional, as = "Option<u64>"))] pub max_memory_bytes: u64,
    /// Worker threads; 0 = all.
    #[serde(default)] #[cfg_attr(feature = "ts", ts(optional, as = "Option<usize>"))] pub threads: usize,
}}

data! {
/// What a router does on windows of text that were held out. Of each window the first three quarters are a routed prompt, and the rest is
/// predicted through the decoding path.
pub struct RouterMeasure {
    /// Id of the router.
    pub router: String,
    /// `uniform` (the same sparsity in each block) or `searched`.
    pub schedule: String,
    /// Share of pairs of a token and a block that were skipped.
    pub skipped: f64,
    /// Perplexity.
    pub perplexity: f64,
    /// Mean KL(dense || routed), nats.
    pub kl: f64,
    /// Share of predictions with the same most likely token.
    pub top_token_agreement: f64,
    /// Seconds to the last hidden states.
    pub seconds: f64,
}}

data! {
/// How long a prompt takes.
pub struct PrefillTime {
    /// Tokens of the prompt.
    pub tokens: usize,
    /// Seconds of the dense model, the fastest of three.
    pub dense_seconds: f64,
    /// Seconds of the routed model, the fastest of three.
    pub routed_seconds: f64,
}}

data! {
/// Which tokens of a prompt go through which blocks.
pub struct KeptTokens {
    /// Text of each token.
    pub tokens: Vec<String>,
    /// For each block, whether each token goes through it.
    pub blocks: Vec<Vec<bool>>,
}}

data! {
/// A look at the training of a router.
pub struct RouterPoint {
    /// Steps done.
    pub step: u64,
    /// Mean loss of the steps since the look before.
    #[serde(skip_serializing_if = "Option::is_none")] pub loss: Option<f64>,
    /// KL to the dense model on text that is held out of the training, nats.
    pub kl: f64,
    /// Share of pairs of a token and a block that were skipped there.
    pub skipped: f64,
    /// Learning rate.
    pub learning_rate: f64,
}}

data! {
/// How a router learned.
pub struct RouterLearning {
    /// Steps done.
    pub steps: u64,
    /// Rank of what skipped tokens get; 0: nothing.
    pub rank: usize,
    /// KL of the static rule with the same schedule, on text that is held out of the training, nats.
    pub kl_static: f64,
    /// KL of the result there.
    pub kl_learned: f64,
    /// Whether the result is better than the static rule. Otherwise it is the start of the training.
    pub improved: bool,
    /// The way there.
    pub curve: Vec<RouterPoint>,
}}

data! {
/// What `route` found.
pub struct RouteReport {
    /// Folder of the result.
    pub out: String,
    /// Architecture id.
    pub architecture: String,
    /// Id of the router.
    pub router: String,
    /// Mean share of tokens that was asked for.
    pub token_sparsity: f64,
    /// Share of tokens that each block skips.
    pub sparsity: Vec<f64>,
    /// Perplexity of the dense model on the held-out windows.
    pub dense_perplexity: f64,
    /// Seconds of the dense model on the held-out windows, to the last hidden states.
    pub dense_seconds: f64,
    /// The router that was made, and rivals, on the held-out windows. The last one is the result.
    pub measured: Vec<RouterMeasure>,
    /// How it learned, if it did.
    #[serde(skip_serializing_if = "Option::is_none")] pub learning: Option<RouterLearning>,
    /// How long a prompt takes, dense and routed.
    pub prefill: PrefillTime,
    /// What becomes of the first tokens of a held-out window.
    pub kept: KeptTokens,
    /// Windows that were searched on.
    pub windows: u64,
    /// Windows that were only measured.
    pub held_out_windows: u64,
    /// Tokens of a window.
    pub window: usize,
    /// Tokens of a window that are its prompt.
    pub prompt: usize,
    /// How much of the text was used; absent for what the model wrote.
    #[serde(skip_serializing_if = "Option::is_none")] pub text: Option<kerf_compress::TextUse>,
    /// Generations of the search.
    pub generations: usize,
    /// Bytes of all files.
    pub output_bytes: u64,
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
