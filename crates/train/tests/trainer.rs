//! Whole trainings of a small model on real text: what they reach, when they end, and what they keep.

mod common;

use common::*;
use kerf_kernels::Stop;
use kerf_model::backward::{Loss, hidden_states, loss_and_gradients};
use kerf_model::evaluate::SentenceHead;
use kerf_model::{Batch, MemoryWeights};
use kerf_run::param::Params;
use kerf_run::{Alone, Step};
use kerf_tensors::Folder;
use kerf_tensors::files::pipeline::Vectors;
use kerf_tensors::folder::MemFolder;
use kerf_train::prune::{Pruner, Ranking, by_id, candidates, cut};
use kerf_train::task::{Answers, Completions, LabelledTexts, ScoredPairs, Windows, split};
use kerf_train::{Examples, Order, PruneOptions, Student, Teaching, TrainOptions};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

fn pruned(method: &str, sparsity: f64) -> PruneOptions {
    PruneOptions {
        pruner: by_id(method).expect("a row"),
        sparsity,
        initial: 0.1,
        start: 0.05,
        end: 0.7,
        every: 4,
        params: Vec::new(),
    }
}

struct Magnitude;

impl Ranking for Magnitude {
    fn scores(&self, _: usize, _: usize, values: &[f32], out: &mut [f32]) {
        for (out, value) in out.iter_mut().zip(values) {
            *out = value.abs();
        }
    }
}

#[test]
fn learning_lowers_the_held_out_loss_of_stories() {
    let options = TrainOptions {
        batch: 8,
        accumulate: 2,
        ..options(30, 5e-4)
    };
    let mut trainer = trainer(&compute(2), &options, stories(), &workspace()).unwrap();
    let learned = run(&mut trainer, |_| {}).unwrap();
    let (first, last) = (&learned.points[0], learned.points.last().unwrap());
    assert_eq!((first.step, last.step), (0, 30));
    assert!(
        learned.best_loss < first.held_out - 0.02,
        "{} to {}",
        first.held_out,
        learned.best_loss
    );
    let mut order = Order::new(stories().examples.count(), options.seed);
    let examples: usize = (0..60).map(|batch| order.batch(batch, 8).len()).sum();
    assert_eq!(learned.tokens, 64 * examples as u64);
    let held = stories();
    let own = loss_of(&held.network, trainer.weights(), &*held.held_out);
    assert!((own - learned.best_loss).abs() < 1e-4, "{own}");
}

#[test]
fn mgpp_at_60_percent_is_far_better_than_removing_the_smallest_weights_at_once() {
    let student = stories();
    let mut once = student.weights.clone();
    let names = candidates(&student.network);
    cut(&compute(2), &mut once, &names, &mut Magnitude, 0.6);
    let once = loss_of(&student.network, &once, &*student.held_out);
    let options = TrainOptions {
        batch: 8,
        prune: pruned("mgpp", 0.6),
        clip: 0.0,
        ..options(60, 1e-3)
    };
    let mut trainer = trainer(&compute(2), &options, student, &workspace()).unwrap();
    let learned = run(&mut trainer, |_| {}).unwrap();
    let all: usize = names
        .iter()
        .map(|name| trainer.weights().get(name).unwrap().len())
        .sum();
    assert_eq!(learned.sparsity, (0.6 * all as f64).floor() / all as f64);
    // In nats: a tenth of the perplexity at most.
    assert!(
        learned.best_loss < once - 0.5,
        "{once} {}",
        learned.best_loss
    );
}

#[test]
fn a_training_ends_when_it_no_longer_gets_better_and_keeps_the_best() {
    let options = TrainOptions {
        evaluate_every: 2,
        patience: 3,
        ..options(400, 3e-2)
    };
    let mut trainer = trainer(&compute(2), &options, tiny("gpt2"), &workspace()).unwrap();
    let learned = run(&mut trainer, |_| {}).unwrap();
    assert!(learned.steps < 400, "{}", learned.steps);
    assert_eq!(learned.steps, learned.best_step + 6);
    let worse = learned
        .points
        .iter()
        .filter(|point| point.step > learned.best_step);
    assert!(worse.clone().count() == 3 && worse.clone().all(|p| p.held_out >= learned.best_loss));
    let student = tiny("gpt2");
    let own = loss_of(&student.network, trainer.weights(), &*student.held_out);
    assert!((own - learned.best_loss).abs() < 1e-5);
}

