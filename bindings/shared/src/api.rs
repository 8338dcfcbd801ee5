//! Requests and responses of every function. They cross each boundary as JSON, arrays of numbers beside it (see `answer.rs`); TypeScript's
//! types are generated from these.

use kerf_compress::{Options, PlanReport, Report, TextUse};
use kerf_tensors::files::Fact;
use serde::{Deserialize, Serialize};

macro_rules! data {
    ($item:item) => {
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        $item
    };
}

/// Where calibration text comes from. Exactly one; without any, the built-in sample.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum Calibration {
    /// A licence-clean sample that ships with kerf.
    #[default]
    Builtin,
    /// The model writes its own text (decoders only).
    #[serde(rename = "self")]
    Own,
    /// A UTF-8 file. Encoders: one text a line.
    File(String),
    /// Texts.
    Texts(Vec<String>),
}

/// The options that a request gives; each has a default. (For TypeScript only: serde fills in the defaults.)
#[cfg(feature = "ts")]
#[derive(ts_rs::TS)]
#[ts(type = "Partial<Options>")]
pub struct GivenOptions {}

data! {
/// `compress` and `plan`.
pub struct CompressRequest {
    /// Folder or file of the model.
    pub model: String,
    /// Description of the architecture in JSON (a file), for a model_type that kerf does not know.
    #[serde(default)] pub architecture: Option<String>,
    /// Folder of the result; without it a sibling of the model, NAME-kerf.
    #[serde(default)] pub out: Option<String>,
    /// Folder of journal and units; without it a hidden sibling of `out`. It is removed after success.
    #[serde(default)] pub work_dir: Option<String>,
    /// Calibration text.
    #[serde(default)] #[cfg_attr(feature = "ts", ts(optional, as = "Option<Calibration>"))] pub calibration: Calibration,
    /// What to remove, and how.
    #[serde(default)] #[cfg_attr(feature = "ts", ts(optional, as = "Option<GivenOptions>"))] pub options: Options,
    /// Replace a result of kerf that is at `out` already.
    #[serde(default)] #[cfg_attr(feature = "ts", ts(optional, as = "Option<bool>"))] pub force: bool,
    /// Whether to foresee the time, which itself takes a fraction of a second. Default true.
    #[serde(default)] pub estimate: Option<bool>,
}}

data! {
/// `inspect`.
pub struct InspectRequest {
    /// Folder or file of the model.
    pub model: String,
    /// Description of the architecture in JSON (a file), for a model_type that kerf does not know.
    #[serde(default)] pub architecture: Option<String>,
}}

data! {
/// One tensor of a model.
pub struct TensorInfo {
    /// Name in the original model.
    pub name: String,
    /// Shape in the original model.
    pub shape: Vec<usize>,
    /// Element type in the original model.
    pub dtype: String,
    /// How it is stored: `plain`, or such as `kerf 4 bit, 70.0 % zeros`; where codes are entropy-coded, `kerf 2.1 bits, 70.0 % zeros`, the bits a weight that this left.
    pub stored: String,
    /// Bytes in its file.
    pub bytes: u64,
    /// File it is in.
    pub file: String,
    /// `target`, `embedding`, `dead` (nobody reads it: results do not have it) or `other`; `other` for all if the architecture is
    /// not known.
    pub part: String,
}}

data! {
/// What is inside a model.
pub struct Inspection {
    /// `safetensors`, `kerf`, `compressed-tensors`, `gguf`, or the name of the scheme that another program quantized it in.
    pub form: String,
    /// Architecture id, the model_type that is not known, or `none` without one.
    pub architecture: String,
    /// Whether kerf can run it (and so calibrate and evaluate).
    pub known: bool,
    /// `decoder` (writes text) or `encoder` (gives vectors); absent if it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Number of weights in all tensors.
    pub parameters: u64,
    /// Number of weights in target matrices.
    pub target_parameters: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Number of blocks, 0 if not known.
    pub blocks: usize,
    /// Width, 0 if not known.
    pub hidden: usize,
    /// Largest context, 0 if not known.
    pub max_context: usize,
    /// Tensors in the order of the files.
    pub tensors: Vec<TensorInfo>,
    /// Other files that belong to the model.
    pub sidecars: Vec<String>,
    /// What the files beside the weights say, and what became of it.
    pub facts: Vec<Fact>,
    /// Things a user should know.
    pub notes: Vec<String>,
}}

