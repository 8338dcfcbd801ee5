//! Perplexity, divergence and sentence vectors: published numbers on real models, properties on small ones.

mod common;

use common::*;
use kerf_kernels::Compute;
use kerf_model::evaluate::{
    Closeness, Pooling, Runner, SentenceHead, cosine, divergence, pool, spearman,
};
use kerf_model::{ModelError, Network, WeightSource};
use kerf_tensors::files::pipeline::Vectors;
use kerf_tensors::folder::MemFolder;
use kerf_tensors::{Catalog, Folder};
use kerf_text::Tokenizer;
use std::path::Path;
use std::sync::Arc;

fn tokenizer(folder: &Path) -> Tokenizer {
    Tokenizer::from_bytes(&std::fs::read(folder.join("tokenizer.json")).unwrap()).unwrap()
}

/// Mean and length 1.
fn usual(hidden: usize) -> SentenceHead {
    let folder: Arc<dyn Folder> = Arc::new(MemFolder::new("no modules"));
    SentenceHead::load(&compute(), &folder, &Vectors::usual(), hidden).unwrap()
}

fn perplexity_of(folder: &Path, text: &Path, context: usize) -> kerf_model::evaluate::Perplexity {
    let (model, compute) = (Model::open(folder), compute());
    let text = std::fs::read_to_string(text).unwrap();
    let ids = tokenizer(folder).encode(&text, true).unwrap();
    let mut last = (0, 0);
    let measured = Runner::new(&model.network, &model.catalog, &compute, 1 << 30)
        .perplexity(&ids, context, &mut |done, total| {
            assert!(done >= last.0 && done <= total, "{done} after {last:?}");
            last = (done, total);
            true
        })
        .unwrap();
    assert_eq!(last.0, last.1, "progress ends at its total");
    measured
}

#[test]
fn stories260k_has_the_perplexity_of_transformers() {
    let Some(text) = shared("text/tinystories-valid.txt") else {
        return;
    };
    let measured = perplexity_of(&root().join("test/fixtures/stories260K"), &text, 512);
    assert_eq!(measured.tokens, 120_085);
    assert!(
        (measured.perplexity / 5.24586 - 1.0).abs() < 2e-5,
        "{measured:?}"
    );
}

#[test]
fn sharded_bf16_has_the_perplexity_of_transformers() {
    let (Some(folder), Some(text)) = (
        shared("models/stories260K-bf16-sharded"),
        shared("text/tinystories-valid.txt"),
    ) else {
        return;
    };
    let measured = perplexity_of(&folder, &text, 512);
    assert_eq!(measured.tokens, 120_085);
    assert!(
        (measured.perplexity / 5.246 - 1.0).abs() < 1e-3,
        "{measured:?}"
    );
}

#[test]
#[ignore = "a minute of one core; run by hand after a change of the forward pass"]
fn classics_6m_has_the_perplexity_of_transformers() {
    let (Some(folder), Some(text)) = (
        shared("models/classics-6M"),
        shared("text/classics-valid.txt"),
    ) else {
        return;
    };
    let measured = perplexity_of(&folder, &text, 256);
    assert_eq!(measured.tokens, 287_895);
    assert!(
        (measured.perplexity / 40.15109 - 1.0).abs() < 2e-5,
        "{measured:?}"
    );
}

/// Fields of RFC 4180 lines without line breaks inside quotes.
fn csv_fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                fields.last_mut().unwrap().push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            other => fields.last_mut().unwrap().push(other),
        }
    }
    fields
}

#[test]
fn minilm_has_its_published_spearman() {
    let (Some(folder), Some(pairs)) = (
        shared("models/all-MiniLM-L6-v2"),
        shared("tasks/stsb/stsb-en-dev.csv"),
    ) else {
        return;
    };
    let (model, compute, tokenizer) = (Model::open(&folder), compute(), tokenizer(&folder));
    let rows: Vec<Vec<String>> = std::fs::read_to_string(pairs)
        .unwrap()
        .lines()
        .map(csv_fields)
        .collect();
    let mut runner = Runner::new(&model.network, &model.catalog, &compute, 1 << 30);
    let mut column = |index: usize| {
        let texts: Vec<String> = rows.iter().map(|row| row[index].clone()).collect();
        let ids = tokenizer.encode_all(&texts, true).unwrap();
        runner
            .embed(&ids, &usual(model.network.hidden()), &mut |_, _| true)
            .unwrap()
    };
    let (first, second) = (column(0), column(1));
    let cosines: Vec<f64> = first
        .iter()
        .zip(&second)
        .map(|(a, b)| cosine(a, b))
        .collect();
    let scores: Vec<f64> = rows
        .iter()
        .map(|row| row[2].trim().parse().unwrap())
        .collect();
    let measured = spearman(&cosines, &scores);
    assert_eq!(rows.len(), 1500);
    assert!((measured - 0.867).abs() < 5e-4, "{measured}");
}

