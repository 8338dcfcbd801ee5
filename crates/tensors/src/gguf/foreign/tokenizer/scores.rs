//! `llama`: SentencePiece's BPE. Characters are joined to the token with the highest score. Unknown characters become bytes.
//!
//! The tokenizers library joins by an order of pairs. The order is made from the scores in the way of transformers' converter.

use super::super::Model;
use super::super::keys::AGAIN;
use super::table::kinds;
use super::{Kind, Table};
use crate::TensorsError;
use crate::gguf::Found;
use serde_json::{Map, Value, json};

const SCORES: &str = "tokenizer.ggml.scores";
const MARK: &str = "\u{2581}";

pub(super) fn build(model: &Model<'_>, table: &Table<'_>) -> Result<Kind, TensorsError> {
    let keys = &model.keys;
    let scores = match keys.get(SCORES) {
        Some(Found::Floats(scores)) if scores.len() == table.tokens.len() => scores,
        other => {
            let told = other.map_or("nothing".into(), Found::told);
            let reason = format!("it is {told}, for {} tokens", table.tokens.len());
            return Err(keys.refuse(SCORES, reason, AGAIN));
        }
    };
    let prefix = keys
        .flag("tokenizer.ggml.add_space_prefix")?
        .unwrap_or(true);
    let replace = json!({"type": "Replace", "pattern": {"String": " "}, "content": MARK});
    let normalizer = match prefix {
        true => {
            json!({"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": MARK}, replace]})
        }
        false => replace,
    };
    let mut decoders = vec![
        json!({"type": "Replace", "pattern": {"String": MARK}, "content": " "}),
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ];
    if prefix {
        decoders.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
    }
    let unknown = table.special("unk_token").or_else(|| {
        let first = table.kinds.iter().position(|kind| *kind == kinds::UNKNOWN);
        first.map(|id| id as u32)
    });
    let mut json = Map::new();
    json.insert("normalizer".into(), normalizer);
    json.insert("pre_tokenizer".into(), Value::Null);
    json.insert(
        "decoder".into(),
        json!({"type": "Sequence", "decoders": decoders}),
    );
    json.insert(
        "model".into(),
        json!({
            "type": "BPE", "dropout": null, "unk_token": unknown.map(|id| table.text(id)), "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": true, "byte_fallback": table.kinds.contains(&kinds::BYTE),
            "ignore_merges": false, "vocab": table.vocabulary(), "merges": merges(table, scores),
        }),
    );
    Ok(Kind {
        json,
        adds: (true, false),
    })
}

/// A pair of tokens whose concatenation is a token: its parts, and the key by which it is sorted.
struct Merge<'a> {
    parts: (&'a str, &'a str),
    score: f32,
    chars: (usize, usize),
}

/// All pairs, sorted by falling score. Of pairs with equal scores, the one with the longer left part comes first, then the one
/// with the longer right part.
fn merges(table: &Table<'_>, scores: &[f32]) -> Value {
    let mut all: Vec<Merge<'_>> = Vec::new();
    for (id, token) in table.tokens.iter().enumerate() {
        // These tokens are never made of other tokens.
        if [kinds::CONTROL, kinds::UNKNOWN, kinds::BYTE].contains(&table.kinds[id]) {
            continue;
        }
        let cuts = token.char_indices().skip(1);
        let mut own: Vec<(u32, u32, Merge<'_>)> = cuts
            .enumerate()
            .filter_map(|(before, (at, _))| {
                let parts = token.split_at(at);
                let ids = (table.ids.get(parts.0)?, table.ids.get(parts.1)?);
                let chars = (before + 1, parts.1.chars().count());
                let merge = Merge {
                    parts,
                    score: scores[id],
                    chars,
                };
                Some((*ids.0, *ids.1, merge))
            })
            .collect();
        own.sort_by_key(|(left, right, _)| (*left, *right));
        all.extend(own.into_iter().map(|(_, _, merge)| merge));
    }
    all.sort_by(|a, b| b.score.total_cmp(&a.score).then(b.chars.cmp(&a.chars)));
    let pairs = all
        .into_iter()
        .map(|merge| json!([merge.parts.0, merge.parts.1]));
    pairs.collect()
}
