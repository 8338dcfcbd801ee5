//! Makes modules.json and the settings of the pooling for a model of sentence vectors.

use super::Model;
use super::architectures::Config;
use super::keys::ORIGINAL;
use crate::TensorsError;
use crate::files::Fact;
use serde_json::json;
use std::collections::BTreeMap;

const KEY: &str = ".pooling_type";
/// Flags of the module Pooling, by llama.cpp's numbers, beginning with 1.
const MODES: [&str; 3] = [
    "pooling_mode_mean_tokens",
    "pooling_mode_cls_token",
    "pooling_mode_lasttoken",
];

/// Adds the files, if the GGUF file names a kind of pooling.
pub(super) fn add(
    model: &Model<'_>,
    config: &Config,
    files: &mut BTreeMap<String, Vec<u8>>,
    facts: &mut Vec<Fact>,
) -> Result<(), TensorsError> {
    let mode = match model.keys.whole(KEY)? {
        None | Some(0) => return Ok(()),
        Some(number @ 1..=3) => MODES[number as usize - 1],
        Some(other) => {
            let reason =
                format!("it is {other}; kerf pools by mean (1), first (2) or last token (3)");
            return Err(model.keys.refuse(KEY, reason, ORIGINAL));
        }
    };
    let module = |index: usize, path: &str, kind: &str| json!({"idx": index, "name": index.to_string(), "path": path, "type": format!("sentence_transformers.models.{kind}")});
    let modules = json!([
        module(0, "", "Transformer"),
        module(1, "1_Pooling", "Pooling"),
        module(2, "2_Normalize", "Normalize"),
    ]);
    let mut pooling = json!({"word_embedding_dimension": config["hidden_size"]});
    for known in MODES {
        pooling[known] = json!(known == mode);
    }
    let transformer =
        json!({"max_seq_length": config["max_position_embeddings"], "do_lower_case": false});
    for (file, value) in [
        ("modules.json", modules),
        ("1_Pooling/config.json", pooling),
        ("sentence_bert_config.json", transformer),
    ] {
        files.insert(file.into(), super::pretty(&value));
    }
    let says = "vectors are pooled so, and made of length 1 as llama.cpp does by default: the file does not say whether the original does";
    let field = format!("{}{KEY}", model.keys.architecture());
    facts.push(Fact::noted(model.file(), &field, mode, says));
    Ok(())
}
