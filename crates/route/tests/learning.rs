//! Training of routers on a small real model: better than the start, the same again, stopped and gone on.

use kerf_kernels::Compute;
use kerf_model::evaluate::{Continuations, Pace, Prompt, Runner};
use kerf_model::gate::{Gate, HiddenGate, MlpGate, RouterWeights, StandIn, StaticGate};
use kerf_model::{Network, generate};
use kerf_route::{
    LearnedRouter, RouteError, RouterTraining, RouterTrainingOptions, Schedule, measure,
    start_of_router,
};
use kerf_run::{Alone, Event, Host, Stage};
use kerf_tensors::folder::{FsWorkspace, MemWorkspace};
use kerf_tensors::{Catalog, Workspace};
use std::path::Path;
use std::sync::Arc;

struct Bench {
    catalog: Catalog,
    network: Network,
    compute: Compute,
    windows: Vec<Vec<u32>>,
    schedule: Schedule,
}

/// A real model of five blocks, and texts that it wrote; some of them are short.
fn bench(threads: usize) -> Bench {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../test/fixtures/stories260K");
    let catalog = Catalog::open_path(&folder).unwrap();
    let network = Network::of_catalog(&catalog).unwrap();
    let compute = Compute::new(None, threads).unwrap();
    let lengths = (0..20).map(|at| if at % 5 == 2 { 15 + at } else { 79 });
    let windows = lengths.zip(0..).map(|(length, seed)| {
        let mut runner = Runner::new(&network, &catalog, &compute, u64::MAX);
        let sampling = generate::Sampling {
            temperature: 0.8,
            seed,
            ..Default::default()
        };
        let mut ids = vec![1];
        let go_on = &mut |_| true;
        ids.extend(generate::generate(&mut runner, &ids, length, sampling, go_on).unwrap());
        ids
    });
    let windows = windows.collect();
    let mut schedule = Schedule::uniform(&network, 0.4);
    schedule.sparsity[0] = 0.0;
    Bench {
        catalog,
        network,
        compute,
        windows,
        schedule,
    }
}

impl Bench {
    fn training(&self) -> RouterTraining<'_> {
        RouterTraining {
            network: &self.network,
            weights: &self.catalog,
            compute: &self.compute,
            windows: &self.windows,
            prompt: 50,
            schedule: &self.schedule,
            keep_bytes: u64::MAX,
            fingerprint: "stories",
        }
    }

    fn run(&self, options: &RouterTrainingOptions) -> LearnedRouter {
        let workspace = Arc::new(MemWorkspace::default());
        self.training().run(options, workspace, &mut Alone).unwrap()
    }

    fn gate(&self, weights: RouterWeights, stand_in: Option<StandIn>) -> MlpGate {
        MlpGate {
            weights: Arc::new(weights),
            shares: self.schedule.shares(&self.network).unwrap(),
            strict: true,
            stand_in: stand_in.map(Arc::new),
        }
    }

    /// KL of the held-out windows, each as much, and the share that is skipped.
    fn held_out(&self, gate: &dyn Gate) -> (f64, f64) {
        let runner = || Runner::new(&self.network, &self.catalog, &self.compute, u64::MAX);
        let (mut kl, mut skipped) = (0.0, 0.0);
        for window in [3, 7, 11, 15, 19] {
            let (mut original, windows) = (runner(), vec![self.windows[window].clone()]);
            let prompt = Prompt::UpTo(50);
            let dense = Continuations::new(&mut original, windows, prompt, &mut |_, _| true);
            let mut routed = runner().with_gate(gate);
            let dense = dense.unwrap();
            let own = measure(&dense, &mut original, &mut routed, Pace::AtOnce, || 0.0).unwrap();
            kl += own.divergence.kl / 5.0;
            skipped += own.skipped() / 5.0;
        }
        (kl, skipped)
    }
}

fn options(steps: u64) -> RouterTrainingOptions {
    RouterTrainingOptions {
        steps,
        learning_rate: 3e-3,
        batch: 2,
        seed: 3,
        ..Default::default()
    }
}

#[test]
fn a_router_that_has_learned_is_nearer_to_the_dense_model_at_the_same_share() {
    let bench = bench(2);
    let learned = bench.run(&options(40));
    let (start, share) = bench.held_out(&bench.gate(start_of_router(3), None));
    let (own, own_share) = bench.held_out(&bench.gate(learned.weights.clone(), None));
    assert!((start - learned.curve[0].kl).abs() < 1e-6);
    let best = learned.curve.iter().map(|point| point.kl);
    let best = best.fold(f64::INFINITY, f64::min);
    assert!(best < start - 1e-3, "{best} {start}");
    // What is left is the best, or the start where the rule is better than that.
    let left = if learned.improved { best } else { start };
    assert!((own - left).abs() < 1e-6 && (own - learned.kl_learned).abs() < 1e-6);
    assert_eq!(learned.improved, best < learned.kl_static);
    assert!((own_share - share).abs() < 0.01, "{own_share} {share}");
    let shares = bench.schedule.shares(&bench.network).unwrap();
    let (rule, rule_share) = bench.held_out(&StaticGate { shares });
    assert!((rule - learned.kl_static).abs() < 1e-6);
    assert!((rule_share - share).abs() < 0.01, "{rule_share} {share}");
    assert_eq!(learned.curve.len(), 9);
}

