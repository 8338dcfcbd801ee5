//! Damaged tokenizer.json files give an error or a tokenizer that works, and never a panic: a page cannot unwind.
//!
//! `KERF_DAMAGE=200000 cargo test --release -p kerf-text --test damage` runs longer; `KERF_DAMAGE_SEED` begins elsewhere.

use kerf_text::{TextStream, Tokenizer};
use serde_json::{Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};

const RUNS: u64 = 3000;
const TEXTS: [&str; 7] = [
    "",
    " ",
    "Once upon a time, Lily said: \"hello\" 12345!",
    "  two  spaces\n\tÀ la carte, ﬁn e\u{301} 日本 🙂 <s>the</s> [MASK] <|endoftext|>\u{0}\u{ad}\u{200d}",
    "\u{feff}\u{e000}\u{10ffff}",
    "a",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bb",
];

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

fn bases() -> Vec<Value> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../test/golden/tokenizers.json"
    );
    let goldens: Value = serde_json::from_slice(&std::fs::read(path).expect("goldens")).unwrap();
    let bases = goldens["bases"].as_object().expect("bases").values();
    let text = |base: &Value| base["tokenizer.json"].as_str().unwrap().to_owned();
    bases
        .map(|base| serde_json::from_str(&text(base)).unwrap())
        .collect()
}

/// A table of SentencePiece that replaces `a` by `bc` (see `check/charsmap.rs`), in base 64.
fn charsmap() -> String {
    let mut units = vec![0u32; 1024];
    units[0] = 256 << 10;
    units[256 ^ 97] = 97 | 1 << 8 | (256 ^ 512 ^ 97) << 10;
    units[512 ^ 97 ^ 97] = 1 << 31;
    let mut bytes = (4096u32).to_le_bytes().to_vec();
    bytes.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
    bytes.extend(b"bc\0");
    base64(&bytes)
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0u32, |bits, index| {
            bits << 8 | u32::from(*chunk.get(index).unwrap_or(&0))
        });
        for index in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * index)) as usize & 63] as char;
            text.push(if index <= chunk.len() { digit } else { '=' });
        }
    }
    text
}

