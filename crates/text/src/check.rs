//! What makes the tokenizers library panic is refused before it gets there: a page cannot unwind. The library checks types by
//! itself; here is what it takes for granted. `tests/damage.rs` looks for more.

mod charsmap;

use crate::description::FILE;
use crate::error::TextError;
use serde_json::Value;
use std::collections::HashSet;

/// Checks a tokenizer in the form of tokenizer.json.
pub(crate) fn check(json: &Value) -> Result<(), TextError> {
    model(&json["model"])?;
    let steps = |part: &str, list: &str| flat(&json[part], part, list);
    for (path, step) in steps("normalizer", "normalizers")? {
        normalizer(&path, step)?;
    }
    for (path, step) in steps("pre_tokenizer", "pretokenizers")? {
        pre_tokenizer(&path, step)?;
    }
    for (path, step) in steps("post_processor", "processors")? {
        post_processor(&path, step)?;
    }
    for (path, step) in steps("decoder", "decoders")? {
        decoder(&path, step)?;
    }
    Ok(())
}

fn bad(path: &str, reason: impl std::fmt::Display) -> TextError {
    TextError::of(FILE, format!("{path}: {reason}"))
}

/// The steps of a part, sequences opened, each with its path.
fn flat<'a>(
    part: &'a Value,
    path: &str,
    list: &str,
) -> Result<Vec<(String, &'a Value)>, TextError> {
    if part.is_null() {
        return Ok(Vec::new());
    }
    if part["type"].as_str().is_none() {
        return Err(bad(path, "it has no type"));
    }
    let inner = match &part[list] {
        Value::Array(steps) => steps,
        _ => return Ok(vec![(path.to_owned(), part)]),
    };
    let mut all = Vec::new();
    for (index, step) in inner.iter().enumerate() {
        let path = format!("{path}.{list}[{index}]");
        if step.is_null() {
            return Err(bad(&path, "it is null"));
        }
        all.extend(flat(step, &path, list)?);
    }
    Ok(all)
}

fn normalizer(path: &str, step: &Value) -> Result<(), TextError> {
    let map = &step["precompiled_charsmap"];
    if step["type"] == "Precompiled" || !map.is_null() {
        let map = map
            .as_str()
            .ok_or_else(|| bad(path, "precompiled_charsmap is no text"))?;
        charsmap::check(map).map_err(|reason| bad(path, reason))?;
    }
    Ok(())
}

fn pre_tokenizer(path: &str, step: &Value) -> Result<(), TextError> {
    match step["length"].as_u64() {
        Some(0) => Err(bad(path, "length is 0")),
        _ => Ok(()),
    }
}

/// A template may use only tokens that it declares, and only the text that there is.
fn post_processor(path: &str, step: &Value) -> Result<(), TextError> {
    let tokens = &step["special_tokens"];
    for (name, token) in tokens.as_object().into_iter().flatten() {
        let count = |field: &str| token[field].as_array().map(Vec::len);
        if count("ids").is_none() || count("ids") != count("tokens") {
            return Err(bad(
                path,
                format!("special_tokens.{name} has not as many ids as tokens"),
            ));
        }
    }
    for (template, texts) in [("single", 1), ("pair", 2)] {
        for (index, piece) in step[template].as_array().into_iter().flatten().enumerate() {
            let place = format!("{path}.{template}[{index}]");
            if let Some(id) = piece["SpecialToken"]["id"].as_str()
                && tokens.get(id).is_none()
            {
                return Err(bad(&place, format!("special_tokens has no {id:?}")));
            }
            if texts == 1 && piece["Sequence"]["id"] == "B" {
                return Err(bad(&place, "there is no second text"));
            }
        }
    }
    Ok(())
}

fn decoder(path: &str, step: &Value) -> Result<(), TextError> {
    match step["stop"].as_u64() {
        None | Some(0) => Ok(()),
        Some(_) => Err(bad(
            path,
            "the library that runs it cannot strip at the end (stop above 0)",
        )),
    }
}

fn model(model: &Value) -> Result<(), TextError> {
    match model["type"].as_str() {
        Some("BPE") => merges(model),
        Some("Unigram") => match (&model["unk_id"], model["vocab"].as_array()) {
            (Value::Null, _) => Ok(()),
            (id, Some(vocab)) if id.as_u64().is_some_and(|id| id < vocab.len() as u64) => Ok(()),
            (id, _) => Err(bad("model.unk_id", format!("no token has id {id}"))),
        },
        _ => Ok(()),
    }
}

/// Every merge joins two tokens to a third. The library writes the third into a buffer as long as the longest token, without
/// the prefix of inner pieces, and takes the bytes for text.
fn merges(model: &Value) -> Result<(), TextError> {
    let vocab = model["vocab"].as_object();
    let tokens: HashSet<&str> = vocab
        .into_iter()
        .flatten()
        .map(|(token, _)| token.as_str())
        .collect();
    let prefix = model["continuing_subword_prefix"]
        .as_str()
        .unwrap_or("")
        .len();
    let mut joined = String::new();
    for (index, merge) in model["merges"].as_array().into_iter().flatten().enumerate() {
        let place = || format!("model.merges[{index}]");
        let pair = match merge {
            Value::String(text) => text.split_once(' '),
            merge => merge[0].as_str().zip(merge[1].as_str()),
        };
        let Some((a, b)) = pair else {
            return Err(bad(&place(), "it is no pair of tokens"));
        };
        let Some(rest) = b.get(prefix..) else {
            return Err(bad(
                &place(),
                format!("{b:?} does not begin with continuing_subword_prefix"),
            ));
        };
        joined.clear();
        joined.push_str(a);
        joined.push_str(rest);
        if let Some(unknown) = [a, b, &joined]
            .into_iter()
            .find(|token| !tokens.contains(token))
        {
            return Err(bad(&place(), format!("model.vocab has no {unknown:?}")));
        }
    }
    Ok(())
}