#[test]
fn a_stand_in_helps_and_its_cost_counts() {
    let bench = bench(2);
    let with = RouterTrainingOptions {
        rank: 2,
        ..options(40)
    };
    let learned = bench.run(&with);
    let without = bench.run(&options(40));
    assert!(
        learned.kl_learned < without.kl_learned,
        "{:?} {:?}",
        learned.curve,
        without.curve
    );
    assert!(learned.improved && learned.kl_learned < learned.kl_static);
    let own = learned.stand_in.as_ref().unwrap();
    assert_eq!((own.rank, own.blocks.len()), (2, 5));
    let [attention, mlp] = bench.network.part_weights();
    let instead = own.weights_per_token() as f64 / (attention + mlp) as f64;
    let expected = without.skipped * (1.0 - instead);
    assert!(
        (learned.skipped - expected).abs() < 2e-3,
        "{} {expected}",
        learned.skipped
    );
}

/// With nothing skipped a router and a stand-in change no bit, whatever they have learned.
#[test]
fn with_nothing_skipped_logits_are_dense() {
    let mut bench = bench(2);
    bench.schedule.sparsity.fill(0.0);
    let mut stand_in = StandIn::new(5, bench.network.hidden(), 2, 1);
    stand_in.blocks.iter_mut().for_each(|own| own.up.fill(0.5));
    let gate = bench.gate(start_of_router(1), Some(stand_in));
    let runner = || Runner::new(&bench.network, &bench.catalog, &bench.compute, u64::MAX);
    let dense = runner().logits(&bench.windows[0]).unwrap();
    let routed = runner().with_gate(&gate).logits(&bench.windows[0]).unwrap();
    assert!(dense == routed);
    let mut half = bench.gate(start_of_router(1), gate.stand_in.as_deref().cloned());
    bench.schedule.sparsity.fill(0.5);
    half.shares = bench.schedule.shares(&bench.network).unwrap();
    let runner = || Runner::new(&bench.network, &bench.catalog, &bench.compute, u64::MAX);
    let with = runner().with_gate(&half).logits(&bench.windows[0]).unwrap();
    half.stand_in = None;
    let without = runner().with_gate(&half).logits(&bench.windows[0]).unwrap();
    assert!(with != without);
}

#[test]
fn threads_change_no_bit_of_a_router() {
    let with = RouterTrainingOptions {
        rank: 1,
        ..options(6)
    };
    let [one, two] = [1, 2].map(|threads| bench(threads).run(&with));
    assert!(one.curve.last().unwrap().step == 6 && one.curve[0].kl > 0.0);
    assert_eq!(one, two);
    let other = RouterTrainingOptions { seed: 4, ..with };
    assert_ne!(bench(1).run(&other).curve, one.curve);
}

/// Stops after some events.
struct Impatient {
    heard: usize,
    most: usize,
}

impl Host for Impatient {
    fn event(&mut self, event: Event) {
        assert_eq!((event.stage, event.unit.as_str()), (Stage::Learn, "steps"));
        self.heard += 1;
    }

    fn cancelled(&self) -> bool {
        self.heard >= self.most
    }
}

#[test]
fn a_training_that_was_stopped_goes_on_to_the_same_bytes() {
    let bench = bench(2);
    let with = RouterTrainingOptions {
        rank: 1,
        evaluate_every: 3,
        ..options(8)
    };
    let whole = bench.run(&with);
    let folder = tempfile::tempdir().unwrap();
    let open = || -> Arc<dyn Workspace> {
        Arc::new(FsWorkspace::open(&folder.path().join("work")).unwrap())
    };
    for most in [0, 1, 3, 4] {
        let mut host = Impatient { heard: 0, most };
        let stopped = bench.training().run(&with, open(), &mut host);
        assert_eq!(stopped.unwrap_err().code(), "CANCELLED");
    }
    let again = bench.training().run(&with, open(), &mut Alone).unwrap();
    assert_eq!(again, whole);
    // All steps are known now.
    let mut host = Impatient { heard: 0, most: 1 };
    let known = bench.training().run(&with, open(), &mut host).unwrap();
    assert_eq!((known, host.heard), (whole, 0));
}

#[test]
fn a_router_of_hidden_states_learns_by_the_same_code() {
    let bench = bench(2);
    let training = bench.training();
    let workspace = Arc::new(MemWorkspace::default());
    let learned = training.run_hidden(&options(40), workspace, &mut Alone);
    let learned = learned.unwrap();
    assert!(learned.curve.iter().all(|point| point.skipped > 0.25));
    let gate = HiddenGate {
        weights: Some(Arc::new(learned.weights.clone())),
        shares: bench.schedule.shares(&bench.network).unwrap(),
        strict: true,
        stand_in: None,
    };
    let (kl, _) = bench.held_out(&gate);
    assert!(
        (kl - learned.kl_learned).abs() < 1e-6,
        "{kl} {:?}",
        learned.curve
    );
}

#[test]
fn what_cannot_be_trained_is_refused() {
    let bench = bench(1);
    let code = |training: &RouterTraining<'_>, options: &RouterTrainingOptions| {
        let workspace = Arc::new(MemWorkspace::default());
        let refused: Result<LearnedRouter, RouteError> =
            training.run(options, workspace, &mut Alone);
        refused.unwrap_err().code()
    };
    let good = options(1);
    let one = RouterTraining {
        windows: &bench.windows[..1],
        ..bench.training()
    };
    assert_eq!(code(&one, &good), "TOO_FEW_EXAMPLES");
    let empty = [vec![1], vec![1]];
    let empty = RouterTraining {
        windows: &empty,
        ..bench.training()
    };
    assert_eq!(code(&empty, &good), "EMPTY");
    let mut other = bench.schedule.clone();
    other.sparsity.pop();
    let other = RouterTraining {
        schedule: &other,
        ..bench.training()
    };
    assert_eq!(code(&other, &good), "WRONG_MODEL");
    let wild = RouterTrainingOptions {
        learning_rate: 1e30,
        rank: 1,
        ..options(30)
    };
    assert_eq!(code(&bench.training(), &wild), "LOSS_NOT_FINITE");
}
