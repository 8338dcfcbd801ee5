//! Properties of the forward pass that no reference value is needed for.

mod common;

use common::*;
use kerf_kernels::{Compute, Isa};
use kerf_model::evaluate::Runner;
use kerf_model::{Batch, BlockCache, Network, WeightSource};
use serde_json::Value;

/// Lengths on both sides of every limit at which attention changes its way.
const LENGTHS: [usize; 9] = [1, 2, 3, 15, 48, 49, 64, 65, 300];

fn run_all(
    network: &Network,
    weights: &dyn WeightSource,
    compute: &Compute,
    batch: &Batch,
) -> Vec<f32> {
    let mut x = network.embed(compute, weights, batch).unwrap();
    for index in 0..network.blocks() {
        let block = network.load_block(compute, weights, index).unwrap();
        network.run_block(compute, &block, batch, &mut x, None);
    }
    network.finish(compute, weights, &mut x).unwrap();
    x
}

#[test]
fn a_sequence_gives_the_same_alone_and_in_a_batch() {
    for (config, weights) in [small_llama(), pruned_llama(0.0)] {
        let network = Network::open(&config, &weights).unwrap();
        let compute = compute();
        let sequences: Vec<Vec<u32>> = LENGTHS.iter().map(|length| some_ids(*length, 50)).collect();
        let batch = Batch::new(&sequences);
        let together = run_all(&network, &weights, &compute, &batch);
        for (index, sequence) in sequences.iter().enumerate() {
            let alone = run_all(&network, &weights, &compute, &Batch::new(&[sequence]));
            let of = batch.starts[index] * 16..batch.starts[index + 1] * 16;
            let worst = distance(&together[of], &alone);
            assert!(worst <= 1e-5, "{} tokens: {worst}", sequence.len());
        }
    }
}

#[test]
fn earlier_tokens_do_not_see_later_ones_in_a_decoder() {
    for (config, weights) in [small_llama(), pruned_llama(0.0)] {
        let network = Network::open(&config, &weights).unwrap();
        let compute = compute();
        let long = some_ids(300, 50);
        let whole = run_all(&network, &weights, &compute, &Batch::new(&[&long[..]]));
        for length in LENGTHS {
            let part = run_all(
                &network,
                &weights,
                &compute,
                &Batch::new(&[&long[..length]]),
            );
            let worst = distance(&part, &whole[..length * 16]);
            assert!(worst <= 2e-5, "{length} tokens: {worst}");
        }
    }
}

#[test]
fn continuing_a_cache_equals_the_whole_sequence() {
    for (config, weights) in [small_llama(), pruned_llama(0.0)] {
        let network = Network::open(&config, &weights).unwrap();
        let compute = compute();
        let ids = some_ids(120, 50);
        let batch = Batch::new(&[&ids[..]]);
        let x = network.embed(&compute, &weights, &batch).unwrap();
        let block = network.load_block(&compute, &weights, 0).unwrap();
        let mut whole = x.clone();
        network.run_block(&compute, &block, &batch, &mut whole, None);
        for pieces in [vec![120], vec![70, 50], vec![30, 1, 1, 2, 3, 40, 43]] {
            let mut cache = BlockCache::new();
            let mut start = 0;
            for piece in pieces {
                let part = Batch::continued(&ids[start..start + piece], start);
                let mut y = x[start * 16..(start + piece) * 16].to_vec();
                network.run_block(&compute, &block, &part, &mut y, Some(&mut cache));
                let worst = distance(&y, &whole[start * 16..(start + piece) * 16]);
                assert!(worst <= 1e-4, "from {start}, {piece} tokens: {worst}");
                start += piece;
            }
            assert_eq!(cache.tokens(), 120);
        }
    }
}

