//! Makes tokenizer.json, tokenizer_config.json and generation_config.json from the tokenizer of a GGUF file.
//!
//! llama.cpp has several kinds. `gpt2` splits the text by a named rule and joins bytes by merges ([`bytes`]). `llama` joins
//! characters by scores ([`scores`]). `bert` finds word pieces ([`word_pieces`]). Each is written in the format of the tokenizers
//! library.

mod bytes;
mod scores;
mod table;
mod word_pieces;

use super::Model;
use super::architectures::Config;
use super::keys::ORIGINAL;
use crate::TensorsError;
use crate::files::Fact;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use table::Table;

const MODEL: &str = "tokenizer.ggml.model";

/// The parts of tokenizer.json that depend on the kind: all but added tokens and post-processor.
struct Kind {
    json: Map<String, Value>,
    /// Whether the begin and end tokens are put around a text, if the file does not say.
    adds: (bool, bool),
}

/// The files. Empty without a tokenizer. Begin, end and padding tokens are added to `config` too.
pub(super) fn files(
    model: &Model<'_>,
    config: &mut Config,
    facts: &mut Vec<Fact>,
) -> Result<BTreeMap<String, Vec<u8>>, TensorsError> {
    let keys = &model.keys;
    let kind = keys.text(MODEL)?.unwrap_or("none");
    if ["none", "no_vocab"].contains(&kind) {
        let says = "the file has no tokenizer: what needs text must get token ids";
        facts.push(Fact::noted(model.file(), MODEL, "", says));
        return Ok(BTreeMap::new());
    }
    let table = Table::read(model, config)?;
    let built = match kind {
        "gpt2" => bytes::build(model, &table, facts)?,
        "llama" => scores::build(model, &table)?,
        "bert" => word_pieces::build(model, &table, facts)?,
        other => {
            let reason = format!(
                "kerf does not read tokenizers of kind {other:?} from GGUF (gpt2, llama and bert)"
            );
            return Err(keys.refuse(MODEL, reason, ORIGINAL));
        }
    };
    let (bos, eos) = (table.special("bos_token"), table.special("eos_token"));
    let first = |names: [&str; 2]| names.into_iter().find_map(|name| table.special(name));
    let before = first(["bos_token", "cls_token"]);
    let after = first(["eos_token", "sep_token"]);
    // If a file has both tokens, encoders put the separator behind a text.
    let after = match kind {
        "bert" => first(["sep_token", "eos_token"]),
        _ => after,
    };
    let adds = |key: &str, usual: bool| Ok::<_, TensorsError>(keys.flag(key)?.unwrap_or(usual));
    let around = [
        (adds("tokenizer.ggml.add_bos_token", built.adds.0)?, before),
        (adds("tokenizer.ggml.add_eos_token", built.adds.1)?, after),
    ];
    let mut json = built.json;
    json.insert(
        "post_processor".into(),
        post_processor(model, &table, around)?,
    );
    json.insert("added_tokens".into(), table.added());
    let mut files = BTreeMap::new();
    files.insert(
        "tokenizer.json".into(),
        Value::Object(json).to_string().into_bytes(),
    );
    files.insert(
        "tokenizer_config.json".into(),
        super::pretty(&settings(model, &table, config)?),
    );
    let mut generation = Config::new();
    for (field, id) in [
        ("bos_token_id", bos.map(|id| json!(id))),
        ("eos_token_id", ends(model, eos)?),
        (
            "pad_token_id",
            table.special("pad_token").map(|id| json!(id)),
        ),
    ] {
        if let Some(id) = id {
            config.insert(field.into(), id.clone());
            generation.insert(field.into(), id);
        }
    }
    files.insert(
        "generation_config.json".into(),
        super::pretty(&Value::Object(generation)),
    );
    Ok(files)
}

/// Tokens that end a text: the end token of the file, and the end token of a turn or message if it is another one.
fn ends(model: &Model<'_>, eos: Option<u32>) -> Result<Option<Value>, TensorsError> {
    let mut ids: Vec<u64> = eos.map(u64::from).into_iter().collect();
    for key in ["tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"] {
        ids.extend(model.keys.whole(key)?.filter(|id| !ids.contains(id)));
    }
    Ok(match ids[..] {
        [] => None,
        [one] => Some(json!(one)),
        _ => Some(json!(ids)),
    })
}

/// The post-processor: the tokens before and after a text, if any.
fn post_processor(
    model: &Model<'_>,
    table: &Table<'_>,
    around: [(bool, Option<u32>); 2],
) -> Result<Value, TensorsError> {
    let mut tokens = Map::new();
    let mut sides = [Vec::new(), Vec::new()];
    for ((adds, id), side) in around.into_iter().zip(&mut sides) {
        if !adds {
            continue;
        }
        let Some(id) = id else {
            let reason = "a token is put around every text, and the file does not say which";
            return Err(model
                .keys
                .refuse("tokenizer.ggml.bos_token_id", reason, ORIGINAL));
        };
        let text = table.text(id);
        side.push(json!({"SpecialToken": {"id": text, "type_id": 0}}));
        tokens.insert(
            text.to_owned(),
            json!({"id": text, "ids": [id], "tokens": [text]}),
        );
    }
    if tokens.is_empty() {
        return Ok(Value::Null);
    }
    let [before, after] = sides;
    let of = |texts: &[&str]| {
        let texts = texts.iter();
        let texts = texts.map(|text| json!({"Sequence": {"id": text, "type_id": 0}}));
        let all = before.iter().cloned().chain(texts);
        all.chain(after.iter().cloned()).collect::<Vec<_>>()
    };
    Ok(json!({
        "type": "TemplateProcessing", "single": of(&["A"]), "pair": of(&["A", "B"]), "special_tokens": tokens,
    }))
}

/// tokenizer_config.json. tokenizer.json is complete, so the class must not build another tokenizer from it.
fn settings(model: &Model<'_>, table: &Table<'_>, config: &Config) -> Result<Value, TensorsError> {
    let mut settings = Config::new();
    settings.insert("tokenizer_class".into(), json!("PreTrainedTokenizerFast"));
    settings.insert(
        "model_max_length".into(),
        config["max_position_embeddings"].clone(),
    );
    settings.insert("clean_up_tokenization_spaces".into(), json!(false));
    for (name, id) in table.specials() {
        settings.insert(name.to_owned(), json!(table.text(id)));
    }
    if let Some(template) = model.keys.text("tokenizer.chat_template")? {
        settings.insert("chat_template".into(), json!(template));
    }
    Ok(Value::Object(settings))
}
