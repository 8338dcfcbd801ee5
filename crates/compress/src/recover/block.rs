//! A block learns the outputs of the dense block from the inputs that it really gets.

use super::student::Student;
use super::student_source::Seen;
use super::teach::Task;
use crate::CompressError;
use kerf_kernels::Compute;
use kerf_model::backward::Gradients;
use kerf_model::{Batch, Network, WeightSource};
use std::ops::Range;

/// Some sequences at a block.
pub(crate) struct Lesson {
    /// Their tokens.
    pub batch: Batch,
    /// What the compressed model gives the block: [tokens, hidden].
    pub input: Vec<f32>,
    /// What the dense block gives in the dense model: [tokens, hidden].
    pub wanted: Vec<f32>,
}

/// Makes the lesson of an index.
pub(crate) type Fetch<'f> = dyn FnMut(usize) -> Result<Lesson, CompressError> + 'f;

/// The task of one block.
pub(crate) struct BlockTask<'a> {
    pub network: &'a Network,
    pub compute: &'a Compute,
    /// Tensors that do not learn.
    pub base: &'a dyn WeightSource,
    /// The block.
    pub block: usize,
    pub fetch: Box<Fetch<'a>>,
    /// Tokens of each lesson.
    pub lengths: Vec<usize>,
    /// Lessons to learn from, and those to watch.
    pub learned: Range<usize>,
    pub watched: Range<usize>,
}

impl Task for BlockTask<'_> {
    fn lessons(&self) -> usize {
        self.learned.len()
    }

    fn tokens(&self, index: usize) -> usize {
        self.lengths[self.learned.start + index]
    }

    fn lesson(
        &mut self,
        student: &Student,
        index: usize,
        gradients: &mut Gradients,
    ) -> Result<f64, CompressError> {
        let (network, compute) = (self.network, self.compute);
        let Lesson {
            batch,
            input: mut x,
            wanted,
        } = (self.fetch)(self.learned.start + index)?;
        let seen = Seen {
            student,
            base: self.base,
        };
        let block = network.load_block_dense(compute, &seen, self.block)?;
        let saved = network.forward_saving(compute, &block, &batch, &mut x);
        let loss = distance(&mut x, &wanted, network.hidden());
        let tensors = network.block_tensors(&seen, self.block);
        network.backward_block(compute, &block, &tensors, &batch, &saved, x, gradients);
        Ok(loss)
    }

    fn held(&mut self, student: &Student) -> Result<f64, CompressError> {
        let (network, compute) = (self.network, self.compute);
        let seen = Seen {
            student,
            base: self.base,
        };
        let block = network.load_block_dense(compute, &seen, self.block)?;
        let (mut sum, mut tokens) = (0.0, 0);
        for index in self.watched.clone() {
            let mut lesson = (self.fetch)(index)?;
            network.run_block(compute, &block, &lesson.batch, &mut lesson.input, None);
            let own = lesson.batch.tokens();
            sum += distance(&mut lesson.input, &lesson.wanted, network.hidden()) * own as f64;
            tokens += own;
        }
        Ok(sum / tokens.max(1) as f64)
    }
}

/// Mean over tokens of |x - wanted|^2 / |wanted|^2: every token counts alike, also where a few have states a thousand times as large.
/// `x` becomes its gradient.
fn distance(x: &mut [f32], wanted: &[f32], hidden: usize) -> f64 {
    let tokens = (x.len() / hidden.max(1)).max(1) as f64;
    let mut loss = 0.0;
    for (x, wanted) in x.chunks_mut(hidden).zip(wanted.chunks(hidden)) {
        let size: f64 = wanted.iter().map(|w| f64::from(*w).powi(2)).sum();
        let factor = 1.0 / size.max(f64::MIN_POSITIVE) / tokens;
        for (x, wanted) in x.iter_mut().zip(wanted) {
            let off = f64::from(*x) - f64::from(*wanted);
            loss += factor * off * off;
            *x = (2.0 * factor * off) as f32;
        }
    }
    loss
}
