//! All tensors that learn: floats that the optimiser moves, and what the network reads instead ([`super::student_source`]).

use super::learner::Learner;
use super::rate::Price;
use crate::CompressError;
use kerf_kernels::Compute;
use kerf_model::MemoryWeights;
use kerf_model::backward::Gradients;
use kerf_tensors::grid::round_to;
use kerf_tensors::{DType, QuantizedMatrix};

/// A norm or a bias that learns.
pub(crate) struct Vector {
    /// Name of the tensor.
    pub name: String,
    /// Type in which the result has it.
    pub dtype: DType,
}

/// What learns.
pub(crate) struct Student {
    /// The matrices.
    pub learners: Vec<Learner>,
    /// Norms and biases.
    pub vectors: Vec<Vector>,
    /// Floats behind all of them, a matrix [outputs, inputs]; scales under a name of their own.
    pub masters: MemoryWeights,
    /// Norms and biases as the network reads them.
    pub seen: MemoryWeights,
    /// What a bit costs.
    pub price: Price,
}

/// A state of a student: what a result would hold.
#[derive(Clone)]
pub(crate) struct State {
    /// One for each learner.
    pub matrices: Vec<QuantizedMatrix>,
    /// Values of each vector, rounded to its type.
    pub vectors: Vec<Vec<f32>>,
}

impl Student {
    /// Of matrices and vectors as they are; `seen` has the vectors.
    pub fn new(
        compute: &Compute,
        learners: Vec<Learner>,
        vectors: Vec<Vector>,
        seen: MemoryWeights,
    ) -> Result<Self, CompressError> {
        let mut masters = MemoryWeights::new();
        for learner in &learners {
            let QuantizedMatrix { rows, cols, .. } = learner.rounded;
            let values = learner.rounded.dequantize_on(compute);
            masters.insert(&learner.name, vec![rows, cols], values)?;
            if let Some(scales) = learner.scales() {
                let name = learner.scales_name();
                masters.insert(&name, vec![scales.len()], scales.to_vec())?;
            }
        }
        for vector in &vectors {
            let values = seen.get(&vector.name).unwrap_or_default().to_vec();
            masters.insert(&vector.name, vec![values.len()], values)?;
        }
        Ok(Self {
            learners,
            vectors,
            masters,
            seen,
            price: Price::default(),
        })
    }

    /// The matrix of that name.
    pub fn learner(&self, name: &str) -> Option<&Learner> {
        self.learners.iter().find(|learner| learner.name == name)
    }

    /// Rounds the floats to what the network reads.
    pub fn round(&mut self, compute: &Compute) {
        for learner in &mut self.learners {
            let w = self.masters.get(&learner.name).unwrap_or_default();
            let scales = self.masters.get(&learner.scales_name());
            learner.round(compute, w, scales.unwrap_or_default(), self.price.of_bit);
        }
        let rates = self.learners.iter();
        self.price
            .follow(rates.filter_map(|learner| learner.rate.as_ref()));
        for vector in &self.vectors {
            let master = self.masters.get(&vector.name);
            if let (Some(master), Some(out)) = (master, self.seen.get_mut(&vector.name)) {
                out.copy_from_slice(master);
                round_to(&compute.kernels, vector.dtype, out);
            }
        }
    }

    /// Turns the gradients of what the network read into those of the floats.
    pub fn fold(&self, compute: &Compute, gradients: &mut Gradients) {
        for learner in &self.learners {
            let w = self.masters.get(&learner.name).unwrap_or_default();
            let mut of_scales = vec![0.0; learner.scales().map_or(0, <[f32]>::len)];
            if let Some(grad) = gradients.get_mut(&learner.name) {
                learner.fold(compute, w, grad, &mut of_scales);
            }
            if let Some(out) = gradients.get_mut(&learner.scales_name()) {
                out.copy_from_slice(&of_scales);
            }
        }
    }

    /// The state now.
    pub fn state(&self) -> State {
        let vectors = self.vectors.iter();
        State {
            matrices: (self.learners.iter())
                .map(|learner| learner.rounded.clone())
                .collect(),
            vectors: vectors
                .map(|vector| self.seen.get(&vector.name).unwrap_or_default().to_vec())
                .collect(),
        }
    }

    /// Lets the network read a state. The floats stay where they are.
    pub fn show(&mut self, state: &State) {
        for (learner, matrix) in self.learners.iter_mut().zip(&state.matrices) {
            learner.rounded.clone_from(matrix);
        }
        for (vector, values) in self.vectors.iter().zip(&state.vectors) {
            if let Some(out) = self.seen.get_mut(&vector.name) {
                out.copy_from_slice(values);
            }
        }
    }
}
