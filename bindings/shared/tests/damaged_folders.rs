//! Model folders damaged at random, file by file: every function ends with an answer or with an error that has a code, never with a
//! panic. A short seeded run; a long one by
//! `KERF_DAMAGED_FOLDERS=20000 KERF_DAMAGED_SEED=7 cargo test -p kerf-bindings --test damaged_folders -- --nocapture`.

mod common;

use common::Recorder;
use kerf_bindings::invoke;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Folders of a run that nobody asked to be longer.
const SHORT: u64 = 150;

/// A number from the environment.
fn number(name: &str, default: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.map_or(default, |text| text.parse().expect("a number"))
}

struct Damage(Xoshiro256PlusPlus);

impl Damage {
    fn below(&mut self, limit: usize) -> usize {
        (self.0.next_u64() % limit.max(1) as u64) as usize
    }

    fn one<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }

    /// Other bytes in place of a file.
    fn file(&mut self, name: &str, bytes: &[u8]) -> Vec<u8> {
        match self.below(10) {
            0..=5 if name.ends_with(".json") => self.json(bytes),
            0..=5 if name.ends_with(".safetensors") => self.header(bytes),
            6 => bytes[..self.below(bytes.len())].to_vec(),
            7 => {
                let strange: [&[u8]; 5] = [
                    b"",
                    b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n",
                    b"<!DOCTYPE html><html><body>404</body></html>",
                    b"\xff\xfe{}",
                    b"[]",
                ];
                self.one(&strange).to_vec()
            }
            _ => self.bytes(bytes),
        }
    }

    /// Some bytes changed, put in or taken out, most of them near the start.
    fn bytes(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = bytes.to_vec();
        for _ in 0..=self.below(8) {
            let reach = if self.below(2) == 0 { 256 } else { out.len() };
            let at = self.below(reach.min(out.len()));
            let byte = self.0.next_u64() as u8;
            match self.below(3) {
                _ if out.is_empty() => out.push(byte),
                0 => out[at] = byte,
                1 => out.insert(at, byte),
                _ => drop(out.remove(at)),
            }
        }
        out
    }

    /// Values of a JSON document replaced or removed.
    fn json(&mut self, bytes: &[u8]) -> Vec<u8> {
        let Ok(mut value) = serde_json::from_slice::<Value>(bytes) else {
            return self.bytes(bytes);
        };
        for _ in 0..=self.below(2) {
            self.value(&mut value, 0);
        }
        let mut text = value.to_string();
        if self.below(12) == 0 {
            // As Python writes what is no number in JSON.
            let word = *self.one(&["NaN", "Infinity", "-Infinity"]);
            text = text.replacen("1.0", word, 1);
        }
        if self.below(12) == 0 {
            // A key without its quotes.
            text = text.replacen("\":", ":", 1);
        }
        text.into_bytes()
    }

    fn value(&mut self, value: &mut Value, depth: usize) {
        let deeper = depth < 6 && self.below(8) > 0;
        match value {
            Value::Object(map) if deeper && !map.is_empty() => {
                let key = map.keys().nth(self.below(map.len())).cloned();
                let key = key.expect("a key");
                if self.below(8) == 0 {
                    map.remove(&key);
                } else if let Some(inner) = map.get_mut(&key) {
                    self.value(inner, depth + 1);
                }
            }
            Value::Array(list) if deeper && !list.is_empty() => {
                let at = self.below(list.len());
                if self.below(8) == 0 {
                    list.remove(at);
                } else {
                    self.value(&mut list[at], depth + 1);
                }
            }
            other => {
                let odd = [
                    json!(null),
                    json!(-1),
                    json!(0),
                    json!(1),
                    json!(3),
                    json!(7.5),
                    json!(1e300),
                    json!(u64::MAX),
                    json!(i64::MIN),
                    json!(4_294_967_295u64),
                    json!(true),
                    json!(""),
                    json!("\u{10ffff}"),
                    json!("x".repeat(300)),
                    json!([]),
                    json!([[]]),
                    json!({}),
                    json!({"type": "Sequence"}),
                    json!("(((((a*)*)*)*)*)$"),
                ];
                *other = self.one(&odd).clone();
            }
        }
    }

    /// The header of a safetensors file changed, its length set right.
    fn header(&mut self, bytes: &[u8]) -> Vec<u8> {
        let length = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) as usize;
        let header = match self.below(3) {
            0 => self.bytes(&bytes[8..8 + length]),
            _ => self.json(&bytes[8..8 + length]),
        };
        let mut out = (header.len() as u64).to_le_bytes().to_vec();
        out.extend(header);
        out.extend(&bytes[8 + length..]);
        out
    }
}

