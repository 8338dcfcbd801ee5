//! Units of a schedule that searches: each matrix solved at some levels around its start, on inputs of the dense model, and an
//! evolution over which level each gets (Sieberling et al.: EvoPress, 2410.14649). A change makes one part sparser by a level and
//! another of the same size denser by one, so the budget stays met. The measure is the distance to the dense model on calibration
//! sequences that no matrix was solved on.

mod candidates;

use super::decisions::decisions;
use super::decisions::put_json;
use super::dense::{Dense, dense_at, walk_block};
use super::solve::run_method;
use super::{Machine, block_name};
use crate::CompressError;
use crate::allocate::matrix::{InputId, Matrix};
use crate::job::range::{check_rounded, power};
use crate::job::records::{Findings, Journal, Record};
use crate::methods::Inputs;
use crate::plan::Plan;
use crate::prepass::search::{LEVELS, OFFSPRING, ROUND_TOKENS, SOLVED_TOKENS, STEP};
use crate::prepass::survey;
use crate::schedules;
use crate::solve::statistics::Gram;
use candidates::Switches;
use kerf_model::evolve::Evolution;
use kerf_run::{Event, Host, Stage};
use kerf_tensors::EncodedTensor;

/// The unit of what was found.
pub(super) const FOUND: &str = "search";

fn level_unit(name: &str, level: i8) -> String {
    format!("level:{level}:{name}")
}

/// Indices, among the targets, of the matrices that are searched over.
fn searched(plan: &Plan) -> Vec<usize> {
    let targets = plan.targets.iter().enumerate();
    let open = targets.filter(|(_, matrix)| matrix.scheduled);
    open.map(|(index, _)| index).collect()
}

/// Shares of a matrix at its levels, by what it started with.
fn levels(plan: &Plan, matrix: &Matrix) -> Vec<(i8, f64)> {
    let (least, most) = schedules::limits(plan.settings.spreading.asked.sparsity);
    let level = |level: i8| (level, matrix.sparsity + f64::from(level) * STEP);
    let within = |share: f64| share >= least - 1e-9 && share <= most + 1e-9;
    let all = (-LEVELS..=LEVELS).map(level);
    all.filter(|(level, share)| *level == 0 || within(*share))
        .collect()
}

pub(super) fn levels_done(plan: &Plan, journal: &Journal, block: usize) -> bool {
    let targets = plan.targets.iter();
    let mut open = targets.filter(|matrix| matrix.block == block && matrix.scheduled);
    journal.get(FOUND).is_some()
        || open.all(|matrix| {
            let mut levels = levels(plan, matrix).into_iter();
            levels.all(|(level, _)| journal.get(&level_unit(&matrix.name, level)).is_some())
        })
}

/// Solves the matrices of a block at all levels.
pub(super) fn solve_levels(
    machine: &Machine,
    plan: &Plan,
    journal: &mut Journal,
    at_hand: &mut Option<Dense>,
    block: usize,
    host: &mut dyn Host,
) -> Result<(), CompressError> {
    let (known, _) = halves(machine);
    let wanted = SOLVED_TOKENS.min(known.iter().map(Vec::len).sum());
    let mut dense = dense_at(machine, plan, at_hand, block, host, || {
        survey::spread(&known, wanted)
    })?;
    walk_block(machine, &mut dense, &mut |id, x| {
        solve_input(machine, plan, id, x, journal)
    })?;
    machine.cancel.check(host)?;
    *at_hand = Some(dense);
    let name = block_name(block, machine.blocks());
    report_search(machine, plan, (block + 1, &name), (1, 1), host);
    Ok(())
}

fn generations(plan: &Plan) -> usize {
    plan.settings.options.generations.unwrap_or_default()
}

