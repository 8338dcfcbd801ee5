//! The folders of test/golden/tokenizers.json.

use kerf_tensors::folder::MemFolder;
use kerf_tensors::{Folder, ModelFiles};
use kerf_text::{Description, Tokenizer, TokenizerFiles};
use serde_json::Value;

/// A file of test/golden.
pub fn golden(name: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../test/golden");
    let bytes = std::fs::read(format!("{folder}/{name}")).expect("goldens");
    serde_json::from_slice(&bytes).expect("JSON")
}

/// The tokenizer of a folder in memory, as kerf opens it.
pub fn open(files: &[(String, Vec<u8>)]) -> Result<Tokenizer, String> {
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

/// The files of a case.
pub fn files(goldens: &Value, case: &Value) -> Vec<(String, Vec<u8>)> {
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
