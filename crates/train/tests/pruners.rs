//! Every row of the table of pruners: what it removes and when, in real trainings of tiny models.

mod common;

use common::*;
use kerf_model::MemoryWeights;
use kerf_run::param::Kind;
use kerf_train::prune::{Pruner, candidates, table};
use kerf_train::{PruneOptions, Rate, Student, TrainOptions};
use std::cell::Cell;

const STEPS: u64 = 40;
const START: u64 = 4;
const END: u64 = 30;
const EVERY: u64 = 8;
const SPARSITY: f64 = 0.8;

fn options_of(row: &'static dyn Pruner) -> TrainOptions {
    let prune = PruneOptions {
        pruner: row,
        sparsity: if row.prunes() { SPARSITY } else { 0.0 },
        initial: 0.3,
        start: START as f64 / STEPS as f64,
        end: END as f64 / STEPS as f64,
        every: EVERY,
        // The prior of 40 examples is strong: a weight that it holds at zero would not come back in so few steps.
        params: match row.params().iter().find(|param| param.name == "reach") {
            Some(reach) => vec![(reach.name, 0.1)],
            None => Vec::new(),
        },
    };
    TrainOptions {
        prune,
        ..options(STEPS, 1e-2)
    }
}

/// Which candidates are zero.
fn zeros(student: &[String], weights: &MemoryWeights) -> Vec<bool> {
    let bits = bits(weights, student.iter().map(String::as_str));
    bits.iter().map(|bits| bits << 1 == 0).collect()
}

fn count(zeros: &[bool]) -> usize {
    zeros.iter().filter(|zero| **zero).count()
}

fn names(student: &Student) -> Vec<String> {
    candidates(&student.network)
}

/// Steps after which there is a cut, as `mgpp_trial.py` has it, but counted from the first.
fn is_cut(step: u64) -> bool {
    (START..=END).contains(&step) && ((step - START).is_multiple_of(EVERY) || step == END)
}

#[test]
fn as_many_weights_go_as_the_schedule_says_and_the_zeros_are_final_at_its_end() {
    for row in table() {
        let (id, student) = (row.id(), tiny("llama-biases"));
        let names = names(&student);
        // Steps as large as the weights: what one cut removed can outgrow others before the next.
        let options = TrainOptions {
            rate: Rate {
                peak: 0.1,
                ..options_of(*row).rate
            },
            ..options_of(*row)
        };
        let mut trainer = trainer(&compute(2), &options, student, &workspace()).expect(id);
        let mut seen: Vec<(u64, Vec<bool>)> = Vec::new();
        let mut others = Vec::new();
        let learned = run(&mut trainer, |trainer| {
            if seen.last().is_none_or(|(step, _)| *step != trainer.done()) {
                seen.push((trainer.done(), zeros(&names, trainer.weights())));
                others.push(all_bits(trainer.weights()));
            }
        })
        .expect(id);
        assert_eq!(seen.len(), STEPS as usize, "{id}");
        let all = seen[0].1.len();
        let last = zeros(&names, trainer.weights());
        if !row.prunes() {
            assert!(seen.iter().all(|(_, zeros)| count(zeros) == 0), "{id}");
            assert_eq!(learned.sparsity, 0.0);
            continue;
        }
        assert_eq!(count(&last), (all as f64 * SPARSITY) as usize, "{id}");
        assert_eq!(learned.sparsity, count(&last) as f64 / all as f64);
        for (step, zeros) in &seen {
            if is_cut(*step) {
                let left = 1.0 - (step - START) as f64 / (END - START) as f64;
                let wanted = all as f64 * (SPARSITY + (0.3 - SPARSITY) * left * left * left);
                let off = count(zeros) as f64 - wanted;
                // floor, of a product that is rounded
                assert!((-1.001..=0.001).contains(&off), "{id}, step {step}: {off}");
            }
            if *step < START {
                assert_eq!(count(zeros), 0, "{id}, step {step}");
            }
            if *step >= END {
                assert!(*zeros == last, "{id}, step {step}");
            }
        }
        // What survives goes on learning.
        assert_ne!(others[END as usize], others[STEPS as usize - 1], "{id}");
        // A weight that one cut removed is there after a later one.
        let cuts: Vec<&Vec<bool>> = seen
            .iter()
            .filter(|(step, _)| is_cut(*step))
            .map(|(_, zeros)| zeros)
            .collect();
        let came_back = cuts.windows(2).any(|pair| {
            let mut both = pair[0].iter().zip(pair[1]);
            both.any(|(before, after)| *before && !after)
        });
        assert!(came_back, "{id}: nothing came back");
    }
}

#[test]
fn the_best_weights_have_final_zeros() {
    for row in table() {
        // Trained until it gets worse: the best step is not the last.
        let options = TrainOptions {
            evaluate_every: 1,
            ..options_of(*row)
        };
        let mut trainer = trainer(&compute(2), &options, tiny("gpt2"), &workspace()).unwrap();
        let learned = run(&mut trainer, |_| {}).unwrap();
        let first = if row.prunes() { END } else { 0 };
        let allowed = learned.points.iter().filter(|point| point.step >= first);
        let best = allowed.min_by(|a, b| a.held_out.total_cmp(&b.held_out));
        let best = best.expect("looks at the end");
        assert_eq!(
            (best.step, best.held_out),
            (learned.best_step, learned.best_loss)
        );
        let student = tiny("gpt2");
        let own = loss_of(&student.network, trainer.weights(), &*student.held_out);
        assert!(
            (own - learned.best_loss).abs() < 1e-5,
            "{}: {own}",
            row.id()
        );
    }
}

