//! The statistics of a linear layer's inputs, collected by the calibration.

use kerf_kernels::{Compute, MatMut, MatRef};

/// The statistics that a method needs of a matrix's inputs. Calibration runs if any method of a run needs more than `Nothing`, or if
/// a schedule needs to look at the dense model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    /// No statistics. The method works on the weights alone, without running the network.
    Nothing,
    /// Second moments of the inputs: [`Gram`].
    Gram,
}

/// Second moments of a layer's inputs: h = x^T x / tokens, [n, n].
#[derive(Clone, Debug, PartialEq)]
pub struct Gram {
    /// Number of inputs.
    pub n: usize,
    /// Row-major [n, n]. While tokens are added only the lower triangle is valid. After [`Gram::finish`] the matrix is full and
    /// symmetric.
    pub h: Vec<f32>,
    /// Number of tokens added so far.
    pub tokens: usize,
    /// Share by which [`Gram::finish`] reduced the values off the diagonal.
    pub shrinkage: f32,
}

/// Number of neighbouring tokens of a text that carry as much information as one independent token. Measured on SmolLM2-135M with
/// 4,096 tokens of mixed text: without shrinkage, 4 bits cost 66 % of perplexity; with any factor from 4 to 16 they cost 29 to 32
/// %. Encoders with sentences lose a little from 8 on.
const OF_A_TEXT: f64 = 8.0;
const LEAST_SHRINKAGE: f64 = 0.05;
const MOST_SHRINKAGE: f64 = 0.5;

/// The share by which correlations of inputs are shrunk towards zero.
///
/// Correlations measured on some thousand tokens belong partly to these tokens, and other text has others. A solver that trusts
/// them fully makes larger errors on other text than plain rounding does. The share 1 / (tokens r^2), with the mean square r^2 of
/// the correlations, minimises the expected square error of the correlations (Schaefer, Strimmer 2005; Ledoit, Wolf 2004). It
/// assumes independent tokens from the text of later use. The tokens of a calibration text are neither, hence the factor and the
/// floor.
fn shrinkage(compute: &Compute, gram: &Gram) -> f32 {
    let n = gram.n;
    let inverse: Vec<f32> = gram
        .diagonal()
        .iter()
        .map(|&value| if value > 0.0 { 1.0 / value } else { 0.0 })
        .collect();
    let rows = compute.pool.map(n, |i| {
        let row = gram.h[i * n..i * n + i].iter().zip(&inverse);
        let sum: f32 = row.map(|(h, inverse)| h * h * inverse).sum();
        f64::from(sum) * f64::from(inverse[i])
    });
    let live = inverse.iter().filter(|inverse| **inverse > 0.0).count();
    shrinkage_of(rows.iter().sum(), live, gram.tokens)
}

/// The share, where `correlated` is the sum of the squared correlations of all pairs of `live` inputs.
pub(crate) fn shrinkage_of(correlated: f64, live: usize, tokens: usize) -> f32 {
    let pairs = 0.5 * live as f64 * (live as f64 - 1.0);
    if pairs < 1.0 || !correlated.is_finite() {
        return 0.0;
    }
    let share = pairs / (correlated * tokens.max(1) as f64);
    (OF_A_TEXT * share).clamp(LEAST_SHRINKAGE, MOST_SHRINKAGE) as f32
}

impl Gram {
    /// Statistics of zero tokens. Memory: 4 n^2 bytes.
    pub fn new(n: usize) -> Self {
        Self {
            n,
            h: vec![0.0; n * n],
            tokens: 0,
            shrinkage: 0.0,
        }
    }

    /// Adds the inputs `x` [tokens, n] of some tokens. Cost: tokens n^2 flops, since only the lower triangle is computed.
    pub fn add(&mut self, compute: &Compute, x: &[f32]) {
        let n = self.n;
        let tokens = x.len() / n;
        let h = MatMut {
            data: &mut self.h,
            rows: n,
            cols: n,
            stride: n,
        };
        compute.linalg.syrk_lower(
            h,
            MatRef {
                data: x,
                rows: tokens,
                cols: n,
                stride: n,
            },
        );
        self.tokens += tokens;
    }

    /// Divides by the number of tokens, shrinks the values off the diagonal, and mirrors the lower triangle into the upper one.
    pub fn finish(&mut self, compute: &Compute) {
        let n = self.n;
        let scale = 1.0 / self.tokens.max(1) as f32;
        compute.pool.chunks_mut(&mut self.h, n, |i, row| {
            row[..=i].iter_mut().for_each(|value| *value *= scale)
        });
        self.shrinkage = shrinkage(compute, self);
        let kept = 1.0 - self.shrinkage;
        compute.pool.chunks_mut(&mut self.h, n, |i, row| {
            row[..i].iter_mut().for_each(|value| *value *= kept)
        });
        mirror(&mut self.h, n);
    }

    /// The diagonal: mean squares of the inputs. They are not shrunk.
    pub fn diagonal(&self) -> Vec<f32> {
        (0..self.n).map(|j| self.h[j * self.n + j]).collect()
    }

