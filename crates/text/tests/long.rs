//! Encoding of long texts against one call of the library over the whole.

use kerf_text::Tokenizer;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;

/// The library's own ids.
fn oracle(json: &[u8], text: &str, special: bool) -> Vec<u32> {
    let mut inner = tokenizers::Tokenizer::from_bytes(json).unwrap();
    inner.with_padding(None);
    inner.with_truncation(None).unwrap();
    inner.encode(text, special).unwrap().get_ids().to_vec()
}

fn shared(path: &str) -> Option<Vec<u8>> {
    let full = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared")
        .join(path);
    let read = std::fs::read(full).ok();
    if read.is_none() {
        // Not println: the test harness would keep it to itself.
        let _ = writeln!(std::io::stderr(), "SKIPPED: ../shared/{path} is not there");
    }
    read
}

/// Characters of the tests' vocabularies, and merges with some that cross words.
const LETTERS: &str = "abcxyz.,\n'0";

fn bpe(mark: &str, merges: &[(&str, &str)], rest: Value) -> Vec<u8> {
    let mut vocab = serde_json::Map::new();
    let mut add = |token: String| {
        let id = vocab.len();
        vocab.entry(token).or_insert(json!(id));
    };
    for token in ["<unk>", "<s>", "</s>", mark] {
        add(token.to_string());
    }
    LETTERS.chars().for_each(|letter| add(letter.to_string()));
    merges.iter().for_each(|(a, b)| add(format!("{a}{b}")));
    let special = |id: u32, content: &str, strip: bool| {
        json!({"id": id, "content": content, "single_word": false, "lstrip": strip, "rstrip": strip,
            "normalized": false, "special": true})
    };
    let mut config = json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": [special(0, "<unk>", false), special(1, "<s>", false), special(2, "</s>", true)],
        "normalizer": null, "pre_tokenizer": null, "decoder": null,
        "post_processor": {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
        "model": {"type": "BPE", "dropout": null, "unk_token": "<unk>", "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": true, "byte_fallback": false, "ignore_merges": false,
            "vocab": vocab, "merges": merges.iter().map(|(a, b)| json!([a, b])).collect::<Vec<_>>()},
    });
    for (key, value) in rest.as_object().unwrap() {
        config[key] = value.clone();
    }
    serde_json::to_vec(&config).unwrap()
}

/// SentencePiece's way, by normaliser and by pre-tokenizer, and GPT-2's.
fn small_tokenizers() -> Vec<(&'static str, Vec<u8>)> {
    let mark = "\u{2581}";
    // "b▁" is a token, so that behind b nothing may be cut.
    let merges = [
        (mark, "a"),
        ("a", "b"),
        ("b", mark),
        ("x", "y"),
        ("xy", "z"),
        (mark, "x"),
        (mark, mark),
        ("c", "ab"),
    ];
    let normalizer = json!({"normalizer": {"type": "Sequence", "normalizers": [
        {"type": "Prepend", "prepend": mark},
        {"type": "Replace", "pattern": {"String": " "}, "content": mark}]}});
    let metaspace = |split: bool, scheme: &str| json!({"pre_tokenizer": {"type": "Metaspace", "replacement": mark, "prepend_scheme": scheme, "split": split}});
    let bytes = |prefix: bool| json!({"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": true, "use_regex": true}});
    let merges_bytes = [
        ("\u{120}", "a"),
        ("a", "b"),
        ("x", "y"),
        ("xy", "z"),
        ("c", "ab"),
    ];
    vec![
        ("prepend", bpe(mark, &merges, normalizer)),
        (
            "metaspace first",
            bpe(mark, &merges, metaspace(false, "first")),
        ),
        (
            "metaspace always split",
            bpe(mark, &merges, metaspace(true, "always")),
        ),
        (
            "metaspace never",
            bpe(mark, &merges, metaspace(false, "never")),
        ),
        ("bytes", bpe("\u{120}", &merges_bytes, bytes(false))),
        (
            "bytes with prefix",
            bpe("\u{120}", &merges_bytes, bytes(true)),
        ),
        ("nothing", bpe(mark, &merges, json!({}))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn long_texts_get_the_ids_of_one_call(
        words in prop::collection::vec("[abcxyz]{1,4}|[ \n]{1,3}|</s>|<s>|[.,'0]|é|\u{2581}|q", 1..40),
        glue in prop::collection::vec(prop::bool::weighted(0.7), 40),
    ) {
        let mut text = String::new();
        while text.len() < 5000 {
            for (word, space) in words.iter().zip(&glue) {
                text.push_str(word);
                if *space { text.push(' '); }
            }
            text.push('z');
        }
        for (name, json) in small_tokenizers() {
            let tokenizer = Tokenizer::from_bytes(&json).unwrap();
            for special in [false, true] {
                prop_assert_eq!(tokenizer.encode(&text, special).unwrap(), oracle(&json, &text, special), "{}", name);
            }
        }
    }
}

#[test]
fn real_tokenizers_give_the_ids_of_one_call_on_real_text() {
    let Some(text) = shared("text/tinystories-valid.txt") else {
        return;
    };
    let text = String::from_utf8(text).unwrap();
    for model in ["stories260K", "classics-6M", "all-MiniLM-L6-v2"] {
        let Some(json) = shared(&format!("models/{model}/tokenizer.json")) else {
            continue;
        };
        let tokenizer = Tokenizer::from_bytes(&json).unwrap();
        for special in [false, true] {
            assert!(
                tokenizer.encode(&text, special).unwrap() == oracle(&json, &text, special),
                "{model}"
            );
        }
    }
}

#[test]
fn twelve_megabytes_get_as_many_ids_as_one_call_gives() {
    let (Some(text), Some(json)) = (
        shared("text/classics-train.txt"),
        shared("models/stories260K/tokenizer.json"),
    ) else {
        return;
    };
    let text = String::from_utf8(text).unwrap();
    let tokenizer = Tokenizer::from_bytes(&json).unwrap();
    let ids = tokenizer.encode(&text, true).unwrap();
    // What one call of the library gives, in half a minute and a gigabyte.
    assert_eq!(ids.len(), 6_815_823);
}

#[test]
fn padding_and_truncation_are_ignored() {
    let Some(json) = shared("models/all-MiniLM-L6-v2/tokenizer.json") else {
        return;
    };
    let tokenizer = Tokenizer::from_bytes(&json).unwrap();
    assert_eq!(tokenizer.encode("a", true).unwrap(), [101, 1037, 102]);
    let long = vec!["word"; 300].join(" ");
    assert_eq!(tokenizer.encode(&long, true).unwrap().len(), 302);
    assert_eq!(tokenizer.vocab(), 30522);
    let all = tokenizer.encode_all(&["a".into(), long], false).unwrap();
    assert_eq!((all[0].len(), all[1].len()), (1, 300));
}
