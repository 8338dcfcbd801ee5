//! The unit that solves one matrix and writes it to the work folder.

use super::blocks::{Walk, statistics};
use super::range::stored_as;
use super::rate_control::step_now;
use super::units::matrix_at;
use super::{Machine, range};
use crate::CompressError;
use crate::allocate::matrix::Matrix;
use crate::job::records::{Findings, Journal, Record};
use crate::methods::{Inputs, Problem, Solved};
use crate::plan::Plan;
use crate::plan::solve_unit;
use crate::report::{LayerReport, Repair};
use crate::solve::energy::{output_energy, ratio, unshrunk, weight_error};
use kerf_run::{Event, Host, Stage};
use kerf_tensors::{EncodedTensor, Mask, QuantizedMatrix, TensorsError, Values, transpose};

/// What is at hand between two matrices.
#[derive(Default)]
pub(super) struct Solver {
    /// A buffer the size of a matrix that is used again: fresh memory costs more than the work of methods without calibration.
    w: Vec<f32>,
    /// The last solved matrix: written while the next one is solved, or before anything reads it.
    pending: Option<Pending>,
}

impl Solver {
    /// Writes what is solved and not yet in the work folder.
    pub(super) fn flush(&mut self, journal: &mut Journal) -> Result<(), CompressError> {
        if let Some(pending) = &self.pending {
            pending.write(journal)?;
        }
        self.pending = None;
        Ok(())
    }

    /// Before a block runs: the memory plan counts either the buffers of a solver or a running block.
    pub(super) fn drop_buffer(&mut self) {
        self.w = Vec::new();
    }

    /// The layer of a unit that is solved and not yet written.
    pub(super) fn layer(&self, unit: &str) -> Option<&LayerReport> {
        self.pending.as_ref()?.layer(unit)
    }
}

/// A solved matrix on its way to the work folder.
pub(super) struct Pending {
    record: Record,
    encoded: EncodedTensor,
}

impl Pending {
    /// Its layer, if it is that of the unit.
    pub(super) fn layer(&self, unit: &str) -> Option<&LayerReport> {
        let layer = self.record.payload.layer.as_ref();
        layer.filter(|_| self.record.unit == unit)
    }

    fn write(&self, journal: &mut Journal) -> Result<(), TensorsError> {
        let (header, parts) = self.encoded.pieces();
        let mut pieces = vec![header.as_slice()];
        pieces.extend(parts.iter().map(|part| part.bytes.as_slice()));
        journal.put(self.record.clone(), &pieces)
    }
}

/// Solves a matrix, and meanwhile writes the one before it to the work folder: without calibration a good part of the
/// time goes into files.
pub(super) fn solve(
    machine: &Machine,
    plan: &Plan,
    journal: &mut Journal,
    walk: &mut Walk,
    solver: &mut Solver,
    index: usize,
    host: &mut dyn Host,
) -> Result<(), CompressError> {
    let mut matrix = matrix_at(plan, index).clone();
    matrix.step = step_now(machine, plan, journal, solver, &matrix);
    // After a resume the statistics of this matrix may not be at hand.
    let id = matrix.input_id();
    let calibrated = !matrix.embedding && plan.calibrated();
    if calibrated && walk.inputs.as_ref().is_none_or(|(at, _)| *at != id) {
        solver.flush(journal)?;
        solver.drop_buffer();
        statistics(
            machine,
            plan,
            journal,
            walk,
            matrix.block,
            matrix.input,
            host,
        )?;
    }
    report_solve(plan, journal, solver, host, &matrix.name, 0);
    if let Some((_, inputs)) = walk.inputs.as_mut().filter(|_| calibrated) {
        let rows = plan.aiming_rows(matrix.block, matrix.input);
        let damping_rel = plan.settings.options.damping_rel;
        let prepare = || inputs.prepare_targets(&machine.compute, damping_rel, rows);
        machine.compute.meter.section("target", prepare);
    }
    let mut w = std::mem::take(&mut solver.w);
    let before = solver.pending.take();
    let inputs = walk.inputs.as_ref().filter(|_| calibrated);
    let inputs = inputs.map(|(_, inputs)| inputs);
    let (written, solved) = machine.compute.pool.join(
        || {
            before
                .as_ref()
                .map_or(Ok(()), |before| before.write(journal))
        },
        || solved_unit(machine, plan, inputs, index, &matrix, &mut w),
    );
    solver.w = w;
    if let Err(error) = written {
        solver.pending = before;
        return Err(error.into());
    }
    // What was being solved when the stop was asked for is worthless, and so may be the factor.
    if let Err(cancelled) = machine.cancel.check(host) {
        walk.inputs = None;
        return Err(cancelled.into());
    }
    solver.pending = Some(solved?);
    report_solve(plan, journal, solver, host, &matrix.name, 1);
    Ok(())
}

