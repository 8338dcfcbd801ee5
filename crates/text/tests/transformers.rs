//! Folders whose small files say something beside, or against, tokenizer.json: ids are those of transformers' AutoTokenizer
//! (test/golden/make_tokenizer_goldens.py).

mod golden_folders;

use golden_folders::*;

#[test]
fn ids_are_those_of_transformers() {
    let goldens = golden("tokenizers.json");
    let texts: Vec<&str> = goldens["texts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|text| text.as_str().unwrap())
        .collect();
    let cut = goldens["cut"].as_u64().unwrap() as usize;
    let cases = goldens["cases"].as_array().expect("cases");
    let mut wrong = Vec::new();
    for (index, case) in cases.iter().enumerate() {
        let tell = |what: &str| {
            format!(
                "case {index}: {what}: {} {} {}",
                case["class"], case["base"], case["files"]
            )
        };
        let tokenizer = match open(&files(&goldens, case)) {
            Ok(tokenizer) => tokenizer,
            Err(error) => {
                wrong.push(tell(&error));
                continue;
            }
        };
        for (text, ids) in texts.iter().zip(case["ids"].as_array().unwrap()) {
            let got = tokenizer
                .encode(text, true)
                .map_err(|error| error.to_string());
            let got = serde_json::json!(got.unwrap_or_default());
            if got != *ids {
                wrong.push(tell(&format!("{text:?}:\n    {got}\nnot {ids}\n   ")));
            }
        }
        let long = texts.join(" and then a word ").repeat(25);
        let whole = tokenizer
            .encode_truncated(&long, usize::MAX)
            .expect("ids")
            .0;
        if tokenizer.encode(&long, true).expect("ids") != whole {
            wrong.push(tell("a long text"));
        }
        let (ids, _) = tokenizer.encode_truncated(texts[0], cut).expect("ids");
        if serde_json::json!(ids) != case["cut"] {
            wrong.push(tell(&format!("cut {ids:?} not {}", case["cut"])));
        }
        let ids: Vec<u32> = serde_json::from_value(case["ids"][0].clone()).expect("ids");
        let text = tokenizer.decode(&ids).expect("text");
        if text != case["text"] {
            wrong.push(tell(&format!("text {text:?} not {}", case["text"])));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
    assert!(cases.len() > 100);
}
