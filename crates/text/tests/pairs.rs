//! Single texts, pairs, cut pairs and windows are those of transformers' AutoTokenizer (test/golden/make_pair_goldens.py).

mod golden_folders;

use golden_folders::*;
use kerf_text::{Encoded, Tokenizer, characters};
use serde_json::{Value, json};

fn texts(pairs: &Value, index: usize) -> [&str; 2] {
    [0, 1].map(|side| pairs["pairs"][index][side].as_str().expect("a text"))
}

fn said(encoded: &Encoded) -> Value {
    json!({
        "ids": encoded.ids,
        "types": encoded.types,
        "text": encoded.text,
        "offsets": encoded.offsets,
    })
}

/// Everything of one folder that is not as transformers has it.
fn wrong(pairs: &Value, case: &Value, tokenizer: &Tokenizer) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut same = |what: &str, got: Value, expected: &Value| {
        if got != *expected {
            let (got, expected) = (got.to_string(), expected.to_string());
            let place = got.bytes().zip(expected.bytes());
            let place = place.take_while(|(got, expected)| got == expected).count();
            let near = |text: &str| {
                text.chars()
                    .skip(place.saturating_sub(60))
                    .take(120)
                    .collect::<String>()
            };
            wrong.push(format!(
                "{what}, {place}:\n  {}\nnot {}",
                near(&got),
                near(&expected)
            ));
        }
    };
    for index in 0..2 {
        let [first, second] = texts(pairs, index);
        let single = tokenizer.encode_pair(first, None).expect("ids");
        same("single", said(&single), &case["single"][index]);
        let pair = tokenizer.encode_pair(first, Some(second)).expect("ids");
        same("pair", said(&pair), &case["pairs"][index]);
        let cuts = pairs["cuts"].as_array().expect("cuts");
        for (place, cut) in cuts.iter().enumerate() {
            let cut = cut.as_u64().expect("a number") as usize;
            for (what, second) in [("cut", Some(second)), ("cut_single", None)] {
                let expected = &case[what][index][place];
                let (kept, _) = tokenizer
                    .encode_pair_within(first, second, cut)
                    .expect("ids");
                assert!(kept.ids.len() <= cut);
                if !expected.is_null() {
                    same(what, json!(kept.ids), expected);
                }
            }
        }
        let size = ["window", "stride"].map(|key| pairs[key].as_u64().expect("a number") as usize);
        let windows = tokenizer.windows(first, second, (size[0], size[1]));
        let windows = windows.expect("ids");
        let windows = windows.map(|windows| windows.iter().map(said).collect::<Vec<_>>());
        let mut expected = case["windows"][index].clone();
        let two_types = pair.types.contains(&1);
        for window in expected.as_array_mut().into_iter().flatten().skip(1) {
            // Where all of a pair is of type 0, the library leaves another type on the windows after the first.
            if !two_types {
                window["types"] = json!(vec![0; window["ids"].as_array().map_or(0, Vec::len)]);
            }
        }
        same("windows", json!(windows), &expected);
    }
    wrong
}

#[test]
fn pairs_are_those_of_transformers() {
    let (goldens, pairs) = (golden("tokenizers.json"), golden("pairs.json"));
    let cases = pairs["cases"].as_array().expect("cases");
    let mut all = Vec::new();
    for found in cases {
        let case = &goldens["cases"][found["case"].as_u64().expect("an index") as usize];
        let tokenizer = open(&files(&goldens, case)).expect("a tokenizer");
        for line in wrong(&pairs, found, &tokenizer) {
            all.push(format!(
                "{} {} {}: {line}",
                case["class"], case["base"], case["files"]["tokenizer_config.json"]
            ));
        }
    }
    assert!(all.is_empty(), "{}:\n{}", all.len(), all.join("\n"));
    assert!(cases.len() > 50);
}

#[test]
fn a_piece_of_a_text_is_counted_in_characters() {
    assert_eq!(characters("aé日b", 1..3), "é日");
    assert_eq!(characters("aé日b", 3..9), "b");
    assert_eq!(characters("aé", 2..2), "");
}
