//! Sentence vectors: hidden states pooled to one vector a text.

use super::{Progress, Runner};
use crate::{Batch, ModelError};

/// How hidden states become one vector per text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// Mean over tokens.
    Mean,
    /// First token.
    Cls,
    /// Maximum over tokens.
    Max,
    /// Mean scaled by the square root of the length.
    MeanSqrtLen,
}

impl Pooling {
    /// Pools `states` [tokens, hidden] of one text; tokens >= 1.
    pub fn pool(self, states: &[f32], hidden: usize) -> Vec<f32> {
        let tokens = (states.len() / hidden) as f64;
        let scaled = |factor: f64| {
            let mut sums = vec![0.0f64; hidden];
            for row in states.chunks_exact(hidden) {
                for (sum, value) in sums.iter_mut().zip(row) {
                    *sum += f64::from(*value);
                }
            }
            sums.iter().map(|sum| (sum * factor) as f32).collect()
        };
        match self {
            Pooling::Mean => scaled(1.0 / tokens),
            Pooling::MeanSqrtLen => scaled(1.0 / tokens.sqrt()),
            Pooling::Cls => states[..hidden].to_vec(),
            Pooling::Max => {
                let mut out = states[..hidden].to_vec();
                for row in states.chunks_exact(hidden).skip(1) {
                    for (best, value) in out.iter_mut().zip(row) {
                        *best = best.max(*value);
                    }
                }
                out
            }
        }
    }
}

/// Scales to length 1; a vector of zeros stays.
fn normalize_l2(vector: &mut [f32]) {
    let squares = vector.iter().map(|value| f64::from(*value).powi(2));
    let length = squares.sum::<f64>().sqrt();
    if length > 0.0 {
        vector
            .iter_mut()
            .for_each(|value| *value = (f64::from(*value) / length) as f32);
    }
}

impl Runner<'_> {
    /// One vector of `hidden` values per text, L2-normalised if `normalize`. Works for decoders too. Texts are taken in order of
    /// their length, so that a batch holds about the same work; the result is in the order given.
    ///
    /// Progress counts texts. `EMPTY` for a text without tokens, `TOO_LONG`, `CANCELLED`.
    pub fn embed(
        &mut self,
        texts: &[Vec<u32>],
        pooling: Pooling,
        normalize: bool,
        progress: &mut Progress<'_>,
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        if let Some(index) = texts.iter().position(Vec::is_empty) {
            return Err(ModelError::Empty {
                what: format!("text {index}"),
                fix: "a text needs at least one token to have a vector".into(),
            });
        }
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|index| texts[*index].len());
        let mut vectors = vec![Vec::new(); texts.len()];
        let mut rest = order.as_slice();
        while !rest.is_empty() {
            let (own, others) = rest.split_at(fitting(texts, rest, self.batch_tokens));
            let done = texts.len() - rest.len();
            self.embed_batch(texts, own, pooling, normalize, &mut vectors, &mut |part| {
                let done = done as f64 + own.len() as f64 * part;
                progress(done as u64, texts.len() as u64)
            })?;
            rest = others;
        }
        Ok(vectors)
    }

    fn embed_batch(
        &mut self,
        texts: &[Vec<u32>],
        own: &[usize],
        pooling: Pooling,
        normalize: bool,
        vectors: &mut [Vec<f32>],
        progress: &mut dyn FnMut(f64) -> bool,
    ) -> Result<(), ModelError> {
        let sequences: Vec<&[u32]> = own.iter().map(|index| texts[*index].as_slice()).collect();
        let batch = Batch::new(&sequences);
        let blocks = self.network.blocks() as f64;
        let states = self.hidden(&batch, &mut |block| progress(block as f64 / (blocks + 1.0)))?;
        let hidden = self.network.hidden();
        let pooled = self.compute.pool.map(own.len(), |index| {
            let of = batch.starts[index] * hidden..batch.starts[index + 1] * hidden;
            let mut vector = pooling.pool(&states[of], hidden);
            if normalize {
                normalize_l2(&mut vector);
            }
            vector
        });
        for (index, vector) in own.iter().zip(pooled) {
            vectors[*index] = vector;
        }
        if progress(1.0) {
            Ok(())
        } else {
            Err(ModelError::Cancelled {})
        }
    }
}

/// How many of the texts in `order` fit into one batch; at least one.
fn fitting(texts: &[Vec<u32>], order: &[usize], most: usize) -> usize {
    let mut tokens = 0;
    let fit = order.iter().take_while(|index| {
        tokens += texts[**index].len();
        tokens <= most
    });
    fit.count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poolings_of_two_tokens() {
        let states = [1.0, -2.0, 3.0, -4.0];
        assert_eq!(Pooling::Mean.pool(&states, 2), [2.0, -3.0]);
        assert_eq!(Pooling::Cls.pool(&states, 2), [1.0, -2.0]);
        assert_eq!(Pooling::Max.pool(&states, 2), [3.0, -2.0]);
        let root = 2.0f32.sqrt();
        let scaled = Pooling::MeanSqrtLen.pool(&states, 2);
        assert!((scaled[0] - 4.0 / root).abs() < 1e-6 && (scaled[1] + 6.0 / root).abs() < 1e-6);
    }

    #[test]
    fn l2_leaves_zeros_alone() {
        let mut vector = [3.0, 4.0];
        normalize_l2(&mut vector);
        assert_eq!(vector, [0.6, 0.8]);
        let mut zeros = [0.0, 0.0];
        normalize_l2(&mut zeros);
        assert_eq!(zeros, [0.0, 0.0]);
    }
}