/// The files of each folder that is damaged.
fn bases() -> Vec<BTreeMap<String, Vec<u8>>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let files = |folder: &str| files_of(&root.join(folder));
    let mut sentences = files("test/golden/pipeline/bert");
    let modules = json!([
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
    ]);
    let pooling = json!({"word_embedding_dimension": 32, "pooling_mode_mean_tokens": true, "include_prompt": true});
    let prompts = json!({"prompts": {"query": "the "}, "default_prompt_name": "query"});
    let lengths = json!({"max_seq_length": 16, "do_lower_case": true});
    for (file, content) in [
        ("modules.json", modules),
        ("1_Pooling/config.json", pooling),
        ("config_sentence_transformers.json", prompts),
        ("sentence_bert_config.json", lengths),
    ] {
        sentences.insert(file.into(), content.to_string().into_bytes());
    }
    vec![
        files("test/fixtures/stories260K"),
        files("test/golden/model/gpt2"),
        sentences,
    ]
}

fn files_of(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let files = entries.filter_map(|entry| {
        let path = entry.ok()?.path();
        let name = path.file_name()?.to_str()?.to_owned();
        (path.is_file() && name != "reference.safetensors" && name != "LICENSE")
            .then(|| Some((name, std::fs::read(path).ok()?)))?
    });
    files.collect()
}

/// What is asked of each folder: reading headers, writing another form, running.
fn requests(folder: &Path, out: &Path, round: u64) -> Vec<(&'static str, Value)> {
    let format = ["safetensors", "kerf"][round as usize % 2];
    vec![
        ("inspect", json!({"model": folder})),
        (
            "convert",
            json!({"model": folder, "format": format, "out": out, "threads": 1}),
        ),
        (
            "evaluate",
            json!({"model": folder, "text": "Once upon a time, a cat.", "context": 16, "threads": 1}),
        ),
        (
            "embed",
            json!({"model": folder, "texts": ["a cat", "dogs"], "threads": 1}),
        ),
        (
            "plan",
            json!({"model": folder, "estimate": false, "options": {"method": "rtn", "sparsity": 0.0, "bits": 8}}),
        ),
    ]
}

#[test]
fn no_damage_makes_a_function_panic() {
    let seed = number("KERF_DAMAGED_SEED", 1);
    let rounds = number("KERF_DAMAGED_FOLDERS", SHORT);
    let work = tempfile::tempdir().expect("folder");
    let bases = bases();
    let mut ends: BTreeMap<String, u64> = BTreeMap::new();
    for round in 0..rounds {
        let mut damage = Damage(Xoshiro256PlusPlus::seed_from_u64(
            seed.wrapping_mul(1 << 32) + round,
        ));
        let files = damage.one(&bases).clone();
        let folder = work.path().join("model");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir(&folder).expect("folder");
        let names: Vec<&String> = files.keys().collect();
        let damaged: Vec<String> = (0..=damage.below(3) / 2)
            .map(|_| (*damage.one(&names)).clone())
            .collect();
        for (name, bytes) in &files {
            let bytes = match damaged.contains(name) {
                true => damage.file(name, bytes),
                false => bytes.clone(),
            };
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("folder");
            std::fs::write(path, bytes).expect("write");
        }
        for (command, request) in requests(&folder, &work.path().join(format!("out{round}")), round)
        {
            let answer = invoke(command, &request.to_string(), &Recorder::default());
            let answer: Value = serde_json::from_str(&answer.json).expect("JSON");
            let code = answer["error"]["code"].as_str().unwrap_or("ok").to_owned();
            let told = &answer["error"]["message"];
            assert_ne!(
                code, "INTERNAL",
                "round {round}, {damaged:?}, {command}: {told}"
            );
            assert!(code == "ok" || told.as_str().is_some_and(|text| !text.is_empty()));
            *ends.entry(format!("{command} {code}")).or_default() += 1;
        }
        let _ = std::fs::remove_dir_all(work.path().join(format!("out{round}")));
    }
    println!("{ends:#?}");
    // A run in which nothing went wrong, or everything, would test nothing.
    assert!(ends.get("inspect ok").is_some_and(|count| *count < rounds));
    assert!(ends.len() > 10);
}
