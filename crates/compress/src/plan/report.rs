//! The plan as data: what each tensor becomes, and what the run will need.

use super::{Plan, metadata};
use crate::allocate::matrix::Matrix;
use crate::allocate::sizes;
use crate::report::{PlanReport, PlannedTensor};
use crate::solve::target;
use kerf_tensors::formats::Output;
use kerf_tensors::{Catalog, TensorEntry};
use std::collections::HashMap;

/// Bytes of a result that has not been made.
struct Foreseen {
    /// Of each tensor of the source.
    tensors: Vec<u64>,
    header: u64,
    total: u64,
}

impl Plan {
    /// The plan as data.
    pub fn report(&self, catalog: &Catalog) -> PlanReport {
        let by_name: HashMap<&str, &Matrix> = self
            .matrices()
            .map(|matrix| (matrix.name.as_str(), matrix))
            .collect();
        let foreseen = self.foreseen(catalog, &by_name);
        let planned = |(index, entry): (usize, &TensorEntry)| {
            let bytes = foreseen.as_ref().map(|foreseen| foreseen.tensors[index]);
            self.planned_tensor(entry, by_name.get(entry.name.as_str()).copied(), bytes)
        };
        let entries = catalog.tensors.iter().enumerate();
        let tensors: Vec<PlannedTensor> = entries.map(planned).collect();
        let sidecars: u64 = catalog.sidecars.iter().map(|sidecar| sidecar.1).sum();
        let header = match &foreseen {
            Some(foreseen) => foreseen.header,
            None => header_bytes(&tensors),
        };
        let target_bytes: u64 = tensors
            .iter()
            .filter(|t| t.part == "target")
            .map(|t| t.output_bytes)
            .sum();
        let weights = self.target_weights();
        let output_bytes = match &foreseen {
            Some(foreseen) => foreseen.total,
            None => tensors.iter().map(|t| t.output_bytes).sum::<u64>() + header + sidecars,
        };
        PlanReport {
            architecture: self.architecture.clone(),
            options: self.settings.options.clone(),
            input_bytes: catalog
                .shards
                .iter()
                .map(|shard| shard.len_bytes)
                .sum::<u64>()
                + sidecars,
            output_bytes,
            bits_per_weight: (target_bytes + header) as f64 * 8.0 / weights as f64,
            peak_memory_bytes: self.memory.peak_bytes,
            disk_bytes: output_bytes + target_bytes + self.memory.activation_bytes * 2,
            spills_activations: self.memory.spill,
            tokens: self.tokens,
            text: None,
            flops: self.flops(),
            seconds: None,
            notes: self.notes.clone(),
            tensors,
        }
    }

    /// Sizes of the result, where they do not depend on what is removed.
    fn foreseen(&self, catalog: &Catalog, by_name: &HashMap<&str, &Matrix>) -> Option<Foreseen> {
        let format = self.settings.format;
        if !format.foreseeable() {
            return None;
        }
        let grid = |entry: &TensorEntry| by_name.get(entry.name.as_str())?.grid;
        let output = Output::foresee(
            catalog,
            &self.model_info,
            format,
            catalog.tensors.iter().map(grid).collect(),
            metadata::run_metadata(self),
            self.settings.options.max_shard_bytes,
        );
        let output = output.ok()?;
        Some(Foreseen {
            tensors: output.tensor_bytes(),
            header: output.header_bytes(),
            total: output.total_bytes(),
        })
    }

    fn planned_tensor(
        &self,
        entry: &TensorEntry,
        matrix: Option<&Matrix>,
        bytes: Option<u64>,
    ) -> PlannedTensor {
        let dead = self.model_info.dead.contains(&entry.name);
        let part = match matrix {
            _ if dead => "dead",
            None => "kept",
            Some(matrix) if matrix.embedding => "embedding",
            Some(_) => "target",
        };
        let method = matrix.map(|matrix| matrix.method.id().to_string());
        let content = |matrix: &Matrix| sizes::content_bytes(matrix, entry.dtype);
        PlannedTensor {
            name: entry.name.clone(),
            shape: entry.shape.clone(),
            dtype: format!("{:?}", entry.dtype),
            part: part.into(),
            why: self.kept.get(&entry.name).map(|why| (*why).to_owned()),
            role: matrix.map(|matrix| matrix.role.into()),
            block: matrix
                .and_then(Matrix::block_and_role)
                .map(|(block, _)| block),
            rule: matrix.and_then(|matrix| matrix.rule),
            method,
            sparsity: matrix.map_or(0.0, |matrix| matrix.sparsity),
            bits: matrix.and_then(|matrix| matrix.grid).map(|grid| grid.bits),
            input_bytes: entry.stored_bytes(),
            output_bytes: match bytes.or(matrix.map(content)) {
                _ if dead => 0,
                Some(bytes) => bytes,
                None => entry.stored_bytes(),
            },
        }
    }

    /// Forward passes of one model or both, second moments, targets and solves; attention and norms are left out.
    fn flops(&self) -> f64 {
        if !self.calibrated() {
            return 0.0;
        }
        let mut flops = 0.0;
        let dense = self.dense_stream();
        let mut seen = std::collections::HashSet::new();
        for matrix in &self.targets {
            let (rows, cols, tokens) = (matrix.rows as f64, matrix.cols as f64, self.tokens as f64);
            flops += 4.0 * tokens * rows * cols + 3.0 * rows * cols * cols;
            if dense {
                flops += 2.0 * tokens * rows * cols;
            }
            if seen.insert((matrix.block, matrix.input)) {
                flops += tokens * cols * cols + cols.powi(3) * 2.0 / 3.0;
                let aiming = self.aiming_rows(matrix.block, matrix.input) as f64;
                if aiming > 0.0 {
                    flops += 2.0 * tokens * cols * cols + target::flops(aiming, cols);
                }
            }
        }
        flops
    }
}

/// Header bytes of all files, roughly: one entry per plain tensor, one and a record per matrix.
fn header_bytes(tensors: &[PlannedTensor]) -> u64 {
    let entry = |t: &PlannedTensor| t.name.len() as u64 + 70;
    let whole = |t: &PlannedTensor| {
        if t.method.is_some() {
            entry(t) + t.name.len() as u64 + 260
        } else {
            entry(t)
        }
    };
    let written = tensors.iter().filter(|t| t.part != "dead");
    written.map(whole).sum::<u64>() + 500
}
