//! Logits in pieces of a vocabulary that no piece holds whole, against sums over whole rows in f64.

mod common;

use common::*;
use kerf_model::evaluate::{Closeness, Pieces, Pooling, Runner, Tokens, divergence};
use kerf_model::{Batch, ModelError, Network};
use serde_json::Value;

const VOCAB: usize = 20_000;
/// The kernels give sums in f32, within an ulp of numbers about 10: 1e-6 a row.
const CLOSE: f64 = 4e-6;

fn wide_llama(scale: f32) -> (Value, Memory) {
    let (mut config, mut weights) = small_llama();
    config["vocab_size"] = VOCAB.into();
    weights.add("model.embed_tokens.weight", &[VOCAB, 16], 0.0, 1.0);
    weights.add("lm_head.weight", &[VOCAB, 16], 0.0, 1.0);
    let down = "model.layers.1.mlp.down_proj.weight";
    let (_, values) = weights.tensors.get_mut(down).unwrap();
    values.iter_mut().for_each(|value| *value *= scale);
    (config, weights)
}

/// Log probabilities of all tokens.
fn log_softmax(row: &[f32]) -> Vec<f64> {
    let total: f64 = row.iter().map(|logit| f64::from(*logit).exp()).sum();
    row.iter()
        .map(|logit| f64::from(*logit) - total.ln())
        .collect()
}

fn kl(p: &[f64], q: &[f64]) -> f64 {
    p.iter().zip(q).map(|(p, q)| p.exp() * (p - q)).sum()
}

#[test]
fn sums_over_pieces_are_those_over_whole_rows_whatever_is_kept() {
    let ((config, weights), (_, other)) = (wide_llama(1.0), wide_llama(0.6));
    let (network, compute) = (Network::open(&config, &weights).unwrap(), compute());
    assert!(Pieces::of(&network).ranges().count() > 2);
    let ids = some_ids(60, VOCAB);
    let go = &mut |_: u64, _: u64| true;
    let (mut nll, mut small_nll, mut distance, mut same) = (0.0, 0.0, 0.0, 0);
    let (mut original, mut small) = (
        Runner::new(&network, &weights, &compute, 0),
        Runner::new(&network, &other, &compute, 0),
    );
    for window in ids.chunks(20) {
        let (p, q) = (
            original.logits(window).unwrap(),
            small.logits(window).unwrap(),
        );
        for ((p, q), target) in p.chunks(VOCAB).zip(q.chunks(VOCAB)).zip(&window[1..]) {
            let (p, q) = (log_softmax(p), log_softmax(q));
            nll -= p[*target as usize];
            small_nll -= q[*target as usize];
            distance += kl(&p, &q);
            let top = |row: &[f64]| (0..VOCAB).max_by(|a, b| row[*a].total_cmp(&row[*b]));
            same += usize::from(top(&p) == top(&q));
        }
    }
    let mut found = Vec::new();
    for keep_bytes in [0, 1 << 30] {
        let mut original = Runner::new(&network, &weights, &compute, keep_bytes);
        let mut small = Runner::new(&network, &other, &compute, keep_bytes);
        let measured = divergence(&mut original, &mut small, &ids, 20, go).unwrap();
        let count = measured.original.tokens as f64;
        assert_eq!(count, 57.0);
        assert!(
            (measured.original.nll - nll / count).abs() < CLOSE,
            "{measured:?}"
        );
        assert!(
            (measured.small.nll - small_nll / count).abs() < CLOSE,
            "{measured:?}"
        );
        assert!(
            (measured.kl - distance / count).abs() < CLOSE,
            "{measured:?} {}",
            distance / count
        );
        assert_eq!(measured.top_token_agreement, same as f64 / count);
        let alone = original.perplexity(&ids, 20, go).unwrap();
        assert_eq!(alone, measured.original);
        found.push(measured);
    }
    assert_eq!(found[0], found[1]);
    assert!(found[0].kl > 1e-3 && found[0].top_token_agreement < 1.0);
}