/// Components that the bases do not have.
fn components() -> Vec<(&'static str, Value)> {
    let split = |pattern: Value, behavior: &str| json!({"type": "Split", "pattern": pattern, "behavior": behavior, "invert": false});
    vec![
        (
            "normalizer",
            json!({"type": "Precompiled", "precompiled_charsmap": charsmap()}),
        ),
        (
            "normalizer",
            json!({"type": "Strip", "strip_left": true, "strip_right": true}),
        ),
        (
            "normalizer",
            json!({"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "StripAccents"}, {"type": "Nmt"}]}),
        ),
        (
            "normalizer",
            json!({"type": "Sequence", "normalizers": [{"type": "Lowercase"}, {"type": "ByteLevel"}]}),
        ),
        (
            "normalizer",
            json!({"type": "Replace", "pattern": {"Regex": "a*"}, "content": "bb"}),
        ),
        (
            "normalizer",
            json!({"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": ""}),
        ),
        ("normalizer", json!({"type": "Prepend", "prepend": "x"})),
        ("pre_tokenizer", json!({"type": "FixedLength", "length": 3})),
        (
            "pre_tokenizer",
            json!({"type": "CharDelimiterSplit", "delimiter": "a"}),
        ),
        (
            "pre_tokenizer",
            json!({"type": "Punctuation", "behavior": "Contiguous"}),
        ),
        ("pre_tokenizer", json!({"type": "UnicodeScripts"})),
        ("pre_tokenizer", json!({"type": "WhitespaceSplit"})),
        (
            "pre_tokenizer",
            split(json!({"Regex": "(?=b)|a?"}), "MergedWithNext"),
        ),
        ("pre_tokenizer", split(json!({"String": ""}), "Removed")),
        (
            "pre_tokenizer",
            split(json!({"Regex": "(a+)+$"}), "Contiguous"),
        ),
        (
            "pre_tokenizer",
            split(json!({"Regex": "(\\w+\\s?)+[^\\w]"}), "MergedWithPrevious"),
        ),
        (
            "post_processor",
            json!({"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0], "trim_offsets": true, "add_prefix_space": true}),
        ),
        (
            "post_processor",
            json!({"type": "Sequence", "processors": [{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}, {"type": "BertProcessing", "sep": ["a", 1], "cls": ["b", 2]}]}),
        ),
        (
            "decoder",
            json!({"type": "Strip", "content": " ", "start": 2, "stop": 1}),
        ),
        (
            "decoder",
            json!({"type": "CTC", "pad_token": "a", "word_delimiter_token": "|", "cleanup": true}),
        ),
        ("decoder", json!({"type": "BPEDecoder", "suffix": "a"})),
    ]
}

/// A value that does not belong where it is put.
fn odd(random: &mut Random) -> Value {
    let values = [
        Value::Null,
        json!(true),
        json!(0),
        json!(1),
        json!(-1),
        json!(3),
        json!(4294967295u64),
        json!(4294967296u64),
        json!(2147483647),
        json!(1e300),
        json!(-1e308),
        json!(0.5),
        json!(""),
        json!("a"),
        json!("é"),
        json!("the"),
        json!("\u{2581}"),
        json!("BPE"),
        json!("Unigram"),
        json!("ByteLevel"),
        json!("Sequence"),
        json!("B"),
        json!("(("),
        json!("(?<=a+)b"),
        json!([]),
        json!({}),
        json!([["a", 1]]),
        json!(["a", "b"]),
        json!({"a": 0}),
        json!("<s>"),
        json!("$A"),
    ];
    random.pick(&values).clone()
}

/// Goes down to some value; each step is as likely as the next.
fn some<'a>(mut value: &'a mut Value, random: &mut Random) -> &'a mut Value {
    for _ in 0..1 + random.below(6) {
        let count =
            value.as_array().map_or(0, Vec::len) + value.as_object().map_or(0, |map| map.len());
        if count == 0 {
            break;
        }
        let index = random.below(count);
        value = match value {
            Value::Array(values) => &mut values[index],
            Value::Object(map) => map.values_mut().nth(index).expect("a field"),
            _ => unreachable!(),
        };
    }
    value
}

fn damage(json: &mut Value, random: &mut Random, components: &[(&str, Value)]) {
    let other = some(json, random).clone();
    let place = some(json, random);
    match random.below(8) {
        0 | 1 => *place = odd(random),
        2 => *place = other,
        3 => match place {
            Value::Array(values) if !values.is_empty() => {
                values.remove(random.below(values.len()));
            }
            Value::Object(map) if !map.is_empty() => {
                let name = map
                    .keys()
                    .nth(random.below(map.len()))
                    .expect("a field")
                    .clone();
                map.remove(&name);
            }
            _ => *place = Value::Null,
        },
        4 => match place {
            Value::Array(values) => values.push(other),
            Value::String(text) => text.push_str("é\u{2581}"),
            Value::Number(number) => {
                *place = json!((number.as_f64().unwrap_or(0.0) as i64).wrapping_add(1))
            }
            _ => {}
        },
        5 => {
            if let Value::String(text) = place {
                *text = text.chars().skip(1).collect();
            }
        }
        _ => {
            let (part, component) = random.pick(components);
            match json[*part].as_object().is_some() && random.below(2) == 0 {
                true => {
                    let lists = [
                        ("normalizer", "normalizers"),
                        ("pre_tokenizer", "pretokenizers"),
                        ("post_processor", "processors"),
                        ("decoder", "decoders"),
                    ];
                    let list = lists
                        .iter()
                        .find(|(name, _)| name == part)
                        .expect("a part")
                        .1;
                    json[*part] =
                        json!({"type": "Sequence", list: [json[*part].clone(), component]});
                }
                false => json[*part] = component.clone(),
            }
        }
    }
}

fn damage_bytes(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len());
    match random.below(4) {
        0 => bytes.truncate(at),
        1 => bytes[at] ^= 1 << random.below(8),
        2 => {
            let end = (at + 1 + random.below(9)).min(bytes.len());
            bytes.drain(at..end);
        }
        _ => {
            let quotes: Vec<usize> = (0..bytes.len())
                .filter(|place| bytes[*place] == b'"')
                .collect();
            if !quotes.is_empty() {
                bytes.remove(*random.pick(&quotes));
            }
        }
    }
}

/// Everything that a tokenizer can do.
fn use_it(bytes: &[u8], random: &mut Random) -> bool {
    let Ok(tokenizer) = Tokenizer::from_bytes(bytes) else {
        return false;
    };
    for text in TEXTS {
        for special in [true, false] {
            if let Ok(ids) = tokenizer.encode(text, special) {
                let _ = tokenizer.decode(&ids);
            }
        }
        let _ = tokenizer.encode_truncated(text, random.below(6));
    }
    let _ = tokenizer.encode(&TEXTS[3].repeat(40), true);
    let ids: Vec<u32> = (0..12)
        .map(|_| random.below(tokenizer.vocab() + 5) as u32)
        .collect();
    let _ = tokenizer.decode(&ids);
    let mut stream = TextStream::new(&tokenizer, &ids[..3]);
    for id in &ids[3..] {
        let _ = stream.push(*id);
    }
    true
}

#[test]
fn damaged_files_give_an_error_or_a_tokenizer_that_works() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let (runs, seed) = (
        number("KERF_DAMAGE").unwrap_or(RUNS),
        number("KERF_DAMAGE_SEED").unwrap_or(0),
    );
    let (bases, components) = (bases(), components());
    let (mut worked, mut panicked) = (0, Vec::new());
    for run in seed..seed + runs {
        let mut random = Random(run.wrapping_mul(0x0123_4567_89AB_CDEF));
        let mut json = random.pick(&bases).clone();
        for _ in 0..random.below(5) {
            damage(&mut json, &mut random, &components);
        }
        let mut bytes = json.to_string().into_bytes();
        if random.below(4) == 0 {
            damage_bytes(&mut bytes, &mut random);
        }
        match catch_unwind(AssertUnwindSafe(|| use_it(&bytes, &mut random))) {
            Ok(works) => worked += u64::from(works),
            Err(_) => {
                json["model"]["vocab"] = json!("left out");
                json["model"]["merges"] = json!("left out");
                json["added_tokens"] = json!("left out");
                panicked.push(format!("run {run}: {json}"));
            }
        }
    }
    assert!(
        panicked.is_empty(),
        "{} panics\n{}",
        panicked.len(),
        panicked[..panicked.len().min(5)].join("\n")
    );
    assert!(
        worked > runs / 10 && worked < runs,
        "{worked} of {runs} worked"
    );
}
