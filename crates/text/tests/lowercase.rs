//! A text that is lowercased before it is tokenised.

use kerf_text::Tokenizer;
use serde_json::{Value, json};

fn tokenizer(normalizer: Value) -> Tokenizer {
    let special = |content: &str, id: u32| {
        json!({ "id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": true })
    };
    let json = json!({
        "version": "1.0", "truncation": null, "padding": null, "decoder": null, "post_processor": null,
        "added_tokens": [special("<unk>", 0), special("[MASK]", 1)],
        "normalizer": normalizer, "pre_tokenizer": { "type": "Whitespace" },
        "model": { "type": "WordLevel", "vocab": { "<unk>": 0, "[MASK]": 1, "cat": 2, "Cat": 3, "σοφοσ": 4, "σοφος": 5 }, "unk_token": "<unk>" }
    });
    Tokenizer::from_bytes(json.to_string().as_bytes()).unwrap()
}

/// As the normalizer Lowercase of the library, which sentence-transformers 6 puts first: each letter by itself, and added tokens as
/// they are.
#[test]
fn every_letter_but_those_of_added_tokens() {
    for normalizer in [
        Value::Null,
        json!({ "type": "NFC" }),
        json!({ "type": "Sequence", "normalizers": [{ "type": "NFC" }] }),
        json!({ "type": "Sequence", "normalizers": [{ "type": "NFC" }, { "type": "Lowercase" }] }),
        json!({ "type": "Lowercase" }),
    ] {
        let lower = tokenizer(normalizer.clone()).lowercased().unwrap();
        let ids = lower.encode("Cat [MASK] ΣΟΦΟΣ σοφος", false).unwrap();
        assert_eq!(ids, [2, 1, 4, 5], "{normalizer}");
        // Long texts are cut into pieces by rules that depend on the normalizer.
        let long = lower.encode(&"CAT cat ".repeat(2000), false).unwrap();
        assert!(long.len() == 4000 && long.iter().all(|id| *id == 2));
    }
    let plain = tokenizer(Value::Null);
    assert_eq!(plain.encode("Cat", false).unwrap(), [3]);
    assert!(plain.is_special(1) && !plain.is_special(2));
}
