//! BLEU and ROUGE-L are those of sacrebleu and rouge_score (test/golden/make_text_metric_goldens.py).

mod common;

use common::root;
use kerf_model::evaluate::{BleuCounts, rouge_l};
use serde_json::Value;

fn near(got: f64, expected: &Value, what: &str) {
    let expected = expected.as_f64().expect("a number");
    assert!(
        (got - expected).abs() <= 1e-9 * expected.abs().max(1.0),
        "{what}: {got} not {expected}"
    );
}

fn texts(list: &Value) -> Vec<&str> {
    let texts = list.as_array().expect("a list").iter();
    texts.map(|text| text.as_str().expect("a text")).collect()
}

#[test]
fn scores_are_those_of_the_packages() {
    let file = std::fs::read(root().join("test/golden/text-metrics.json")).expect("goldens");
    let corpora: Vec<Value> = serde_json::from_slice(&file).expect("JSON");
    assert!(corpora.len() > 5);
    for (index, corpus) in corpora.iter().enumerate() {
        let mut counts = BleuCounts::default();
        for (place, text) in texts(&corpus["texts"]).into_iter().enumerate() {
            let references = texts(&corpus["references"][place]);
            counts.add(text, &references);
            let rouge = rouge_l(text, &references);
            let values = [rouge.precision, rouge.recall, rouge.f1];
            for (key, value) in values.into_iter().enumerate() {
                near(
                    value,
                    &corpus["rouge"][place][key],
                    &format!("rouge {index} {place} {key}: {text:?}"),
                );
            }
        }
        let bleu = counts.bleu();
        assert_eq!(
            corpus["lengths"],
            serde_json::json!([bleu.tokens, bleu.reference_tokens]),
            "{index}"
        );
        near(bleu.score, &corpus["bleu"], &format!("bleu {index}"));
        near(
            bleu.brevity_penalty,
            &corpus["bp"],
            &format!("penalty {index}"),
        );
        for (order, precision) in bleu.precisions.into_iter().enumerate() {
            near(
                precision,
                &corpus["precisions"][order],
                &format!("precision {index} {order}"),
            );
        }
    }
}

#[test]
fn nothing_scores_nothing() {
    assert_eq!(BleuCounts::default().bleu().score, 0.0);
    assert_eq!(rouge_l::<&str>("a", &[]).f1, 0.0);
}
