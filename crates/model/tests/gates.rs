//! The battery that every row of the table of gates passes, and what the router promises.

mod common;

use common::*;
use kerf_kernels::Compute;
use kerf_model::evaluate::{Pace, Runner};
use kerf_model::gate::{
    self, DroppedParts, Gate, Kept, MaskGate, Phase, PromptOnly, Removal, Router, RouterWeights,
    Settings, Share, Shares, Standing, View,
};
use kerf_model::generate::{Sampling, generate};
use kerf_model::{Batch, BlockCache, Cache, Kind, Look, Network, Part, WeightSource};

fn settings(share: f64) -> Settings {
    Settings {
        shares: Shares::uniform(Share::new(share).unwrap(), 8),
        seed: 3,
        ..Settings::default()
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
    let mut router = Router::new(gate, Phase::Prompt, batch);
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

/// Of tokens that went through no block yet.
const NEUTRAL: [Standing; 400] = [Standing {
    score: 1.0,
    rank: 0.5,
}; 400];

fn view<'a>(block: usize, batch: &'a Batch) -> View<'a> {
    View {
        block,
        part: Part::Block,
        phase: Phase::Prompt,
        batch,
        states: &[],
        standing: &NEUTRAL,
        passed: &[],
    }
}

/// Watches attention and keeps everything.
struct Watcher;

impl Gate for Watcher {
    fn watches_attention(&self) -> bool {
        true
    }

    fn keep(&self, view: &View<'_>) -> Kept {
        assert_eq!(view.standing.len(), view.batch.tokens());
        for (index, pair) in view.batch.starts.windows(2).enumerate() {
            let own = &view.standing[pair[0]..pair[1]];
            if own.is_empty() {
                continue;
            }
            assert!(own.iter().all(|own| own.score > 0.0 || view.block > 0));
            assert!(own.iter().all(|own| (0.0..=1.0).contains(&own.rank)));
            if view.phase == Phase::Prompt && view.passed[index] == 0 {
                let mean = own.iter().map(|own| own.rank).sum::<f32>() / own.len() as f32;
                assert!((mean - 0.5).abs() < 1e-5, "{mean}");
            }
        }
        Kept::All
    }
}

/// Keeps tokens by their factors, of the whole block or of its parts.
struct ByFactors {
    parts: bool,
}

impl Gate for ByFactors {
    fn watches_attention(&self) -> bool {
        true
    }

    fn splits_blocks(&self) -> bool {
        self.parts
    }

    fn keep(&self, view: &View<'_>) -> Kept {
        let share = Share::new(0.5).unwrap();
        Kept::by(view.batch, |sequence, place| {
            let [position, attention, rank, sparsity] = view.factors(sequence, place, share);
            view.block == 0 || position * 0.2 + attention + rank > 0.7 + sparsity
        })
    }
}

/// Gates that keep everything: those that watch, those that split blocks, and every row of the table.
fn open_gates() -> Vec<Box<dyn Gate>> {
    let mut gates: Vec<Box<dyn Gate>> = vec![
        Box::new(Watcher),
        Box::new(MaskGate::default()),
        Box::new(DroppedParts::default()),
    ];
    gates.extend(gate::table().iter().map(|row| (row.build)(&settings(1.0))));
    gates
}

#[test]
fn with_nothing_skipped_every_decoder_gives_its_logits_to_the_bit() {
    let mut decoders = 0;
    for folder in goldens() {
        let model = Model::open(&folder);
        let (network, compute) = (&model.network, compute());
        if network.kind() != Kind::Decoder {
            continue;
        }
        decoders += 1;
        let vocab = network.vocab() as u32;
        let ids: Vec<u32> = some_ids(21, 50).iter().map(|id| id % vocab).collect();
        let runner = || Runner::new(network, &model.catalog, &compute, 0);
        let logits = runner().logits(&ids).unwrap();
        let parts = [&ids[..13], &ids[..5]];
        let decoded = |runner: &mut Runner<'_>| {
            let mut caches = vec![Cache::new(network.blocks()); 2];
            let mut all = runner
                .continue_states(Phase::Prompt, &parts, &mut caches)
                .unwrap();
            for next in [[&ids[13..14], &ids[5..6]], [&ids[14..18], &ids[6..6]]] {
                let states = runner.continue_states(Phase::Decoding, &next, &mut caches);
                all.extend(states.unwrap());
            }
            all
        };
        let states = decoded(&mut runner());
        for (index, gate) in open_gates().iter().enumerate() {
            let mut routed = runner().with_gate(gate.as_ref());
            let same = |a: &[f32], b: &[f32]| {
                let pairs = a.iter().zip(b);
                a.len() == b.len() && pairs.into_iter().all(|(a, b)| a.to_bits() == b.to_bits())
            };
            let name = folder.display();
            assert!(
                same(&routed.logits(&ids).unwrap(), &logits),
                "{name} {index}"
            );
            assert!(same(&decoded(&mut routed), &states), "{name} {index}");
            assert_eq!(routed.all_pairs().skipped(), 0.0);
            assert!(routed.pairs(Phase::Prompt).arrived > routed.pairs(Phase::Decoding).arrived);
        }
    }
    assert!(decoders >= 10, "{decoders}");
}

