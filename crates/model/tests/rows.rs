//! The battery that every row of the table passes, on a small model made from the row's data alone: it opens, later tokens do
//! not leak into a decoder's earlier ones, decoding with a cache is the whole sequence, and the calibration walk is the block.

mod common;

use common::rows::{TOKENS, config, weights};
use common::*;
use kerf_model::arch::{self, Architecture};
use kerf_model::{Batch, BlockCache, Kind, Network};

fn run(network: &Network, weights: &Memory, ids: &[u32]) -> Vec<f32> {
    let compute = compute();
    kerf_model::evaluate::Runner::new(network, weights, &compute, 0)
        .hidden_states(ids)
        .unwrap()
}

fn battery(row: &'static Architecture) {
    let (name, compute, config) = (row.id, compute(), config(row));
    let weights = weights(row, &config);
    let network = Network::open(&config, &weights).unwrap();
    assert_eq!(network.architecture(), name, "another row was chosen");
    let ids = some_ids(TOKENS, 32);
    let whole = run(&network, &weights, &ids);
    assert!(whole.iter().all(|value| value.is_finite()), "{name}");
    let hidden = network.hidden();
    let part = run(&network, &weights, &ids[..20]);
    let leaked = distance(&part, &whole[..20 * hidden]);
    assert_eq!(
        leaked <= 1e-4,
        network.kind() == Kind::Decoder,
        "{name}: {leaked}"
    );
    let mut turned = ids.clone();
    turned[TOKENS - 4..TOKENS - 1].reverse();
    let last = (TOKENS - 1) * hidden;
    let moved = distance(&run(&network, &weights, &turned)[last..], &whole[last..]);
    assert!(moved > 1e-4, "{name}: places do not matter");

    let batch = Batch::new(&[&ids[..], &ids[3..20]]);
    let mut x = network.embed(&compute, &weights, &batch).unwrap();
    for index in 0..network.blocks() {
        let block = network.load_block(&compute, &weights, index).unwrap();
        if network.kind() == Kind::Decoder {
            continues_its_cache(&network, &block, &x, &ids, index);
        }
        let mut stepped = x.clone();
        network.run_block(&compute, &block, &batch, &mut x, None);
        let norms = network.load_norms(&compute, &weights, index).unwrap();
        let mut input = network.first_input(&compute, &norms, &batch, &stepped);
        for at in 0..network.inputs() {
            let part = network.load_part(&compute, &weights, index, at).unwrap();
            input = network.next_input(&compute, &part, &batch, at, &mut stepped, input);
        }
        assert_eq!(stepped, x, "{name} block {index}");
    }
}

/// The first sequence of `x`, token by token.
fn continues_its_cache(
    network: &Network,
    block: &kerf_model::BlockWeights,
    x: &[f32],
    ids: &[u32],
    index: usize,
) {
    let (compute, hidden) = (compute(), network.hidden());
    let mut whole = x[..ids.len() * hidden].to_vec();
    let mut single = whole.clone();
    network.run_block(&compute, block, &Batch::new(&[ids]), &mut whole, None);
    let mut cache = BlockCache::new();
    for (place, (id, token)) in ids.chunks(1).zip(single.chunks_mut(hidden)).enumerate() {
        let batch = Batch::continued(id, place);
        network.run_block(&compute, block, &batch, token, Some(&mut cache));
    }
    let size = whole
        .iter()
        .fold(1.0f32, |most, value| most.max(value.abs()));
    let worst = distance(&single, &whole) / size;
    let name = network.architecture();
    assert!(worst <= 1e-4, "{name} block {index}: {worst}");
}

#[test]
fn every_row_runs_on_a_model_made_from_its_data() {
    for row in arch::table() {
        battery(row);
    }
}