/// A loss that cannot be computed once a weight is too large.
#[test]
fn a_loss_that_is_not_finite_ends_the_training_and_names_step_and_examples() {
    for accumulate in [1, 2] {
        let options = TrainOptions {
            clip: 0.0,
            accumulate,
            evaluate_every: 1000,
            ..options(50, 1e37)
        };
        let kept = workspace();
        let mut first = trainer(&compute(2), &options, tiny("gpt2"), &kept).unwrap();
        let error = loop {
            match first.step(&mut Alone) {
                Ok(Step::Continue) => {}
                Ok(Step::Done(_)) => panic!("it should not come to its end"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.code(), "LOSS_NOT_FINITE", "{error}");
        let data = error.data();
        assert_eq!(data.details["step"], first.done() + 1);
        assert!(data.details["rate"].as_f64().unwrap() > 1e35);
        let examples = data.details["examples"].as_str().unwrap().to_owned();
        let shown = examples.trim_end_matches(", ...").split(", ");
        let shown: Vec<usize> = shown.map(|at| at.parse().unwrap()).collect();
        assert!(shown.len() == 4 * accumulate && shown.iter().all(|at| (1..=40).contains(at)));
        for word in ["learningRate", "clip"] {
            assert!(error.to_string().contains(word), "{error}");
        }
        // The kept state is there and is finite.
        let again = trainer(&compute(2), &options, tiny("gpt2"), &kept).unwrap();
        assert_eq!(data.details["kept"], again.done());
        let values = all_bits(again.weights());
        assert!(values.iter().all(|bits| f32::from_bits(*bits).is_finite()));
    }
}

#[test]
fn a_held_out_loss_that_is_not_finite_is_no_best_one() {
    let mut student = tiny("gpt2");
    let name = student.network.head().expect("a decoder").to_owned();
    for value in student.weights.get_mut(&name).unwrap() {
        *value = 3e38f32.copysign(*value);
    }
    let mut trainer = trainer(&compute(2), &options(5, 1e-3), student, &workspace()).unwrap();
    let error = trainer.step(&mut Alone).unwrap_err();
    assert_eq!(error.code(), "LOSS_NOT_FINITE");
    assert!(error.to_string().contains("held out"), "{error}");
}

/// Examples that ask for a stop when they are asked for a batch the n-th time.
struct Stopping {
    of: Windows,
    left: AtomicUsize,
    stop: Stop,
}

impl Examples for Stopping {
    fn count(&self) -> usize {
        self.of.count()
    }

    fn tokens(&self, example: usize) -> usize {
        self.of.tokens(example)
    }

    fn batch(&self, chosen: &[usize]) -> (Batch, Box<dyn Loss + '_>) {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.stop.ask();
        }
        self.of.batch(chosen)
    }

    fn taught<'a>(
        &'a self,
        chosen: &[usize],
        batch: &Batch,
        teacher: Teaching<'a>,
    ) -> Result<Box<dyn Loss + 'a>, kerf_model::ModelError> {
        self.of.taught(chosen, batch, teacher)
    }
}

/// When a ranking shall ask for a stop: after so many steps.
static ASKS: Mutex<Option<(usize, Stop)>> = Mutex::new(None);

/// Removes the smallest weights, and asks for a stop after gradients are made and before weights move.
struct Asking;

impl Pruner for Asking {
    fn id(&self) -> &'static str {
        "asking"
    }

    fn about(&self) -> &'static str {
        "asks for a stop"
    }

    fn ranking(&self, _: Params<'_>, _: &[usize]) -> Box<dyn Ranking> {
        Box::new(Asking)
    }
}

