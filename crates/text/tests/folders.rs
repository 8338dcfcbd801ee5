//! What a folder without a usable tokenizer.json is told, and what its small files change.

use kerf_tensors::files::tokenizer::{Side, TokenizerClass};
use kerf_tensors::folder::MemFolder;
use kerf_tensors::{Folder, ModelFiles};
use kerf_text::{Description, Tokenizer, TokenizerFiles, Vocabulary};
use serde_json::{Value, json};

fn base(name: &str, file: &str) -> String {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../test/golden/tokenizers.json"
    );
    let goldens: Value = serde_json::from_slice(&std::fs::read(path).expect("goldens")).unwrap();
    goldens["bases"][name][file]
        .as_str()
        .expect("a file")
        .into()
}

fn folder(files: &[(&str, String)]) -> MemFolder {
    let folder = MemFolder::new("model");
    for (name, text) in files {
        folder.insert(name, text.as_bytes());
    }
    folder
}

fn described(files: &[(&str, String)]) -> ModelFiles {
    let folder = folder(files);
    ModelFiles::read(&folder, &folder.list().unwrap()).expect("small files")
}

fn describe(files: &[(&str, String)]) -> Result<Description, String> {
    let read = TokenizerFiles::read(&folder(files)).expect("files");
    Description::of(&read, &described(files).tokenizer).map_err(|error| error.to_string())
}

fn open(files: &[(&str, String)]) -> Tokenizer {
    Tokenizer::new(describe(files).expect("a description")).expect("a tokenizer")
}

fn refused(files: &[(&str, String)]) -> String {
    describe(files).expect_err("an error")
}

fn with(base: &str, edit: impl FnOnce(&mut Value)) -> String {
    let mut json: Value = serde_json::from_str(base).expect("JSON");
    edit(&mut json);
    json.to_string()
}

fn config(value: Value) -> (&'static str, String) {
    ("tokenizer_config.json", value.to_string())
}

#[test]
fn a_refusal_names_the_file_and_the_fix() {
    let llama = config(json!({"tokenizer_class": "LlamaTokenizer"}));
    let error = refused(&[llama.clone(), ("tokenizer.model", "\u{0}".into())]);
    assert!(error.starts_with("tokenizer.model: "), "{error}");
    assert!(
        error.contains("AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)"),
        "{error}"
    );
    let error = refused(&[llama, ("vocab.txt", "a\nb".into())]);
    assert!(
        error.contains("LlamaTokenizer") && error.contains("tokenizer_class"),
        "{error}"
    );
    let gpt2 = config(json!({"tokenizer_class": "GPT2Tokenizer"}));
    let error = refused(&[gpt2.clone(), ("vocab.json", "{\"a\": 0}".into())]);
    assert!(error.starts_with("merges.txt: it is not there"), "{error}");
    let error = refused(&[
        gpt2.clone(),
        ("vocab.json", "{\"a\"".into()),
        ("merges.txt", "".into()),
    ]);
    assert!(
        error.starts_with("vocab.json: it is not valid JSON"),
        "{error}"
    );
    let vocab = ("vocab.json", "{\"a\": 0, \"b\": 1}".to_owned());
    let error = refused(&[gpt2, vocab, ("merges.txt", "#version: 0.2\na b c\n".into())]);
    assert!(error.starts_with("merges.txt: line 2 "), "{error}");
    let unigram = ("tokenizer.json", base("unigram", "tokenizer.json"));
    let error = refused(&[unigram, config(json!({"tokenizer_class": "BertTokenizer"}))]);
    assert!(error.contains("PreTrainedTokenizerFast"), "{error}");
}

#[test]
fn the_class_of_a_model_type_gives_way_to_a_file_of_another_type() {
    let unigram = ("tokenizer.json", base("unigram", "tokenizer.json"));
    let typed = ("config.json", json!({"model_type": "roberta"}).to_string());
    let of_type = open(&[unigram.clone(), typed]).encode("Once upon", true);
    assert_eq!(
        of_type.unwrap(),
        open(&[unigram]).encode("Once upon", true).unwrap()
    );
}

