//! Guesses the survivors of a group, for scales that must be fitted before the mask is chosen.

use super::problem::Problem;
use crate::solve::pattern::removed_between;

/// The likely survivors of a group. Its buffers are used again for each group.
#[derive(Default)]
pub(super) struct Guess {
    scores: Vec<f32>,
    order: Vec<u32>,
    bits: Vec<u8>,
}

impl Guess {
    pub(super) fn survivors(
        &mut self,
        kernels: &kerf_kernels::Kernels,
        w: &[f32],
        inverse: &[f32],
        p: &Problem<'_>,
    ) -> &[u8] {
        self.scores.resize(w.len(), 0.0);
        self.bits.clear();
        self.bits.resize(w.len().div_ceil(8), 0);
        kernels.obs_scores(w, inverse, &mut self.scores);
        let keep = w.len() - removed_between(p.sparsity, 1, 0, w.len());
        self.order.clear();
        self.order.extend(0..w.len() as u32);
        if keep < w.len() {
            let scores = &self.scores;
            self.order.select_nth_unstable_by(keep, |&a, &b| {
                scores[b as usize]
                    .total_cmp(&scores[a as usize])
                    .then(a.cmp(&b))
            });
        }
        for &j in &self.order[..keep] {
            self.bits[j as usize / 8] |= 1 << (j % 8);
        }
        &self.bits
    }
}