impl Ranking for Asking {
    fn observed(&mut self) {
        if let Some((left, stop)) = &mut *ASKS.lock().unwrap() {
            *left = left.saturating_sub(1);
            if *left == 0 {
                stop.ask();
            }
        }
    }

    fn scores(&self, tensor: usize, first: usize, values: &[f32], out: &mut [f32]) {
        Magnitude.scores(tensor, first, values, out);
    }
}

/// A stop comes when it wants: while gradients are made, or while weights move and are removed.
#[test]
fn a_stop_in_the_middle_of_a_step_leaves_no_trace() {
    let options = TrainOptions {
        prune: PruneOptions {
            pruner: &Asking,
            ..pruned("gradual", 0.7)
        },
        evaluate_every: 6,
        ..options(30, 1e-2)
    };
    let mut whole = trainer(&compute(2), &options, tiny("gpt2"), &workspace()).unwrap();
    let wanted = run(&mut whole, |_| {}).unwrap();
    for step in [1, 5, 6, 13, 21] {
        for moves in [false, true] {
            let (kept, stop) = (workspace(), Stop::default());
            let mut student = tiny("gpt2");
            match moves {
                true => *ASKS.lock().unwrap() = Some((step, stop.clone())),
                false => {
                    student.examples = Box::new(Stopping {
                        of: made_up(40, student.network.vocab() as u32),
                        left: AtomicUsize::new(step),
                        stop: stop.clone(),
                    });
                }
            }
            let machine = compute(2).with_stop(stop);
            let mut first = trainer(&machine, &options, student, &kept).unwrap();
            let error = run(&mut first, |_| {}).expect_err("stopped");
            *ASKS.lock().unwrap() = None;
            assert_eq!(error.code(), "CANCELLED", "{error}");
            let mut again = trainer(&compute(2), &options, tiny("gpt2"), &kept).unwrap();
            // A step that was whole when it was stopped is kept.
            assert_eq!(again.done() as usize, if moves { step } else { step - 1 });
            let learned = run(&mut again, |_| {}).unwrap();
            let same = all_bits(again.weights()) == all_bits(whole.weights());
            assert!(same && learned.points == wanted.points, "{step} {moves}");
        }
    }
}

#[test]
fn tensors_that_are_not_named_do_not_learn_nor_lose_weights() {
    let mut student = tiny("llama-biases");
    let all = candidates(&student.network);
    let frozen = all[0].clone();
    student.learn = vec![all[1].clone(), all[2].clone()];
    let before = student.weights.clone();
    let options = TrainOptions {
        prune: pruned("gradual", 0.5),
        ..options(20, 1e-2)
    };
    let learn = student.learn.clone();
    let mut trainer = trainer(&compute(2), &options, student, &workspace()).unwrap();
    let learned = run(&mut trainer, |_| {}).unwrap();
    let of = |weights: &MemoryWeights, name: &str| bits(weights, [name]);
    for name in before.names() {
        let same = of(&before, name) == of(trainer.weights(), name);
        assert_eq!(same, !learn.iter().any(|own| own == name), "{name}");
    }
    assert_eq!(of(&before, &frozen), of(trainer.weights(), &frozen));
    assert_eq!(learned.sparsity, 0.5);
}

#[test]
fn gradients_of_several_batches_are_those_of_one() {
    let of = |batch, accumulate| {
        let options = TrainOptions {
            batch,
            accumulate,
            evaluate_every: 1,
            ..options(1, 1e-2)
        };
        let mut trainer = trainer(&compute(1), &options, tiny("gpt2"), &workspace()).unwrap();
        run(&mut trainer, |_| {}).unwrap();
        let names: Vec<&str> = trainer.weights().names().collect();
        let values = names
            .iter()
            .flat_map(|name| trainer.weights().get(name).unwrap().to_vec());
        values.collect::<Vec<f32>>()
    };
    // Adam makes one step of the same size of any gradient: the tolerance is a hundredth of it, for values near zero.
    let (one, several) = (of(8, 1), of(4, 2));
    let far = one
        .iter()
        .zip(&several)
        .filter(|(a, b)| (*a - *b).abs() > 1e-4);
    assert!(far.count() * 100 < one.len());
}

