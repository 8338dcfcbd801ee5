//! The unit that teaches one block.

use super::course::{course, part};
use super::{start, unit, write};
use crate::CompressError;
use crate::calibration::LESSON_TOKENS;
use crate::job::activations::{Activations, Progress, Store, Streams};
use crate::job::blocks::{Walk, check_finite, ensure_reached, store};
use crate::job::decisions::put_json;
use crate::job::records::Journal;
use crate::job::{Machine, block_name};
use crate::plan::Plan;
use crate::recover::block::{BlockTask, Lesson};
use crate::recover::lessons::split;
use crate::recover::teach::Teaching;
use kerf_model::{Batch, fill};
use kerf_run::{Event, Host, Stage};
use std::ops::Range;

/// Teaches a block the outputs of the dense one, and writes what it learned.
pub(in crate::job) fn recover_block(
    machine: &Machine,
    plan: &Plan,
    journal: &mut Journal,
    walk: &mut Walk,
    block: usize,
    host: &mut dyn Host,
) -> Result<(), CompressError> {
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
    let tensors = start::of_block(machine, block);
    let (student, records) = start::student(machine, plan, journal, &tensors)?;
    let (learned, watched) = split(places.len());
    let lengths: Vec<usize> = places.iter().map(|place| place.tokens.len()).collect();
    let course = course(plan, &lengths[learned.clone()], 0.0);
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
    let mut teaching = Teaching::new(&machine.compute, student, course)?;
    let run = || teaching.run(&mut task, &mut told, &mut |_| Ok(()));
    machine.compute.meter.section("teach", run)?;
    machine.cancel.check(host)?;
    drop(task);
    store.discard(data)?;
    let standing = teaching.standing;
    if let Some(best) = &teaching.best {
        let prefix = format!("recovered-{block:04}");
        write::write(machine, journal, &teaching.student, &records, best, &prefix)?;
    }
    let part = part(Some(block), standing, (machine.clock)() - begun);
    put_json(journal, unit(block), format!("recover-{block}.json"), &part)
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
    let of_batch = |(index, batch): (usize, &Batch)| {
        let lengths = batch.starts.windows(2).map(|pair| pair[1] - pair[0]);
        let place = |sequences: Range<usize>| Place {
            batch: index,
            tokens: batch.starts[sequences.start]..batch.starts[sequences.end],
            sequences,
        };
        let lessons = fill(lengths, LESSON_TOKENS).into_iter().map(place);
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