#[test]
fn perplexity_is_the_mean_over_windows_by_definition() {
    let (config, weights) = small_llama();
    let (network, compute) = (Network::open(&config, &weights).unwrap(), compute());
    let ids = some_ids(75, 50);
    let mut runner = Runner::new(&network, &weights, &compute, 0);
    // 75 tokens at context 20: three windows of 19 predictions, 15 tokens dropped.
    let mut sum = 0.0;
    for window in ids[..60].chunks(20) {
        let logits = runner.logits(window).unwrap();
        for (row, target) in logits.chunks(50).zip(&window[1..]) {
            let total: f64 = row.iter().map(|logit| f64::from(*logit).exp()).sum();
            sum += total.ln() - f64::from(row[*target as usize]);
        }
    }
    let measured = runner.perplexity(&ids, 20, &mut |_, _| true).unwrap();
    assert_eq!(measured.tokens, 57);
    assert!((measured.nll - sum / 57.0).abs() < 1e-5);
    assert!((measured.perplexity - measured.nll.exp()).abs() < 1e-9);
    // The only window may be partial.
    assert_eq!(
        runner
            .perplexity(&ids, 100, &mut |_, _| true)
            .unwrap()
            .tokens,
        74
    );
}

#[test]
fn divergence_from_itself_is_nothing_and_from_another_is_by_definition() {
    let (config, weights) = small_llama();
    let (network, compute) = (Network::open(&config, &weights).unwrap(), compute());
    let mut other = weights.clone();
    other.add("model.layers.1.mlp.down_proj.weight", &[16, 20], 0.05, 0.9);
    let ids = some_ids(90, 50);
    let mut original = Runner::new(&network, &weights, &compute, 0);
    let mut same = Runner::new(&network, &weights, &compute, 1 << 20);
    let none = divergence(&mut original, &mut same, &ids, 30, &mut |_, _| true).unwrap();
    assert!(
        none.kl < 1e-6 && none.top_token_agreement == 1.0,
        "{none:?}"
    );
    let mut small = Runner::new(&network, &other, &compute, 0);
    let mut last = (0, 0);
    let measured = divergence(&mut original, &mut small, &ids, 30, &mut |done, total| {
        assert!(done >= last.0);
        last = (done, total);
        true
    })
    .unwrap();
    assert_eq!(last, (90, 90));
    let (mut kl, mut same_top) = (0.0, 0);
    let softmax = |row: &[f32]| -> Vec<f64> {
        let total: f64 = row.iter().map(|logit| f64::from(*logit).exp()).sum();
        row.iter()
            .map(|logit| f64::from(*logit).exp() / total)
            .collect()
    };
    let top = |row: &[f64]| {
        (0..row.len())
            .max_by(|a, b| row[*a].total_cmp(&row[*b]))
            .unwrap()
    };
    for window in ids.chunks(30) {
        let (a, b) = (
            original.logits(window).unwrap(),
            small.logits(window).unwrap(),
        );
        for (a, b) in a.chunks(50).zip(b.chunks(50)).take(29) {
            let (a, b) = (softmax(a), softmax(b));
            kl += a.iter().zip(&b).map(|(a, b)| a * (a / b).ln()).sum::<f64>();
            same_top += usize::from(top(&a) == top(&b));
        }
    }
    assert!(
        (measured.kl - kl / 87.0).abs() < 1e-5,
        "{} {}",
        measured.kl,
        kl / 87.0
    );
    assert!((measured.top_token_agreement - same_top as f64 / 87.0).abs() < 1e-12);
    assert!(measured.kl > 0.01 && measured.top_token_agreement < 1.0);
    let alone = small.perplexity(&ids, 30, &mut |_, _| true).unwrap();
    assert!((measured.small.nll - alone.nll).abs() < 1e-9);
    assert_eq!(measured.original.tokens, 87);
}

#[test]
fn vectors_come_in_the_order_given_whatever_their_batch() {
    let (config, weights) = small_llama();
    let (network, compute) = (Network::open(&config, &weights).unwrap(), compute());
    let mut runner = Runner::new(&network, &weights, &compute, 0);
    // More tokens than one batch takes.
    let texts: Vec<Vec<u32>> = (0..60)
        .map(|index| some_ids(1 + index * 83 % 389, 50))
        .collect();
    assert!(texts.iter().map(Vec::len).sum::<usize>() > 8192);
    let mut last = (0, 0);
    let vectors = runner
        .embed(&texts, &usual(16), &mut |done, total| {
            assert!(done >= last.0 && done <= total);
            last = (done, total);
            true
        })
        .unwrap();
    assert_eq!(last, (60, 60));
    for index in [0, 17, 59] {
        let states = runner.hidden_states(&texts[index]).unwrap();
        let mean = pool(Pooling::Mean, &states, 16, 0);
        assert!((cosine(&mean, &vectors[index]) - 1.0).abs() < 1e-6);
        let length: f32 = vectors[index].iter().map(|value| value * value).sum();
        assert!((length - 1.0).abs() < 1e-5);
    }
}

