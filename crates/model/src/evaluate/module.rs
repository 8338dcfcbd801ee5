//! Modules of a sentence encoder that change vectors one by one, with their weights.

use super::activation::activate;
use crate::ModelError;
use kerf_kernels::{Compute, MatMut, MatRef};
use kerf_tensors::files::pipeline::{Activation, Dense, LayerNorm, Module};
use kerf_tensors::folder::Inside;
use kerf_tensors::{Catalog, Folder, TensorsError};
use std::sync::Arc;

/// torch's default.
pub(crate) const LAYER_NORM_EPSILON: f64 = 1e-5;

/// torch's default: a shorter vector is divided by this.
pub(crate) const SHORTEST: f64 = 1e-12;

/// A module, ready to run.
#[derive(Clone)]
pub(crate) enum Step {
    Dense(Box<Linear>),
    LayerNorm(Norm),
    Normalize,
}

/// A norm of vectors.
#[derive(Clone)]
pub(crate) struct Norm {
    /// Folder of the module inside that of the model.
    #[cfg_attr(not(feature = "train"), allow(dead_code))]
    pub folder: String,
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
}

/// A linear layer and what follows it.
#[derive(Clone)]
pub(crate) struct Linear {
    /// Folder of the module inside that of the model.
    #[cfg_attr(not(feature = "train"), allow(dead_code))]
    pub folder: String,
    pub weight: Vec<f32>,
    pub bias: Option<Vec<f32>>,
    pub activation: Activation,
    pub residual: Residual,
    pub inputs: usize,
    pub outputs: usize,
}

/// What is added to the output of a layer.
#[derive(Clone)]
pub(crate) enum Residual {
    None,
    Input,
    /// The input times this matrix [outputs, inputs].
    Projected(Vec<f32>),
}

impl Step {
    /// Reads the weights of a module, which lie in a folder inside the model's `folder`. `BAD_CONFIG` unless it takes vectors of
    /// `width` numbers.
    pub fn load(
        compute: &Compute,
        folder: &Arc<dyn Folder>,
        module: &Module,
        width: usize,
    ) -> Result<Self, ModelError> {
        match module {
            Module::Dense(dense) => {
                fits(&dense.folder, "in_features", dense.inputs, width)?;
                Ok(Self::Dense(Box::new(Linear::load(compute, folder, dense)?)))
            }
            Module::LayerNorm(norm) => {
                let LayerNorm {
                    folder: own,
                    dimension,
                } = norm;
                fits(own, "dimension", *dimension, width)?;
                let weights = Weights::open(compute, folder, own)?;
                let values = |name| weights.read(name, &[*dimension]);
                Ok(Self::LayerNorm(Norm {
                    folder: own.clone(),
                    weight: values("norm.weight")?,
                    bias: values("norm.bias")?,
                }))
            }
            Module::Normalize => Ok(Self::Normalize),
        }
    }

    /// Tensors with their names, folder first, and their shapes.
    #[cfg(feature = "train")]
    pub fn tensors(&mut self) -> Vec<(String, Vec<usize>, &mut Vec<f32>)> {
        match self {
            Self::Normalize => Vec::new(),
            Self::LayerNorm(norm) => {
                let shape = vec![norm.weight.len()];
                vec![
                    (
                        format!("{}/norm.weight", norm.folder),
                        shape.clone(),
                        &mut norm.weight,
                    ),
                    (format!("{}/norm.bias", norm.folder), shape, &mut norm.bias),
                ]
            }
            Self::Dense(linear) => {
                let Linear {
                    folder,
                    weight,
                    bias,
                    residual,
                    inputs,
                    outputs,
                    ..
                } = &mut **linear;
                let shape = vec![*outputs, *inputs];
                let mut all = vec![(format!("{folder}/linear.weight"), shape.clone(), weight)];
                if let Some(bias) = bias {
                    all.push((format!("{folder}/linear.bias"), vec![*outputs], bias));
                }
                if let Residual::Projected(matrix) = residual {
                    all.push((format!("{folder}/residual.weight"), shape, matrix));
                }
                all
            }
        }
    }

