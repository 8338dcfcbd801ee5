//! Folders whose small files say something beside, or against, tokenizer.json: ids are those of transformers' AutoTokenizer
//! (test/golden/make_tokenizer_goldens.py).

use kerf_tensors::folder::MemFolder;
use kerf_tensors::{Folder, ModelFiles};
use kerf_text::{Description, Tokenizer, TokenizerFiles};
use serde_json::Value;

fn goldens() -> Value {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../test/golden/tokenizers.json"
    );
    serde_json::from_slice(&std::fs::read(path).expect("goldens")).expect("JSON")
}

/// The tokenizer of a folder in memory, as kerf opens it.
fn open(files: &[(String, Vec<u8>)]) -> Result<Tokenizer, String> {
    let folder = MemFolder::new("case");
    for (name, bytes) in files {
        folder.insert(name, bytes.clone());
    }
    let names = folder.list().map_err(|error| error.to_string())?;
    let described = ModelFiles::read(&folder, &names).map_err(|error| error.to_string())?;
    let files = TokenizerFiles::read(&folder).map_err(|error| error.to_string())?;
    let description = Description::of(&files, &described.tokenizer);
    let description = description.map_err(|error| error.to_string())?;
    Tokenizer::new(description).map_err(|error| error.to_string())
}

fn files(goldens: &Value, case: &Value) -> Vec<(String, Vec<u8>)> {
    let base = goldens["bases"][case["base"].as_str().expect("a base")]
        .as_object()
        .expect("files");
    let older = case["vocabulary"] == true;
    let vocabulary = base
        .iter()
        .filter(|(name, _)| (*name == "tokenizer.json") != older);
    let vocabulary =
        vocabulary.map(|(name, text)| (name.clone(), text.as_str().expect("text").into()));
    let small = case["files"].as_object().expect("files").iter();
    let small = small.map(|(name, value)| (name.clone(), value.to_string().into_bytes()));
    vocabulary.chain(small).collect()
}

#[test]
fn ids_are_those_of_transformers() {
    let goldens = goldens();
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
