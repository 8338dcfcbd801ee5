//! Searches on a small real model: the same again, stopped and gone on, and better than their start.

use kerf_kernels::Compute;
use kerf_model::Network;
use kerf_model::evaluate::{Continuations, Pace, Runner};
use kerf_model::gate::{DroppedParts, Gate, PromptOnly, Removal, Shares, StaticGate};
use kerf_model::{Part, generate};
use kerf_route::{
    Measured, PartPruning, Schedule, Search, SearchOptions, by_influence, influences, measure,
};
use kerf_run::{Alone, Event, Host, Stage};
use kerf_tensors::folder::{FsWorkspace, MemWorkspace};
use kerf_tensors::{Catalog, Workspace};
use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;

struct Bench {
    catalog: Catalog,
    network: Network,
    compute: Compute,
    windows: Vec<Vec<u32>>,
}

/// A real model of five blocks, and texts that it wrote.
fn bench() -> Bench {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../test/fixtures/stories260K");
    let catalog = Catalog::open_path(&folder).unwrap();
    let network = Network::of_catalog(&catalog).unwrap();
    let compute = Compute::new(None, 2).unwrap();
    let windows = (0..4).map(|seed| {
        let mut runner = Runner::new(&network, &catalog, &compute, u64::MAX);
        let sampling = generate::Sampling {
            temperature: 0.8,
            seed,
            ..Default::default()
        };
        let mut ids = vec![1];
        let new = generate::generate(&mut runner, &ids, 79, sampling, &mut |_| true).unwrap();
        ids.extend(new);
        ids
    });
    let windows: Vec<Vec<u32>> = windows.collect();
    assert!(windows.iter().all(|ids| ids.len() > 50));
    Bench {
        catalog,
        network,
        compute,
        windows,
    }
}

impl Bench {
    fn search<'a>(&'a self, fingerprint: &'a str) -> Search<'a> {
        Search {
            network: &self.network,
            weights: &self.catalog,
            compute: &self.compute,
            windows: &self.windows,
            prompt: 40,
            keep_bytes: u64::MAX,
            fingerprint,
        }
    }

    fn measured(&self, gate: &dyn Gate) -> Measured {
        let runner = || Runner::new(&self.network, &self.catalog, &self.compute, u64::MAX);
        let (mut original, windows) = (runner(), self.windows.clone());
        let dense = Continuations::new(&mut original, windows, 40, &mut |_, _| true).unwrap();
        let mut routed = runner().with_gate(gate);
        measure(&dense, &mut original, &mut routed, Pace::AtOnce, || 0.0).unwrap()
    }

    fn of_schedule(&self, schedule: &Schedule) -> Measured {
        let shares = schedule.shares(&self.network).unwrap();
        self.measured(build(shares).as_ref())
    }
}

fn build(shares: Shares) -> Box<dyn Gate> {
    Box::new(StaticGate { shares })
}

fn options() -> SearchOptions {
    SearchOptions {
        sparsity: 0.3,
        generations: 6,
        offspring: 6,
        survivors: 2,
        seed: 4,
    }
}

/// Stops after some events.
struct Impatient {
    heard: usize,
    most: usize,
    overall: Cell<f64>,
}

impl Host for Impatient {
    fn event(&mut self, event: Event) {
        assert_eq!((event.stage, event.unit.as_str()), (Stage::Search, "steps"));
        assert!(event.overall >= self.overall.get());
        self.overall.set(event.overall);
        self.heard += 1;
    }

    fn cancelled(&self) -> bool {
        self.heard >= self.most
    }
}

#[test]
fn a_search_meets_its_mean_beats_its_start_and_goes_on_where_it_stopped() {
    let bench = bench();
    let search = bench.search("stories");
    let whole = {
        let workspace = Arc::new(MemWorkspace::default());
        let mut host = Impatient {
            heard: 0,
            most: 100,
            overall: Cell::new(0.0),
        };
        let found = search.run(&options(), &build, workspace, &mut host);
        assert_eq!((host.heard, host.overall.get()), (6, 1.0));
        found.unwrap()
    };
    assert!((whole.mean() - 0.3).abs() < 1e-9, "{:?}", whole.sparsity);
    let even = bench.of_schedule(&Schedule::uniform(&bench.network, 0.3));
    let found = bench.of_schedule(&whole);
    assert!(
        found.divergence.kl < 0.9 * even.divergence.kl,
        "{found:?} {even:?}"
    );
    assert!((found.skipped() - 0.3).abs() < 0.04, "{}", found.skipped());

    let folder = tempfile::tempdir().unwrap();
    let open = || -> Arc<dyn Workspace> {
        Arc::new(FsWorkspace::open(&folder.path().join("work")).unwrap())
    };
    for most in [1, 3] {
        let mut host = Impatient {
            heard: 0,
            most,
            overall: Cell::new(0.0),
        };
        let stopped = search.run(&options(), &build, open(), &mut host);
        assert_eq!(stopped.unwrap_err().code(), "CANCELLED");
    }
    // Three generations are known: a gate that is asked for a measurement of theirs would not be the same again.
    let asked = Cell::new(0);
    let counting = |shares| {
        asked.set(asked.get() + 1);
        build(shares)
    };
    let again = search
        .run(&options(), &counting, open(), &mut Alone)
        .unwrap();
    assert_eq!(again, whole);
    let rest = asked.get();
    asked.set(0);
    let known = search
        .run(&options(), &counting, open(), &mut Alone)
        .unwrap();
    assert_eq!((known, asked.get()), (whole.clone(), 0));
    let other = search.run(
        &SearchOptions {
            seed: 5,
            ..options()
        },
        &counting,
        open(),
        &mut Alone,
    );
    assert_ne!(other.unwrap(), whole);
    assert!(asked.get() > rest, "{} {rest}", asked.get());
}