#[test]
fn threads_and_kept_activations_change_no_bit() {
    for row in table() {
        let of = |threads, keep_bytes| {
            let options = TrainOptions {
                keep_bytes,
                ..options_of(*row)
            };
            let mut trainer =
                trainer(&compute(threads), &options, tiny("gpt2"), &workspace()).unwrap();
            let learned = run(&mut trainer, |_| {}).unwrap();
            (all_bits(trainer.weights()), learned.points)
        };
        let one = of(1, 0);
        assert!(one == of(2, 0), "{}", row.id());
        assert!(one == of(2, 1 << 30), "{}", row.id());
    }
}

/// The training is killed at several steps, some steps after its last checkpoint, and opened again.
#[test]
fn a_training_that_was_killed_ends_with_the_same_bytes() {
    for row in table() {
        let (id, options) = (row.id(), options_of(*row));
        let mut whole = trainer(&compute(2), &options, tiny("gpt2"), &workspace()).unwrap();
        let wanted = run(&mut whole, |_| {}).unwrap();
        let kept = workspace();
        for asked in [9, 40, 3, 30, 60] {
            let mut part = trainer(&compute(2), &options, tiny("gpt2"), &kept).unwrap();
            let before = part.done();
            let mut host = Impatient(Cell::new(asked));
            let error = loop {
                match part.step(&mut host) {
                    Ok(kerf_run::Step::Continue) => {}
                    Ok(kerf_run::Step::Done(_)) => break None,
                    Err(error) => break Some(error),
                }
            };
            match error {
                Some(error) => assert_eq!(error.code(), "CANCELLED", "{id}"),
                None => assert_eq!(part.done(), STEPS),
            }
            assert!(part.done() > before || part.done() == STEPS, "{id}");
            // Steps that no checkpoint has.
            for _ in 0..2 {
                if part.done() < STEPS {
                    part.step(&mut kerf_run::Alone).unwrap();
                }
            }
        }
        let mut last = trainer(&compute(2), &options, tiny("gpt2"), &kept).unwrap();
        assert!(last.done() > END, "{id}: {}", last.done());
        let learned = run(&mut last, |_| {}).unwrap();
        assert!(
            all_bits(last.weights()) == all_bits(whole.weights()),
            "{id}"
        );
        assert_eq!(learned.points, wanted.points, "{id}");
        assert_eq!(
            (learned.best_step, learned.best_loss, learned.tokens),
            (wanted.best_step, wanted.best_loss, wanted.tokens),
            "{id}"
        );
    }
}

#[test]
fn every_parameter_may_be_at_both_ends_of_its_range() {
    for row in table() {
        for param in row.params() {
            assert!(param.has(param.defaults[1]), "{}", param.name);
            for end in [param.least, param.most] {
                assert!(param.has(end) && param.kind != Kind::Flag);
                let mut options = options_of(*row);
                options.prune.params = vec![(param.name, end)];
                options.steps = Some(20);
                let mut trainer =
                    trainer(&compute(1), &options, tiny("gpt2"), &workspace()).unwrap();
                let learned = run(&mut trainer, |_| {});
                let at = format!("{}, {} {end}", row.id(), param.name);
                let learned = learned.unwrap_or_else(|error| panic!("{at}: {error}"));
                let names = candidates(&tiny("gpt2").network);
                let zeros = zeros(&names, trainer.weights());
                let wanted = (zeros.len() as f64 * SPARSITY) as usize;
                assert_eq!(count(&zeros), wanted, "{at}");
                assert!(learned.best_loss.is_finite(), "{at}");
            }
        }
    }
}

#[test]
fn what_a_row_cannot_do_is_refused() {
    for row in table() {
        let mut without = options_of(*row);
        without.prune.sparsity = if row.prunes() { 0.0 } else { 0.5 };
        let mut unknown = options_of(*row);
        unknown.prune.params = vec![("nobodyHasIt", 1.0)];
        for (options, named) in [(without, "sparsity"), (unknown, "nobodyHasIt")] {
            let error = options.check().expect_err(row.id());
            assert_eq!(error.code(), "BAD_OPTION");
            assert_eq!(error.data().details["option"], named);
        }
        for param in row.params() {
            let mut outside = options_of(*row);
            outside.prune.params = vec![(param.name, param.most + 1.0)];
            let error = outside.check().expect_err(param.name);
            assert_eq!(error.data().details["option"], param.name);
        }
    }
}

#[test]
fn ids_and_names_of_parameters_are_their_own() {
    let ids = kerf_train::prune::ids();
    for id in &ids {
        assert_eq!(ids.iter().filter(|other| *other == id).count(), 1);
        assert_eq!(kerf_train::prune::by_id(id).expect("a row").id(), *id);
    }
    // Rows that share a name share the whole parameter.
    for row in table() {
        for param in row.params() {
            let all = kerf_train::prune::all_params();
            let same = all.iter().find(|other| other.name == param.name);
            assert_eq!(*same.expect("in the list"), param);
        }
        assert!(!row.about().ends_with('.'));
    }
}