/// The shared inputs, multiplied by the weights by hand, must lead to what the block computes.
#[test]
fn shared_inputs_are_what_the_linear_layers_see() {
    for (network, weights) in [
        llama_and_weights(small_llama()),
        llama_and_weights(pruned_llama(0.0)),
        bert_and_weights(),
    ] {
        let compute = compute();
        let weights = weights.as_ref();
        let batch = Batch::new(&[some_ids(5, 30), some_ids(60, 30), some_ids(1, 30)].map(
            |mut ids| {
                ids.truncate(network.max_context());
                ids
            },
        ));
        let x = network.embed(&compute, weights, &batch).unwrap();
        let block = network.load_block(&compute, weights, 1).unwrap();
        let mut seen = Vec::new();
        let mut stepped = x.clone();
        let mut input = network.first_input(&compute, &block, &batch, &stepped);
        for index in 0..network.inputs() {
            seen.push((index, input.clone()));
            let part = network.load_part(&compute, weights, 1, index).unwrap();
            input = network.next_input(&compute, &part, &batch, index, &mut stepped, input);
        }
        assert!(input.is_empty());
        for linear in network.linears(1) {
            assert_eq!(
                seen[linear.input].1.len(),
                batch.tokens() * linear.cols,
                "{}",
                linear.role
            );
        }
        let mut out = x.clone();
        network.run_block(&compute, &block, &batch, &mut out, None);
        assert_eq!(stepped, out);
        assert!(distance(&replay(&network, weights, &compute, &seen, &x), &out) <= 1e-4);
    }
}

fn llama_and_weights((config, weights): (Value, Memory)) -> (Network, Box<dyn WeightSource>) {
    (Network::open(&config, &weights).unwrap(), Box::new(weights))
}

fn bert_and_weights() -> (Network, Box<dyn WeightSource>) {
    let model = Model::open(&golden("bert-relu"));
    (model.network, Box::new(model.catalog))
}

/// The block's output from the last tapped inputs: x + o(tap 1), its norm if there is one behind, + down(tap 3), likewise.
fn replay(
    network: &Network,
    weights: &dyn WeightSource,
    compute: &Compute,
    seen: &[(usize, Vec<f32>)],
    x: &[f32],
) -> Vec<f32> {
    let linears = network.linears(1);
    let layer = |role: &str, input: &[f32]| -> Vec<f32> {
        let linear = linears.iter().find(|linear| linear.role == role).unwrap();
        let weight = weights.read(compute, &linear.weight).unwrap();
        let bias = linear.weight.replace(".weight", ".bias");
        let bias = weights
            .shape(&bias)
            .map(|_| weights.read(compute, &bias).unwrap());
        let output = |x: &[f32], out: usize| {
            let row = &weight[out * linear.cols..][..linear.cols];
            let terms = row
                .iter()
                .zip(x)
                .map(|(w, x)| f64::from(*w) * f64::from(*x));
            terms.sum::<f64>() as f32 + bias.as_ref().map_or(0.0, |bias| bias[out])
        };
        let mut outputs = Vec::new();
        for x in input.chunks_exact(linear.cols) {
            outputs.extend((0..linear.rows).map(|out| output(x, out)));
        }
        outputs
    };
    let add = |a: &[f32], b: &[f32]| -> Vec<f32> { a.iter().zip(b).map(|(a, b)| a + b).collect() };
    if network.architecture() == "llama" {
        let gate = layer("gate", &seen[2].1);
        let up = layer("up", &seen[2].1);
        let inside: Vec<f32> = gate
            .iter()
            .zip(&up)
            .map(|(g, u)| g / (1.0 + (-g).exp()) * u)
            .collect();
        assert!(
            distance(&inside, &seen[3].1) <= 1e-4,
            "hidden values of the MLP"
        );
        return add(&add(x, &layer("o", &seen[1].1)), &layer("down", &seen[3].1));
    }
    let norm = |name: &str, x: &[f32]| -> Vec<f32> {
        let stem = format!("encoder.layer.1.{name}.LayerNorm");
        let scale = weights.read(compute, &format!("{stem}.weight")).unwrap();
        let shift = weights.read(compute, &format!("{stem}.bias")).unwrap();
        x.chunks_exact(16)
            .flat_map(|row| {
                let mean = row.iter().sum::<f32>() / 16.0;
                let variance = row.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / 16.0;
                let normed = row
                    .iter()
                    .map(move |value| (value - mean) / (variance + 1e-3).sqrt());
                normed
                    .zip(scale.clone().into_iter().zip(shift.clone()))
                    .map(|(value, (a, b))| value * a + b)
            })
            .collect()
    };
    assert!(distance(&seen[0].1, x) == 0.0);
    let middle = norm("attention.output", &add(x, &layer("o", &seen[1].1)));
    assert!(distance(&middle, &seen[2].1) <= 1e-4, "input of the MLP");
    norm("output", &add(&middle, &layer("down", &seen[3].1)))
}

