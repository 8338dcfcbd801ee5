//! Vectors of the sentences of a pairs file.

use crate::Error;
use crate::open_model::Runnable;
use crate::reporter::Reporter;
use crate::running::Running;
use crate::vectors::Vectors;
use kerf_kernels::Compute;
use kerf_model::evaluate::{cosine, spearman};
use kerf_tasks::Pair;

/// Token ids of both columns: all first sentences, then all second ones, duplicates included.
pub struct Sentences {
    ids: Vec<Vec<u32>>,
    scores: Vec<f64>,
}

impl Sentences {
    /// Encodes both columns.
    pub fn new(pairs: &[Pair], made: &Vectors, compute: &Compute) -> Result<Self, Error> {
        let first = pairs.iter().map(|pair| pair.first.as_str());
        let second = pairs.iter().map(|pair| pair.second.as_str());
        let texts: Vec<&str> = first.chain(second).collect();
        let (ids, _) = made.encoding.encode(&made.tokenizer, compute, &texts)?;
        let scores = pairs.iter().map(|pair| pair.score).collect();
        Ok(Self { ids, scores })
    }

    /// Number of sentences.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// One vector per sentence.
    pub fn embed(
        &self,
        model: &Runnable,
        made: &Vectors,
        compute: &Compute,
        running: Running,
        reporter: &Reporter<'_>,
    ) -> Result<Vec<Vec<f32>>, Error> {
        made.make(model, compute, running, &self.ids, reporter)
    }

    /// Spearman's rank correlation of the cosine of each pair with its score. `BAD_PAIRS` where it is not defined.
    pub fn spearman(&self, path: &str, vectors: &[Vec<f32>]) -> Result<f64, Error> {
        let (first, second) = vectors.split_at(self.scores.len());
        let cosines: Vec<f64> = first
            .iter()
            .zip(second)
            .map(|(a, b)| cosine(a, b))
            .collect();
        let correlation = spearman(&cosines, &self.scores);
        if correlation.is_finite() {
            return Ok(correlation);
        }
        Err(Error::BadPairs {
            path: path.into(),
            line: 1,
            reason: "a rank correlation needs at least two pairs with different scores and different cosines".into(),
        })
    }
}

/// Mean cosine of the vectors of two models, sentence by sentence.
pub fn mean_cosine(original: &[Vec<f32>], small: &[Vec<f32>]) -> f64 {
    let sum: f64 = original.iter().zip(small).map(|(a, b)| cosine(a, b)).sum();
    sum / original.len().max(1) as f64
}