/// The matrix as it goes to the work folder.
fn solved_unit(
    machine: &Machine,
    plan: &Plan,
    inputs: Option<&Inputs>,
    index: usize,
    matrix: &Matrix,
    w: &mut Vec<f32>,
) -> Result<Pending, CompressError> {
    let (entry, meter) = (
        &machine.catalog.tensors[matrix.tensor],
        &machine.compute.meter,
    );
    let read = || machine.catalog.read_finite_into(&machine.compute, entry, w);
    let read = meter.section("read", read);
    machine.cancel.check_stopped()?;
    read?;
    // Solvers see [outputs, inputs]: groups and the trade between weights run along the inputs.
    let turn = || transpose(&machine.compute, w, matrix.cols, matrix.rows);
    let turned = matrix.transposed.then(|| meter.section("read", turn));
    let weights = turned.as_deref().unwrap_or(w);
    let dtype = entry.dtype;
    let support = matrix.keep_mask.then(|| support_of(matrix, weights));
    let support = support.flatten();
    // One thread hashes the source while the others solve.
    let (solved, digest) = machine.compute.pool.join(
        || aim_and_solve(machine, plan, matrix, weights, support.as_ref(), inputs),
        || machine.catalog.source_digest(entry, w),
    );
    machine.cancel.check_stopped()?;
    refuse_repairs(plan, matrix, &solved.repairs)?;
    let power = range::power(&machine.compute, weights);
    range::check_rounded(machine, matrix, power, &solved.matrix)?;
    let digest = digest?;
    let mut encoded = meter.section("encode", || {
        EncodedTensor::encode(
            &machine.compute,
            &matrix.name,
            dtype,
            solved.method,
            &digest,
            &solved.matrix,
        )
    });
    if matrix.transposed {
        encoded = encoded.for_transposed_source();
    }
    let report = || layer_report(machine, matrix, (weights, power), &solved, inputs, &encoded);
    let layer = meter.section("error", report);
    let record = Record {
        unit: solve_unit(&matrix.name),
        file: format!("unit-{index:05}.kerf"),
        digest: String::new(),
        payload: Findings {
            layer: Some(layer),
            repairs: solved.repairs,
        },
    };
    Ok(Pending { record, encoded })
}

/// The weights that are not zero; `None` if none is zero, so that there is nothing to keep.
fn support_of(matrix: &Matrix, w: &[f32]) -> Option<Mask> {
    let support = Mask::of_weights(matrix.rows, matrix.cols, w);
    (support.count() < w.len()).then_some(support)
}

/// Solves for the weights, or for those that come nearer to what the dense model computes. `support` is that of the weights, since a target
/// has no zeros.
fn aim_and_solve(
    machine: &Machine,
    plan: &Plan,
    matrix: &Matrix,
    w: &[f32],
    support: Option<&Mask>,
    inputs: Option<&Inputs>,
) -> Solved {
    let solve = |w| run_method(machine, plan, matrix, w, support, inputs);
    let Some(aiming) = inputs.filter(|_| matrix.blend > 0.0) else {
        return solve(w);
    };
    let target = || aiming.target(&machine.compute, w, matrix.blend);
    match machine.compute.meter.section("target", target) {
        Ok(target) => {
            let solved = solve(&target);
            // What it summed up is the error against the target, and not against the weights.
            let damped = None;
            Solved { damped, ..solved }
        }
        Err(reason) => {
            let mut solved = solve(w);
            let fallback = |repair: &Repair| matches!(repair, Repair::Fallback { .. });
            if !solved.repairs.iter().any(fallback) {
                let tensor = matrix.name.clone();
                solved.repairs.push(Repair::OwnInputs { tensor, reason });
            }
            solved
        }
    }
}

