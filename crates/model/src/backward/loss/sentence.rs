//! Cosines of the vectors of a sentence encoder with modules: forward through them and back; forward alone: [`SentenceHead`].

use super::cosine::{Against, compare};
use super::pool::pool_grad;
use super::slope::slope;
use super::{Loss, Place};
use crate::ModelError;
use crate::backward::Gradients;
use crate::backward::linear::column_sums;
use crate::evaluate::module::{LAYER_NORM_EPSILON, Linear, Norm, Residual, SHORTEST, Step};
use crate::evaluate::{SentenceHead, pool};
use kerf_kernels::{Compute, MatMut, MatRef};

/// [`super::Cosine`] of the vectors that pooling and the modules around it make. Their tensors learn if they are in `gradients`, by the
/// names of [`SentenceHead::add_to`].
pub struct SentenceCosine<'a> {
    /// Pooling and modules. Tensors that the weights have under the names of [`SentenceHead::add_to`] go before those in here.
    pub head: &'a SentenceHead,
    /// With what vectors are compared.
    pub against: Against<'a>,
}

impl Loss for SentenceCosine<'_> {
    fn count(&self) -> usize {
        self.against.count()
    }

    /// # Panics
    /// If there are not as many sequences as the wanted values ask for, or one has no token to pool.
    fn backward(
        &self,
        place: Place<'_>,
        states: &[f32],
        share: f32,
        gradients: &mut Gradients,
    ) -> Result<(f64, Vec<f32>), ModelError> {
        let (compute, batch) = (place.compute, place.batch);
        let head = self.head.with(compute, place.weights)?;
        let tokens = Walked::through(
            compute,
            &head.tokens,
            states.to_vec(),
            place.network.hidden(),
        );
        let (modes, seen) = (&head.pooling.modes, &tokens.out);
        let width = tokens.width;
        let texts: Vec<_> = (batch.starts.windows(2))
            .map(|pair| (pair[0] + head.skip) * width..pair[1] * width)
            .collect();
        let texts_from = |text: usize| batch.starts[text] * width..batch.starts[text + 1] * width;
        let pooled = (0..texts.len()).flat_map(|text| {
            let whole = &seen[texts_from(text)];
            modes
                .iter()
                .flat_map(|mode| pool(*mode, whole, width, head.skip))
        });
        let pooled: Vec<f32> = pooled.collect();
        let pooled_width = width * modes.len();
        let sentence = Walked::through(compute, &head.sentence, pooled, pooled_width);
        let rows = sentence.out.chunks_exact(sentence.width);
        let vectors: Vec<&[f32]> = rows.map(|row| &row[..head.dimensions()]).collect();
        let (loss, grads) = compare(&vectors, &self.against, share);
        let mut grad = vec![0.0; sentence.out.len()];
        for (row, own) in grad.chunks_exact_mut(sentence.width).zip(&grads) {
            row[..own.len()].copy_from_slice(own);
        }
        let grad = sentence.back(compute, grad, gradients);
        let mut of_tokens = vec![0.0; seen.len()];
        for (text, grad) in texts.iter().zip(grad.chunks_exact(pooled_width)) {
            for (mode, grad) in modes.iter().zip(grad.chunks_exact(width)) {
                let own = &mut of_tokens[text.clone()];
                pool_grad(compute, (*mode, head.skip), &seen[text.clone()], grad, own);
            }
        }
        Ok((loss, tokens.back(compute, of_tokens, gradients)))
    }
}

/// Vectors that went through some modules.
struct Walked<'a> {
    /// Each module with the rows that it saw and their width.
    steps: Vec<(&'a Step, Vec<f32>, usize)>,
    /// What came out, and its width.
    out: Vec<f32>,
    width: usize,
}

impl<'a> Walked<'a> {
    fn through(compute: &Compute, steps: &'a [Step], mut rows: Vec<f32>, mut width: usize) -> Self {
        let mut walked = Vec::with_capacity(steps.len());
        for step in steps {
            walked.push((step, rows.clone(), width));
            rows = step.apply(compute, rows, width);
            width = step.width(width);
        }
        Self {
            steps: walked,
            out: rows,
            width,
        }
    }

    /// The gradient of what went in, from that of what came out.
    fn back(self, compute: &Compute, mut grad: Vec<f32>, gradients: &mut Gradients) -> Vec<f32> {
        for (step, rows, width) in self.steps.iter().rev() {
            grad = match step {
                Step::Dense(linear) => linear_grad(compute, linear, rows, &grad, gradients),
                Step::LayerNorm(norm) => norm_grad(norm, rows, &grad, gradients),
                Step::Normalize => {
                    let pairs = rows.chunks_exact(*width).zip(grad.chunks_exact(*width));
                    pairs
                        .flat_map(|(row, grad)| length_grad(row, grad))
                        .collect()
                }
            };
        }
        grad
    }
}

