//! The unit that teaches the whole model, after its last block is solved.

use super::course::{course, part};
use super::{WHOLE, start, write};
use crate::CompressError;
use crate::job::Machine;
use crate::job::decisions::put_json;
use crate::job::overlay::solved_over;
use crate::job::records::{Findings, Journal, Record};
use crate::plan::Plan;
use crate::recover::kept;
use crate::recover::lessons::{lessons, split};
use crate::recover::teach::Teaching;
use crate::recover::whole::WholeTask;
use kerf_run::{Event, Host, Stage};
use kerf_tensors::{SourceReader, TensorsError};

/// Unit and file of the state on the way.
const STATE: &str = "recover:state";
const STATE_FILE: &str = "recover-state.bin";
/// Share of the steps before values move.
const CONTINUOUS: f64 = 0.1;

/// Teaches the whole model, and writes what it learned.
pub(in crate::job) fn recover_whole(
    machine: &Machine,
    plan: &Plan,
    journal: &mut Journal,
    taught: &[Vec<u32>],
    host: &mut dyn Host,
) -> Result<(), CompressError> {
    let (begun, compute, network) = ((machine.clock)(), &machine.compute, machine.network());
    let sequences = match taught {
        [] => machine.sequences(),
        taught => taught.to_vec(),
    };
    let lessons = lessons(&sequences, network.kind());
    let (learned, watched) = split(lessons.len());
    let lengths: Vec<usize> = lessons.iter().map(kerf_model::Batch::tokens).collect();
    let course = course(plan, &lengths[learned.clone()], CONTINUOUS);
    let names = machine.catalog.tensors.iter().map(|entry| &*entry.name);
    let base = solved_over(&machine.catalog, journal, names)?;
    let mut task = WholeTask {
        network,
        compute,
        base: &base,
        dense: &machine.catalog,
        lessons,
        learned,
        watched,
        keep_bytes: plan.memory.keep_bytes,
    };
    let tensors = start::of_model(machine);
    let (student, records) = start::student(machine, plan, journal, &tensors)?;
    let mut teaching = Teaching::new(compute, student, course)?;
    recall(journal, &mut teaching)?;
    let mut told = |done: u64| {
        let event = Event::new(
            Stage::Recover,
            done,
            course.steps,
            "steps",
            "the whole model",
        );
        host.event(event.with_share(done, course.steps));
        Ok(machine.cancel.check(host)?)
    };
    let mut keep = |teaching: &Teaching<'_>| {
        machine.cancel.check_stopped()?;
        let head = kept::head(teaching);
        let record = Record::new(STATE, STATE_FILE, Findings::default());
        Ok(journal.replace(record, &kept::pieces(&head, teaching))?)
    };
    let run = || teaching.run(&mut task, &mut told, &mut keep);
    compute.meter.section("teach", run)?;
    machine.cancel.check(host)?;
    drop(task);
    drop(base);
    let (student, best, standing) = (&teaching.student, &teaching.best, teaching.standing);
    if let Some(best) = best {
        write::write(machine, journal, student, &records, best, "recovered")?;
    }
    let part = part(None, standing, (machine.clock)() - begun);
    put_json(journal, WHOLE.into(), "recover.json".into(), &part)?;
    Ok(journal.forget_replaced(STATE, STATE_FILE)?)
}

/// Goes on where an earlier run was.
fn recall(journal: &Journal, teaching: &mut Teaching<'_>) -> Result<(), CompressError> {
    let Some(record) = journal.get(STATE) else {
        return Ok(());
    };
    let path = || record.file.clone();
    let source = journal.workspace().open(&record.file)?;
    let source = source.ok_or_else(|| TensorsError::NotFound { path: path() })?;
    match kept::recall(teaching, &mut SourceReader::new(source))? {
        Some(()) => Ok(()),
        None => Err(TensorsError::Io {
            path: path(),
            kind: "InvalidData".into(),
            reason: "it is not the state of this run".into(),
        }
        .into()),
    }
}
