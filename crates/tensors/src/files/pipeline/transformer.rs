//! sentence_bert_config.json: how a text is prepared for the network.

use crate::TensorsError;
use crate::files::Reader;
use crate::files::fact::Fact;
use crate::files::fields::Fields;
use crate::files::tokenizer::Side;
use serde_json::Value;

/// Names of the file for several kinds of models. sentence-transformers takes the first that exists and is not empty.
const FILES: [&str; 7] = [
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
];

/// Fields about where and how a model is loaded, and in which type it computes. They change a vector by rounding at most.
const LOADING: [&str; 16] = [
    "attn_implementation",
    "cache_dir",
    "device_map",
    "dtype",
    "torch_dtype",
    "low_cpu_mem_usage",
    "use_safetensors",
    "use_cache",
    "revision",
    "code_revision",
    "token",
    "local_files_only",
    "trust_remote_code",
    "add_pooling_layer",
    "use_fast",
    "padding_side",
];

/// Fields about calls of the tokenizer that only state its usual behaviour.
const CALLING: [&str; 6] = [
    "padding",
    "pad_to_multiple_of",
    "return_tensors",
    "return_attention_mask",
    "return_token_type_ids",
    "logits_to_keep",
];

/// How a text is prepared for the network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextInput {
    /// Most tokens of a text, including special tokens. It takes precedence over the tokenizer's limit. `None` if the file has no
    /// limit.
    pub max_length: Option<usize>,
    /// Whether a text is lowercased before it is tokenised.
    pub lower_case: bool,
    /// The side on which a text is truncated. It takes precedence over the tokenizer's side. `None` if the file does not name
    /// one.
    pub truncation_side: Option<Side>,
}

impl TextInput {
    /// Reads the file in the folder of the transformer. The second value is the reason why kerf cannot compute sentence vectors,
    /// if there is one.
    pub(super) fn read(
        folder: &str,
        reader: &Reader<'_>,
        facts: &mut Vec<Fact>,
    ) -> Result<(Self, Option<TensorsError>), TensorsError> {
        for name in FILES {
            let file = match folder {
                "" => name.to_owned(),
                folder => format!("{folder}/{name}"),
            };
            let Some(value) = reader.json(&file)? else {
                continue;
            };
            if value.as_object().is_some_and(serde_json::Map::is_empty) {
                continue;
            }
            let fields = Fields::of(&file, &value)?;
            let input = read(&fields, facts)?;
            let unsupported = unsupported(&fields, facts).err();
            for field in ["query_length", "document_length", "query_expansion"] {
                if let Some(value) = fields.get(field) {
                    let says = "it belongs to encode_query and encode_document; kerf computes what encode does";
                    facts.push(Fact::noted(&file, field, value, says));
                }
            }
            facts.extend(fields.unread(&["unpad_inputs"]));
            return Ok((input, unsupported));
        }
        Ok((Self::default(), None))
    }
}

fn read(fields: &Fields<'_>, facts: &mut Vec<Fact>) -> Result<TextInput, TensorsError> {
    const LENGTHS: std::ops::RangeInclusive<u64> = 1..=u32::MAX as u64;
    let mut length = fields.size("max_seq_length", LENGTHS)?;
    let mut side = None;
    for field in TOKENIZER {
        let loading = fields.object(field)?;
        length = loading.size("model_max_length", LENGTHS)?.or(length);
        side = match loading.text("truncation_side")? {
            None => side,
            Some("left") => Some(Side::Left),
            Some("right") => Some(Side::Right),
            Some(_) => return Err(loading.bad("truncation_side", "left or right")),
        };
    }
    let calling = fields.object("processing_kwargs")?;
    for field in ["common", "text"] {
        length = calling
            .object(field)?
            .size("max_length", LENGTHS)?
            .or(length);
    }
    let lower_case = fields.flag("do_lower_case")?.unwrap_or(false);
    if let Some(length) = length {
        let says = "a text is cut there";
        facts.push(Fact::used(fields.file(), "max_seq_length", length, says));
    }
    if lower_case {
        let says = "a text is lowercased before it is tokenised";
        facts.push(Fact::used(fields.file(), "do_lower_case", true, says));
    }
    Ok(TextInput {
        max_length: length.map(|length| length as usize),
        lower_case,
        truncation_side: side,
    })
}

