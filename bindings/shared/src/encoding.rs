//! How a model turns a text into one vector: where it is cut, how it is pooled, whether it is normalised.

use crate::Error;
use crate::opened::Runnable;
use kerf_kernels::Compute;
use kerf_model::evaluate::Pooling;
use kerf_tensors::{Folder, TensorsError};
use kerf_text::Tokenizer;
use serde_json::Value;

/// Flags of 1_Pooling/config.json.
const POOLINGS: [(&str, Pooling); 4] = [
    ("pooling_mode_mean_tokens", Pooling::Mean),
    ("pooling_mode_cls_token", Pooling::Cls),
    ("pooling_mode_max_tokens", Pooling::Max),
    ("pooling_mode_mean_sqrt_len_tokens", Pooling::MeanSqrtLen),
];

/// The sentence-transformers files of a model, or what stands for them.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoding {
    /// Most tokens of a text, special tokens counted.
    pub max_tokens: usize,
    /// How hidden states become one vector.
    pub pooling: Pooling,
    /// Whether vectors are L2-normalised.
    pub normalize: bool,
    /// What a user should know.
    pub notes: Vec<String>,
}

impl Encoding {
    /// Reads modules.json and the files that it names.
    pub fn of(model: &Runnable) -> Result<Self, Error> {
        let folder = &*model.opened.catalog.folder;
        let longest = model.network.max_context();
        let max_tokens = max_seq_length(folder)?
            .map_or(longest, |max| {
                longest.min(usize::try_from(max).unwrap_or(longest))
            })
            .max(1);
        let Some(modules) = read_json(folder, "modules.json")? else {
            return Ok(Self {
                max_tokens,
                pooling: Pooling::Mean,
                normalize: true,
                notes: vec![
                    "the model has no sentence-transformers files (modules.json): mean pooling and normalisation were used".into(),
                ],
            });
        };
        let (mut pooling, mut normalize) = (Pooling::Mean, false);
        for module in modules.as_array().into_iter().flatten() {
            let kind = module["type"].as_str().unwrap_or_default();
            match kind.rsplit('.').next().unwrap_or_default() {
                "Transformer" => {}
                "Pooling" => {
                    pooling = read_pooling(folder, module["path"].as_str().unwrap_or_default())?
                }
                "Normalize" => normalize = true,
                _ => {
                    return Err(bad_config(
                        "modules.json",
                        "Transformer, Pooling and Normalize",
                        kind,
                    ));
                }
            }
        }
        Ok(Self {
            max_tokens,
            pooling,
            normalize,
            notes: Vec::new(),
        })
    }

    /// Token ids of all texts, cut at the maximum, and how many were cut. `EMPTY` for a text without a token.
    pub fn encode<S: AsRef<str> + Sync>(
        &self,
        tokenizer: &Tokenizer,
        compute: &Compute,
        texts: &[S],
    ) -> Result<(Vec<Vec<u32>>, usize), Error> {
        let encoded = compute.pool.map(texts.len(), |index| {
            tokenizer.encode_truncated(texts[index].as_ref(), self.max_tokens)
        });
        let (mut ids, mut truncated) = (Vec::with_capacity(texts.len()), 0);
        for result in encoded {
            let (tokens, cut) = result?;
            truncated += usize::from(cut);
            ids.push(tokens);
        }
        Ok((ids, truncated))
    }
}

/// Where sentence-transformers writes the maximum, by the kind of its model; it looks in this order.
const LENGTH_FILES: [&str; 5] = [
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_xlm-roberta_config.json",
];

fn max_seq_length(folder: &dyn Folder) -> Result<Option<u64>, Error> {
    for file in LENGTH_FILES {
        if let Some(config) = read_json(folder, file)? {
            return Ok(config["max_seq_length"].as_u64());
        }
    }
    Ok(None)
}

fn read_pooling(folder: &dyn Folder, path: &str) -> Result<Pooling, Error> {
    let file = format!("{path}/config.json");
    let Some(config) = read_json(folder, &file)? else {
        return Err(TensorsError::NotFound {
            path: format!("{}/{file}", folder.name()),
        }
        .into());
    };
    let chosen: Vec<Pooling> = POOLINGS
        .iter()
        .filter(|(flag, _)| config[*flag] == Value::Bool(true))
        .map(|(_, pooling)| *pooling)
        .collect();
    let others = config
        .as_object()
        .into_iter()
        .flatten()
        .any(|(key, value)| {
            key.starts_with("pooling_mode_")
                && *value == Value::Bool(true)
                && !POOLINGS.iter().any(|(flag, _)| flag == key)
        });
    match (chosen.as_slice(), others) {
        ([one], false) => Ok(*one),
        _ => Err(bad_config(
            &file,
            "one of mean, cls, max and mean_sqrt_len pooling",
            &config.to_string(),
        )),
    }
}

fn read_json(folder: &dyn Folder, file: &str) -> Result<Option<Value>, Error> {
    let bytes = match folder.read(file) {
        Ok(bytes) => bytes,
        Err(TensorsError::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| bad_config(file, "JSON", &error.to_string()))
}

fn bad_config(file: &str, expected: &str, actual: &str) -> Error {
    Error::BadConfig {
        file: file.into(),
        expected: expected.into(),
        actual: actual.into(),
    }
}