    /// Width of what comes out, of vectors of `width` numbers.
    pub fn width(&self, width: usize) -> usize {
        match self {
            Self::Dense(linear) => linear.outputs,
            _ => width,
        }
    }

    /// Rows of `width` numbers, changed.
    pub fn apply(&self, compute: &Compute, mut rows: Vec<f32>, width: usize) -> Vec<f32> {
        match self {
            Self::Dense(linear) => linear.apply(compute, &rows),
            Self::LayerNorm(norm) => {
                let change = |_: usize, row: &mut [f32]| layer_norm(row, &norm.weight, &norm.bias);
                compute.pool.chunks_mut(&mut rows, width, change);
                rows
            }
            Self::Normalize => {
                let change = |_: usize, row: &mut [f32]| normalize(row);
                compute.pool.chunks_mut(&mut rows, width, change);
                rows
            }
        }
    }
}

impl Linear {
    fn load(
        compute: &Compute,
        folder: &Arc<dyn Folder>,
        dense: &Dense,
    ) -> Result<Self, ModelError> {
        let weights = Weights::open(compute, folder, &dense.folder)?;
        let matrix = |name| weights.read(name, &[dense.outputs, dense.inputs]);
        let residual = match (dense.residual, dense.inputs == dense.outputs) {
            (false, _) => Residual::None,
            (true, true) => Residual::Input,
            (true, false) => Residual::Projected(matrix("residual.weight")?),
        };
        let bias = match dense.bias {
            true => Some(weights.read("linear.bias", &[dense.outputs])?),
            false => None,
        };
        Ok(Self {
            folder: dense.folder.clone(),
            weight: matrix("linear.weight")?,
            bias,
            activation: dense.activation,
            residual,
            inputs: dense.inputs,
            outputs: dense.outputs,
        })
    }

    fn apply(&self, compute: &Compute, rows: &[f32]) -> Vec<f32> {
        let mut out = self.product(compute, rows, &self.weight);
        let change = |_: usize, row: &mut [f32]| {
            for (at, value) in row.iter_mut().enumerate() {
                let bias = self.bias.as_ref().map_or(0.0, |bias| bias[at]);
                *value = activate(self.activation, f64::from(*value + bias)) as f32;
            }
        };
        compute.pool.chunks_mut(&mut out, self.outputs, change);
        let add = |out: &mut [f32], what: &[f32]| {
            out.iter_mut()
                .zip(what)
                .for_each(|(out, what)| *out += what);
        };
        match &self.residual {
            Residual::None => {}
            Residual::Input => add(&mut out, rows),
            Residual::Projected(matrix) => add(&mut out, &self.product(compute, rows, matrix)),
        }
        out
    }

    /// Rows [n, inputs] times the transposed matrix [outputs, inputs].
    pub(crate) fn product(&self, compute: &Compute, rows: &[f32], matrix: &[f32]) -> Vec<f32> {
        let count = rows.len() / self.inputs;
        let mut out = vec![0.0; count * self.outputs];
        let input = |data, rows| MatRef {
            data,
            rows,
            cols: self.inputs,
            stride: self.inputs,
        };
        let result = MatMut {
            data: &mut out,
            rows: count,
            cols: self.outputs,
            stride: self.outputs,
        };
        let (rows, matrix) = (input(rows, count), input(matrix, self.outputs));
        compute.linalg.gemm_nt(result, rows, matrix, 1.0, 0.0);
        out
    }
}

/// Scales to length 1; a vector of zeros stays.
fn normalize(vector: &mut [f32]) {
    let squares = vector.iter().map(|value| f64::from(*value).powi(2));
    let length = squares.sum::<f64>().sqrt().max(SHORTEST);
    vector
        .iter_mut()
        .for_each(|value| *value = (f64::from(*value) / length) as f32);
}