/// Solves for `w`, on `support` if there is one. Weights far from 1 are brought near it by a power of two, and back.
pub(super) fn run_method(
    machine: &Machine,
    plan: &Plan,
    matrix: &Matrix,
    w: &[f32],
    support: Option<&Mask>,
    inputs: Option<&Inputs>,
) -> Solved {
    let (grid, dtype, repair) = stored_as(machine, matrix, w);
    let power = range::power(&machine.compute, w);
    let problem = Problem {
        name: &matrix.name,
        w: &range::times(w, -power),
        rows: matrix.rows,
        cols: matrix.cols,
        sparsity: matrix.sparsity,
        pattern: matrix.pattern,
        support,
        grid,
        dtype,
        damping_rel: plan.settings.options.damping_rel,
        step: matrix.step,
        params: plan.settings.params(),
        inputs,
    };
    let mut solved = matrix.method.solve(&machine.compute, &problem);
    solved.repairs.extend(repair);
    match power {
        0 => solved,
        power => Solved {
            matrix: solved.matrix.times_power_of_two(power),
            damped: None, // It is that of the weights near 1.
            ..solved
        },
    }
}

fn refuse_repairs(plan: &Plan, matrix: &Matrix, repairs: &[Repair]) -> Result<(), CompressError> {
    match repairs.first() {
        Some(repair) if plan.settings.options.strict => Err(CompressError::Strict {
            tensor: matrix.name.clone(),
            repair: repair.to_string(),
        }),
        _ => Ok(()),
    }
}

fn layer_report(
    machine: &Machine,
    matrix: &Matrix,
    (w, power): (&[f32], i32),
    solved: &Solved,
    inputs: Option<&Inputs>,
    encoded: &EncodedTensor,
) -> LayerReport {
    // Shares do not change where the weights are near 1, and sums of squares are numbers there.
    let w = &*range::times(w, -power);
    let near = (power != 0).then(|| solved.matrix.clone().times_power_of_two(-power));
    let result = near.as_ref().unwrap_or(&solved.matrix);
    let error = weight_error(
        &machine.compute,
        w,
        result,
        inputs.map(|inputs| &inputs.gram),
    );
    let relative_output_error = inputs.map(|inputs| {
        let whole = output_energy(&machine.compute, w, matrix.rows, &inputs.gram);
        let part = match &solved.damped {
            Some(damped) => {
                let energy = damped.without_damping(error.error);
                unshrunk(energy, error.by_inputs, &inputs.gram).max(0.0)
            }
            None => error_energy(machine, w, result, inputs),
        };
        ratio(part, whole)
    });
    LayerReport {
        name: matrix.name.clone(),
        block: matrix.block_and_role().map(|(block, _)| block),
        role: matrix.block_and_role().map(|(_, role)| role.into()),
        shape: [matrix.rows, matrix.cols],
        method: solved.method.into(),
        sparsity: solved.matrix.sparsity(),
        bits: stored_bits(&solved.matrix),
        step: matrix.step,
        bits_per_weight: encoded.content_bytes() as f64 * 8.0 / (matrix.rows * matrix.cols) as f64,
        relative_output_error,
        relative_weight_error: ratio(error.error, error.norm),
    }
}

/// The mean energy of what the outputs of a layer lose.
fn error_energy(machine: &Machine, w: &[f32], matrix: &QuantizedMatrix, inputs: &Inputs) -> f64 {
    let mut lost = matrix.dequantize_on(&machine.compute);
    lost.iter_mut().zip(w).for_each(|(value, w)| *value -= w);
    output_energy(&machine.compute, &lost, matrix.rows, &inputs.gram)
}

/// `ended`: 1 when the matrix is solved, before that 0.
fn report_solve(
    plan: &Plan,
    journal: &Journal,
    solver: &Solver,
    host: &mut dyn Host,
    name: &str,
    ended: u64,
) {
    let done = plan
        .matrices()
        .filter(|m| journal.get(&solve_unit(&m.name)).is_some())
        .count()
        + usize::from(solver.pending.is_some());
    let total = plan.matrices().count() as u64;
    let told = Event::new(Stage::Solve, done as u64, total, "matrices", name);
    host.event(told.with_share(ended, 1));
}

fn stored_bits(matrix: &QuantizedMatrix) -> u8 {
    match &matrix.values {
        Values::Codes { grid, .. } => grid.bits,
        Values::Float { dtype, .. } => dtype.bits() as u8,
    }
}
