//! What was done, as data.

use super::Job;
use super::overlay::unit_of;
use super::records::Journal;
use super::write::Written;
use crate::allocate::matrix::Matrix;
use crate::plan::{Plan, solve_unit};
use crate::report::{LayerReport, Repair, Report};

/// The report of a job that has written its result.
pub(super) fn report(job: &Job, written: &Written) -> Report {
    let (machine, plan) = (&job.machine, &job.plan);
    let layers = layers_of(&job.journal, &plan.targets);
    let embeddings = layers_of(&job.journal, &plan.embeddings);
    let weights: usize = layers.iter().map(weights_of).sum();
    let embedding_weights: usize = embeddings.iter().map(weights_of).sum();
    let removed: f64 = layers
        .iter()
        .map(|layer| layer.sparsity * weights_of(layer) as f64)
        .sum();
    let bits = |bytes: u64, weights: usize| bytes as f64 * 8.0 / weights as f64;
    Report {
        out: job.places.name.clone(),
        architecture: plan.architecture.clone(),
        sparsity: removed / weights as f64,
        bits_per_weight: bits(written.targets, weights),
        embedding_bits_per_weight: (embedding_weights > 0)
            .then(|| bits(written.embeddings, embedding_weights)),
        input_bytes: machine.catalog.bytes(),
        output_bytes: written.total,
        seconds: (machine.clock)() - job.started,
        phases: job.phases.clone(),
        work: job.work.clone(),
        peak_rss_bytes: 0,
        planned_peak_bytes: plan.memory.peak_bytes,
        planned_output_bytes: plan.report(&machine.catalog).output_bytes,
        planned_seconds: None,
        tokens: machine.tokens(),
        text: None,
        isa: machine.compute.kernels.isa().id().into(),
        threads: machine.compute.pool.threads(),
        resumed_units: job.resumed,
        options: plan.settings.options.clone(),
        measured: written.measured.clone(),
        recovered: written.recovered.clone(),
        repairs: repairs(plan, &job.journal),
        notes: [
            plan.notes.clone(),
            nothing_kept(plan, &layers).into_iter().collect(),
            written.notes.clone(),
        ]
        .concat(),
        layers,
        embeddings,
    }
}

/// A note where zeros of the source were to stay, and it had none.
fn nothing_kept(plan: &Plan, layers: &[LayerReport]) -> Option<String> {
    let mut keeping = plan
        .targets
        .iter()
        .filter(|matrix| matrix.keep_mask)
        .peekable();
    keeping.peek()?;
    let zeros = |matrix: &Matrix| {
        let mut of_matrix = layers.iter().filter(|layer| layer.name == matrix.name);
        of_matrix.any(|layer| layer.sparsity > 0.0)
    };
    let text = "no weight of the matrices that were to keep their zeros is zero: `keepMask` changed nothing";
    (!keeping.any(zeros)).then(|| text.into())
}

fn layers_of(journal: &Journal, matrices: &[Matrix]) -> Vec<LayerReport> {
    let record = |matrix: &Matrix| unit_of(journal, &matrix.name);
    matrices
        .iter()
        .filter_map(|matrix| record(matrix)?.payload.layer.clone())
        .collect()
}

fn repairs(plan: &Plan, journal: &Journal) -> Vec<Repair> {
    let record = |matrix: &Matrix| journal.get(&solve_unit(&matrix.name));
    plan.matrices()
        .filter_map(record)
        .flat_map(|record| record.payload.repairs.clone())
        .collect()
}
fn weights_of(layer: &LayerReport) -> usize {
    layer.shape[0] * layer.shape[1]
}
