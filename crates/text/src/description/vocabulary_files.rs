//! The model of a tokenizer from vocab.txt, or from vocab.json and merges.txt.

use super::recipe::{Recipe, Vocabulary};
use super::{TokenizerFiles, refusal};
use crate::error::TextError;
use serde_json::{Map, Value, json};

const VOCAB_TXT: &str = "vocab.txt";
const VOCAB_JSON: &str = "vocab.json";
const MERGES_TXT: &str = "merges.txt";

/// The model with vocabulary and merges alone.
pub(super) fn model(recipe: &Recipe, files: &TokenizerFiles) -> Result<Value, TextError> {
    match (recipe.vocabulary, files) {
        (
            Vocabulary::Lines,
            TokenizerFiles {
                vocab_txt: Some(lines),
                ..
            },
        ) => Ok(json!({"type": "WordPiece", "vocab": words(lines)?})),
        (
            Vocabulary::Merges,
            TokenizerFiles {
                vocab_json: Some(vocab),
                merges_txt: Some(merges),
                ..
            },
        ) => Ok(json!({"type": "BPE", "vocab": ids(vocab)?, "merges": pairs(merges)?})),
        (Vocabulary::Lines, _) if files.unreadable.is_none() => Err(absent(recipe, VOCAB_TXT)),
        (Vocabulary::Merges, _) if files.unreadable.is_none() => {
            let file = match files.vocab_json {
                None => VOCAB_JSON,
                Some(_) => MERGES_TXT,
            };
            Err(absent(recipe, file))
        }
        _ => Err(refusal(files, &recipe.class)),
    }
}

fn absent(recipe: &Recipe, file: &str) -> TextError {
    TextError::of(
        file,
        format!(
            "it is not there, and without tokenizer.json a {} needs it; fetch it together with the model",
            recipe.name
        ),
    )
}

fn text<'a>(file: &str, bytes: &'a [u8]) -> Result<&'a str, TextError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        TextError::of(
            file,
            format!(
                "it is not UTF-8: bad byte at offset {}",
                error.valid_up_to()
            ),
        )
    })
}

/// A token a line; of two that are alike, the last.
fn words(bytes: &[u8]) -> Result<Value, TextError> {
    let lines = text(VOCAB_TXT, bytes)?.lines().enumerate();
    let tokens: Map<String, Value> = lines
        .map(|(id, line)| (line.trim_end().to_owned(), Value::from(id)))
        .collect();
    Ok(Value::Object(tokens))
}

fn ids(bytes: &[u8]) -> Result<Value, TextError> {
    let value: Value = serde_json::from_str(text(VOCAB_JSON, bytes)?)
        .map_err(|error| TextError::of(VOCAB_JSON, format!("it is not valid JSON: {error}")))?;
    match value {
        Value::Object(tokens) => Ok(Value::Object(tokens)),
        _ => Err(TextError::of(VOCAB_JSON, "it is no object of ids by token")),
    }
}

/// Two tokens a line, after a line of the version. Blank lines at the end count for nothing.
fn pairs(bytes: &[u8]) -> Result<Value, TextError> {
    let lines = text(MERGES_TXT, bytes)?.lines().enumerate();
    let lines = lines.filter(|(_, line)| !line.starts_with("#version") && !line.is_empty());
    let pairs = lines.map(|(index, line)| match line.split_once(' ') {
        Some((a, b)) if !b.contains(' ') => Ok(json!([a, b])),
        _ => Err(TextError::of(
            MERGES_TXT,
            format!("line {} is not two tokens with a space between", index + 1),
        )),
    });
    pairs.collect()
}