#[test]
fn what_cannot_be_measured_is_an_error() {
    let (config, weights) = small_llama();
    let (network, compute) = (Network::open(&config, &weights).unwrap(), compute());
    let mut runner = Runner::new(&network, &weights, &compute, 0);
    let go = &mut |_: u64, _: u64| true;
    let code = |result: Result<_, ModelError>| {
        result
            .map(|_: kerf_model::evaluate::Perplexity| ())
            .unwrap_err()
            .code()
    };
    assert_eq!(code(runner.perplexity(&[1, 2, 3], 401, go)), "TOO_LONG");
    assert_eq!(code(runner.perplexity(&[1, 2, 3], 1, go)), "EMPTY");
    assert_eq!(code(runner.perplexity(&[1], 10, go)), "EMPTY");
    assert_eq!(code(runner.perplexity(&[1, 99], 10, go)), "BAD_TOKEN");
    let empty = runner
        .embed(&[vec![1], vec![]], &usual(16), go)
        .unwrap_err();
    assert!(empty.code() == "EMPTY" && empty.to_string().contains("text 1"));
    for stop in [1, 2, 3] {
        let mut calls = 0;
        let mut cancel = |_: u64, _: u64| {
            calls += 1;
            calls < stop
        };
        assert_eq!(
            code(runner.perplexity(&some_ids(50, 50), 20, &mut cancel)),
            "CANCELLED"
        );
        assert_eq!(calls, stop);
    }
    let bert = Model::open(&golden("bert-relu"));
    let mut encoder = Runner::new(&bert.network, &bert.catalog, &compute, 0);
    assert_eq!(code(encoder.perplexity(&[1, 2, 3], 3, go)), "WRONG_KIND");
    let error = divergence(&mut runner, &mut encoder, &[1, 2, 3], 3, go).unwrap_err();
    assert_eq!(error.code(), "WRONG_KIND");
}

#[test]
fn closeness_is_the_divergence_of_decoders_and_the_cosine_of_encoders() {
    let compute = compute();
    let folder = root().join("test/fixtures/stories260K");
    let model = Model::open(&folder);
    let sequences: Vec<Vec<u32>> = (0..3)
        .map(|s| (0..20 + s).map(|i| 3 + (i * 37 + s * 11) % 400).collect())
        .collect();
    let mut dense = Runner::new(&model.network, &model.catalog, &compute, 0);
    let closeness = Closeness::new(&mut dense, &sequences, Pooling::Mean).unwrap();
    assert_eq!(closeness.sequences(), 3);
    assert!(closeness.distance(&mut dense, 3).unwrap() < 1e-9);
    let scaled = Scaled {
        catalog: &model.catalog,
        factor: 0.7,
    };
    let mut changed = Runner::new(&model.network, &scaled, &compute, 0);
    for (index, ids) in sequences.iter().enumerate() {
        let one = Closeness::new(&mut dense, &sequences[index..=index], Pooling::Mean).unwrap();
        let distance = one.distance(&mut changed, 9).unwrap();
        let plain = divergence(&mut dense, &mut changed, ids, ids.len(), &mut |_, _| true).unwrap();
        // All positions count here, there only those that a token follows; and the head is the dense one for both.
        assert!(
            distance > 0.1 * plain.kl && plain.kl > 1e-3,
            "{distance} {plain:?}"
        );
    }
    let all = closeness.distance(&mut changed, 3).unwrap();
    let first = closeness.distance(&mut changed, 1).unwrap();
    assert!(all > 1e-3 && first > 1e-3 && all != first);
}

/// A model whose down projections are scaled.
struct Scaled<'a> {
    catalog: &'a Catalog,
    factor: f32,
}

impl WeightSource for Scaled<'_> {
    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.catalog.shape(name)
    }

    fn read(&self, compute: &Compute, name: &str) -> Result<Vec<f32>, ModelError> {
        let mut values = self.catalog.read(compute, name)?;
        if name.contains("down_proj") {
            values.iter_mut().for_each(|value| *value *= self.factor);
        }
        Ok(values)
    }

    fn read_rows(
        &self,
        compute: &Compute,
        name: &str,
        rows: std::ops::Range<usize>,
    ) -> Result<Vec<f32>, ModelError> {
        self.catalog.read_rows(compute, name, rows)
    }
}