    /// Square root of the mean square of each input.
    pub fn norms(&self) -> Vec<f32> {
        (0..self.n)
            .map(|j| self.h[j * self.n + j].max(0.0).sqrt())
            .collect()
    }
}

/// The drift: the difference between the inputs of the dense model and the inputs that a layer really gets, as (x_dense - x)^T x
/// / tokens, [n, n].
///
/// With the cross moment c = x_dense^T x / tokens the drift is c - h. The differences are summed up and not c. So the drift is
/// exactly zero where both models see the same inputs, and keeps its digits where they nearly do.
///
/// A single matrix W of few rows needs only W d [rows, n]. Then the differences are multiplied by W before they meet the inputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Drift {
    /// Number of inputs.
    pub n: usize,
    /// Row-major, full. [n, n], where row i belongs to the difference of input i. With weights it is [rows, n], and row i belongs
    /// to output i.
    pub d: Vec<f32>,
    /// Number of tokens added so far.
    pub tokens: usize,
    /// Weights [rows, n], if the drift belongs to a single matrix.
    weights: Option<Vec<f32>>,
}

impl Drift {
    /// Number of tokens whose differences are in memory at the same time.
    const TOKENS: usize = 512;

    /// A drift of zero tokens. Memory: 4 n^2 bytes.
    pub fn new(n: usize) -> Self {
        Self {
            n,
            d: vec![0.0; n * n],
            tokens: 0,
            weights: None,
        }
    }

    /// A drift of zero tokens for the single matrix `w` [rows, n]. Memory: 8 rows n bytes.
    pub fn of_weights(n: usize, w: Vec<f32>) -> Self {
        Self {
            n,
            d: vec![0.0; w.len()],
            tokens: 0,
            weights: Some(w),
        }
    }

    /// Whether [`Drift::of_weights`] costs less for a single matrix of `rows` rows with `n` inputs.
    pub fn prefers_weights(n: usize, rows: usize) -> bool {
        2 * rows < n
    }

    /// Whether `d` belongs to the outputs of a single matrix.
    pub fn is_of_weights(&self) -> bool {
        self.weights.is_some()
    }

    /// Adds the inputs of some tokens: `dense` those of the dense model, `x` those of the layer, both [tokens, n]. Cost: 2 tokens
    /// n^2 flops, or 4 tokens rows n with weights. Scratch: twice the inputs of 512 tokens.
    pub fn add(&mut self, compute: &Compute, dense: &[f32], x: &[f32]) {
        let n = self.n;
        let mut difference = Vec::new();
        for (dense, x) in dense
            .chunks(Self::TOKENS * n)
            .zip(x.chunks(Self::TOKENS * n))
        {
            let tokens = x.len() / n;
            difference.clear();
            difference.extend_from_slice(dense);
            compute.pool.chunks_mut(&mut difference, n, |i, row| {
                compute.kernels.axpy(-1.0, &x[i * n..][..n], row)
            });
            let rows = self.d.len() / n;
            if let Some(w) = &self.weights {
                let mut outputs = vec![0.0; tokens * rows];
                compute.linalg.gemm_nt(
                    MatMut::dense(&mut outputs, tokens, rows),
                    MatRef::dense(&difference, tokens, n),
                    MatRef::dense(w, rows, n),
                    1.0,
                    0.0,
                );
                difference = outputs;
            }
            compute.linalg.gemm_tn(
                MatMut::dense(&mut self.d, rows, n),
                MatRef::dense(&difference, tokens, rows),
                MatRef::dense(x, tokens, n),
                1.0,
                1.0,
            );
            self.tokens += tokens;
        }
    }

    /// Divides by the number of tokens and multiplies by `kept`, the share that the shrinkage of the second moments left.
    pub fn finish(&mut self, compute: &Compute, kept: f32) {
        let scale = kept / self.tokens.max(1) as f32;
        compute.pool.chunks_mut(&mut self.d, self.n, |_, row| {
            row.iter_mut().for_each(|value| *value *= scale)
        });
    }
}

/// The statistics of one input that several layers share.
#[derive(Clone, Debug)]
pub struct Moments {
    /// Second moments of the inputs of the compressed model.
    pub gram: Gram,
    /// Difference to the inputs of the dense model. Present if a layer approximates the dense model's outputs.
    pub drift: Option<Drift>,
}

impl Moments {
    /// Statistics of zero tokens. Memory: 4 n^2 bytes, and that of the drift.
    pub fn new(n: usize, drift: Option<Drift>) -> Self {
        Self {
            gram: Gram::new(n),
            drift,
        }
    }

    /// Adds the inputs `x` [tokens, n] of some tokens. `dense` are the dense model's inputs for the same tokens, if that model
    /// runs too.
    pub fn add(&mut self, compute: &Compute, x: &[f32], dense: Option<&[f32]>) {
        self.gram.add(compute, x);
        if let (Some(drift), Some(dense)) = (&mut self.drift, dense) {
            drift.add(compute, dense, x);
        }
    }

    /// Turns sums into means.
    pub fn finish(&mut self, compute: &Compute) {
        self.gram.finish(compute);
        if let Some(drift) = &mut self.drift {
            drift.finish(compute, 1.0 - self.gram.shrinkage);
        }
    }
}