#[test]
fn nothing_to_learn_from_is_refused() {
    let mut student = tiny("gpt2");
    student.examples = Box::new(Windows(Vec::new()));
    let error = trainer(&compute(1), &options(5, 1e-3), student, &workspace()).err();
    assert_eq!(error.expect("refused").code(), "TOO_FEW_EXAMPLES");
    let options = TrainOptions {
        distill: 0.5,
        ..options(5, 1e-3)
    };
    let error = trainer(&compute(1), &options, tiny("gpt2"), &workspace()).err();
    let error = error.expect("refused");
    assert_eq!(error.data().details["option"], "distill");
}

#[test]
fn a_split_holds_out_a_share_and_loses_none() {
    let all: Arc<dyn Examples> = Arc::new(Windows((0..40).map(|at| vec![at; 3]).collect()));
    let (learned, held) = split(all.clone(), 0.25, 9);
    assert_eq!((learned.count(), held.count()), (30, 10));
    let first = |part: &dyn Examples| {
        let ids = (0..part.count()).map(|at| part.batch(&[at]).0.ids[0]);
        ids.collect::<Vec<u32>>()
    };
    let mut both = first(&learned);
    both.extend(first(&held));
    both.sort_unstable();
    assert_eq!(both, (0..40).collect::<Vec<u32>>());
    assert_ne!(first(&split(all, 0.25, 10).1), first(&held));
}

/// A model that copies its teacher has nothing to learn from it; one that differs comes closer.
#[test]
fn a_teacher_is_followed() {
    let (network, weights) = open(&root().join("test/golden/model/gpt2"));
    let mut student = tiny("gpt2");
    for name in candidates(&network) {
        for (at, value) in student
            .weights
            .get_mut(&name)
            .unwrap()
            .iter_mut()
            .enumerate()
        {
            *value += 0.05 * ((at % 7) as f32 - 3.0);
        }
    }
    let teacher: Arc<dyn kerf_model::WeightSource> = Arc::new(weights);
    student.teacher = Some((network.clone(), teacher.clone()));
    let batch = student.examples.batch(&[0, 1, 2]).0;
    let states = hidden_states(&network, &compute(1), &*teacher, &batch).unwrap();
    let distance = |weights: &MemoryWeights| {
        let teaching = Teaching {
            network: &network,
            weights: &*teacher,
            compute: &compute(1),
            states: &states,
        };
        let examples = made_up(40, network.vocab() as u32);
        let loss = examples.taught(&[0, 1, 2], &batch, teaching).unwrap();
        let none = &mut Default::default();
        loss_and_gradients(&network, &compute(1), weights, &batch, &*loss, 0.0, none).unwrap()
    };
    let before = distance(&student.weights);
    let options = TrainOptions {
        distill: 1.0,
        evaluate_every: 30,
        ..options(30, 3e-3)
    };
    let mut trainer = trainer(&compute(2), &options, student, &workspace()).unwrap();
    for _ in 0..30 {
        trainer.step(&mut Alone).unwrap();
    }
    let after = distance(trainer.weights());
    assert!(before > 0.0 && after < 0.5 * before, "{before} {after}");
}

