//! Cosines of the vectors of texts.
//!
//! A vector is the pooled hidden states of its text. Its length does not matter to a cosine, so a module that normalises it changes
//! nothing here.

use super::pool::pool_grad;
use super::{Loss, Place};
use crate::ModelError;
use crate::backward::Gradients;
use crate::evaluate::{Pooling, pool};

/// What the vectors are compared with.
pub enum Against<'a> {
    /// Sequences 2 i and 2 i + 1 are a pair, whose cosine should be this: mean of the squared differences.
    Pairs(&'a [f32]),
    /// The vector of each sequence by another model, [sequences, hidden]: mean of 1 - cosine.
    Vectors(&'a [f32]),
}

/// A loss of cosines.
pub struct Cosine<'a> {
    /// How the hidden states of a text become one vector: one of those of sentence-transformers.
    pub pooling: Pooling,
    /// With what vectors are compared.
    pub against: Against<'a>,
}

fn length(x: &[f32]) -> f64 {
    let squares: f64 = x.iter().map(|x| f64::from(*x).powi(2)).sum();
    squares.sqrt().max(1e-12)
}

/// The cosine of two vectors.
fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let pairs = a.iter().zip(b);
    let dot: f64 = pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
    dot / (length(a) * length(b))
}

/// Adds `factor` times the gradient of the cosine of `a` and `b` for `a`.
fn cosine_grad(a: &[f32], b: &[f32], factor: f64, out: &mut [f32]) {
    let (cos, of_a, of_b) = (cosine(a, b), length(a), length(b));
    for ((a, b), out) in a.iter().zip(b).zip(out) {
        let (a, b) = (f64::from(*a) / of_a, f64::from(*b) / of_b);
        *out += (factor * (b - cos * a) / of_a) as f32;
    }
}

impl Loss for Cosine<'_> {
    fn count(&self) -> usize {
        match &self.against {
            Against::Pairs(wanted) => wanted.len(),
            Against::Vectors(vectors) => vectors.len(),
        }
    }

    /// # Panics
    /// If there are not as many sequences as the wanted values ask for, or one is empty.
    fn backward(
        &self,
        place: Place<'_>,
        states: &[f32],
        share: f32,
        _: &mut Gradients,
    ) -> Result<(f64, Vec<f32>), ModelError> {
        let (batch, hidden) = (place.batch, place.network.hidden());
        let texts: Vec<std::ops::Range<usize>> = (batch.starts.windows(2))
            .map(|pair| pair[0] * hidden..pair[1] * hidden)
            .collect();
        let vectors: Vec<Vec<f32>> = (texts.iter())
            .map(|own| pool(self.pooling, &states[own.clone()], hidden, 0))
            .collect();
        let mut grads = vec![vec![0.0; hidden]; texts.len()];
        let mut loss = 0.0;
        match &self.against {
            Against::Pairs(wanted) => {
                assert_eq!(texts.len(), 2 * wanted.len(), "two texts a pair");
                let count = wanted.len().max(1) as f64;
                for (pair, wanted) in wanted.iter().enumerate() {
                    let (a, b) = (&vectors[2 * pair], &vectors[2 * pair + 1]);
                    let off = cosine(a, b) - f64::from(*wanted);
                    loss += off * off / count;
                    let factor = 2.0 * off * f64::from(share) / count;
                    cosine_grad(a, b, factor, &mut grads[2 * pair]);
                    cosine_grad(b, a, factor, &mut grads[2 * pair + 1]);
                }
            }
            Against::Vectors(wanted) => {
                assert_eq!(texts.len() * hidden, wanted.len(), "a vector a text");
                let count = texts.len().max(1) as f64;
                let rows = wanted.chunks_exact(hidden).zip(&vectors).zip(&mut grads);
                for ((wanted, own), grad) in rows {
                    loss += (1.0 - cosine(own, wanted)) / count;
                    cosine_grad(own, wanted, -f64::from(share) / count, grad);
                }
            }
        }
        let mut out = vec![0.0; states.len()];
        for (own, grad) in texts.iter().zip(&grads) {
            let states = &states[own.clone()];
            pool_grad(
                place.compute,
                self.pooling,
                states,
                grad,
                &mut out[own.clone()],
            );
        }
        Ok((loss, out))
    }
}
