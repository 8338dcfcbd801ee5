//! Units before the first matrix is solved, where something is to be decided about matrices that must be known first: summaries of
//! them, on inputs of the dense model.

use super::decisions::put_json;
use super::{Job, block_name};
use crate::CompressError;
use crate::allocate::matrix::{InputId, Matrix};
use crate::prepass::survey::{self, Measure};
use crate::schedules::Summary;
use kerf_run::{Event, Host, Stage};
use kerf_tensors::Grid;

/// The unit of a block's summaries.
pub(super) fn unit(block: usize) -> String {
    format!("survey:{block}")
}

impl Job {
    /// Summaries of the matrices of a block that something is to be decided about.
    pub(super) fn survey(
        &mut self,
        block: usize,
        host: &mut dyn Host,
    ) -> Result<(), CompressError> {
        let mut dense = self.dense_at(block, host, |job| {
            survey::spread(&job.sequences(), survey::tokens(job.tokens()))
        })?;
        let mut summaries = Vec::new();
        self.walk_block(&mut dense, &mut |id, x| {
            self.summarise(id, x, &mut summaries)
        })?;
        self.check_cancelled(host)?;
        self.dense = Some(dense);
        let file = format!("survey-{block}.json");
        put_json(&mut self.journal, unit(block), file, &summaries)?;
        let (done, total) = (block as u64 + 1, self.blocks() as u64);
        let name = block_name(block, self.blocks());
        let told = Event::new(Stage::Survey, done, total, "blocks", &name);
        host.event(told.with_share(1, 1));
        Ok(())
    }

    /// Summaries of the matrices that read the shared input `x` [tokens, cols].
    fn summarise(
        &self,
        id: InputId,
        x: &[f32],
        summaries: &mut Vec<Summary>,
    ) -> Result<(), CompressError> {
        let targets = self.plan.targets.iter();
        let open: Vec<&Matrix> = targets
            .filter(|matrix| matrix.input_id() == id && matrix.is_open())
            .collect();
        let Some(first) = open.first() else {
            return Ok(());
        };
        let damping_rel = self.plan.settings.options.damping_rel;
        let measure = Measure::new(&self.compute, x, first.cols, damping_rel);
        for matrix in open {
            self.check_stopped()?;
            let grid = |bits: u8| {
                let mut with_bits = matrix.clone();
                with_bits.set_bits(Some(bits));
                with_bits.grid
            };
            let grid_of = matrix
                .free_bits
                .then_some(&grid as &dyn Fn(u8) -> Option<Grid>);
            let w = self.dense_weights(matrix)?;
            summaries.push(measure.summary(&matrix.name, &w, grid_of));
        }
        Ok(())
    }
}