/// Each task: a step on its loss lowers it, and its teacher says nothing to a model that is the teacher.
fn learns(student: &mut Student) {
    let all: Vec<usize> = (0..student.examples.count()).collect();
    let (batch, loss) = student.examples.batch(&all);
    let tokens: usize = all.iter().map(|at| student.examples.tokens(*at)).sum();
    assert_eq!(batch.tokens(), tokens);
    let machine = compute(1);
    let (network, weights) = (&student.network, &student.weights);
    let states = hidden_states(network, &machine, weights, &batch).unwrap();
    let teaching = Teaching {
        network,
        weights,
        compute: &machine,
        states: &states,
    };
    let taught = student.examples.taught(&all, &batch, teaching).unwrap();
    assert!(taught.count() > 0);
    let value = |loss: &dyn Loss, weights: &MemoryWeights| {
        let mut gradients =
            kerf_model::backward::Gradients::zeros(weights, weights.names()).unwrap();
        let value = loss_and_gradients(
            network,
            &machine,
            weights,
            &batch,
            loss,
            1.0,
            &mut gradients,
        );
        (value.unwrap(), gradients)
    };
    let (none, still) = value(&*taught, weights);
    assert!(none.abs() < 1e-5 && still.norm(&machine) < 1e-4, "{none}");
    let (before, gradients) = value(&*loss, weights);
    let mut moved = weights.clone();
    let rate = 1e-3 / gradients.norm(&machine).max(1e-9) as f32;
    for name in gradients.names() {
        let grad = gradients.get(name).unwrap();
        let own = moved.get_mut(name).unwrap();
        own.iter_mut()
            .zip(grad)
            .for_each(|(own, grad)| *own -= rate * grad);
    }
    let (after, _) = value(&*loss, &moved);
    assert!(after < before, "{before} {after}");
}

fn of_head(name: &str, examples: impl FnOnce(serde_json::Value) -> Box<dyn Examples>) -> Student {
    let folder = root().join("test/golden/head").join(name);
    let (network, weights) = open(&folder);
    let config = std::fs::read(folder.join("config.json")).unwrap();
    let config = serde_json::from_slice(&config).unwrap();
    let none = Windows(Vec::new());
    let mut student = student(network, weights, none, Windows(Vec::new()));
    student.examples = examples(config);
    student
}

fn texts() -> Vec<kerf_model::evaluate::Typed> {
    let ids = [vec![1, 7, 3, 9], vec![2, 5, 8], vec![4, 6, 4, 4, 3]];
    let typed = ids.map(|ids| kerf_model::evaluate::Typed {
        types: (ids[0] == 1).then(|| vec![0; ids.len()]),
        ids,
    });
    typed.to_vec()
}

#[test]
fn every_task_learns() {
    for name in ["bert-classifier", "llama-classifier", "roberta-classifier"] {
        let of = |config| -> Box<dyn Examples> {
            Box::new(LabelledTexts {
                config,
                texts: texts(),
                labels: vec![0, 1, 1],
            })
        };
        learns(&mut of_head(name, of));
    }
    for name in ["bert-span", "modernbert-span", "gpt2-span"] {
        let of = |config| -> Box<dyn Examples> {
            Box::new(Answers {
                config,
                texts: texts(),
                answers: vec![(1, 2), (0, 0), (2, 4)],
            })
        };
        learns(&mut of_head(name, of));
    }
    let mut pairs = tiny("mpnet");
    let hidden = pairs.network.hidden();
    let folder: Arc<dyn Folder> = Arc::new(MemFolder::new("no modules"));
    pairs.examples = Box::new(ScoredPairs {
        head: SentenceHead::load(&compute(2), &folder, &Vectors::usual(), hidden).expect("a head"),
        texts: vec![vec![1, 2, 3], vec![4, 5], vec![6, 7], vec![8, 9, 3, 2]],
        scores: vec![0.3, -0.2],
    });
    learns(&mut pairs);
    learns(&mut tiny("gpt2"));
    let mut completions = tiny("qwen3");
    let completion = |ids: &[u32], from| kerf_model::evaluate::Completion {
        ids: ids.to_vec(),
        from,
    };
    completions.examples = Box::new(Completions(vec![
        completion(&[1, 2, 3, 4], 2),
        completion(&[5, 6, 7, 8, 9], 4),
    ]));
    learns(&mut completions);
    let (_, loss) = completions.examples.batch(&[0, 1]);
    assert_eq!(loss.count(), 3);
}