#[test]
fn thread_count_changes_no_byte() {
    for (config, weights) in [small_llama(), pruned_llama(0.0)] {
        let network = Network::open(&config, &weights).unwrap();
        let batch = Batch::new(&LENGTHS.map(|length| some_ids(length, 50)));
        for isa in [None, Some(Isa::Portable)] {
            let run = |threads| {
                run_all(
                    &network,
                    &weights,
                    &Compute::new(isa, threads).unwrap(),
                    &batch,
                )
            };
            assert_eq!(run(1), run(2));
            assert_eq!(run(1), run(5));
        }
    }
}

#[test]
fn the_portable_set_agrees_with_the_best() {
    for (config, weights) in [small_llama(), pruned_llama(0.0)] {
        let network = Network::open(&config, &weights).unwrap();
        let batch = Batch::new(&LENGTHS.map(|length| some_ids(length, 50)));
        let portable = Compute::new(Some(Isa::Portable), 1).unwrap();
        let worst = distance(
            &run_all(&network, &weights, &portable, &batch),
            &run_all(&network, &weights, &compute(), &batch),
        );
        assert!(worst <= 1e-4, "{worst}");
    }
}

#[test]
fn empty_batches_and_empty_sequences_do_nothing() {
    let (config, weights) = small_llama();
    let network = Network::open(&config, &weights).unwrap();
    let compute = compute();
    assert!(run_all(&network, &weights, &compute, &Batch::new::<Vec<u32>>(&[])).is_empty());
    let with_empty = Batch::new(&[vec![], vec![4, 5], vec![]]);
    let states = run_all(&network, &weights, &compute, &with_empty);
    assert_eq!(
        states,
        run_all(&network, &weights, &compute, &Batch::new(&[vec![4, 5]]))
    );
}

#[test]
fn kept_and_streamed_blocks_give_the_same() {
    for (config, weights) in [small_llama(), pruned_llama(0.0)] {
        let network = Network::open(&config, &weights).unwrap();
        let compute = compute();
        let ids = some_ids(100, 50);
        let mut streamed = Runner::new(&network, &weights, &compute, 0);
        let mut kept = Runner::new(&network, &weights, &compute, 1 << 30);
        let first = kept.logits(&ids).unwrap();
        assert_eq!(first, kept.logits(&ids).unwrap());
        assert_eq!(first, streamed.logits(&ids).unwrap());
    }
}

/// Zeros make a block sparse; next to nothing in their place leaves it dense, and changes nothing else.
#[test]
fn a_pruned_block_computes_what_a_dense_one_does_in_less_memory() {
    let compute = compute();
    let batch = Batch::new(&LENGTHS.map(|length| some_ids(length, 50)));
    let [sparse, dense] = [0.0, 1e-30].map(|pruned| {
        let (config, weights) = pruned_llama(pruned);
        let network = Network::open(&config, &weights).unwrap();
        let block = network.load_block(&compute, &weights, 0).unwrap();
        let states = run_all(&network, &weights, &compute, &batch);
        (block.bytes(), states)
    });
    // These rows are so short that what is kept for each of them counts.
    assert!(sparse.0 * 10 < dense.0 * 8, "{} {}", sparse.0, dense.0);
    let worst = distance(&sparse.1, &dense.1);
    assert!(worst <= 1e-4, "{worst}");
}
