//! Teaching what survived: the weights of a compressed model learn to do what the dense model does.
//!
//! The support and the grid of each matrix stay. What moves are the values of the survivors, the scales of the grid, norms and biases.
//! The forward pass sees the rounded values, and the backward pass takes rounding for the identity (straight-through estimator, Bengio
//! et al. 2013); scales learn by the gradient of LSQ (Esser et al. 2020).
//!
//! A block alone learns the outputs of the dense block from the inputs that it really gets ([`block`]); a whole model learns the dense
//! model's predictions or vectors ([`whole`]). Both go through one loop ([`teach`]), which watches a held-out share and keeps the best
//! state, the first one included.

pub(crate) mod block;
pub(crate) mod kept;
pub(crate) mod learner;
pub(crate) mod lessons;
pub(crate) mod rate;
pub(crate) mod rules;
pub(crate) mod student;
pub(crate) mod student_source;
pub(crate) mod teach;
pub(crate) mod whole;