#[test]
fn a_damaged_tokenizer_names_the_place() {
    let file = base("byte-level", "tokenizer.json");
    let refuse = |edit: fn(&mut Value)| refused(&[("tokenizer.json", with(&file, edit))]);
    for (edit, message) in [
        (
            (|json| json["model"]["merges"][3] = json!(["t", "nothing"])) as fn(&mut Value),
            "model.merges[3]: model.vocab has no \"nothing\"",
        ),
        (
            |json| json["model"]["merges"][3] = json!(["t", "q"]),
            "model.merges[3]: model.vocab has no \"tq\"",
        ),
        (
            |json| json["model"]["vocab"]["a"] = json!(4294967295u64),
            "model.vocab: token \"a\" has id 4294967295",
        ),
        (
            |json| json["model"] = json!([]),
            "it has no object \"model\"",
        ),
        (
            |json| json["added_tokens"][0]["id"] = json!("x"),
            "added_tokens[0] is no token",
        ),
        (
            |json| json["post_processor"]["special_tokens"] = json!({}),
            "post_processor.single[0]: special_tokens has no \"<s>\"",
        ),
        (
            |json| {
                json["normalizer"] = json!({"type": "Precompiled", "precompiled_charsmap": "AAAA"})
            },
            "normalizer: precompiled_charsmap",
        ),
        (
            |json| json["pre_tokenizer"] = json!({"type": "FixedLength", "length": 0}),
            "pre_tokenizer: length is 0",
        ),
        (
            |json| json["pre_tokenizer"]["pretokenizers"][0] = json!({"type": "Nonsense"}),
            "pre_tokenizer.pretokenizers[0]: its type is",
        ),
    ] {
        let error = refuse(edit);
        assert!(
            error.starts_with("tokenizer.json: ") && error.contains(message),
            "{error}"
        );
    }
    let error = refused(&[("tokenizer.json", file[..file.len() / 2].to_owned())]);
    assert!(error.contains("it is not valid JSON"), "{error}");
    let unquoted = file.replacen("\"merges\"", "merges", 1);
    let error = refused(&[("tokenizer.json", unquoted)]);
    assert!(error.contains("it is not valid JSON"), "{error}");
}

#[test]
fn the_start_or_the_end_is_cut_off_and_special_tokens_stay() {
    let file = base("wordpiece", "tokenizer.json");
    let cut = |files: &[(&str, String)], max: usize| {
        open(files).encode_truncated("a b c d", max).unwrap()
    };
    let plain = [("tokenizer.json", file.clone())];
    let left = config(json!({"truncation_side": "left", "tokenizer_class": "BertTokenizer"}));
    let left = [("tokenizer.json", file.clone()), left];
    let whole = cut(&plain, 99).0;
    assert_eq!(whole.len(), 6);
    assert_eq!(
        cut(&plain, 4),
        (vec![whole[0], whole[1], whole[2], whole[5]], true)
    );
    assert_eq!(
        cut(&left, 4),
        (vec![whole[0], whole[3], whole[4], whole[5]], true)
    );
    assert_eq!(cut(&left, 6), (whole.clone(), false));
    assert_eq!(cut(&left, 1).0, [whole[0]]);
    // tokenizer.json may say the side, and the small file goes before it.
    let says = with(&file, |json| {
        json["truncation"] =
            json!({"direction": "Left", "max_length": 4, "strategy": "LongestFirst", "stride": 0});
    });
    assert_eq!(
        cut(&[("tokenizer.json", says.clone())], 3).0,
        [whole[0], whole[4], whole[5]]
    );
    let right = config(json!({"truncation_side": "right"}));
    assert_eq!(
        cut(&[("tokenizer.json", says), right], 3).0,
        [whole[0], whole[1], whole[5]]
    );
}

