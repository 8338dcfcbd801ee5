//! The unit that solves one matrix and writes it to the work folder.

use super::{Job, JobHost, event, of_unit, range};
use crate::allocate::matrix::Matrix;
use crate::job::journal::{Journal, Record};
use crate::methods::{Inputs, Problem, Solved};
use crate::plan::solve_unit;
use crate::report::{LayerReport, Repair};
use crate::solve::energy::{output_energy, ratio, unshrunk, weight_error};
use crate::{CompressError, Stage};
use kerf_tensors::{EncodedTensor, QuantizedMatrix, TensorsError, Values, transpose};

/// A buffer the size of a matrix that is used again: fresh memory costs more than the work of methods without calibration.
#[derive(Default)]
pub(super) struct Scratch {
    w: Vec<f32>,
}

/// A solved matrix on its way to the work folder.
pub(super) struct Pending {
    record: Record,
    encoded: EncodedTensor,
}

impl Pending {
    /// Its layer, if it is that of the unit.
    pub(super) fn layer(&self, unit: &str) -> Option<&LayerReport> {
        let layer = self.record.layer.as_ref();
        layer.filter(|_| self.record.unit == unit)
    }

    fn write(&self, journal: &mut Journal) -> Result<(), TensorsError> {
        let (header, parts) = self.encoded.pieces();
        let mut pieces = vec![header.as_slice()];
        pieces.extend(parts.iter().map(|part| part.bytes.as_slice()));
        journal.put(self.record.clone(), &pieces)
    }
}

impl Job {
    /// Solves a matrix, and meanwhile writes the one before it to the work folder: without calibration a good part of the
    /// time goes into files.
    pub(super) fn solve(
        &mut self,
        index: usize,
        host: &mut dyn JobHost,
    ) -> Result<(), CompressError> {
        let mut matrix = self.matrix(index).clone();
        matrix.step = self.step_now(&matrix);
        // After a resume the statistics of this matrix may not be at hand.
        let id = matrix.input_id();
        let calibrated = !matrix.embedding && self.plan.calibrated();
        if calibrated && self.inputs.as_ref().is_none_or(|(at, _)| *at != id) {
            self.flush()?;
            self.statistics(matrix.block, matrix.input, host)?;
        }
        self.report_solve(host, &matrix.name, 0);
        if let Some((_, inputs)) = self.inputs.as_mut().filter(|_| calibrated) {
            let rows = self.plan.aiming_rows(matrix.block, matrix.input);
            let damping_rel = self.plan.settings.options.damping_rel;
            let prepare = || inputs.prepare_targets(&self.compute, damping_rel, rows);
            self.compute.meter.step("target", prepare);
        }
        let mut w = std::mem::take(&mut self.scratch.w);
        let before = self.pending.take();
        let mut journal = std::mem::replace(&mut self.journal, Journal::detached(&self.workspace));
        let (written, solved) = self.compute.pool.join(
            || {
                before
                    .as_ref()
                    .map_or(Ok(()), |before| before.write(&mut journal))
            },
            || self.solved_unit(index, &matrix, calibrated, &mut w),
        );
        self.journal = journal;
        self.scratch = Scratch { w };
        if let Err(error) = written {
            self.pending = before;
            return Err(error.into());
        }
        // What was being solved when the stop was asked for is worthless, and so may be the factor.
        if let Err(cancelled) = self.check_cancelled(host) {
            self.inputs = None;
            return Err(cancelled);
        }
        self.pending = Some(solved?);
        self.report_solve(host, &matrix.name, 1);
        Ok(())
    }

    /// Writes what is solved and not yet in the work folder.
    pub(super) fn flush(&mut self) -> Result<(), CompressError> {
        if let Some(pending) = &self.pending {
            pending.write(&mut self.journal)?;
        }
        self.pending = None;
        Ok(())
    }

