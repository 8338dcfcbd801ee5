//! Tests of batches and caches that lack tokens, against the plain form of a block.

use crate::plain::{Model, Plain, difference, models, values};
use crate::{Batch, BlockCache, Cache, Kind};
use kerf_kernels::Compute;

/// Scores pass through f32 in a block and through f64 in its plain form.
const TOLERANCE: f64 = 1e-4;

fn compute() -> Compute {
    Compute::new(None, 2).unwrap()
}

/// Tokens that fit into the model, more than any window of the golden models.
fn length(model: &Model) -> usize {
    model.network.max_context().min(30)
}

/// Places of a sequence that stay at a block: others at each block, the last always.
fn kept(length: usize, block: usize) -> Vec<usize> {
    let keeps = |place: &usize| (place * 7 + block * 3) % 5 > 1 || *place + 1 == length;
    (0..length).filter(keeps).collect()
}

fn rows<T: Copy>(x: &[T], places: &[usize], width: usize) -> Vec<T> {
    let rows = places.iter().map(|place| &x[place * width..][..width]);
    rows.flatten().copied().collect()
}

fn f64s(x: &[f32]) -> Vec<f64> {
    x.iter().map(|value| f64::from(*value)).collect()
}

/// What the plain form makes of a whole sequence at one block, where only the tokens at `kept` go through the block.
fn plainly(model: &Model, block: usize, kept: &[usize], x: &mut [f64]) {
    let hidden = model.network.hidden();
    let plain = Plain {
        network: &model.network,
        weights: &model.weights,
        compute: &compute(),
        block,
        positions: kept,
    };
    let out = plain.run(&rows(x, kept, hidden)).out;
    for (place, row) in kept.iter().zip(out.chunks(hidden)) {
        x[place * hidden..][..hidden].copy_from_slice(row);
    }
}

#[test]
fn gathered_tokens_attend_and_are_attended_to_by_their_true_positions() {
    for model in models() {
        let (length, hidden) = (length(&model), model.network.hidden());
        let whole = Batch::new(&[vec![0; length], vec![0; length / 2]]);
        let both = [kept(length, 1), kept(length / 2, 2)];
        let places = both[0].iter().copied();
        let places: Vec<usize> = places
            .chain(both[1].iter().map(|place| place + length))
            .collect();
        let batch = whole.gather(&places);
        let x = values(batch.tokens() * hidden, 5);
        for block in 0..model.network.blocks() {
            let loaded = model
                .network
                .load_block(&compute(), &model.weights, block)
                .unwrap();
            let (mut computed, mut received) = (x.clone(), Vec::new());
            model.network.run_block_observed(
                &compute(),
                &loaded,
                &batch,
                &mut computed,
                None,
                &mut received,
            );
            let (mut expected, mut sums) = (Vec::new(), Vec::new());
            for (index, positions) in both.iter().enumerate() {
                let own = batch.starts[index] * hidden..batch.starts[index + 1] * hidden;
                let plain = Plain {
                    network: &model.network,
                    weights: &model.weights,
                    compute: &compute(),
                    block,
                    positions,
                };
                let outcome = plain.run(&f64s(&x[own]));
                expected.extend(outcome.out);
                sums.extend(outcome.received);
            }
            let received: Vec<f32> = received.iter().map(|sum| *sum as f32).collect();
            let worst = difference(&received, &sums);
            assert!(worst <= TOLERANCE, "{} received: {worst}", model.name);
            let worst = difference(&computed, &expected);
            assert!(worst <= TOLERANCE, "{} block {block}: {worst}", model.name);
        }
    }
}

#[test]
fn true_positions_matter() {
    let mut moved = 0;
    for model in models() {
        let whole = Batch::new(&[vec![0; length(&model)]]);
        let gathered = whole.gather(&kept(length(&model), 1));
        let closed = Batch::new(&[vec![0; gathered.tokens()]]);
        let x = values(gathered.tokens() * model.network.hidden(), 5);
        let block = model
            .network
            .load_block(&compute(), &model.weights, 0)
            .unwrap();
        let run = |batch: &Batch| {
            let mut x = x.clone();
            model
                .network
                .run_block(&compute(), &block, batch, &mut x, None);
            f64s(&x)
        };
        let first: Vec<f32> = run(&gathered).iter().map(|value| *value as f32).collect();
        if difference(&first, &run(&closed)) > TOLERANCE {
            moved += 1;
        }
    }
    assert!(moved >= 10, "of {moved} models");
}

#[test]
fn decoding_where_blocks_saw_fewer_tokens_equals_computing_again() {
    let mut decoders = 0;
    for model in models() {
        if model.network.kind() != Kind::Decoder {
            continue;
        }
        decoders += 1;
        let (length, hidden) = (length(&model), model.network.hidden());
        let x = values(length * hidden, 9);
        let mut expected = f64s(&x);
        let mut cache = Cache::new(model.network.blocks());
        let loaded: Vec<_> = (0..model.network.blocks())
            .map(|block| model.network.load_block(&compute(), &model.weights, block))
            .collect::<Result<_, _>>()
            .unwrap();
        for block in 0..loaded.len() {
            plainly(&model, block, &kept(length, block), &mut expected);
        }
        let mut computed = Vec::new();
        for piece in [7, 1, 1, 3].iter().cycle() {
            let first = cache.length();
            if first == length {
                break;
            }
            let end = length.min(first + piece);
            let batch = cache.next(&vec![0; end - first]);
            let mut state = x[first * hidden..end * hidden].to_vec();
            for (block, loaded) in loaded.iter().enumerate() {
                let places: Vec<usize> = (kept(length, block).into_iter())
                    .filter(|place| (first..end).contains(place))
                    .map(|place| place - first)
                    .collect();
                let mut own = rows(&state, &places, hidden);
                let of_block: &mut BlockCache = &mut cache.blocks[block];
                let part = batch.gather(&places);
                model
                    .network
                    .run_block(&compute(), loaded, &part, &mut own, Some(of_block));
                for (place, row) in places.iter().zip(own.chunks(hidden)) {
                    state[place * hidden..][..hidden].copy_from_slice(row);
                }
            }
            cache.advance(end - first);
            computed.extend(state);
        }
        let worst = difference(&computed, &expected);
        assert!(worst <= TOLERANCE, "{}: {worst}", model.name);
        for (block, own) in cache.blocks.iter().enumerate() {
            assert_eq!(own.positions(), kept(length, block), "{}", model.name);
        }
    }
    assert!(decoders >= 10, "{decoders}");
}

#[test]
fn a_sequence_may_begin_at_any_position() {
    for model in models() {
        let (network, length) = (&model.network, length(&model));
        let batch = Batch::continued(&vec![1; length - 3], 3);
        let (compute, hidden) = (compute(), network.hidden());
        let whole = network.embed(&compute, &model.weights, &Batch::new(&[vec![1; length]]));
        let part = network.embed(&compute, &model.weights, &batch);
        assert_eq!(
            part.unwrap(),
            whole.unwrap()[3 * hidden..],
            "{}",
            model.name
        );
    }
}
