//! What was done, as data.

use super::Job;
use super::write::Written;
use crate::allocate::matrix::Matrix;
use crate::plan::solve_unit;
use crate::report::{LayerReport, Repair, Report};

impl Job {
    pub(super) fn report(&self, written: &Written) -> Report {
        let layers = self.layers(&self.plan.targets);
        let embeddings = self.layers(&self.plan.embeddings);
        let weights: usize = layers.iter().map(weights_of).sum();
        let embedding_weights: usize = embeddings.iter().map(weights_of).sum();
        let removed: f64 = layers
            .iter()
            .map(|layer| layer.sparsity * weights_of(layer) as f64)
            .sum();
        let bits = |bytes: u64, weights: usize| bytes as f64 * 8.0 / weights as f64;
        Report {
            out: self.out_name.clone(),
            architecture: self.plan.architecture.clone(),
            sparsity: removed / weights as f64,
            bits_per_weight: bits(written.targets, weights),
            embedding_bits_per_weight: (embedding_weights > 0)
                .then(|| bits(written.embeddings, embedding_weights)),
            input_bytes: self.catalog.bytes(),
            output_bytes: written.total,
            seconds: (self.clock)() - self.started,
            phases: self.phases.clone(),
            work: self.work.clone(),
            peak_rss_bytes: 0,
            planned_peak_bytes: self.plan.memory.peak_bytes,
            planned_output_bytes: self.plan.report(&self.catalog).output_bytes,
            planned_seconds: None,
            tokens: self.tokens(),
            text: None,
            isa: self.compute.kernels.isa().id().into(),
            threads: self.compute.pool.threads(),
            resumed_units: self.resumed,
            options: self.plan.settings.options.clone(),
            measured: written.measured.clone(),
            repairs: self.repairs(),
            notes: [self.plan.notes.clone(), written.notes.clone()].concat(),
            layers,
            embeddings,
        }
    }

    fn layers(&self, matrices: &[Matrix]) -> Vec<LayerReport> {
        let record = |matrix: &Matrix| self.journal.get(&solve_unit(&matrix.name));
        matrices
            .iter()
            .filter_map(|matrix| record(matrix)?.payload.layer.clone())
            .collect()
    }

    fn repairs(&self) -> Vec<Repair> {
        let record = |matrix: &Matrix| self.journal.get(&solve_unit(&matrix.name));
        self.plan
            .matrices()
            .filter_map(record)
            .flat_map(|record| record.payload.repairs.clone())
            .collect()
    }
}

fn weights_of(layer: &LayerReport) -> usize {
    layer.shape[0] * layer.shape[1]
}