fn layer_norm(row: &mut [f32], weight: &[f32], bias: &[f32]) {
    let count = row.len() as f64;
    let mean = row.iter().map(|value| f64::from(*value)).sum::<f64>() / count;
    let squares = row.iter().map(|value| (f64::from(*value) - mean).powi(2));
    let scale = 1.0 / (squares.sum::<f64>() / count + LAYER_NORM_EPSILON).sqrt();
    for (value, (weight, bias)) in row.iter_mut().zip(weight.iter().zip(bias)) {
        let centred = (f64::from(*value) - mean) * scale;
        *value = (centred * f64::from(*weight) + f64::from(*bias)) as f32;
    }
}

/// `BAD_CONFIG` if a module takes vectors of another width than it gets.
fn fits(folder: &str, field: &str, own: usize, width: usize) -> Result<(), ModelError> {
    if own == width {
        return Ok(());
    }
    Err(TensorsError::BadConfig {
        file: format!("{folder}/config.json"),
        field: field.into(),
        expected: format!("{width}, the width of what the module before it gives"),
        actual: own.to_string(),
    }
    .into())
}

/// The weights of one module.
struct Weights<'a> {
    compute: &'a Compute,
    catalog: Catalog,
    folder: &'a str,
}

impl<'a> Weights<'a> {
    fn open(
        compute: &'a Compute,
        model: &Arc<dyn Folder>,
        folder: &'a str,
    ) -> Result<Self, ModelError> {
        let catalog = Catalog::open(Arc::new(Inside::new(model.clone(), folder)))?;
        Ok(Self {
            compute,
            catalog,
            folder,
        })
    }

    /// All values of a tensor. `TENSOR_MISSING`, `WRONG_SHAPE`, `NON_FINITE`.
    fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, ModelError> {
        let tensor = format!("{name} of {}", self.folder);
        let Ok(entry) = self.catalog.get(name) else {
            return Err(TensorsError::TensorMissing { tensor }.into());
        };
        if entry.shape != shape {
            return Err(TensorsError::WrongShape {
                tensor,
                expected: shape.to_vec(),
                actual: entry.shape.clone(),
            }
            .into());
        }
        let values = self.catalog.read_f32(self.compute, entry)?;
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(values),
            Some(at) => Err(TensorsError::NonFinite {
                tensor,
                index: at as u64,
                value: values[at].to_string(),
            }
            .into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kerf_kernels::Isa;

    #[test]
    fn length_one_leaves_zeros_alone() {
        let mut vector = [3.0, 4.0];
        normalize(&mut vector);
        assert_eq!(vector, [0.6, 0.8]);
        let mut zeros = [0.0, 0.0];
        normalize(&mut zeros);
        assert_eq!(zeros, [0.0, 0.0]);
    }

    #[test]
    fn a_norm_of_known_numbers() {
        let mut row = [1.0, 3.0];
        layer_norm(&mut row, &[2.0, 1.0], &[0.5, 0.0]);
        assert!((row[0] + 1.5).abs() < 1e-4 && (row[1] - 1.0).abs() < 1e-4);
    }

    #[test]
    fn a_layer_adds_bias_function_and_its_input() {
        let compute = Compute::new(Some(Isa::Portable), 1).expect("portable runs everywhere");
        let layer = |residual, outputs: usize, weight: &[f32]| Linear {
            folder: "2_Dense".into(),
            weight: weight.to_vec(),
            bias: Some(vec![1.0; outputs]),
            activation: Activation::Relu,
            residual,
            inputs: 2,
            outputs,
        };
        let rows = [1.0, 2.0, -3.0, 1.0];
        let same = layer(Residual::Input, 2, &[1.0, 0.0, 0.0, -1.0]);
        assert_eq!(same.apply(&compute, &rows), [3.0, 2.0, -3.0, 1.0]);
        let wider = layer(Residual::Projected(vec![0.5, 0.5]), 1, &[1.0, 1.0]);
        assert_eq!(wider.apply(&compute, &rows), [5.5, -1.0]);
        let plain = layer(Residual::None, 1, &[1.0, 1.0]);
        assert_eq!(plain.apply(&compute, &rows), [4.0, 0.0]);
    }
}