/// Fields with settings for loading the tokenizer: the old name and the new one.
const TOKENIZER: [&str; 2] = ["tokenizer_args", "processor_kwargs"];

/// `BAD_CONFIG` for settings under which the output would not be the network's last hidden states for the tokens of the text.
fn unsupported(fields: &Fields<'_>, facts: &mut Vec<Fact>) -> Result<(), TensorsError> {
    const TASK: &str = "feature-extraction";
    if fields.text("transformer_task")?.unwrap_or(TASK) != TASK {
        return Err(fields.bad("transformer_task", TASK));
    }
    const OUTPUT: &str = "token_embeddings";
    if fields.text("module_output_name")?.unwrap_or(OUTPUT) != OUTPUT {
        return Err(fields.bad("module_output_name", OUTPUT));
    }
    modalities(fields, facts)?;
    for field in ["model_args", "model_kwargs", "config_args", "config_kwargs"] {
        only(&fields.object(field)?, &LOADING, facts)?;
    }
    for field in TOKENIZER {
        let known = [&LOADING[..], &["model_max_length", "truncation_side"]].concat();
        only(&fields.object(field)?, &known, facts)?;
    }
    let calling = fields.object("processing_kwargs")?;
    for field in ["common", "text"] {
        let known = [&CALLING[..], &["max_length", "truncation"]].concat();
        let own = calling.object(field)?;
        let cuts = match own.get("truncation") {
            None | Some(Value::Bool(true)) => true,
            Some(value) => matches!(value.as_str(), Some("longest_first" | "only_first")),
        };
        if !cuts {
            return Err(own.bad("truncation", "true: kerf cuts a text at the maximum"));
        }
        only(&own, &known, facts)?;
    }
    Ok(())
}

/// `BAD_CONFIG` unless a text enters the network as plain text (not as a message of a conversation) and the network's last hidden
/// states come out.
fn modalities(fields: &Fields<'_>, facts: &mut Vec<Fact>) -> Result<(), TensorsError> {
    const FIELD: &str = "modality_config";
    let Some(value) = fields.get(FIELD) else {
        return Ok(());
    };
    let text = &value["text"];
    let output = &text["method_output_name"];
    let is_last = |value: &Value| value.as_str() == Some("last_hidden_state");
    let last = is_last(output)
        || matches!(output.as_array().map(Vec::as_slice), Some([one]) if is_last(one));
    if value.get("message").is_some() || text["method"].as_str() != Some("forward") || !last {
        return Err(fields.bad(
            FIELD,
            "text alone, by forward, giving last_hidden_state (for others, embed with sentence-transformers)",
        ));
    }
    let others = value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str());
    let others: Vec<&str> = others.filter(|name| *name != "text").collect();
    if !others.is_empty() {
        let says = "kerf reads text alone";
        facts.push(Fact::noted(fields.file(), FIELD, others.join(", "), says));
    }
    Ok(())
}

/// `BAD_CONFIG` for a field that kerf does not know, because it may change what the network computes.
fn only(fields: &Fields<'_>, known: &[&str], facts: &mut Vec<Fact>) -> Result<(), TensorsError> {
    for name in fields.names() {
        if !known.contains(&name) {
            return Err(fields.bad(
                name,
                format!(
                    "nothing, or one of {} (for others, embed with sentence-transformers)",
                    known.join(", ")
                ),
            ));
        }
    }
    for field in ["dtype", "torch_dtype"] {
        if let Some(value) = fields.get(field) {
            let says = "kerf computes in 32 bits";
            facts.push(Fact::noted(fields.file(), field, value, says));
        }
    }
    Ok(())
}
