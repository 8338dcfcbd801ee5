//! Distance of hidden states to those of another model.

use super::{Loss, Place};
use crate::ModelError;
use crate::backward::Gradients;

/// Mean over all values of (state - wanted)^2.
pub struct MeanSquare<'a> {
    /// Wanted last hidden states: [tokens, hidden].
    pub wanted: &'a [f32],
}

impl Loss for MeanSquare<'_> {
    fn count(&self) -> usize {
        self.wanted.len()
    }

    fn backward(
        &self,
        _: Place<'_>,
        states: &[f32],
        share: f32,
        _: &mut Gradients,
    ) -> Result<(f64, Vec<f32>), ModelError> {
        assert_eq!(states.len(), self.wanted.len(), "a wanted value for each");
        let pairs = states.iter().zip(self.wanted);
        let mut grad: Vec<f32> = pairs.map(|(state, wanted)| state - wanted).collect();
        let count = grad.len().max(1) as f64;
        let squares: f64 = grad.iter().map(|x| f64::from(*x).powi(2)).sum();
        let factor = (2.0 * f64::from(share) / count) as f32;
        grad.iter_mut().for_each(|x| *x *= factor);
        Ok((squares / count, grad))
    }
}
