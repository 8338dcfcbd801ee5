//! The battery that every row of the table of gates passes, and what the router promises.

mod common;

use common::*;
use kerf_kernels::Compute;
use kerf_model::evaluate::Runner;
use kerf_model::gate::{self, Gate, Kept, MaskGate, Router, Settings, Share, Shares, View};
use kerf_model::generate::{Sampling, generate};
use kerf_model::{Batch, BlockCache, Network, WeightSource};

fn settings(share: f64) -> Settings {
    Settings {
        shares: Shares::uniform(Share::new(share).unwrap(), 8),
        seed: 3,
    }
}

/// Hidden states of a batch after all blocks, and the share that was skipped.
fn routed(
    network: &Network,
    weights: &dyn WeightSource,
    compute: &Compute,
    gate: &dyn Gate,
    batch: &Batch,
) -> (Vec<f32>, f64) {
    let mut x = network.embed(compute, weights, batch).unwrap();
    let mut router = Router::new(gate, batch);
    for index in 0..network.blocks() {
        let block = network.load_block(compute, weights, index).unwrap();
        router.run_block(network, compute, &block, batch, &mut x, None);
    }
    (x, router.skipped())
}

fn plain(network: &Network, weights: &dyn WeightSource, batch: &Batch) -> Vec<f32> {
    let compute = compute();
    let mut x = network.embed(&compute, weights, batch).unwrap();
    for index in 0..network.blocks() {
        let block = network.load_block(&compute, weights, index).unwrap();
        network.run_block(&compute, &block, batch, &mut x, None);
    }
    x
}

/// Watches attention and keeps everything.
struct Watcher;

impl Gate for Watcher {
    fn watches_attention(&self) -> bool {
        true
    }

    fn keep(&self, view: &View<'_>) -> Kept {
        assert_eq!(view.received.len(), view.batch.tokens());
        let total: f64 = view.received.iter().sum();
        // Each query gives one in each of four heads.
        let expected = if view.block == 0 { 0.0 } else { 4.0 };
        let expected = expected * view.batch.tokens() as f64;
        assert!((total - expected).abs() <= 1e-3, "{total} of {expected}");
        Kept::All
    }
}

#[test]
fn every_gate_that_keeps_everything_changes_no_bit() {
    let (config, weights) = small_llama();
    let network = Network::open(&config, &weights).unwrap();
    let batch = Batch::new(&[some_ids(70, 50), some_ids(3, 50), some_ids(1, 50)]);
    let expected = plain(&network, &weights, &batch);
    let mut gates: Vec<Box<dyn Gate>> = vec![Box::new(Watcher), Box::new(MaskGate::default())];
    gates.extend(gate::table().iter().map(|row| (row.build)(&settings(1.0))));
    for (index, gate) in gates.iter().enumerate() {
        let (x, skipped) = routed(&network, &weights, &compute(), gate.as_ref(), &batch);
        assert_eq!(x, expected, "gate {index}");
        assert_eq!(skipped, 0.0);
    }
}

#[test]
fn every_gate_keeps_its_share_and_leaves_skipped_states_alone() {
    let (config, weights) = small_llama();
    let network = Network::open(&config, &weights).unwrap();
    let compute = compute();
    let batch = Batch::new(&[some_ids(300, 50), some_ids(100, 50)]);
    for row in gate::table() {
        for share in [0.0, 0.3, 0.8] {
            let gate = (row.build)(&settings(share));
            let Kept::Places(places) = gate.keep(&View {
                block: 0,
                batch: &batch,
                received: &[],
            }) else {
                assert!(!row.has_shares, "{}", row.id);
                continue;
            };
            assert!(row.has_shares && places.is_sorted_by(|a, b| a < b));
            let kept = places.len() as f64 / 400.0;
            assert!((kept - share).abs() <= 0.08, "{}: {kept}", row.id);
            let before = network.embed(&compute, &weights, &batch).unwrap();
            let mut after = before.clone();
            let block = network.load_block(&compute, &weights, 0).unwrap();
            let mut router = Router::new(gate.as_ref(), &batch);
            router.run_block(&network, &compute, &block, &batch, &mut after, None);
            assert!((router.skipped() - (1.0 - kept)).abs() < 1e-12);
            for (token, (a, b)) in before.chunks(16).zip(after.chunks(16)).enumerate() {
                assert_eq!(a != b, places.contains(&token), "{} {token}", row.id);
            }
        }
    }
}

