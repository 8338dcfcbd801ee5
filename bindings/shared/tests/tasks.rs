//! Heads on the files of tasks: what transformers measures (test/golden/make_task_goldens.py), and what is refused.

mod common;

use common::{Recorder, err, f64_of, ok, repository, text};
use kerf_bindings::dispatch;
use serde_json::{Value, json};

fn place(name: &str) -> String {
    text(&repository().join("test/golden/tasks").join(name))
}

fn expected() -> Vec<Value> {
    let file = std::fs::read(place("expected.json")).expect("goldens");
    serde_json::from_slice(&file).expect("JSON")
}

/// A request of a row of the goldens.
fn request(row: &Value) -> Value {
    let name = |key: &str| row[key].as_str().expect("a name").to_string();
    let mut request = json!({ "model": place(&name("model")), name("kind"): place(&name("file")) });
    if name("kind") == "qa" {
        request["context"] = json!(40);
        request["stride"] = json!(8);
        request["maxAnswer"] = json!(6);
    }
    request
}

#[test]
fn measures_are_those_of_transformers() {
    let rows = expected();
    assert!(rows.len() > 8);
    for row in rows {
        let host = Recorder::default();
        let result = dispatch("evaluate", &request(&row).to_string(), &host).expect("success");
        host.check_progress();
        let field = match row["kind"].as_str() {
            Some("task") => "classification",
            Some("qa") => "answering",
            _ => "completions",
        };
        for (key, value) in row["expected"].as_object().expect("measures") {
            let (got, value) = (
                f64_of(&result[field], key),
                value.as_f64().expect("a number"),
            );
            let near = 1e-4 * value.abs().max(1e-3);
            assert!((got - value).abs() <= near, "{row} {key}: {got}");
        }
    }
}

#[test]
fn several_measures_are_parts_of_one_call() {
    let host = Recorder::default();
    let request = json!({
        "model": place("llama"), "text": "Once upon a time there was a cat. It sat.", "completion": place("better.jsonl"),
    });
    let both = dispatch("evaluate", &request.to_string(), &host).expect("success");
    let shares: Vec<f64> = host
        .events
        .borrow()
        .iter()
        .map(|event| event.overall)
        .collect();
    assert!(
        shares.is_sorted() && shares.last() == Some(&1.0),
        "{shares:?}"
    );
    assert!(f64_of(&both, "perplexity") > 1.0);
    assert_eq!(both["completions"]["texts"], 40);
}

#[test]
fn a_model_without_the_head_says_which_it_has() {
    for (model, kind, file, words) in [
        (
            "llama",
            "task",
            "pairs.tsv",
            [
                "LlamaForCausalLM",
                "a language head (measure it with `text` or `completion`)",
            ],
        ),
        (
            "bert-two",
            "qa",
            "squad.json",
            [
                "BertForSequenceClassification",
                "a classifier's head (measure it with `task`)",
            ],
        ),
        (
            "bert-span",
            "task",
            "pairs.tsv",
            [
                "ForSequenceClassification in `architectures`",
                "a span head (measure it with `qa`)",
            ],
        ),
        (
            "bert-two",
            "completion",
            "better.jsonl",
            ["a language head", "measure it with `task`"],
        ),
    ] {
        let error = err(
            "evaluate",
            json!({ "model": place(model), kind: place(file) }),
        );
        assert_eq!(error.code, "WRONG_KIND");
        for words in words.iter().filter(|words| **words != "LlamaForCausalLM") {
            assert!(error.message.contains(words), "{}", error.message);
        }
    }
}

#[test]
fn a_bad_line_is_named_by_file_and_line() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("data");
    for (model, kind, content, line, words) in [
        (
            "bert-two",
            "task",
            "\u{feff}good\t1\r\n\r\nbad\r\n",
            3,
            "columns found: 1",
        ),
        (
            "bert-two",
            "task",
            "a\tgood\nb\tso so\n",
            2,
            "no label \"so so\"",
        ),
        (
            "bert-two",
            "task",
            "a\t2\n",
            1,
            "a number from 0 to 1, or one of bad, good",
        ),
        (
            "bert-span",
            "qa",
            "{\"data\": [\n{}]}",
            2,
            "data[0]: missing field `paragraphs`",
        ),
        (
            "llama",
            "completion",
            "prompt,completion\na,b\nc",
            3,
            "1 columns",
        ),
        (
            "gpt2",
            "completion",
            "{\"good\":\"a b\",\"bad\":\"a b\"}\n\n{\"good\":\"\u{e9}\",\"bad\":\"b\"}",
            3,
            "no token that is predicted",
        ),
    ] {
        std::fs::write(&file, content).expect("write");
        let error = err(
            "evaluate",
            json!({ "model": place(model), kind: text(&file) }),
        );
        assert_eq!(error.code, "BAD_TASK_DATA", "{}", error.message);
        assert_eq!(error.details["line"], line, "{}", error.message);
        assert_eq!(error.details["path"], text(&file));
        assert!(error.message.contains(words), "{}", error.message);
    }
    std::fs::write(
        &file,
        "{\"good\":\"a b\",\"bad\":\"".to_string() + &"cat ".repeat(300) + "\"}",
    )
    .expect("write");
    let error = err(
        "evaluate",
        json!({ "model": place("llama"), "completion": text(&file) }),
    );
    assert!(
        error.message.contains("the model reads 128"),
        "{}",
        error.message
    );
}

#[test]
fn windows_need_room_for_the_question() {
    let qa = |context: usize, stride: usize| json!({ "model": place("bert-span"), "qa": place("squad.json"), "context": context, "stride": stride });
    for (context, stride, option) in [
        (40, 39, "context"),
        (20, 2, "context"),
        (65, 2, "context"),
        (30, 30, "stride"),
    ] {
        let error = err("evaluate", qa(context, stride));
        assert_eq!(error.code, "BAD_OPTION", "{}", error.message);
        assert_eq!(error.details["option"], option, "{}", error.message);
    }
    let mut none = qa(40, 8);
    none["maxAnswer"] = json!(0);
    assert_eq!(err("evaluate", none).details["option"], "maxAnswer");
}

#[test]
fn nothing_to_measure_is_an_error() {
    assert_eq!(
        err("evaluate", json!({ "model": place("llama") })).code,
        "BAD_REQUEST"
    );
    let host = Recorder::cancelling_after(1);
    let request = json!({ "model": place("bert-two"), "task": place("pairs.tsv") });
    let error = dispatch("evaluate", &request.to_string(), &host).expect_err("cancelled");
    assert_eq!(error.code, "CANCELLED");
    ok("evaluate", request);
}
