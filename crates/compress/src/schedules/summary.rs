//! What is known of one matrix before the first of them is solved.

use super::LossCurve;
use serde::{Deserialize, Serialize};

/// Widths of codes whose loss is estimated.
pub const WIDTHS: [u8; 4] = [2, 3, 4, 8];

/// What is known of one matrix. Losses are sums over its weights, of squared output error per token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Name of the tensor.
    pub name: String,
    /// Number of weights.
    pub weights: usize,
    /// tr(W H W^T), the mean energy of its output per token, from a sample of the tokens.
    pub output_energy: f64,
    /// Loss of removing the weights of the least w^2 r, by the share that is removed.
    pub pruning: LossCurve,
    /// Loss of rounding all weights to a grid, for each of [`WIDTHS`], from a sample of the rows; empty if nobody asked.
    #[serde(default)]
    pub rounding: Vec<RoundingLoss>,
    /// Share of the weights whose |w| norm(x) is more than five times the mean of the matrix.
    pub outlier_ratio: f64,
    /// Mean of r over the inputs: rounding noise of variance v costs about v times this a weight.
    pub mean_residual: f64,
    /// Mean of w^2.
    pub mean_square: f64,
    /// What the matrix alone, rounded coarsely, costs the network; if it was measured.
    #[serde(default)]
    pub probe: Option<f64>,
}

/// Loss of rounding alone.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoundingLoss {
    /// Bits of a code.
    pub bits: u8,
    /// Sum of (w - q)^2 r over the matrix.
    pub loss: f64,
    /// Zero-order entropy of the codes.
    pub code_bits: f64,
}

impl Summary {
    /// Of a matrix of which nothing but its size is known.
    pub fn unknown(name: &str, weights: usize) -> Self {
        Self {
            name: name.into(),
            weights,
            output_energy: 0.0,
            pruning: LossCurve::zero(),
            rounding: Vec::new(),
            outlier_ratio: 0.0,
            mean_residual: 0.0,
            mean_square: 0.0,
            probe: None,
        }
    }

    /// What rounding to so many bits does, if it was estimated.
    pub fn rounding(&self, bits: u8) -> Option<&RoundingLoss> {
        self.rounding.iter().find(|rounding| rounding.bits == bits)
    }

    /// Loss of rounding to so many bits, if it was estimated.
    pub fn rounding_loss(&self, bits: u8) -> Option<f64> {
        self.rounding(bits).map(|rounding| rounding.loss)
    }
}