#[test]
fn every_gate_is_the_same_for_any_thread_count_alone_and_in_a_batch() {
    let (config, weights) = small_llama();
    let network = Network::open(&config, &weights).unwrap();
    let sequences = [some_ids(130, 50), some_ids(20, 50)];
    for row in gate::table() {
        let gate = (row.build)(&settings(0.5));
        let run = |threads: usize, batch: &Batch| {
            let compute = Compute::new(None, threads).unwrap();
            routed(&network, &weights, &compute, gate.as_ref(), batch).0
        };
        let whole = run(1, &Batch::new(&sequences));
        for threads in [2, 5] {
            assert_eq!(run(threads, &Batch::new(&sequences)), whole, "{}", row.id);
        }
        let alone = run(1, &Batch::new(&sequences[1..]));
        assert!(distance(&alone, &whole[130 * 16..]) <= 1e-5, "{}", row.id);
    }
}

#[test]
fn seeds_and_shares_matter() {
    let batch = Batch::new(&[vec![0; 200]]);
    let kept = |seed, block| {
        let shares = Shares::uniform(Share::new(0.5).unwrap(), 3);
        let gate = (gate::by_id("random").unwrap().build)(&Settings { shares, seed });
        gate.keep(&View {
            block,
            batch: &batch,
            received: &[],
        })
    };
    assert_eq!(kept(1, 0), kept(1, 0));
    assert_ne!(kept(1, 0), kept(2, 0));
    assert_ne!(kept(1, 0), kept(1, 1));
    assert_eq!(kept(1, 2), kept(1, 2));
    assert!(matches!(kept(1, 3), Kept::Places(places) if places.len() == 200));
    assert!(gate::by_id("other").is_none());
}

/// Attention that a block gives is told alike for any number of threads, in one piece and with a cache.
#[test]
fn observed_attention_depends_on_no_thread_and_adds_up_over_pieces() {
    let (config, weights) = small_llama();
    let network = Network::open(&config, &weights).unwrap();
    let ids = some_ids(300, 50);
    let batch = Batch::new(&[&ids[..]]);
    let x = network.embed(&compute(), &weights, &batch).unwrap();
    let observed = |threads: usize| {
        let compute = Compute::new(None, threads).unwrap();
        let block = network.load_block(&compute, &weights, 0).unwrap();
        let (mut x, mut received) = (x.clone(), vec![7.0; 3]);
        network.run_block_observed(&compute, &block, &batch, &mut x, None, &mut received);
        let mut plain = self::x(&network, &weights, &batch);
        network.run_block(&compute, &block, &batch, &mut plain, None);
        assert_eq!(x, plain);
        received
    };
    let whole = observed(1);
    assert_eq!(whole.len(), 300);
    assert_eq!(observed(2), whole);
    assert_eq!(observed(5), whole);
    let (compute, mut cache) = (compute(), BlockCache::new());
    let block = network.load_block(&compute, &weights, 0).unwrap();
    let mut sums = vec![0.0; 300];
    for (start, end) in [(0, 200), (200, 201), (201, 300)] {
        let part = Batch::continued(&ids[start..end], start);
        let (mut x, mut received) = (x[start * 16..end * 16].to_vec(), Vec::new());
        let cache = Some(&mut cache);
        network.run_block_observed(&compute, &block, &part, &mut x, cache, &mut received);
        assert_eq!(received.len(), end);
        for (sum, own) in sums.iter_mut().zip(received) {
            *sum += own;
        }
    }
    let pairs = sums.iter().zip(&whole);
    let worst = pairs.fold(0.0f64, |worst, (a, b)| worst.max((a - b).abs()));
    assert!(worst <= 1e-4, "{worst}");
}

fn x(network: &Network, weights: &Memory, batch: &Batch) -> Vec<f32> {
    network.embed(&compute(), weights, batch).unwrap()
}

#[test]
fn a_runner_with_a_gate_routes_and_writes() {
    let (config, weights) = small_llama();
    let network = Network::open(&config, &weights).unwrap();
    let compute = compute();
    let ids = some_ids(60, 50);
    let row = |id: &str, share| (gate::by_id(id).unwrap().build)(&settings(share));
    let (none, half) = (row("none", 0.5), row("static", 0.5));
    let runner = || Runner::new(&network, &weights, &compute, 0);
    let plain = runner().hidden_states(&ids).unwrap();
    let mut open = runner().with_gate(none.as_ref());
    assert_eq!(open.hidden_states(&ids).unwrap(), plain);
    let mut halved = runner().with_gate(half.as_ref());
    assert_ne!(halved.hidden_states(&ids).unwrap(), plain);
    let written = |runner: &mut Runner<'_>| {
        generate(runner, &ids, 6, Sampling::default(), &mut |_| true).unwrap()
    };
    assert_eq!(written(&mut open), written(&mut runner()));
    assert!(!written(&mut halved).is_empty());
}