#[test]
fn every_gate_that_keeps_everything_changes_no_bit() {
    let (config, weights) = small_llama();
    let network = Network::open(&config, &weights).unwrap();
    let batch = Batch::new(&[some_ids(70, 50), some_ids(3, 50), some_ids(1, 50)]);
    let expected = plain(&network, &weights, &batch);
    for (index, gate) in open_gates().iter().enumerate() {
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
            let Kept::Places(mut places) = gate.keep(&view(0, &batch)) else {
                assert!(!row.has_shares, "{}", row.id);
                continue;
            };
            assert!(row.has_shares && places.is_sorted_by(|a, b| a < b));
            let kept = places.len() as f64 / 400.0;
            assert!((kept - share).abs() <= 0.08, "{}: {kept}", row.id);
            // The ends of both sequences, whatever the gate says.
            places.extend([0, 299, 300, 399]);
            places.sort_unstable();
            places.dedup();
            let kept = places.len() as f64 / 400.0;
            let before = network.embed(&compute, &weights, &batch).unwrap();
            let mut after = before.clone();
            let block = network.load_block(&compute, &weights, 0).unwrap();
            let mut router = Router::new(gate.as_ref(), Phase::Prompt, &batch);
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
        let gate = (gate::by_id("random").unwrap().build)(&Settings {
            shares,
            seed,
            ..Settings::default()
        });
        gate.keep(&view(block, &batch))
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

#[test]
fn sequences_with_caches_of_their_own_are_what_they_are_alone() {
    let (config, weights) = small_llama();
    let network = Network::open(&config, &weights).unwrap();
    let compute = compute();
    let ids = [some_ids(90, 50), some_ids(20, 50), some_ids(41, 50)];
    let half = (gate::by_id("static").unwrap().build)(&settings(0.5));
    let watching = ByFactors { parts: false };
    let gates: [&dyn Gate; 2] = [half.as_ref(), &watching];
    for gate in gates {
        let run = |own: &[Vec<u32>]| {
            let mut runner = Runner::new(&network, &weights, &compute, 0).with_gate(gate);
            let mut caches = vec![Cache::new(network.blocks()); own.len()];
            let prompts: Vec<&[u32]> = own.iter().map(|ids| &ids[..ids.len() - 7]).collect();
            let rest: Vec<&[u32]> = own.iter().map(|ids| &ids[ids.len() - 7..]).collect();
            let first = runner.continue_states(Phase::Prompt, &prompts, &mut caches);
            let second = runner.continue_states(Phase::Decoding, &rest, &mut caches);
            (first.unwrap(), second.unwrap(), caches)
        };
        let (first, second, caches) = run(&ids);
        let (mut at, mut holes) = (0, 0);
        for (index, own) in ids.iter().enumerate() {
            let (alone, then, alone_caches) = run(std::slice::from_ref(own));
            assert!(distance(&alone, &first[at..at + alone.len()]) <= 1e-5);
            at += alone.len();
            assert!(distance(&then, &second[index * then.len()..][..then.len()]) <= 1e-5);
            for (a, b) in caches[index].blocks.iter().zip(&alone_caches[0].blocks) {
                assert_eq!(a.positions(), b.positions());
                holes += own.len() - a.tokens();
                let ends = [0, own.len() - 8];
                assert!(ends.iter().all(|end| a.positions().contains(end)));
            }
        }
        assert!(holes > 20, "{holes}");
    }
}

#[test]
fn what_a_token_receives_of_itself_is_what_it_receives_while_it_is_the_last() {
    let (config, weights) = small_llama();
    let network = Network::open(&config, &weights).unwrap();
    let compute = compute();
    let ids = some_ids(80, 50);
    let block = network.load_block(&compute, &weights, 0).unwrap();
    let whole = Batch::new(&[&ids[..]]);
    let (mut all, mut own) = (x(&network, &weights, &whole), Vec::new());
    let look = Some((Look::Own, &mut own));
    network.run_part(&compute, &block, Part::Block, &whole, &mut all, None, look);
    assert_eq!(own.len(), 80);
    for length in [1, 2, 3, 40, 80] {
        let part = Batch::new(&[&ids[..length]]);
        let (mut state, mut received) = (x(&network, &weights, &part), Vec::new());
        network.run_block_observed(&compute, &block, &part, &mut state, None, &mut received);
        let difference = (received[length - 1] - own[length - 1]).abs();
        assert!(difference <= 1e-4, "{length}: {difference}");
    }
}

/// Positions that each block computed of a text whose first tokens are a prompt.
fn decisions(
    network: &Network,
    weights: &Memory,
    gate: &dyn Gate,
    ids: &[u32],
    step: usize,
) -> Vec<Vec<usize>> {
    let compute = compute();
    let mut runner = Runner::new(network, weights, &compute, u64::MAX).with_gate(gate);
    let mut caches = [Cache::new(network.blocks())];
    let prompt = [&ids[..30]];
    runner
        .continue_states(Phase::Prompt, &prompt, &mut caches)
        .unwrap();
    for part in ids[30..].chunks(step) {
        runner
            .continue_states(Phase::Decoding, &[part], &mut caches)
            .unwrap();
    }
    let blocks = caches[0].blocks.iter();
    blocks.map(|block| block.positions().to_vec()).collect()
}

#[test]
fn what_comes_later_decides_nothing_earlier() {
    let (config, weights) = small_llama();
    let network = Network::open(&config, &weights).unwrap();
    let ids = some_ids(60, 50);
    let mut altered = ids.clone();
    for id in &mut altered[45..] {
        *id = (*id * 3 + 1) % 50;
    }
    let rows = gate::table().iter();
    let mut gates: Vec<Box<dyn Gate>> = rows.map(|row| (row.build)(&settings(0.6))).collect();
    gates.push(Box::new(ByFactors { parts: false }));
    gates.push(Box::new(ByFactors { parts: true }));
    let mut skipped = 0;
    for (index, gate) in gates.iter().enumerate() {
        let run = |ids: &[u32], step| decisions(&network, &weights, gate.as_ref(), ids, step);
        let one_by_one = run(&ids, 1);
        assert_eq!(run(&ids, 30), one_by_one, "at once, gate {index}");
        assert_eq!(run(&ids, 7), one_by_one, "in pieces, gate {index}");
        let before = |decisions: Vec<Vec<usize>>| -> Vec<Vec<usize>> {
            let cut = |block: Vec<usize>| block.into_iter().filter(|at| *at < 45).collect();
            decisions.into_iter().map(cut).collect()
        };
        skipped += one_by_one
            .iter()
            .map(|block| 60 - block.len())
            .sum::<usize>();
        assert_eq!(before(run(&altered, 1)), before(one_by_one), "gate {index}");
    }
    assert!(skipped > 60, "{skipped}");
}

#[test]
fn decoding_may_be_left_dense() {
    let (config, weights) = small_llama();
    let network = Network::open(&config, &weights).unwrap();
    let ids = some_ids(60, 50);
    let half = (gate::by_id("random").unwrap().build)(&settings(0.5));
    let gate = PromptOnly(half.as_ref());
    let blocks = decisions(&network, &weights, &gate, &ids, 1);
    for block in blocks {
        assert!(block.len() < 60);
        assert!((29..60).all(|position| block.contains(&position)));
    }
}

#[test]
fn dropped_parts_are_left_out_for_all_tokens() {
    let (config, weights) = small_llama();
    let network = Network::open(&config, &weights).unwrap();
    let compute = compute();
    let batch = Batch::new(&[some_ids(20, 50), some_ids(5, 50)]);
    let removal = |block, part| Removal { block, part };
    let run = |removed: Vec<Removal>| {
        let gate = DroppedParts { removed };
        routed(&network, &weights, &compute, &gate, &batch)
    };
    let all = (0..network.blocks()).map(|block| removal(block, Part::Block));
    let (states, skipped) = run(all.collect());
    assert_eq!(states, x(&network, &weights, &batch));
    assert_eq!(skipped, 1.0);
    let [attention, mlp] = network.part_weights();
    let (states, skipped) = run(vec![removal(0, Part::Attention), removal(1, Part::Mlp)]);
    let share = 1.0 / network.blocks() as f64;
    assert!((skipped - share).abs() < 1e-12, "{skipped}");
    let mut expected = x(&network, &weights, &batch);
    for index in 0..network.blocks() {
        let block = network.load_block(&compute, &weights, index).unwrap();
        let part = [Part::Mlp, Part::Attention];
        let part = part.get(index).copied().unwrap_or(Part::Block);
        network.run_part(&compute, &block, part, &batch, &mut expected, None, None);
    }
    assert_eq!(states, expected);
    let order = [removal(1, Part::Mlp), removal(0, Part::Attention)];
    let all = (network.blocks() as u64 * (attention + mlp)) as f64;
    let of = |share| {
        DroppedParts::of_share(&network, &order, share)
            .removed
            .len()
    };
    assert_eq!(of(0.0), 0);
    assert_eq!(of(mlp as f64 / all), 1);
    assert_eq!(of(1.0), 2);
}

#[test]
fn forced_texts_are_predicted_as_a_dense_model_predicts_them() {
    let (config, weights) = small_llama();
    let network = Network::open(&config, &weights).unwrap();
    let compute = compute();
    let windows = [some_ids(40, 50), some_ids(31, 50), some_ids(90, 50)];
    let runner = || Runner::new(&network, &weights, &compute, 0).with_batch_tokens(75);
    let whole = |runner: &mut Runner<'_>, ids: &[u32]| {
        let logits = runner.logits(ids).unwrap();
        let rows = logits.chunks(network.vocab()).zip(&ids[1..]).skip(29);
        let loss = |(row, id): (&[f32], &u32)| {
            let sum: f64 = row.iter().map(|logit| f64::from(*logit).exp()).sum();
            sum.ln() - f64::from(row[*id as usize])
        };
        rows.map(loss).sum::<f64>()
    };
    for pace in [Pace::AtOnce, Pace::Steps] {
        let losses = runner().forced_losses(&windows, 30, pace, &mut |_, _| true);
        for (loss, ids) in losses.unwrap().iter().zip(&windows) {
            let expected = whole(&mut runner(), ids);
            assert!((loss - expected).abs() < 1e-3, "{loss} {expected}");
        }
    }
    let half = (gate::by_id("static").unwrap().build)(&settings(0.5));
    let routed = |pace| {
        let mut runner = runner().with_gate(half.as_ref());
        let losses = runner.forced_losses(&windows, 30, pace, &mut |_, _| true);
        (losses.unwrap(), runner.all_pairs())
    };
    let (at_once, pairs) = routed(Pace::AtOnce);
    let (steps, pairs_of_steps) = routed(Pace::Steps);
    assert_eq!(pairs, pairs_of_steps);
    assert!(
        (0.4..0.55).contains(&pairs.skipped()),
        "{}",
        pairs.skipped()
    );
    for (a, b) in at_once.iter().zip(&steps) {
        assert!((a - b).abs() < 1e-3);
    }
    assert!((at_once[2] - whole(&mut runner(), &windows[2])).abs() > 1e-2);
    let short = runner().forced_losses(&windows, 31, Pace::Steps, &mut |_, _| true);
    assert_eq!(short.unwrap_err().code(), "EMPTY");
    let stopped = runner().forced_losses(&windows, 30, Pace::Steps, &mut |_, _| false);
    assert_eq!(stopped.unwrap_err().code(), "CANCELLED");
}

#[test]
fn a_router_is_read_from_its_file_and_a_wrong_one_is_refused() {
    let mut file = Memory::default();
    let shapes: [&[usize]; 4] = [&[64, 4], &[64], &[1, 64], &[1]];
    for (name, shape) in RouterWeights::TENSORS.iter().zip(shapes) {
        file.add(name, shape, 0.0, 1.0);
    }
    let router = RouterWeights::open(&compute(), &file).unwrap();
    assert_eq!(router.hidden, file.tensors["hidden.weight"].1);
    assert_eq!(router.decision_bias, file.tensors["decision.bias"].1[0]);
    let refused = |change: &dyn Fn(&mut Memory)| {
        let mut other = file.clone();
        change(&mut other);
        RouterWeights::open(&compute(), &other).unwrap_err().code()
    };
    let cut = refused(&|file| file.add("hidden.weight", &[64, 3], 0.0, 1.0));
    assert_eq!(cut, "WRONG_SHAPE");
    let broken = refused(&|file| {
        let values = &mut file.tensors.get_mut("decision.weight").unwrap().1;
        values[3] = f32::NAN;
    });
    assert_eq!(broken, "NOT_FINITE");
    let missing = refused(&|file| {
        file.tensors.remove("hidden.bias");
    });
    assert!(
        ["TENSOR_MISSING", "WRONG_SHAPE"].contains(&missing),
        "{missing}"
    );
}

#[test]
fn a_learned_router_decides_by_its_weights() {
    let (config, weights) = small_llama();
    let network = Network::open(&config, &weights).unwrap();
    let batch = Batch::new(&[some_ids(200, 50)]);
    let skipped = |bias: f32, strict| {
        let router = RouterWeights {
            decision_bias: bias,
            ..RouterWeights::of_static_rule()
        };
        let own = Settings {
            weights: Some(std::sync::Arc::new(router)),
            strict,
            ..settings(0.6)
        };
        let gate = (gate::by_id("mlp").unwrap().build)(&own);
        routed(&network, &weights, &compute(), gate.as_ref(), &batch).1
    };
    assert!((skipped(0.0, false) - 0.4).abs() < 0.02);
    assert!((skipped(0.2, false) - 0.2).abs() < 0.02);
    assert!(skipped(-2.0, false) > 0.98);
    assert!((skipped(-2.0, true) - 0.4).abs() < 0.02);
}
