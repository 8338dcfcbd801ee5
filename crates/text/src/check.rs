//! What makes the tokenizers library panic is refused before it gets there: a page cannot unwind. The library checks types by
//! itself; here is what it takes for granted. `tests/damage.rs` looks for more.

mod charsmap;

use crate::description::FILE;
use crate::error::TextError;
use serde_json::Value;
use std::collections::HashSet;

/// The types of steps. The library tries to read others as anything that their fields fit.
const NORMALIZERS: &[&str] = &[
    "BertNormalizer",
    "Strip",
    "StripAccents",
    "NFC",
    "NFD",
    "NFKC",
    "NFKD",
    "Sequence",
    "Lowercase",
    "Nmt",
    "Precompiled",
    "Replace",
    "Prepend",
    "ByteLevel",
];
const PRE_TOKENIZERS: &[&str] = &[
    "BertPreTokenizer",
    "ByteLevel",
    "CharDelimiterSplit",
    "Delimiter",
    "Metaspace",
    "Whitespace",
    "Sequence",
    "Split",
    "Punctuation",
    "WhitespaceSplit",
    "Digits",
    "UnicodeScripts",
    "FixedLength",
];
const POST_PROCESSORS: &[&str] = &[
    "RobertaProcessing",
    "BertProcessing",
    "ByteLevel",
    "TemplateProcessing",
    "Sequence",
];
const DECODERS: &[&str] = &[
    "BPEDecoder",
    "ByteLevel",
    "WordPiece",
    "Metaspace",
    "CTC",
    "Sequence",
    "Replace",
    "Fuse",
    "Strip",
    "ByteFallback",
];

/// Checks a tokenizer in the form of tokenizer.json.
pub(crate) fn check(json: &Value) -> Result<(), TextError> {
    model(&json["model"])?;
    let steps = |part: &str, list: &str, types: &[&str]| flat(&json[part], part, list, types);
    let mut before = steps("normalizer", "normalizers", NORMALIZERS)?;
    for (path, step) in &before {
        normalizer(path, step)?;
    }
    for (path, step) in steps("pre_tokenizer", "pretokenizers", PRE_TOKENIZERS)? {
        pre_tokenizer(&path, step)?;
        before.push((path, step));
    }
    insertions(&before)?;
    for (path, step) in steps("post_processor", "processors", POST_PROCESSORS)? {
        post_processor(&path, step)?;
    }
    let mut may_be_empty = false;
    for (path, step) in steps("decoder", "decoders", DECODERS)? {
        decoder(&path, step)?;
        if may_be_empty && step["type"] == "BPEDecoder" {
            return Err(bad(
                &path,
                "behind CTC there may be no token, which it does not expect",
            ));
        }
        may_be_empty |= step["type"] == "CTC";
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
    types: &[&str],
) -> Result<Vec<(String, &'a Value)>, TextError> {
    if part.is_null() {
        return Ok(Vec::new());
    }
    let kind = part["type"].as_str().unwrap_or("");
    if !types.contains(&kind) {
        let known = types.join(", ");
        return Err(bad(
            path,
            format!("its type is {}; known are {known}", part["type"]),
        ));
    }
    let inner = match &part[list] {
        Value::Array(steps) => &steps[..],
        _ => &[],
    };
    // A list in a step that is no sequence: the library may take either for what is meant.
    let mut all = match part["type"] == "Sequence" {
        true => Vec::new(),
        false => vec![(path.to_owned(), part)],
    };
    for (index, step) in inner.iter().enumerate() {
        let path = format!("{path}.{list}[{index}]");
        if step.is_null() {
            return Err(bad(&path, "it is null"));
        }
        all.extend(flat(step, &path, list, types)?);
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

/// Text that is put where a pattern matches nothing belongs to no character, and steps that go through the characters lose count.
fn insertions(steps: &[(String, &Value)]) -> Result<(), TextError> {
    const KEEP_COUNT: [&str; 12] = [
        "Delimiter",
        "Replace",
        "Prepend",
        "Metaspace",
        "Split",
        "Whitespace",
        "WhitespaceSplit",
        "Punctuation",
        "Digits",
        "CharDelimiterSplit",
        "UnicodeScripts",
        "FixedLength",
    ];
    let mut inserts = None;
    for (path, step) in steps {
        let kind = step["type"].as_str().unwrap_or("");
        match inserts {
            Some(replace) if !KEEP_COUNT.contains(&kind) => {
                let reason = format!(
                    "its pattern can match nothing, and {path} ({kind}) cannot follow that"
                );
                return Err(bad(replace, reason));
            }
            _ => {}
        }
        let inserts_nothing = kind == "Prepend" && step["prepend"] == "";
        if inserts_nothing || kind == "Replace" && matches_nothing(&step["pattern"]) {
            inserts = inserts.or(Some(path.as_str()));
        }
    }
    Ok(())
}

/// Whether a pattern matches between characters somewhere in a text with many kinds of them.
fn matches_nothing(pattern: &Value) -> bool {
    let regex = match (pattern["Regex"].as_str(), pattern["String"].as_str()) {
        (Some(regex), _) => regex,
        (None, text) => return text == Some(""),
    };
    let ascii: String = (0..128u8).map(char::from).collect();
    let texts = ["", "a", " ", "Aa bb  1.\n", "\u{2581}a\u{2581}\u{2581} é日"];
    let Ok(regex) = tokenizers::utils::SysRegex::new(regex) else {
        return false;
    };
    let mut texts = texts.into_iter().chain([ascii.as_str()]);
    texts.any(|text| regex.find_iter(text).any(|(start, end)| start == end))
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
