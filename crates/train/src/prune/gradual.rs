//! Gradual magnitude pruning (Zhu, Gupta: To prune, or not to prune, 1710.01878): the weights of least absolute value go. What was removed
//! gets gradients and may come back.

use super::{Pruner, Ranking};
use kerf_run::param::Params;

pub(super) struct Gradual;

impl Pruner for Gradual {
    fn id(&self) -> &'static str {
        "gradual"
    }

    fn about(&self) -> &'static str {
        "removes the smallest weights, more and more"
    }

    fn ranking(&self, _params: Params<'_>, _sizes: &[usize]) -> Box<dyn Ranking> {
        Box::new(Magnitude)
    }
}

/// Ranks weights by their absolute value.
pub(super) struct Magnitude;

impl Ranking for Magnitude {
    fn scores(&self, _tensor: usize, _first: usize, values: &[f32], out: &mut [f32]) {
        for (out, value) in out.iter_mut().zip(values) {
            *out = value.abs();
        }
    }
}