/// Backward of a Dense module: `rows` [n, inputs] are what it saw.
fn linear_grad(
    compute: &Compute,
    linear: &Linear,
    rows: &[f32],
    grad: &[f32],
    gradients: &mut Gradients,
) -> Vec<f32> {
    let (inputs, outputs) = (linear.inputs, linear.outputs);
    let mut bent = linear.product(compute, rows, &linear.weight);
    for (at, (value, grad)) in bent.iter_mut().zip(grad).enumerate() {
        let bias = linear.bias.as_ref().map_or(0.0, |bias| bias[at % outputs]);
        let x = f64::from(*value + bias);
        *value = (f64::from(*grad) * slope(linear.activation, x)) as f32;
    }
    let count = rows.len() / inputs;
    let mut out = match linear.residual {
        Residual::Input => grad.to_vec(),
        _ => vec![0.0; rows.len()],
    };
    let mut layer = |grad: &[f32], weight: &[f32], name: &str| {
        let grad = MatRef::dense(grad, count, outputs);
        let into = MatMut::dense(&mut out, count, inputs);
        let weight = MatRef::dense(weight, outputs, inputs);
        compute.linalg.gemm_nn(into, grad, weight, 1.0, 1.0);
        if let Some(own) = gradients.get_mut(&format!("{}/{name}", linear.folder)) {
            let own = MatMut::dense(own, outputs, inputs);
            let rows = MatRef::dense(rows, count, inputs);
            compute.linalg.gemm_tn(own, grad, rows, 1.0, 1.0);
        }
    };
    layer(&bent, &linear.weight, "linear.weight");
    if let Residual::Projected(matrix) = &linear.residual {
        layer(grad, matrix, "residual.weight");
    }
    if linear.bias.is_some() {
        let sums = column_sums(compute, &bent, outputs);
        gradients.add(&format!("{}/linear.bias", linear.folder), &sums);
    }
    out
}

/// Backward of a LayerNorm module, in f64 as its forward is.
fn norm_grad(norm: &Norm, rows: &[f32], grad: &[f32], gradients: &mut Gradients) -> Vec<f32> {
    let width = norm.weight.len();
    let count = width as f64;
    let (mut of_weight, mut of_bias) = (vec![0.0; width], vec![0.0; width]);
    let mut out = Vec::with_capacity(rows.len());
    for (row, grad) in rows.chunks_exact(width).zip(grad.chunks_exact(width)) {
        let mean = row.iter().map(|x| f64::from(*x)).sum::<f64>() / count;
        let squares = row.iter().map(|x| (f64::from(*x) - mean).powi(2));
        let scale = 1.0 / (squares.sum::<f64>() / count + LAYER_NORM_EPSILON).sqrt();
        let unit = |at: usize| (f64::from(row[at]) - mean) * scale;
        let weighted = |at: usize| f64::from(norm.weight[at]) * f64::from(grad[at]);
        let first = (0..width).map(weighted).sum::<f64>() / count;
        let second = (0..width).map(|at| weighted(at) * unit(at)).sum::<f64>() / count;
        for at in 0..width {
            out.push((scale * (weighted(at) - first - unit(at) * second)) as f32);
            of_weight[at] += (f64::from(grad[at]) * unit(at)) as f32;
            of_bias[at] += grad[at];
        }
    }
    gradients.add(&format!("{}/norm.weight", norm.folder), &of_weight);
    gradients.add(&format!("{}/norm.bias", norm.folder), &of_bias);
    out
}

/// Backward of scaling a row to length 1.
fn length_grad(row: &[f32], grad: &[f32]) -> Vec<f32> {
    let wide = |values: &[f32]| values.iter().map(|x| f64::from(*x)).collect::<Vec<f64>>();
    let (row, grad) = (wide(row), wide(grad));
    let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
    // A row that is shorter is divided by a constant.
    let along = match length > SHORTEST {
        true => row.iter().zip(&grad).map(|(x, g)| x * g).sum::<f64>() / (length * length),
        false => 0.0,
    };
    let length = length.max(SHORTEST);
    let both = row.iter().zip(&grad);
    both.map(|(x, g)| ((g - x * along) / length) as f32)
        .collect()
}