data! {
/// `evaluate`: of `text`, `textFile`, `pairsFile`, `task`, `qa` and `completion` at least one.
pub struct EvaluateRequest {
    /// Folder or file of the model, or one that is open.
    pub model: ModelRef,
    /// Description of the architecture in JSON (a file), for a model_type that kerf does not know.
    #[serde(default)] pub architecture: Option<String>,
    /// Text for perplexity.
    #[serde(default)] pub text: Option<String>,
    /// UTF-8 file for perplexity.
    #[serde(default)] pub text_file: Option<String>,
    /// RFC 4180 CSV: sentence, sentence, score, no header.
    #[serde(default)] pub pairs_file: Option<String>,
    /// File of a classification: a line each of text, tab, label, or of two texts and a label.
    #[serde(default)] pub task: Option<String>,
    /// File of questions about contexts: the JSON of SQuAD.
    #[serde(default)] pub qa: Option<String>,
    /// File of completions: JSON lines, or CSV with a header, of prompt and completion, or of good and bad.
    #[serde(default)] pub completion: Option<String>,
    /// Let the model write behind each prompt of `completion`, up to so many tokens, and score what it wrote.
    #[serde(default)] pub generate: Option<usize>,
    /// Tokens of the context that two windows of one question share; default 128, and at most a third of a window.
    #[serde(default)] pub stride: Option<usize>,
    /// Most tokens of an answer; default 30.
    #[serde(default)] pub max_answer: Option<usize>,
    /// Window in tokens; default: the model's maximum, at most 2048; of `qa`, at most 384.
    #[serde(default)] pub context: Option<usize>,
    /// Router that lets tokens skip blocks: a folder that `route` wrote, or `static` or `random`. Decoders only.
    #[serde(default)] pub router: Option<String>,
    /// Mean share of tokens that each block skips, 0 to 1, for a router that is no folder.
    #[serde(default)] pub token_sparsity: Option<f64>,
    /// Folder that `route` wrote, whose schedule a router that is no folder takes.
    #[serde(default)] pub schedule: Option<String>,
    /// Peak memory that the process may use, in bytes; without it decoded weights are kept in up to half of what is free.
    #[serde(default)] pub max_memory_bytes: Option<u64>,
    /// Worker threads; 0 = all.
    #[serde(default)] #[cfg_attr(feature = "ts", ts(optional, as = "Option<usize>"))] pub threads: usize,
}}

data! {
/// What `evaluate` measured.
pub struct Evaluation {
    /// exp(nll).
    #[serde(skip_serializing_if = "Option::is_none")] pub perplexity: Option<f64>,
    /// Mean negative log likelihood, nats.
    #[serde(skip_serializing_if = "Option::is_none")] pub nll: Option<f64>,
    /// Predicted tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Spearman's rank correlation of cosine and score.
    #[serde(skip_serializing_if = "Option::is_none")] pub spearman: Option<f64>,
    /// Number of pairs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pairs: Option<u64>,
    /// How a classifier does on `task`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classification: Option<Classification>,
    /// How a span head does on `qa`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answering: Option<Answering>,
    /// How likely a decoder finds the texts of `completion`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completions: Option<Completions>,
    /// What a decoder writes behind the prompts of `completion`, with `generate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub writing: Option<Writing>,
    /// What a router skipped, with `router`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routing: Option<Routing>,
    /// How much of the text was used: windows are whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<TextUse>,
    /// Wall time.
    pub seconds: f64,
    /// Things a user should know.
    pub notes: Vec<String>,
}}

data! {
/// What a router skipped. A pair is a token that comes to a block.
pub struct Routing {
    /// Id of the router.
    pub router: String,
    /// Mean share of tokens that blocks were to skip.
    pub token_sparsity: f64,
    /// Share of all pairs that were skipped.
    pub skipped: f64,
    /// Share of the pairs of prompts that were skipped.
    #[serde(skip_serializing_if = "Option::is_none")] pub prompt_skipped: Option<f64>,
    /// Share of the pairs of tokens behind prompts that were skipped.
    #[serde(skip_serializing_if = "Option::is_none")] pub decoding_skipped: Option<f64>,
    /// Of a text: tokens of a window.
    #[serde(skip_serializing_if = "Option::is_none")] pub window: Option<usize>,
    /// Of a text: tokens of a window that are its prompt. Those behind it are predicted.
    #[serde(skip_serializing_if = "Option::is_none")] pub prompt: Option<usize>,
    /// Of a text: perplexity of the dense model on the same tokens.
    #[serde(skip_serializing_if = "Option::is_none")] pub dense_perplexity: Option<f64>,
    /// Of a text: mean KL(dense || routed), nats.
    #[serde(skip_serializing_if = "Option::is_none")] pub kl: Option<f64>,
    /// Of a text: share of predictions with the same most likely token.
    #[serde(skip_serializing_if = "Option::is_none")] pub top_token_agreement: Option<f64>,
    /// Of a text: seconds of the routed model to the last hidden states.
    #[serde(skip_serializing_if = "Option::is_none")] pub seconds: Option<f64>,
    /// Of a text: seconds of the dense model to the last hidden states.
    #[serde(skip_serializing_if = "Option::is_none")] pub dense_seconds: Option<f64>,
}}

