//! `bert`: word pieces. llama.cpp marks a piece at the start of a word; BERT marks a piece inside of a word.

use super::super::Model;
use super::super::keys::AGAIN;
use super::table::kinds;
use super::{Kind, Table};
use crate::TensorsError;
use crate::files::Fact;
use serde_json::{Map, Value, json};

const MARK: char = '\u{2581}';
const GOES_ON: &str = "##";

pub(super) fn build(
    model: &Model<'_>,
    table: &Table<'_>,
    facts: &mut Vec<Fact>,
) -> Result<Kind, TensorsError> {
    let keys = &model.keys;
    const UNKNOWN: &str = "tokenizer.ggml.unknown_token_id";
    let unknown = match table.special("unk_token") {
        Some(id) => table.text(id),
        None => return Err(keys.refuse(UNKNOWN, "the file does not say it", AGAIN)),
    };
    let pieces = pieces(model, table)?;
    let lower = lower(model, table, facts)?;
    let mut json = Map::new();
    json.insert(
        "normalizer".into(),
        json!({"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": lower}),
    );
    json.insert("pre_tokenizer".into(), json!({"type": "BertPreTokenizer"}));
    json.insert(
        "decoder".into(),
        json!({"type": "WordPiece", "prefix": GOES_ON, "cleanup": true}),
    );
    json.insert(
        "model".into(),
        json!({
            "type": "WordPiece", "unk_token": unknown, "continuing_subword_prefix": GOES_ON, "max_input_chars_per_word": 100,
            "vocab": pieces,
        }),
    );
    Ok(Kind {
        json,
        adds: (true, true),
    })
}

/// Ids by the texts that BERT uses.
fn pieces(model: &Model<'_>, table: &Table<'_>) -> Result<Value, TensorsError> {
    let mut pieces = Map::new();
    for (id, token) in table.tokens.iter().enumerate() {
        let piece = piece(table, id);
        if pieces.insert(piece.clone(), json!(id)).is_some() {
            let reason =
                format!("token {id}, {token:?}, is the piece {piece:?}, which another is too");
            return Err(model.keys.refuse("tokenizer.ggml.tokens", reason, AGAIN));
        }
    }
    Ok(Value::Object(pieces))
}

fn piece(table: &Table<'_>, id: usize) -> String {
    let token = &table.tokens[id];
    if is_special(table, id) {
        return token.clone();
    }
    match token.strip_prefix(MARK) {
        Some(word) => word.to_owned(),
        None => format!("{GOES_ON}{token}"),
    }
}

/// Whether a token has the same text in both: it is of a special kind, or it is in brackets. Converters do not change such
/// tokens.
fn is_special(table: &Table<'_>, id: usize) -> bool {
    let (token, kind) = (&table.tokens[id], table.kinds[id]);
    let named = table.specials().any(|(_, own)| own as usize == id);
    let brackets = token.len() > 2 && token.starts_with('[') && token.ends_with(']');
    named || brackets || [kinds::CONTROL, kinds::UNKNOWN, kinds::USER_DEFINED].contains(&kind)
}

/// Whether text becomes lower case. Files do not say so; a vocabulary without capitals means it.
fn lower(
    model: &Model<'_>,
    table: &Table<'_>,
    facts: &mut Vec<Fact>,
) -> Result<bool, TensorsError> {
    const KEY: &str = "tokenizer.ggml.normalizer.lowercase";
    if let Some(lower) = model.keys.flag(KEY)? {
        return Ok(lower);
    }
    let capital = |id: usize| {
        !is_special(table, id)
            && table.tokens[id]
                .bytes()
                .any(|byte| byte.is_ascii_uppercase())
    };
    let lower = !(0..table.tokens.len()).any(capital);
    let says = match lower {
        true => {
            "text is made lower case: the file does not say it, and its vocabulary has no capitals"
        }
        false => {
            "text keeps its capitals: the file does not say it, and its vocabulary has capitals"
        }
    };
    facts.push(Fact::noted(model.file(), "tokenizer.ggml.tokens", "", says));
    Ok(lower)
}
