//! The unit that solves one matrix and writes it to the work folder.

use super::{Job, JobHost, event};
use crate::journal::Record;
use crate::methods::{Inputs, Problem, Solved};
use crate::plan::{Matrix, solve_unit};
use crate::report::{LayerReport, Repair};
use crate::solve::energy::{output_energy, ratio, relative_weight_error};
use crate::{CompressError, Stage};
use kerf_tensors::{DType, EncodedTensor, QuantizedMatrix, Values};

/// Buffers the size of a matrix that are used again: fresh memory costs more than the work of methods without calibration.
#[derive(Default)]
pub(super) struct Scratch {
    w: Vec<f32>,
    decoded: Vec<f32>,
}

impl Job {
    pub(super) fn solve(
        &mut self,
        index: usize,
        host: &mut dyn JobHost,
    ) -> Result<(), CompressError> {
        let matrix = self.matrix(index).clone();
        // After a resume the statistics of this matrix may not be at hand.
        let place = (matrix.block, matrix.input);
        let calibrated = !matrix.embedding && self.plan.calibrated();
        if calibrated && self.inputs.as_ref().is_none_or(|(at, _)| *at != place) {
            self.statistics(matrix.block, matrix.input, host)?;
        }
        self.report_solve(host, &matrix.name);
        let entry = &self.catalog.tensors[matrix.tensor];
        let mut w = std::mem::take(&mut self.scratch.w);
        self.catalog
            .read_finite_into(&self.compute, entry, &mut w)?;
        let inputs = self
            .inputs
            .as_ref()
            .filter(|_| calibrated)
            .map(|(_, inputs)| inputs);
        let dtype = entry.dtype;
        // One thread hashes the source while the others solve.
        let (solved, digest) = self.compute.pool.join(
            || self.run_method(&matrix, &w, inputs, dtype),
            || self.catalog.source_digest(entry),
        );
        let digest = digest?;
        self.refuse_repairs(&matrix, &solved.repairs)?;
        let encoded = EncodedTensor::encode(
            &self.compute,
            &matrix.name,
            dtype,
            solved.method,
            &digest,
            &solved.matrix,
        );
        let mut decoded = std::mem::take(&mut self.scratch.decoded);
        solved.matrix.dequantize_into(&self.compute, &mut decoded);
        let layer = self.layer_report(&matrix, &w, &mut decoded, &solved, inputs, &encoded);
        let record = Record {
            unit: solve_unit(&matrix.name),
            file: format!("unit-{index:05}.kerf"),
            sha256: String::new(),
            layer: Some(layer),
            repairs: solved.repairs,
        };
        self.journal.put(record, &encoded.to_bytes())?;
        self.scratch = Scratch { w, decoded };
        self.report_solve(host, &matrix.name);
        Ok(())
    }

    fn run_method(
        &self,
        matrix: &Matrix,
        w: &[f32],
        inputs: Option<&Inputs>,
        dtype: DType,
    ) -> Solved {
        let problem = Problem {
            name: &matrix.name,
            w,
            rows: matrix.rows,
            cols: matrix.cols,
            sparsity: matrix.sparsity,
            pattern: if matrix.embedding {
                crate::pattern::Pattern::Unstructured
            } else {
                self.plan.settings.pattern
            },
            grid: matrix.grid,
            dtype,
            damping_rel: self.plan.settings.options.damping_rel,
            inputs,
        };
        self.plan.method_of(matrix).solve(&self.compute, &problem)
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
        decoded: &mut [f32],
        solved: &Solved,
        inputs: Option<&Inputs>,
        encoded: &EncodedTensor,
    ) -> LayerReport {
        let relative_weight_error = relative_weight_error(&self.compute, w, decoded);
        let relative_output_error = inputs.map(|inputs| {
            let whole = output_energy(&self.compute, w, matrix.rows, &inputs.gram);
            let error = solved.error_energy.unwrap_or_else(|| {
                decoded.iter_mut().zip(w).for_each(|(value, w)| *value -= w);
                output_energy(&self.compute, decoded, matrix.rows, &inputs.gram)
            });
            ratio(error, whole)
        });
        LayerReport {
            name: matrix.name.clone(),
            shape: [matrix.rows, matrix.cols],
            method: solved.method.into(),
            sparsity: solved.matrix.sparsity(),
            bits: stored_bits(&solved.matrix),
            bits_per_weight: encoded.content_bytes() as f64 * 8.0
                / (matrix.rows * matrix.cols) as f64,
            relative_output_error,
            relative_weight_error,
        }
    }

    fn report_solve(&self, host: &mut dyn JobHost, name: &str) {
        let done = self
            .plan
            .matrices()
            .filter(|m| self.journal.get(&solve_unit(&m.name)).is_some())
            .count();
        host.event(event(
            Stage::Solve,
            done as u64,
            self.plan.matrices().count() as u64,
            "matrices",
            name,
        ));
    }
}

fn stored_bits(matrix: &QuantizedMatrix) -> u8 {
    match &matrix.values {
        Values::Codes { grid, .. } => grid.bits,
        Values::Float { dtype, .. } => dtype.bits() as u8,
    }
}