data! {
/// How a classifier does on labelled texts.
pub struct Classification {
    /// Number of texts, or pairs of texts.
    pub texts: u64,
    /// How many of them were cut at the model's maximum.
    pub truncated: u64,
    /// Share of texts whose label is found.
    pub accuracy: f64,
    /// Where there are two labels: F1 of the second, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")] pub f1: Option<f64>,
    /// The label that `f1` is of.
    #[serde(skip_serializing_if = "Option::is_none")] pub positive: Option<String>,
}}

data! {
/// How a span head answers questions, as SQuAD v1.1 measures it.
pub struct Answering {
    /// Number of questions.
    pub questions: u64,
    /// Number of windows that their contexts took.
    pub windows: u64,
    /// Share of answers that are one of the right ones, but for case, punctuation and articles.
    pub exact: f64,
    /// Mean F1 of the words of an answer and of the best right one, 0 to 1.
    pub f1: f64,
}}

data! {
/// How likely a decoder finds completions.
pub struct Completions {
    /// Number of completions, or of pairs of a good and a bad text.
    pub texts: u64,
    /// Tokens of the completions, or of the good texts, that were predicted.
    pub tokens: u64,
    /// Mean logarithm (nats) of the probability of a completion, or of a good text.
    pub log_likelihood: f64,
    /// exp of the mean loss of a token of them.
    pub perplexity: f64,
    /// Share of pairs whose good text is more likely.
    #[serde(skip_serializing_if = "Option::is_none")] pub preferred: Option<f64>,
}}

data! {
/// How what a decoder writes is like what people wrote.
pub struct Writing {
    /// Number of prompts, each once.
    pub prompts: u64,
    /// Tokens that were written.
    pub tokens: u64,
    /// BLEU against all completions of a prompt, 0 to 100, as sacrebleu computes it.
    pub bleu: f64,
    /// Mean F1 of ROUGE-L against the nearest completion of a prompt, 0 to 1.
    pub rouge_l: f64,
}}

data! {
/// `compare`: of `text`, `textFile` and `pairsFile` at least one.
pub struct CompareRequest {
    /// Folder or file of the original.
    pub original: String,
    /// Folder or file of the compressed model.
    pub small: String,
    /// Description of the architecture in JSON (a file), for a model_type that kerf does not know; for both models.
    #[serde(default)] pub architecture: Option<String>,
    /// Text for perplexity and KL.
    #[serde(default)] pub text: Option<String>,
    /// UTF-8 file for perplexity and KL.
    #[serde(default)] pub text_file: Option<String>,
    /// Pairs for Spearman and mean cosine.
    #[serde(default)] pub pairs_file: Option<String>,
    /// Window in tokens; default: the model's maximum, at most 2048.
    #[serde(default)] pub context: Option<usize>,
    /// Peak memory that the process may use, in bytes; without it decoded weights are kept in up to half of what is free.
    #[serde(default)] pub max_memory_bytes: Option<u64>,
    /// Worker threads; 0 = all.
    #[serde(default)] #[cfg_attr(feature = "ts", ts(optional, as = "Option<usize>"))] pub threads: usize,
}}

data! {
/// What `compare` measured.
pub struct Comparison {
    /// Bytes of all files of the original.
    pub original_bytes: u64,
    /// Bytes of all files of the compressed model.
    pub small_bytes: u64,
    /// Measures of the original.
    pub original: Evaluation,
    /// Measures of the compressed model.
    pub small: Evaluation,
    /// Mean KL(original || small), nats.
    #[serde(skip_serializing_if = "Option::is_none")] pub kl: Option<f64>,
    /// Share of predictions with the same most likely token.
    #[serde(skip_serializing_if = "Option::is_none")] pub top_token_agreement: Option<f64>,
    /// Mean cosine of original and small embedding over all sentences of the file.
    #[serde(skip_serializing_if = "Option::is_none")] pub mean_cosine: Option<f64>,
    /// Mean cosine over the first sentences of the pairs only.
    #[serde(skip_serializing_if = "Option::is_none")] pub mean_cosine_first: Option<f64>,
}}