    fn solved_unit(
        &self,
        index: usize,
        matrix: &Matrix,
        calibrated: bool,
        w: &mut Vec<f32>,
    ) -> Result<Pending, CompressError> {
        let (entry, meter) = (&self.catalog.tensors[matrix.tensor], &self.compute.meter);
        let read = || self.catalog.read_finite_into(&self.compute, entry, w);
        let read = meter.step("read", read);
        self.check_stopped().and(read.map_err(Into::into))?;
        // Solvers see [outputs, inputs]: groups and the trade between weights run along the inputs.
        let turn = || transpose(&self.compute, w, matrix.cols, matrix.rows);
        let turned = matrix.transposed.then(|| meter.step("read", turn));
        let weights = turned.as_deref().unwrap_or(w);
        let inputs = self.inputs.as_ref().filter(|_| calibrated);
        let inputs = inputs.map(|(_, inputs)| inputs);
        let dtype = entry.dtype;
        // One thread hashes the source while the others solve.
        let (solved, digest) = self.compute.pool.join(
            || self.aim_and_solve(matrix, weights, inputs),
            || self.catalog.source_digest(entry, w),
        );
        self.check_stopped()?;
        self.refuse_repairs(matrix, &solved.repairs)?;
        let digest = digest?;
        let mut encoded = meter.step("encode", || {
            EncodedTensor::encode(
                &self.compute,
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
        let report = || self.layer_report(matrix, weights, &solved, inputs, &encoded);
        let layer = meter.step("error", report);
        let record = Record {
            unit: solve_unit(&matrix.name),
            file: format!("unit-{index:05}.kerf"),
            digest: String::new(),
            layer: Some(layer),
            repairs: solved.repairs,
        };
        Ok(Pending { record, encoded })
    }

    /// Solves for the weights, or for those that come nearer to what the dense model computes.
    fn aim_and_solve(&self, matrix: &Matrix, w: &[f32], inputs: Option<&Inputs>) -> Solved {
        let Some(aiming) = inputs.filter(|_| matrix.blend > 0.0) else {
            return self.run_method(matrix, w, inputs);
        };
        let target = || aiming.target(&self.compute, w, matrix.blend);
        match self.compute.meter.step("target", target) {
            Ok(target) => {
                let solved = self.run_method(matrix, &target, inputs);
                // What it summed up is the error against the target, and not against the weights.
                let damped = None;
                Solved { damped, ..solved }
            }
            Err(reason) => {
                let mut solved = self.run_method(matrix, w, inputs);
                let fallback = |repair: &Repair| matches!(repair, Repair::Fallback { .. });
                if !solved.repairs.iter().any(fallback) {
                    let tensor = matrix.name.clone();
                    solved.repairs.push(Repair::OwnInputs { tensor, reason });
                }
                solved
            }
        }
    }

    /// Solves for `w`. Weights far from 1 are brought near it by a power of two, and back.
    pub(super) fn run_method(&self, matrix: &Matrix, w: &[f32], inputs: Option<&Inputs>) -> Solved {
        let (grid, dtype, repair) = self.stored_as(matrix, w);
        let power = range::power(&self.compute, w);
        let problem = Problem {
            name: &matrix.name,
            w: &range::times(w, -power),
            rows: matrix.rows,
            cols: matrix.cols,
            sparsity: matrix.sparsity,
            pattern: matrix.pattern,
            grid,
            dtype,
            damping_rel: self.plan.settings.options.damping_rel,
            step: matrix.step,
            params: self.plan.settings.params(),
            inputs,
        };
        let mut solved = matrix.method.solve(&self.compute, &problem);
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

    fn refuse_repairs(&self, matrix: &Matrix, repairs: &[Repair]) -> Result<(), CompressError> {
        match repairs.first() {
            Some(repair) if self.plan.settings.options.strict => Err(CompressError::Strict {
                tensor: matrix.name.clone(),
                repair: repair.to_string(),
            }),
            _ => Ok(()),
        }
    }

    fn layer_report(
        &self,
        matrix: &Matrix,
        w: &[f32],
        solved: &Solved,
        inputs: Option<&Inputs>,
        encoded: &EncodedTensor,
    ) -> LayerReport {
        // Shares do not change where the weights are near 1, and sums of squares are numbers there.
        let power = range::power(&self.compute, w);
        let w = &*range::times(w, -power);
        let near = (power != 0).then(|| solved.matrix.clone().times_power_of_two(-power));
        let result = near.as_ref().unwrap_or(&solved.matrix);
        let error = weight_error(&self.compute, w, result, inputs.map(|inputs| &inputs.gram));
        let relative_output_error = inputs.map(|inputs| {
            let whole = output_energy(&self.compute, w, matrix.rows, &inputs.gram);
            let part = match &solved.damped {
                Some(damped) => {
                    let energy = damped.without_damping(error.error);
                    unshrunk(energy, error.by_inputs, &inputs.gram).max(0.0)
                }
                None => self.error_energy(w, result, inputs),
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
            bits_per_weight: encoded.content_bytes() as f64 * 8.0
                / (matrix.rows * matrix.cols) as f64,
            relative_output_error,
            relative_weight_error: ratio(error.error, error.norm),
        }
    }

    /// The mean energy of what the outputs of a layer lose.
    fn error_energy(&self, w: &[f32], matrix: &QuantizedMatrix, inputs: &Inputs) -> f64 {
        let mut lost = matrix.dequantize_on(&self.compute);
        lost.iter_mut().zip(w).for_each(|(value, w)| *value -= w);
        output_energy(&self.compute, &lost, matrix.rows, &inputs.gram)
    }

    /// `ended`: 1 when the matrix is solved, before that 0.
    fn report_solve(&self, host: &mut dyn JobHost, name: &str, ended: u64) {
        let done = self
            .plan
            .matrices()
            .filter(|m| self.journal.get(&solve_unit(&m.name)).is_some())
            .count()
            + usize::from(self.pending.is_some());
        let total = self.plan.matrices().count() as u64;
        let told = event(Stage::Solve, done as u64, total, "matrices", name);
        host.event(of_unit(told, ended, 1));
    }
}

fn stored_bits(matrix: &QuantizedMatrix) -> u8 {
    match &matrix.values {
        Values::Codes { grid, .. } => grid.bits,
        Values::Float { dtype, .. } => dtype.bits() as u8,
    }
}