/// Copies the strict lower triangle into the upper one, tile by tile. A walk down a column would miss the cache at every element.
pub(crate) fn mirror(h: &mut [f32], n: usize) {
    const TILE: usize = 32;
    for i0 in (0..n).step_by(TILE) {
        for j0 in (0..=i0).step_by(TILE) {
            for i in i0..(i0 + TILE).min(n) {
                for j in j0..(j0 + TILE).min(i) {
                    h[j * n + i] = h[i * n + j];
                }
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use rand_xoshiro::Xoshiro256PlusPlus;
    use rand_xoshiro::rand_core::{Rng, SeedableRng};

    /// Uniform random numbers in -1..1.
    pub(crate) fn random(len: usize, seed: u64) -> Vec<f32> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        (0..len)
            .map(|_| (rng.next_u64() >> 40) as f32 / (1u64 << 23) as f32 - 1.0)
            .collect()
    }

    /// Correlated inputs: neighbours share part of their value.
    pub(crate) fn random_inputs(tokens: usize, n: usize, seed: u64) -> Vec<f32> {
        let mut x = random(tokens * n, seed);
        for row in x.chunks_mut(n) {
            for j in 1..n {
                row[j] += 0.7 * row[j - 1];
            }
        }
        x
    }

    pub(crate) fn random_gram(compute: &Compute, tokens: usize, n: usize, seed: u64) -> Gram {
        let mut gram = Gram::new(n);
        gram.add(compute, &random_inputs(tokens, n, seed));
        gram.finish(compute);
        gram
    }

    #[test]
    fn drift_is_the_plain_product_of_differences_and_inputs() {
        let (tokens, n) = (1100, 37);
        let x = random_inputs(tokens, n, 3);
        let dense: Vec<f32> = x
            .iter()
            .zip(random(x.len(), 4))
            .map(|(x, r)| x + r * 0.1)
            .collect();
        let of = |threads: usize| {
            let compute = Compute::new(None, threads).unwrap();
            let mut moments = Moments::new(n, Some(Drift::new(n)));
            for (x, dense) in x.chunks(600 * n).zip(dense.chunks(600 * n)) {
                moments.add(&compute, x, Some(dense));
            }
            moments.finish(&compute);
            let kept = f64::from(1.0 - moments.gram.shrinkage);
            (moments.drift.unwrap(), kept)
        };
        let (drift, kept) = of(1);
        assert_eq!((drift.tokens, &drift), (tokens, &of(3).0));
        for i in 0..n {
            for j in 0..n {
                let plain: f64 = (0..tokens)
                    .map(|t| {
                        (f64::from(dense[t * n + i]) - f64::from(x[t * n + i]))
                            * f64::from(x[t * n + j])
                    })
                    .sum();
                // f32 sums of a thousand products of about 0.1.
                assert!(
                    (f64::from(drift.d[i * n + j]) - kept * plain / tokens as f64).abs() < 1e-6,
                    "{i} {j}"
                );
            }
        }
        let compute = Compute::new(None, 1).unwrap();
        let mut same = Drift::new(n);
        same.add(&compute, &x, &x);
        assert!(same.d.iter().all(|&value| value == 0.0));
    }

    #[test]
    fn few_tokens_of_independent_inputs_are_shrunk_most_and_many_of_correlated_ones_least() {
        let compute = Compute::new(None, 1).unwrap();
        let shrinkage = |x: &[f32], n: usize| {
            let mut gram = Gram::new(n);
            gram.add(&compute, x);
            gram.finish(&compute);
            gram.shrinkage
        };
        assert_eq!(shrinkage(&random(40 * 64, 1), 64), MOST_SHRINKAGE as f32);
        let many = random_inputs(20_000, 16, 2);
        assert_eq!(shrinkage(&many, 16), LEAST_SHRINKAGE as f32);
        // Inputs that are zero, and a single one, correlate with nothing.
        assert_eq!(shrinkage(&[0.0; 80], 8), 0.0);
        assert_eq!(shrinkage(&[1.0; 80], 1), 0.0);
    }

    #[test]
    fn pieces_add_up_to_the_plain_product() {
        let compute = Compute::new(None, 2).unwrap();
        let (tokens, n) = (90, 67);
        let x = random_inputs(tokens, n, 3);
        let mut gram = Gram::new(n);
        x.chunks(31 * n).for_each(|part| gram.add(&compute, part));
        gram.finish(&compute);
        assert_eq!(gram.tokens, tokens);
        let kept = 1.0 - f64::from(gram.shrinkage);
        for i in 0..n {
            for j in 0..n {
                let plain: f64 = (0..tokens)
                    .map(|t| x[t * n + i] as f64 * x[t * n + j] as f64)
                    .sum();
                let expected = plain / tokens as f64 * if i == j { 1.0 } else { kept };
                assert!(
                    (gram.h[i * n + j] as f64 - expected).abs() < 1e-5,
                    "{i} {j}"
                );
            }
        }
    }
}