data! {
/// `generate`.
pub struct GenerateRequest {
    /// Folder or file of the model, or one that is open.
    pub model: ModelRef,
    /// Description of the architecture in JSON (a file), for a model_type that kerf does not know.
    #[serde(default)] pub architecture: Option<String>,
    /// Text to continue; may be empty if the model has a begin token.
    #[serde(default)] #[cfg_attr(feature = "ts", ts(optional, as = "Option<String>"))] pub prompt: String,
    /// Most new tokens. Default 128.
    #[serde(default)] pub max_tokens: Option<usize>,
    /// Whether tokens are drawn; otherwise each is the most likely one. Default: whether `temperature` is more than 0, and without
    /// that, what the model's generation_config.json says (`do_sample`), else false.
    #[serde(default)] pub sample: Option<bool>,
    /// Divides logits before a token is drawn; 0 = greedy. Default when drawing: that of generation_config.json, else 1.
    #[serde(default)] pub temperature: Option<f32>,
    /// Default when drawing: that of generation_config.json, else 1.
    #[serde(default)] pub top_p: Option<f32>,
    /// Number of most likely tokens that one is drawn from, 0 = all. Default when drawing: that of generation_config.json, else 0.
    #[serde(default)] pub top_k: Option<u32>,
    /// Logits of tokens that were there already are divided by this (multiplied if negative). Default: that of
    /// generation_config.json, else 1.
    #[serde(default)] pub repetition_penalty: Option<f32>,
    /// Strings that end the text; they and what is behind them are left out. None is empty.
    #[serde(default)] #[cfg_attr(feature = "ts", ts(optional, as = "Option<Vec<String>>"))] pub stop: Vec<String>,
    /// Whether the tokenizer puts its special tokens around the prompt. Default true; false for a prompt that has them, such as that of a
    /// chat template.
    #[serde(default)] pub special_tokens: Option<bool>,
    /// Same seed, same text.
    #[serde(default)] #[cfg_attr(feature = "ts", ts(optional, as = "Option<u64>"))] pub seed: u64,
    /// Router that lets tokens skip blocks: a folder that `route` wrote, or `static` or `random`. Decoders only.
    #[serde(default)] pub router: Option<String>,
    /// Mean share of tokens that each block skips, 0 to 1, for a router that is no folder.
    #[serde(default)] pub token_sparsity: Option<f64>,
    /// Folder that `route` wrote, whose schedule a router that is no folder takes.
    #[serde(default)] pub schedule: Option<String>,
    /// Peak memory that the process may use, in bytes; without it decoded weights are kept in up to half of what is free.
    #[serde(default)] pub max_memory_bytes: Option<u64>,
    /// Worker threads; 0 = all.
    #[serde(default)] #[cfg_attr(feature = "ts", ts(optional, as = "Option<usize>"))] pub threads: usize,
}}

data! {
/// What `generate` wrote.
pub struct Generation {
    /// The new text, prompt left out.
    pub text: String,
    /// Number of new tokens.
    pub tokens: usize,
    /// Number of tokens of the prompt.
    pub prompt_tokens: usize,
    /// Why it ended: `length`, `end`, `stop` (a stop string) or `cancelled`.
    pub finish: String,
    /// What a router skipped, with `router`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routing: Option<Routing>,
    /// Wall time.
    pub seconds: f64,
}}

/// The model of a request: its path, or one that is open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(untagged)]
pub enum ModelRef {
    /// Folder or file of the model.
    Path(String),
    /// The number that `open` gave.
    Open {
        /// See `HeldModel`.
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        open: u64,
    },
}

impl Default for ModelRef {
    fn default() -> Self {
        Self::Path(String::new())
    }
}

data! {
/// `open`.
pub struct OpenRequest {
    /// Folder or file of the model.
    pub model: String,
    /// Description of the architecture in JSON (a file), for a model_type that kerf does not know.
    #[serde(default)] pub architecture: Option<String>,
}}

data! {
/// A model that stays open.
pub struct HeldModel {
    /// Its number in this process.
    pub open: u64,
    /// `encoder` or `decoder`.
    pub kind: String,
    /// Bytes of the decoded weights that it holds between calls.
    pub bytes: u64,
    /// How it reads a conversation, if its files say.
    #[serde(skip_serializing_if = "Option::is_none")] pub chat: Option<ChatFormat>,
}}

