//! What turns the hidden states of a text into its vector: pooling, and the modules before and after it.

use super::module::Step;
use super::pool::pool;
use crate::{Batch, ModelError};
use kerf_kernels::Compute;
use kerf_tensors::Folder;
use kerf_tensors::files::pipeline::{Module, PoolingModule, Vectors};
use std::sync::Arc;

/// A sentence-transformers pipeline after the network, with its weights.
#[derive(Clone)]
pub struct SentenceHead {
    pub(crate) tokens: Vec<Step>,
    pub(crate) pooling: PoolingModule,
    pub(crate) sentence: Vec<Step>,
    hidden: usize,
    width: usize,
    /// Numbers of each vector that are kept.
    dimensions: usize,
    /// Tokens at the start of each text that are not pooled.
    pub(crate) skip: usize,
}

impl SentenceHead {
    /// Reads the weights of the modules, which lie in folders inside `folder`; `hidden`: width of the hidden states. `BAD_CONFIG`
    /// for a module that takes another width than it gets, and the errors of reading weights.
    pub fn load(
        compute: &Compute,
        folder: &Arc<dyn Folder>,
        vectors: &Vectors,
        hidden: usize,
    ) -> Result<Self, ModelError> {
        let mut width = hidden;
        let tokens = steps(compute, folder, &vectors.tokens, &mut width)?;
        width *= vectors.pooling.modes.len();
        let sentence = steps(compute, folder, &vectors.sentence, &mut width)?;
        Ok(Self {
            tokens,
            pooling: vectors.pooling.clone(),
            sentence,
            hidden,
            width,
            dimensions: vectors.truncate_dim.map_or(width, |kept| kept.min(width)),
            skip: 0,
        })
    }

    /// Keeps the first numbers of each vector, after everything else; 1 to [`SentenceHead::width`].
    pub fn keep(mut self, dimensions: usize) -> Self {
        self.dimensions = dimensions.min(self.width);
        self
    }

    /// Adds the tensors of the modules to weights that learn, each under the name of its folder and its own: `2_Dense/linear.weight`.
    #[cfg(feature = "train")]
    pub fn add_to(&self, weights: &mut crate::MemoryWeights) -> Result<(), ModelError> {
        let mut own = self.clone();
        for (name, shape, values) in own.tensors() {
            weights.insert(&name, shape, std::mem::take(values))?;
        }
        Ok(())
    }

    /// The same modules with the tensors that a source has of them. `WRONG_SHAPE`, and what reading gives.
    #[cfg(feature = "train")]
    pub fn with(
        &self,
        compute: &Compute,
        weights: &dyn crate::WeightSource,
    ) -> Result<Self, ModelError> {
        let mut own = self.clone();
        for (name, shape, values) in own.tensors() {
            if weights.shape(&name).is_some() {
                let len = shape.iter().product();
                *values = crate::block::read(compute, weights, &name, (len, 1))?;
            }
        }
        Ok(own)
    }

    #[cfg(feature = "train")]
    fn tensors(&mut self) -> impl Iterator<Item = (String, Vec<usize>, &mut Vec<f32>)> {
        let steps = self.tokens.iter_mut().chain(&mut self.sentence);
        steps.flat_map(Step::tensors)
    }

    /// Says that each text begins with a prompt of so many tokens. They are left out of pooling if the model says so.
    pub fn after_prompt(mut self, tokens: usize) -> Self {
        self.skip = match self.pooling.include_prompt {
            true => 0,
            false => tokens,
        };
        self
    }

    /// Numbers of a whole vector.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Numbers of a vector that are kept.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// `EMPTY` for a text without a token to pool; `BAD_CONFIG` for hidden states of another width.
    pub(super) fn check(&self, texts: &[Vec<u32>], hidden: usize) -> Result<(), ModelError> {
        if hidden != self.hidden {
            return Err(ModelError::BadConfig {
                field: "hidden_size".into(),
                expected: format!("{}, for which the modules are", self.hidden),
                actual: hidden.to_string(),
            });
        }
        let Some(index) = texts.iter().position(|text| text.len() <= self.skip) else {
            return Ok(());
        };
        let fix = match texts[index].is_empty() {
            true => "a text needs at least one token to have a vector",
            false => {
                "the model leaves its prompt out of pooling, which leaves nothing of this text; give a longer text or a shorter prompt"
            }
        };
        Err(ModelError::Empty {
            what: format!("text {index}"),
            fix: fix.into(),
        })
    }

    /// The vectors of the sequences of a batch, from its last hidden states.
    pub(super) fn apply(
        &self,
        compute: &Compute,
        batch: &Batch,
        mut states: Vec<f32>,
    ) -> Vec<Vec<f32>> {
        let mut width = self.hidden;
        for step in &self.tokens {
            states = step.apply(compute, states, width);
            width = step.width(width);
        }
        let modes = &self.pooling.modes;
        let mut pooled_width = modes.len() * width;
        let mut rows = vec![0.0; batch.sequences() * pooled_width];
        let pooled = |index: usize, row: &mut [f32]| {
            let of = batch.starts[index] * width..batch.starts[index + 1] * width;
            for (mode, out) in modes.iter().zip(row.chunks_mut(width)) {
                out.copy_from_slice(&pool(*mode, &states[of.clone()], width, self.skip));
            }
        };
        compute.pool.chunks_mut(&mut rows, pooled_width, pooled);
        for step in &self.sentence {
            rows = step.apply(compute, rows, pooled_width);
            pooled_width = step.width(pooled_width);
        }
        let kept = rows.chunks(pooled_width);
        kept.map(|row| row[..self.dimensions].to_vec()).collect()
    }
}

/// The modules with their weights; `width` becomes that of what comes out.
fn steps(
    compute: &Compute,
    folder: &Arc<dyn Folder>,
    modules: &[Module],
    width: &mut usize,
) -> Result<Vec<Step>, ModelError> {
    let mut steps = Vec::with_capacity(modules.len());
    for module in modules {
        let step = Step::load(compute, folder, module, *width)?;
        *width = step.width(*width);
        steps.push(step);
    }
    Ok(steps)
}
