//! Fields of config.json that change nothing in what kerf computes. Every other field is read, or told.

use crate::arch::Architecture;
use crate::reader::Reader;
use kerf_tensors::files::Fact;
use serde_json::Value;

/// Housekeeping of the library that wrote the file, settings of training, of caches and of heads that kerf does not compute, defaults of
/// generation from before they had a file of their own, and fields that say what others say or what the tensors show.
const NEUTRAL: &[&str] = &[
    "_attn_implementation",
    "_attn_implementation_autoset",
    "_commit_hash",
    "_name_or_path",
    "_num_labels",
    "_sliding_window_pattern",
    "add_cross_attention",
    "architectures",
    "attn_implementation",
    "auto_map",
    "bad_words_ids",
    "begin_suppress_tokens",
    "chunk_size_feed_forward",
    "classifier_activation",
    "classifier_bias",
    "classifier_pooling",
    "cls_token_id",
    "cross_attention_hidden_size",
    "decoder_bias",
    "decoder_start_token_id",
    "deterministic_flash_attn",
    "diversity_penalty",
    "do_sample",
    "dtype",
    "early_stopping",
    "encoder_no_repeat_ngram_size",
    "eos_token_ids",
    "exponential_decay_length_penalty",
    "finetuning_task",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "gradient_checkpointing",
    "id2label",
    "init_std",
    "initializer_cutoff_factor",
    "initializer_range",
    "is_decoder",
    "is_encoder_decoder",
    "keys_to_ignore_at_inference",
    "label2id",
    "layer_norm_elementwise_affine",
    "layer_types",
    "length_penalty",
    "mask_token_id",
    "max_length",
    "min_length",
    "model_type",
    "n_ctx",
    "n_positions",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_labels",
    "num_return_sequences",
    "original_max_position_embeddings",
    "output_attentions",
    "output_hidden_states",
    "output_scores",
    "pad_token_id",
    "partial_rotary_factor",
    "prefix",
    "pretraining_tp",
    "problem_type",
    "qkv_proj_bias",
    "quantization_config",
    "remove_invalid_values",
    "reorder_and_upcast_attn",
    "repetition_penalty",
    "return_dict",
    "return_dict_in_generate",
    "rope_theta",
    "sep_token_id",
    "sinusoidal_pos_embds",
    "sliding_window_pattern",
    "sparse_pred_ignore_index",
    "sparse_prediction",
    "summary_activation",
    "summary_first_dropout",
    "summary_proj_to_labels",
    "summary_type",
    "summary_use_proj",
    "suppress_tokens",
    "task_specific_params",
    "temperature",
    "tf_legacy_loss",
    "tie_encoder_decoder",
    "tie_word_embeddings",
    "tokenizer_class",
    "top_k",
    "top_p",
    "torch_dtype",
    "torchscript",
    "transformers_version",
    "typical_p",
    "use_bfloat16",
    "use_cache",
];

/// Ends of names of fields that matter in training only.
const TRAINING: [&str; 4] = ["dropout", "dropout_prob", "_pdrop", "layerdrop"];

/// A note about each field that the network has not read and that is not known to change nothing. A field that the architecture
/// names is known, also where others decide that it does not count (a window that is switched off).
pub(crate) fn unread(arch: &Architecture, reader: &Reader<'_>) -> Vec<Fact> {
    let named = serde_json::to_value(arch).unwrap_or_default();
    let neutral = |name: &str| {
        NEUTRAL.contains(&name)
            || TRAINING.iter().any(|end| name.ends_with(end))
            || holds(&named, name)
    };
    let unread = reader.unread().into_iter();
    unread
        .filter(|(name, _)| !neutral(name))
        .map(|(name, value)| {
            let says = "kerf does not know this field and leaves it out of account";
            Fact::noted("config.json", name, value, says)
        })
        .collect()
}

/// Whether a description has a text anywhere in it.
fn holds(value: &Value, text: &str) -> bool {
    match value {
        Value::String(value) => value == text,
        Value::Array(values) => values.iter().any(|value| holds(value, text)),
        Value::Object(fields) => fields.values().any(|value| holds(value, text)),
        _ => false,
    }
}