#[test]
fn schedules_of_other_models_are_refused() {
    let bench = bench();
    let good = Schedule::uniform(&bench.network, 0.25);
    assert_eq!(good.shares(&bench.network).unwrap().mean(5), 0.75);
    let text = serde_json::to_string(&good).unwrap();
    assert_eq!(serde_json::from_str::<Schedule>(&text).unwrap(), good);
    let mut fewer = good.clone();
    fewer.sparsity.pop();
    let mut wider = good.clone();
    wider.hidden += 1;
    let mut other = good.clone();
    other.architecture = "gpt2".into();
    let mut beyond = good.clone();
    beyond.sparsity[2] = 1.5;
    for wrong in [fewer, wider, other, beyond] {
        let error = wrong.shares(&bench.network).unwrap_err();
        assert_eq!(error.code(), "WRONG_MODEL");
    }
}

#[test]
fn routers_and_rivals_stand_as_they_should() {
    let bench = bench();
    let network = &bench.network;
    let dense = bench.measured(&DroppedParts::default());
    assert!(dense.divergence.kl.abs() < 1e-9 && dense.skipped() == 0.0);
    assert!(dense.excess().abs() < 1e-9);
    let uniform = Schedule::uniform(network, 0.4).shares(network).unwrap();
    let fixed = build(uniform);
    let of_prompt = bench.measured(&PromptOnly(fixed.as_ref()));
    assert_eq!(of_prompt.decoding.skipped(), 0.0);
    assert!((of_prompt.prompt.skipped() - 0.4).abs() < 0.03);
    let influences = influences(
        network,
        &bench.catalog,
        &bench.compute,
        &bench.windows,
        &mut Alone,
    );
    let influences = influences.unwrap();
    assert!(influences.iter().all(|own| (0.0..=2.0).contains(own)));
    let order = by_influence(&influences);
    assert!(
        order
            .windows(2)
            .all(|two| influences[two[0].block] <= influences[two[1].block])
    );
    let fewer = |count| DroppedParts::of_share(network, &order, f64::from(count) / 5.0);
    let [one, two] = [1, 2].map(|count| bench.measured(&fewer(count)));
    assert!((one.skipped() - 0.2).abs() < 1e-9 && (two.skipped() - 0.4).abs() < 1e-9);
    assert!(one.divergence.kl > of_prompt.divergence.kl);
    assert!(two.divergence.kl > one.divergence.kl);
}

#[test]
fn parts_are_pruned_by_what_they_cost_and_a_stopped_run_goes_on() {
    let bench = bench();
    let pruning = |share| PartPruning {
        network: &bench.network,
        weights: &bench.catalog,
        compute: &bench.compute,
        sequences: &bench.windows[..2],
        share,
        fingerprint: "stories",
    };
    let workspace = Arc::new(MemWorkspace::default());
    let order = pruning(0.3).run(workspace.clone(), &mut Alone).unwrap();
    let longer = pruning(0.4).run(workspace, &mut Alone).unwrap();
    assert!(order.len() >= 2 && longer.len() > order.len());
    assert_eq!(longer[..order.len()], order[..]);
    let afresh = pruning(0.4).run(Arc::new(MemWorkspace::default()), &mut Alone);
    assert_eq!(afresh.unwrap(), longer);
    // The first is the best of all that could be, measured through the runner.
    let loss = |removed: Vec<Removal>| {
        let gate = DroppedParts { removed };
        let mut runner = Runner::new(&bench.network, &bench.catalog, &bench.compute, u64::MAX);
        runner = runner.with_gate(&gate);
        let (mut sum, mut count) = (0.0, 0);
        for ids in &bench.windows[..2] {
            let own = runner.perplexity(ids, ids.len(), &mut |_, _| true).unwrap();
            sum += own.nll * own.tokens as f64;
            count += own.tokens;
        }
        sum / count as f64
    };
    let first = order[0];
    assert!((loss(vec![first.removal]) - first.nll).abs() < 1e-4);
    for block in 0..5 {
        for part in [Part::Attention, Part::Mlp] {
            assert!(loss(vec![Removal { block, part }]) >= first.nll - 1e-4);
        }
    }
}