data! {
/// How a model reads a conversation.
pub struct ChatFormat {
    /// Jinja template: chat_template of tokenizer_config.json, chat_template.jinja, or that of a GGUF file.
    pub template: String,
    /// Text of the token that begins a text.
    #[serde(skip_serializing_if = "Option::is_none")] pub bos_token: Option<String>,
    /// Text of the token that ends a text.
    #[serde(skip_serializing_if = "Option::is_none")] pub eos_token: Option<String>,
    /// Text of the token for padding.
    #[serde(skip_serializing_if = "Option::is_none")] pub pad_token: Option<String>,
}}

data! {
/// `memory` and `close`: which open model.
pub struct Released {
    /// Its number.
    pub open: u64,
}}

data! {
/// `embed`.
pub struct EmbedRequest {
    /// Folder or file of the model, or one that is open.
    pub model: ModelRef,
    /// Description of the architecture in JSON (a file), for a model_type that kerf does not know.
    #[serde(default)] pub architecture: Option<String>,
    /// Texts.
    pub texts: Vec<String>,
    /// Goes before each text, in place of the model's own prompt; may be empty.
    #[serde(default)] pub prompt: Option<String>,
    /// Name of the model's prompt that goes before each text; without it and `prompt`, the model's default.
    #[serde(default)] pub prompt_name: Option<String>,
    /// Numbers of each vector that are kept, counted from its start, after everything else the model does; default: what the model
    /// says, else all. They are not scaled to length 1 again.
    #[serde(default)] pub dimensions: Option<usize>,
    /// Peak memory that the process may use, in bytes; without it decoded weights are kept in up to half of what is free.
    #[serde(default)] pub max_memory_bytes: Option<u64>,
    /// Worker threads; 0 = all.
    #[serde(default)] #[cfg_attr(feature = "ts", ts(optional, as = "Option<usize>"))] pub threads: usize,
}}

data! {
/// Vectors in the order of the texts.
pub struct Embeddings {
    /// One after the other, `dimensions` numbers each, as the modules of the model make them.
    #[serde(skip_serializing)] #[cfg_attr(feature = "ts", ts(type = "Float32Array"))]
    pub vectors: Vec<f32>,
    /// Width of each.
    pub dimensions: usize,
    /// Number of tokens of all texts, prompts and special tokens included.
    pub tokens: usize,
    /// Number of texts that were cut at the model's maximum.
    pub truncated: usize,
    /// Things a user should know.
    pub notes: Vec<String>,
}}

data! {
/// `classify`.
pub struct ClassifyRequest {
    /// Folder or file of the model, or one that is open.
    pub model: ModelRef,
    /// Description of the architecture in JSON (a file), for a model_type that kerf does not know.
    #[serde(default)] pub architecture: Option<String>,
    /// Texts: each alone, or two that make a pair.
    pub texts: Vec<Vec<String>>,
    /// Peak memory that the process may use, in bytes; without it decoded weights are kept in up to half of what is free.
    #[serde(default)] pub max_memory_bytes: Option<u64>,
    /// Worker threads; 0 = all.
    #[serde(default)] #[cfg_attr(feature = "ts", ts(optional, as = "Option<usize>"))] pub threads: usize,
}}

data! {
/// What a classifier says of texts.
pub struct Classes {
    /// Names of the labels, as config.json has them.
    pub labels: Vec<String>,
    /// In the order of the texts: the probability of each label.
    pub probabilities: Vec<Vec<f32>>,
    /// Number of texts that were cut at the model's maximum.
    pub truncated: u64,
}}

data! {
/// `convert`.
pub struct ConvertRequest {
    /// Folder or file of the model.
    pub model: String,
    /// `safetensors` (dense, exact zeros) or `kerf`.
    pub format: String,
    /// Folder of the result.
    pub out: String,
    /// Replace a result of kerf that is at `out` already.
    #[serde(default)] #[cfg_attr(feature = "ts", ts(optional, as = "Option<bool>"))] pub force: bool,
    /// Largest file of the result, in bytes; default 5 GB.
    #[serde(default)] pub max_shard_bytes: Option<u64>,
    /// Worker threads; 0 = all.
    #[serde(default)] #[cfg_attr(feature = "ts", ts(optional, as = "Option<usize>"))] pub threads: usize,
}}

data! {
/// What `convert` wrote.
pub struct Conversion {
    /// Folder of the result.
    pub out: String,
    /// Bytes of all files of the source.
    pub input_bytes: u64,
    /// Bytes of all files of the result.
    pub output_bytes: u64,
    /// Things a user should know.
    pub notes: Vec<String>,
}}

/// Response of `compress`.
pub type CompressResponse = Report;
/// Response of `plan`.
pub type PlanResponse = PlanReport;