#[test]
fn facts_say_what_becomes_of_each_setting() {
    let json = ("tokenizer.json", base("byte-level", "tokenizer.json"));
    let settings = config(json!({
        "tokenizer_class": "GPT2Tokenizer", "add_bos_token": true, "do_lower_case": true, "add_prefix_space": true,
        "truncation_side": "left", "padding_side": "left", "my_own_field": 3, "model_max_length": 1e30,
        "chat_template": [{"name": "tool", "template": "a"}, {"name": "default", "template": "b"}],
    }));
    let files = described(&[json.clone(), settings]);
    assert_eq!(files.tokenizer.class, TokenizerClass::Gpt2);
    assert_eq!(files.tokenizer.truncation_side, Some(Side::Left));
    assert_eq!(
        (
            files.tokenizer.max_length,
            files.tokenizer.chat_template.as_deref()
        ),
        (None, Some("b"))
    );
    let mut notes = files.notes();
    notes.retain(|note| !note.starts_with("config.json"));
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].contains("my_own_field"));
    let says = |field: &str| {
        &files
            .facts
            .iter()
            .find(|fact| fact.field == field)
            .expect("a fact")
            .says
    };
    assert!(
        says("add_bos_token").contains("post-processor")
            && says("do_lower_case").starts_with("nothing")
    );
    assert!(says("add_prefix_space").contains("does as it says"));
    let other = described(&[
        json.clone(),
        config(json!({"tokenizer_class": "T5Tokenizer"})),
    ]);
    assert!(
        other
            .notes()
            .iter()
            .any(|note| note.contains("T5Tokenizer")),
        "{:?}",
        other.notes()
    );
    let template = described(&[json, ("chat_template.jinja", "c".into())]);
    assert_eq!(template.tokenizer.chat_template.as_deref(), Some("c"));
}

#[test]
fn a_wrong_value_names_file_and_field() {
    for (file, text, field) in [
        (
            "tokenizer_config.json",
            json!({"do_lower_case": "yes"}),
            "do_lower_case",
        ),
        (
            "tokenizer_config.json",
            json!({"added_tokens_decoder": {"x": {"content": "a"}}}),
            "added_tokens_decoder.x",
        ),
        (
            "tokenizer_config.json",
            json!({"truncation_side": "middle"}),
            "truncation_side",
        ),
        (
            "tokenizer_config.json",
            json!({"eos_token": 7}),
            "eos_token",
        ),
        (
            "special_tokens_map.json",
            json!({"eos_token": {"lstrip": true}}),
            "eos_token",
        ),
        ("added_tokens.json", json!({"<new>": "a"}), "<new>"),
    ] {
        let folder = folder(&[(file, text.to_string())]);
        let error = ModelFiles::read(&folder, &folder.list().unwrap()).unwrap_err();
        assert_eq!(error.code(), "BAD_CONFIG");
        assert!(
            error.to_string().contains(&format!("{file}: {field}")),
            "{error}"
        );
    }
}

#[test]
fn the_table_of_tokens_knows_what_the_small_files_say() {
    let json = ("tokenizer.json", base("characters", "tokenizer.json"));
    let settings = config(json!({
        "tokenizer_class": "LlamaTokenizer", "eos_token": "<eos>", "add_prefix_space": false,
        "added_tokens_decoder": {
            "1": {"content": "<s>", "special": true}, "5": {"content": "<eos>", "special": true},
            "900": {"content": "<tag>", "special": false},
        },
    }));
    let description = describe(&[json, settings]).expect("a description");
    let (tokenizer, description) = Tokenizer::with(description).expect("a tokenizer");
    let special = tokenizer.special().expect("special tokens");
    let size = tokenizer.vocab();
    let table = Vocabulary::of(&description, size, special).expect("a table");
    let tag = tokenizer.id("<tag>").expect("an id");
    assert_eq!(
        (table.tokens[tag as usize].as_str(), tag as usize),
        ("<tag>", size - 1)
    );
    assert_eq!((table.bos, table.eos), (Some(1), tokenizer.id("<eos>")));
    assert_eq!((table.add_bos, table.add_eos), (true, false));
    assert!(matches!(
        table.cutting,
        kerf_text::Cutting::Scores {
            add_space_prefix: false
        }
    ));
}
