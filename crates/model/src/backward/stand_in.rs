//! Backward of stand-ins; forward: `StandIn::add`.

use crate::gate::{StandIn, normalised, root_mean_square};
use kerf_kernels::{Compute, MatMut, MatRef};

impl StandIn {
    /// Backward of [`StandIn::add`] for a block at `x` [tokens, hidden]: turns `grad`, the gradient of the result, into that of `x`. Gives
    /// the gradients of `down` and `up`.
    pub(super) fn backward(
        &self,
        compute: &Compute,
        block: usize,
        x: &[f32],
        grad: &mut [f32],
    ) -> [Vec<f32>; 2] {
        let (own, linalg) = (&self.blocks[block], &compute.linalg);
        let (rank, hidden) = (self.rank, self.hidden);
        let tokens = x.len() / hidden;
        let mut of_down = vec![0.0; rank * hidden];
        let mut of_up = vec![0.0; hidden * rank];
        if tokens == 0 {
            return [of_down, of_up];
        }
        let seen = normalised(x, hidden);
        let seen_ref = MatRef::dense(&seen, tokens, hidden);
        let down = MatRef::dense(&own.down, rank, hidden);
        let up = MatRef::dense(&own.up, hidden, rank);
        let mut inside = vec![0.0; tokens * rank];
        let out = MatMut::dense(&mut inside, tokens, rank);
        linalg.gemm_nt(out, seen_ref, down, 1.0, 0.0);
        let inside = MatRef::dense(&inside, tokens, rank);
        let grad_ref = MatRef::dense(grad, tokens, hidden);
        let out = MatMut::dense(&mut of_up, hidden, rank);
        linalg.gemm_tn(out, grad_ref, inside, 1.0, 0.0);
        let mut of_inside = vec![0.0; tokens * rank];
        let out = MatMut::dense(&mut of_inside, tokens, rank);
        linalg.gemm_nn(out, grad_ref, up, 1.0, 0.0);
        let of_inside = MatRef::dense(&of_inside, tokens, rank);
        let out = MatMut::dense(&mut of_down, rank, hidden);
        linalg.gemm_tn(out, of_inside, seen_ref, 1.0, 0.0);
        let mut of_seen = vec![0.0; tokens * hidden];
        let out = MatMut::dense(&mut of_seen, tokens, hidden);
        linalg.gemm_nn(out, of_inside, down, 1.0, 0.0);
        let states = x.chunks_exact(hidden).zip(seen.chunks_exact(hidden));
        let grads = grad
            .chunks_exact_mut(hidden)
            .zip(of_seen.chunks_exact(hidden));
        for ((x, seen), (grad, of_seen)) in states.zip(grads) {
            let by = 1.0 / root_mean_square(x);
            let along = of_seen.iter().zip(seen);
            let along: f64 = along.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            let along = along / hidden as f64;
            for ((grad, of_seen), seen) in grad.iter_mut().zip(of_seen).zip(seen) {
                *grad += (by * (f64::from(*of_seen) - along * f64::from(*seen))) as f32;
            }
        }
        [of_down, of_up]
    }
}