/// Steps are the blocks whose levels are solved, and then the generations.
/// `of_own` and `own`: how far the unit is.
fn report_search(
    machine: &Machine,
    plan: &Plan,
    (done, name): (usize, &str),
    (of_own, own): (usize, usize),
    host: &mut dyn Host,
) {
    let total = machine.blocks() + generations(plan);
    let told = Event::new(Stage::Search, done as u64, total as u64, "steps", name);
    host.event(told.with_share(of_own as u64, own as u64));
}

fn solve_input(
    machine: &Machine,
    plan: &Plan,
    id: InputId,
    x: &[f32],
    journal: &mut Journal,
) -> Result<(), CompressError> {
    let targets = plan.targets.iter();
    let open: Vec<&Matrix> = targets
        .filter(|matrix| matrix.input_id() == id && matrix.scheduled)
        .collect();
    let Some(first) = open.first() else {
        return Ok(());
    };
    let mut gram = Gram::new(first.cols);
    gram.add(&machine.compute, x);
    gram.finish(&machine.compute);
    let inputs = Inputs::new(gram);
    for matrix in open {
        let w = machine.dense_weights(matrix)?;
        let power = power(&machine.compute, &w);
        for (level, sparsity) in levels(plan, matrix) {
            let unit = level_unit(&matrix.name, level);
            if journal.get(&unit).is_some() {
                continue;
            }
            let mut leveled = matrix.clone();
            leveled.sparsity = sparsity;
            let solved = run_method(machine, plan, &leveled, &w, None, Some(&inputs));
            machine.cancel.check_stopped()?;
            check_rounded(machine, matrix, power, &solved.matrix)?;
            let dtype = machine.catalog.tensors[matrix.tensor].dtype;
            let mut encoded = EncodedTensor::encode(
                &machine.compute,
                &matrix.name,
                dtype,
                solved.method,
                "",
                &solved.matrix,
            );
            if matrix.transposed {
                encoded = encoded.for_transposed_source();
            }
            let record = Record {
                unit,
                file: format!("level-{:05}-{}.kerf", matrix.tensor, level + LEVELS),
                digest: String::new(),
                payload: Findings::default(),
            };
            let (header, parts) = encoded.pieces();
            let mut pieces = vec![header.as_slice()];
            pieces.extend(parts.iter().map(|part| part.bytes.as_slice()));
            journal.put(record, &pieces)?;
        }
    }
    Ok(())
}

/// Calibration sequences on which levels are solved, and those on which they are measured.
fn halves(machine: &Machine) -> (Vec<Vec<u32>>, Vec<Vec<u32>>) {
    machine.split_text((machine.tokens() / 4).min(ROUND_TOKENS[1]))
}

/// Evolves the levels from the start, and decides.
pub(super) fn search(
    machine: &Machine,
    plan: &mut Plan,
    journal: &mut Journal,
    host: &mut dyn Host,
) -> Result<(), CompressError> {
    let indices = searched(plan);
    let found = {
        let mut switches = Switches::new(machine, plan, journal, &indices, host)?;
        let start = vec![0i8; switches.parts.len()];
        let evolution = Evolution {
            generations: generations(plan),
            offspring: OFFSPRING,
            rounds: switches.rounds(),
            seed: plan.settings.options.seed,
        };
        let found = evolution.run(&mut switches, start)?;
        let parts = switches.parts.iter().zip(&found);
        parts
            .flat_map(|(part, level)| part.matrices.iter().map(move |index| (*index, *level)))
            .collect::<Vec<_>>()
    };
    let units: Vec<String> = indices
        .iter()
        .map(|index| &plan.targets[*index])
        .flat_map(|matrix| {
            let levels = levels(plan, matrix).into_iter();
            levels.map(|(level, _)| level_unit(&matrix.name, level))
        })
        .collect();
    for (index, level) in found {
        plan.targets[index].sparsity += f64::from(level) * STEP;
    }
    let decided = decisions(plan);
    put_json(journal, FOUND.into(), "search.json".into(), &decided)?;
    for unit in units {
        journal.forget(&unit)?;
    }
    Ok(())
}
