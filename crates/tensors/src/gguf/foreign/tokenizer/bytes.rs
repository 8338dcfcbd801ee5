//! `gpt2`: a named rule splits the text, then merges join bytes to tokens.

use super::super::Model;
use super::super::keys::{AGAIN, ORIGINAL};
use super::{Kind, Table};
use crate::TensorsError;
use crate::files::Fact;
use crate::files::tokenizer::patterns::{LLAMA3, QWEN2, TEKKEN};
use serde_json::{Map, Value, json};

const PRE: &str = "tokenizer.ggml.pre";
const MERGES: &str = "tokenizer.ggml.merges";

/// A rule with its names in llama.cpp.
struct Rule {
    names: &'static [&'static str],
    cut: Cut,
    /// Whether text is first brought to Unicode's composed form, as the models' own tokenizers do.
    nfc: bool,
    /// Whether a piece that is a token itself is taken whole, without merges.
    whole_pieces: bool,
    /// Whether the begin token is put before a text, if the file does not say.
    adds_bos: bool,
}

enum Cut {
    /// GPT-2's own pattern.
    Gpt2,
    /// The pattern of GPT-2, after each digit was separated.
    Digits,
    Pattern(&'static str),
}

const PLAIN: Rule = Rule {
    names: &[],
    cut: Cut::Gpt2,
    nfc: false,
    whole_pieces: false,
    adds_bos: false,
};

static RULES: [Rule; 6] = [
    Rule {
        names: &["gpt-2", "phi-2"],
        ..PLAIN
    },
    Rule {
        names: &["smollm", "starcoder", "refact"],
        cut: Cut::Digits,
        ..PLAIN
    },
    Rule {
        names: &["llama-bpe", "llama3", "llama-v3"],
        cut: Cut::Pattern(LLAMA3),
        whole_pieces: true,
        adds_bos: true,
        ..PLAIN
    },
    Rule {
        names: &["dbrx", "smaug-bpe"],
        cut: Cut::Pattern(LLAMA3),
        ..PLAIN
    },
    Rule {
        names: &["qwen2", "deepseek-r1-qwen"],
        cut: Cut::Pattern(QWEN2),
        nfc: true,
        ..PLAIN
    },
    Rule {
        names: &["tekken"],
        cut: Cut::Pattern(TEKKEN),
        whole_pieces: true,
        adds_bos: true,
        ..PLAIN
    },
];

pub(super) fn build(
    model: &Model<'_>,
    table: &Table<'_>,
    facts: &mut Vec<Fact>,
) -> Result<Kind, TensorsError> {
    let rule = rule(model)?;
    let says = "text is cut by this rule before bytes are joined";
    facts.push(Fact::used(model.file(), PRE, rule.names[0], says));
    let mut json = Map::new();
    let nfc = rule.nfc.then(|| json!({"type": "NFC"}));
    json.insert("normalizer".into(), nfc.unwrap_or(Value::Null));
    json.insert("pre_tokenizer".into(), rule.cut.json());
    json.insert("decoder".into(), byte_level(true));
    json.insert(
        "model".into(),
        json!({
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": "", "end_of_word_suffix": "",
            "fuse_unk": false, "byte_fallback": false, "ignore_merges": rule.whole_pieces,
            "vocab": table.vocabulary(), "merges": merges(model, table)?,
        }),
    );
    Ok(Kind {
        json,
        adds: (rule.adds_bos, false),
    })
}

fn rule(model: &Model<'_>) -> Result<&'static Rule, TensorsError> {
    let keys = &model.keys;
    let Some(name) = keys.text(PRE)? else {
        let reason =
            "the file does not say by which rule text is cut, and older converters lost it";
        return Err(keys.refuse(PRE, reason, AGAIN));
    };
    let found = RULES.iter().find(|rule| rule.names.contains(&name));
    let Some(rule) = found else {
        let known: Vec<&str> = RULES.iter().flat_map(|rule| rule.names).copied().collect();
        let reason = format!(
            "kerf does not know the rule {name:?} (it knows {})",
            known.join(", ")
        );
        return Err(keys.refuse(PRE, reason, ORIGINAL));
    };
    // Programs that read the result use Qwen's rule for Qwen 2, whatever tokenizer.json says.
    let is_qwen = matches!(rule.cut, Cut::Pattern(QWEN2));
    if model.row.model_type == "qwen2" && !is_qwen {
        let reason =
            format!("it is {name:?}, and transformers cuts text by qwen2 for this architecture");
        return Err(keys.refuse(PRE, reason, ORIGINAL));
    }
    Ok(rule)
}

impl Cut {
    fn json(&self) -> Value {
        let before = match self {
            Self::Gpt2 => return byte_level(true),
            Self::Digits => json!({"type": "Digits", "individual_digits": true}),
            Self::Pattern(pattern) => {
                json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false})
            }
        };
        let is_pattern = matches!(self, Self::Pattern(_));
        json!({"type": "Sequence", "pretokenizers": [before, byte_level(!is_pattern)]})
    }
}

fn byte_level(use_regex: bool) -> Value {
    json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": use_regex})
}

/// The merges: pairs of tokens whose concatenation is a token.
fn merges(model: &Model<'_>, table: &Table<'_>) -> Result<Value, TensorsError> {
    let keys = &model.keys;
    let Some(merges) = keys.texts(MERGES)? else {
        return Err(keys.refuse(MERGES, "the file does not say them", AGAIN));
    };
    let pair = |merge: &String| {
        // The first token may itself begin with a space, so the search starts at the second character.
        let at = merge.char_indices().skip(1).find(|(_, char)| *char == ' ');
        let (a, b) = at.map(|(at, _)| (&merge[..at], &merge[at + 1..]))?;
        let known = [a, b, &format!("{a}{b}")]
            .into_iter()
            .all(|token| table.ids.contains_key(token));
        known.then(|| json!([a, b]))
    };
    let pairs = merges.iter().map(|merge| {
        pair(merge).ok_or_else(|| {
            let reason = format!("{merge:?} is no pair of tokens that make a token");
            keys.refuse(MERGES, reason, AGAIN)
        })
    });
    Ok(Value::Array(pairs.collect::<Result<_, _>>()?))
}
