//! Labels, answers and completions of many texts, against their definition on one text.

mod common;

use common::*;
use kerf_model::evaluate::{Completion, Question, Runner, accuracy, preferred};
use kerf_model::{Batch, ClassifierHead, Network, SpanHead};

fn folder(name: &str) -> Model {
    Model::open(&root().join("test/golden/head").join(name))
}

fn texts() -> Vec<Vec<u32>> {
    [9, 3, 14, 1, 3].map(|length| some_ids(length, 30)).into()
}

#[test]
fn texts_are_classified_as_alone() {
    for name in ["bert-classifier", "llama-classifier"] {
        let (model, compute) = (folder(name), compute());
        let config = model.catalog.files.config.as_ref().unwrap();
        let head = ClassifierHead::load(&model.network, config, &compute, &model.catalog);
        let head = head.unwrap();
        let mut runner =
            Runner::new(&model.network, &model.catalog, &compute, 0).with_batch_tokens(12);
        let logits = runner.classify(&texts(), &head, &mut |_, _| true).unwrap();
        let mut labels = Vec::new();
        for (text, logits) in texts().iter().zip(&logits) {
            let states = runner.hidden_states(text).unwrap();
            let alone = head
                .logits(&compute, &Batch::new(&[text]), &states)
                .unwrap();
            assert!(distance(logits, &alone) <= 1e-5, "{name}");
            let largest = (0..3).max_by(|a, b| alone[*a].total_cmp(&alone[*b]));
            labels.push(largest.unwrap());
        }
        assert_eq!(accuracy(&logits, &labels).unwrap(), 1.0);
        labels[2] = (labels[2] + 1) % 3;
        assert_eq!(accuracy(&logits, &labels).unwrap(), 0.8);
        let empty = runner.classify::<Vec<u32>>(&[vec![]], &head, &mut |_, _| true);
        assert_eq!(empty.unwrap_err().code(), "EMPTY");
        let stopped = runner.classify(&texts(), &head, &mut |_, _| false);
        assert_eq!(stopped.unwrap_err().code(), "CANCELLED");
    }
    assert_eq!(accuracy(&[], &[]).unwrap_err().code(), "EMPTY");
}

#[test]
fn the_best_span_of_a_context_answers() {
    let folder_path = root().join("test/golden/head/bert-span");
    let (model, reference) = (Model::open(&folder_path), Reference::open(&folder_path));
    let compute = compute();
    let config = model.catalog.files.config.as_ref().unwrap();
    let head = SpanHead::load(&model.network, config, &compute, &model.catalog).unwrap();
    let types: Vec<Vec<usize>> = reference
        .types()
        .unwrap()
        .chunks(14)
        .map(<[_]>::to_vec)
        .collect();
    let questions: Vec<Question> = (reference.ids().into_iter().zip(types))
        .map(|(ids, types)| Question {
            ids,
            types: Some(types),
            context: 6..13,
        })
        .collect();
    let mut runner = Runner::new(&model.network, &model.catalog, &compute, 0);
    let spans = runner
        .answer(&questions, &head, 3, &mut |_, _| true)
        .unwrap();
    let starts = reference.values("start_logits");
    let ends = reference.values("end_logits");
    for (index, span) in spans.iter().enumerate() {
        let score =
            |first: usize, last: usize| starts[index * 14 + first] + ends[index * 14 + last];
        assert!((span.score - score(span.first, span.last)).abs() <= 1e-4);
        assert!((6..13).contains(&span.first) && span.first <= span.last);
        assert!(span.last < 13 && span.last - span.first < 3);
        for first in 6..13 {
            for last in first..13.min(first + 3) {
                assert!(score(first, last) <= span.score + 1e-4);
            }
        }
    }
    let bare = Question {
        ids: vec![4, 5],
        types: None,
        context: 1..1,
    };
    let error = runner.answer(&[bare], &head, 3, &mut |_, _| true);
    assert_eq!(error.unwrap_err().code(), "EMPTY");
}

#[test]
fn likelihoods_are_sums_over_the_tokens_of_a_completion() {
    let (config, weights) = small_llama();
    let network = Network::open(&config, &weights).unwrap();
    let compute = compute();
    let mut runner = Runner::new(&network, &weights, &compute, 0).with_batch_tokens(20);
    let asked = |from: usize| {
        let texts = [9, 3, 14, 3].map(|length| Completion {
            ids: some_ids(length, 50),
            from: from.min(length - 1),
        });
        texts.to_vec()
    };
    for from in [1, 5] {
        let texts = asked(from);
        let sums = runner.log_likelihoods(&texts, &mut |_, _| true).unwrap();
        for (text, sum) in texts.iter().zip(sums) {
            let logits = runner.logits(&text.ids).unwrap();
            let expected: f64 = (text.from..text.ids.len())
                .map(|place| {
                    let row = &logits[(place - 1) * 50..place * 50];
                    let all: f64 = row.iter().map(|logit| f64::from(*logit).exp()).sum();
                    f64::from(row[text.ids[place] as usize]) - all.ln()
                })
                .sum();
            assert!((sum - expected).abs() <= 1e-4, "{sum} {expected}");
        }
    }
    let empty = Completion {
        ids: vec![4],
        from: 1,
    };
    let error = runner.log_likelihoods(&[empty], &mut |_, _| true);
    assert_eq!(error.unwrap_err().code(), "EMPTY");
    assert_eq!(preferred(&[(-1.0, -2.0), (-3.0, -2.0)]).unwrap(), 0.5);
    assert_eq!(preferred(&[]).unwrap_err().code(), "EMPTY");
}

/// The pairs of BLiMP that a real model prefers are those that transformers finds it to prefer.
#[test]
fn classics_6m_prefers_what_it_does_in_transformers() {
    let (Some(model), Some(file)) = (
        shared("models/classics-6M"),
        shared("tasks/blimp/determiner_noun_agreement_2.jsonl"),
    ) else {
        return;
    };
    let tokenizer = std::fs::read(model.join("tokenizer.json")).unwrap();
    let tokenizer = kerf_text::Tokenizer::from_bytes(&tokenizer).unwrap();
    let text = std::fs::read_to_string(file).unwrap();
    let mut texts = Vec::new();
    for line in text.lines().take(50) {
        let pair: serde_json::Value = serde_json::from_str(line).unwrap();
        for field in ["sentence_good", "sentence_bad"] {
            let ids = tokenizer
                .encode(pair[field].as_str().unwrap(), true)
                .unwrap();
            texts.push(Completion { ids, from: 1 });
        }
    }
    let (model, compute) = (Model::open(&model), compute());
    let mut runner = Runner::new(&model.network, &model.catalog, &compute, 1 << 30);
    let sums = runner.log_likelihoods(&texts, &mut |_, _| true).unwrap();
    let pairs: Vec<(f64, f64)> = sums.chunks(2).map(|pair| (pair[0], pair[1])).collect();
    // By transformers 5.24, f32.
    assert!((pairs[0].0 + 49.102_249).abs() <= 1e-2, "{}", pairs[0].0);
    assert_eq!(preferred(&pairs).unwrap(), 0.88);
}
