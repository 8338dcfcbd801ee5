//! What a schedule learns of the matrices before the first of them is solved: a small summary of each, never its statistics.
//!
//! The dense model runs over a part of the calibration tokens. With U the factor of the inverse Hessian (solve/factor.rs),
//! r_j = 1 / u_jj^2 is what is left of input j once the inputs after it have explained what they can, and removing or
//! changing w_ij by d costs about d^2 r_j of the layer's output (Zhang et al., 2409.20094, estimate the loss of a layer so). All
//! of a summary follows from W and r in one or two passes over W.

mod curve;
mod histogram;
mod measure;
mod residual;

pub use curve::LossCurve;
pub use measure::Measure;
pub use residual::residual_variances;

use serde::{Deserialize, Serialize};

/// Widths of codes whose loss is estimated.
pub const WIDTHS: [u8; 4] = [2, 3, 4, 8];

/// Least calibration tokens of a survey, if there are as many.
const LEAST_TOKENS: usize = 256;
/// The survey sees one of so many calibration tokens.
const SHARE: usize = 32;

/// How many of `tokens` calibration tokens a survey sees, at least (it takes whole sequences).
pub fn tokens(tokens: usize) -> usize {
    (tokens / SHARE).max(LEAST_TOKENS).min(tokens)
}

/// Sequences at even distances, at least one, with about `wanted` tokens together: neighbours may be of one text.
pub fn spread(sequences: &[Vec<u32>], wanted: usize) -> Vec<Vec<u32>> {
    let all: usize = sequences.iter().map(Vec::len).sum();
    // The next one is taken where the share of tokens passed reaches that of tokens taken.
    let (mut passed, mut taken) = (0, 0);
    let mut chosen = Vec::new();
    for sequence in sequences {
        if taken < wanted && taken * all <= passed * wanted {
            taken += sequence.len();
            chosen.push(sequence.clone());
        }
        passed += sequence.len();
    }
    chosen
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_sequences_is_spread_over_all() {
        let sequences: Vec<Vec<u32>> = (0..100).map(|i| vec![i; 3 + i as usize % 5]).collect();
        let tokens: usize = sequences.iter().map(Vec::len).sum();
        for wanted in [1, 50, tokens / 2, tokens, 10 * tokens] {
            let chosen = spread(&sequences, wanted);
            let sum: usize = chosen.iter().map(Vec::len).sum();
            assert!(
                sum + 8 > wanted.min(tokens) && sum < wanted + 8,
                "{wanted} {sum}"
            );
            let last = chosen.last().unwrap()[0];
            assert!(wanted < 50 || last >= 80, "{wanted} {last}");
        }
        assert_eq!(spread(&sequences, tokens), sequences);
        assert!(spread(&[], 10).is_empty());
    }

    #[test]
    fn a_survey_sees_a_share_or_all_of_a_little() {
        assert_eq!([300, 2000, 16384, 65536].map(tokens), [256, 256, 512, 2048]);
    }
}