#[test]
fn models_side_by_side_are_as_far_away_as_each_alone_and_as_whole_rows_say() {
    let (config, weights) = wide_llama(1.0);
    let (network, compute) = (Network::open(&config, &weights).unwrap(), compute());
    let mut original = Runner::new(&network, &weights, &compute, 0);
    let sequences = vec![some_ids(30, VOCAB), some_ids(50, VOCAB)[30..].to_vec()];
    let batch = Batch::new(&sequences);
    let states = |runner: &mut Runner<'_>| -> Vec<f32> {
        let each = sequences
            .iter()
            .map(|ids| runner.hidden_states(ids).unwrap());
        each.collect::<Vec<_>>().concat()
    };
    let dense = states(&mut original);
    let others: Vec<Memory> = [0.9, 0.5, 0.0].map(|scale| wide_llama(scale).1).into();
    let changed: Vec<Vec<Vec<f32>>> = others
        .iter()
        .map(|other| vec![states(&mut Runner::new(&network, other, &compute, 0))])
        .collect();
    let of_states = vec![(batch, dense)];
    let closeness =
        Closeness::of_states(&network, &compute, &weights, of_states, Pooling::Mean).unwrap();
    let distances = closeness.between(&compute, &changed).unwrap();
    let by_sequence = Closeness::new(&mut original, &sequences, Pooling::Mean).unwrap();
    for (index, other) in others.iter().enumerate() {
        let mut runner = Runner::new(&network, other, &compute, 0);
        let alone = by_sequence.distance(&mut runner, 2).unwrap();
        assert!(
            (alone - distances[index]).abs() < 1e-6,
            "{alone} {distances:?}"
        );
        // By definition, with the head of the original for both, which here is the same.
        let (mut sum, mut rows) = (0.0, 0);
        for ids in &sequences {
            let (p, q) = (original.logits(ids).unwrap(), runner.logits(ids).unwrap());
            for (p, q) in p.chunks(VOCAB).zip(q.chunks(VOCAB)) {
                sum += kl(&log_softmax(p), &log_softmax(q));
                rows += 1;
            }
        }
        let plain = sum / f64::from(rows);
        assert!(
            (plain - distances[index]).abs() < CLOSE,
            "{plain} {distances:?}"
        );
    }
    assert!(distances[0] < distances[1] && distances[1] < distances[2]);
}

/// Ids that come a few at a time, of a text that is taken for longer than it is.
struct Parts<'a> {
    ids: &'a [u32],
    part: usize,
}

impl Tokens for Parts<'_> {
    type Error = ModelError;

    fn more(&mut self, ids: &mut Vec<u32>) -> Result<bool, ModelError> {
        let (now, rest) = self.ids.split_at(self.part.min(self.ids.len()));
        ids.extend_from_slice(now);
        self.ids = rest;
        Ok(!now.is_empty())
    }

    fn expected(&self, seen: u64) -> u64 {
        2 * seen
    }
}

#[test]
fn a_text_that_comes_in_parts_or_runs_in_small_batches_has_the_same_perplexity() {
    let (config, weights) = small_llama();
    let (network, compute) = (Network::open(&config, &weights).unwrap(), compute());
    for (count, context) in [(75, 20), (60, 20), (15, 20), (400, 7)] {
        let ids = some_ids(count, 50);
        let mut runner = Runner::new(&network, &weights, &compute, 0);
        let whole = runner.perplexity(&ids, context, &mut |_, _| true).unwrap();
        for (part, batch_tokens) in [(1, 8192), (13, 1), (64, 50), (1000, 8192)] {
            let mut text = Parts { ids: &ids, part };
            let mut last = (0, 0);
            let mut runner =
                Runner::new(&network, &weights, &compute, 0).with_batch_tokens(batch_tokens);
            let found = runner
                .perplexity_of(&mut text, context, &mut |done, total| {
                    assert!(
                        done >= last.0 && done <= total,
                        "{done} of {total} after {last:?}"
                    );
                    last = (done, total);
                    true
                })
                .unwrap();
            assert_eq!(last.0, last.1, "progress ends at its total");
            assert_eq!(found.tokens, whole.tokens);
            assert!((found.nll - whole.nll).abs() < 1e-6, "{found:?} {whole:?}");
        }
    }
}
