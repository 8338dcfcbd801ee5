//! The unit that teaches one block.

use super::{start, unit, write};
use crate::CompressError;
use crate::job::activations::{Activations, Progress, Store, Streams};
use crate::job::blocks::{Walk, check_finite, ensure_reached, store};
use crate::job::decisions::put_json;
use crate::job::records::Journal;
use crate::job::{Machine, block_name};
use crate::options::recover::Recovery;
use crate::plan::Plan;
use crate::recover::block::{BlockTask, Lesson};
use crate::recover::lessons::split;
use crate::recover::teach::{Course, teach};
use crate::report::RecoveredPart;
use kerf_model::{Batch, fill};
use kerf_run::{Event, Host, Stage};
use std::ops::Range;

/// Most tokens of a lesson, if it has several sequences.
const LESSON_TOKENS: usize = 1024;

/// Teaches a block the outputs of the dense one, and writes what it learned.
pub(in crate::job) fn recover_block(
    machine: &Machine,
    plan: &Plan,
    journal: &mut Journal,
    walk: &mut Walk,
    block: usize,
    host: &mut dyn Host,
) -> Result<(), CompressError> {
    let recovery = plan
        .recovery
        .expect("units of recovery are planned with it");
    let begun = (machine.clock)();
    walk.inputs = None;
    let at = Progress::at_block(block);
    ensure_reached(machine, plan, journal, walk, at, host)?;
    let inputs = walk.activations.take().expect("ensure_reached made them");
    let workspace = journal.workspace().clone();
    let store = store(machine, plan, &workspace);
    let data = dense_outputs(machine, &store, inputs, block)?;
    machine.cancel.check(host)?;
    let places = lesson_places(&machine.batches);
    let tensors = machine.network().block_tensors(&machine.catalog, block);
    let (mut student, solved) = start::student(machine, plan, journal, &tensors)?;
    let (learned, watched) = split(places.len());
    let lengths: Vec<usize> = places.iter().map(|place| place.tokens.len()).collect();
    let course = course(plan, &recovery, &lengths[learned.clone()]);
    let mut task = BlockTask {
        network: machine.network(),
        compute: &machine.compute,
        base: &machine.catalog,
        block,
        fetch: Box::new(|index| lesson(machine, &store, &data, &places[index])),
        lengths,
        learned,
        watched,
    };
    let name = block_name(block, machine.blocks());
    let blocks = machine.blocks() as u64;
    let mut told = |done: u64| {
        let all = course.steps;
        let event = Event::new(
            Stage::Recover,
            block as u64 * all + done,
            blocks * all,
            "steps",
            &name,
        );
        host.event(event.with_share(done, all));
        Ok(machine.cancel.check(host)?)
    };
    let teaching = || {
        teach(
            &machine.compute,
            &mut student,
            &mut task,
            &course,
            &mut told,
        )
    };
    let taught = machine.compute.meter.section("teach", teaching)?;
    drop(task);
    store.discard(data)?;
    if let Some(best) = &taught.best {
        let prefix = format!("recovered-{block:04}");
        write::write(machine, journal, &student, &solved, best, &prefix)?;
    }
    machine.cancel.check(host)?;
    let part = RecoveredPart {
        block: Some(block),
        tokens: taught.tokens,
        steps: taught.steps,
        seconds: (machine.clock)() - begun,
        before: taught.before,
        after: taught.after,
    };
    put_json(journal, unit(block), format!("recover-{block}.json"), &part)
}

/// How a block is taught.
fn course(plan: &Plan, recovery: &Recovery, lengths: &[usize]) -> Course {
    let number = |name: &str, or: f64| std::env::var(name).ok().map_or(or, |v| v.parse().unwrap());
    Course {
        steps: steps(recovery.tokens, lengths),
        learning_rate: recovery.rate(),
        scale_rate: number("KERF_SCALE_RATE", 0.1),
        vector_rate: number("KERF_VECTOR_RATE", 1.0),
        seed: plan.settings.options.seed,
    }
}

/// Steps over lessons of these lengths for so many tokens.
fn steps(tokens: usize, lengths: &[usize]) -> u64 {
    let pass: usize = lengths.iter().sum();
    let passes = tokens as f64 / pass.max(1) as f64;
    ((passes * lengths.len() as f64).round() as u64).max(1)
}

/// Where a lesson is: sequences of a batch.
struct Place {
    batch: usize,
    sequences: Range<usize>,
    /// Their tokens in the batch.
    tokens: Range<usize>,
}

/// The lessons of all batches, in order.
fn lesson_places(batches: &[Batch]) -> Vec<Place> {
    let limit = std::env::var("KERF_LESSON")
        .ok()
        .map_or(LESSON_TOKENS, |v| v.parse().unwrap());
    let of_batch = |(index, batch): (usize, &Batch)| {
        let lengths = batch.starts.windows(2).map(|pair| pair[1] - pair[0]);
        let place = |sequences: Range<usize>| Place {
            batch: index,
            tokens: batch.starts[sequences.start]..batch.starts[sequences.end],
            sequences,
        };
        let lessons = fill(lengths, limit).into_iter().map(place);
        lessons.collect::<Vec<_>>()
    };
    batches.iter().enumerate().flat_map(of_batch).collect()
}

/// The stream of the dense model goes to the end of the block; that of the compressed one stays at its start.
fn dense_outputs(
    machine: &Machine,
    store: &Store<'_>,
    inputs: Activations,
    block: usize,
) -> Result<Activations, CompressError> {
    let (network, compute) = (machine.network(), &machine.compute);
    let load = || network.load_block(compute, &machine.catalog, block);
    let dense = compute.meter.section("read", load)?;
    let to = Progress {
        block,
        inputs_done: network.inputs() + 1,
    };
    store.advance(inputs, to, None, |batches, values| {
        let run = |index: usize, values: &mut [Streams]| {
            if let Some(values) = &mut values[0].dense {
                network.run_block(compute, &dense, &batches[index], &mut values.x, None);
            }
        };
        let all = || compute.pool.chunks_mut(values, 1, run);
        compute.meter.section("network", all);
        machine.cancel.check_stopped()?;
        values
            .iter()
            .try_for_each(|values| check_finite(machine, to, values))
    })
}

fn lesson(
    machine: &Machine,
    store: &Store<'_>,
    data: &Activations,
    place: &Place,
) -> Result<Lesson, CompressError> {
    let batch = &machine.batches[place.batch];
    let sequences = place.sequences.clone().map(|index| batch.sequence(index));
    let hidden = machine.network().hidden();
    let values = place.tokens.start * hidden..place.tokens.end * hidden;
    let [input, wanted] = store.read(data, place.batch, values)?;
    Ok(Lesson {
        batch: Batch::new(&sequences.collect::<Vec<_>>()),
        input,
        wanted,
    })
}
