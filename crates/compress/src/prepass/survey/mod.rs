//! What a schedule learns of the matrices before the first of them is solved: a small summary of each, never its statistics.
//!
//! The dense model runs over a part of the calibration tokens. With U the factor of the inverse Hessian (solve/factor.rs),
//! r_j = 1 / u_jj^2 is what is left of input j once the inputs after it have explained what they can, and removing or
//! changing w_ij by d costs about d^2 r_j of the layer's output (Zhang et al., 2409.20094, estimate the loss of a layer so). All
//! of a summary follows from W and r in one or two passes over W.

mod histogram;
mod measure;
mod residual;

use super::{Prepass, PrepassUnit, spreads_by_losses};
use crate::allocate::matrix::Matrix;
use crate::costs::footprint::Footprint;
use crate::costs::time::{Time, weights};
use crate::options::resolve::Settings;
use crate::schedules::Knowledge;

pub use measure::Measure;
pub use residual::residual_variances;

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

/// Summaries of the matrices of each block.
pub(crate) struct Survey;

impl Prepass for Survey {
    /// Its bits, or its share where a schedule spreads by estimated losses. (A probe knows better than estimates.)
    fn decides(&self, settings: &Settings, matrix: &Matrix) -> bool {
        let losses = spreads_by_losses(settings) && settings.schedule.needs() != Knowledge::Probes;
        matrix.free_bits || losses && matrix.scheduled
    }

    fn units(&self, blocks: usize) -> Vec<PrepassUnit> {
        (0..blocks).map(PrepassUnit::Survey).collect()
    }

    fn tokens(&self, _: &Settings, calibration: usize) -> usize {
        tokens(calibration)
    }

    /// Residual stream and shared input of the tokens that are seen, the input once more as one piece and once turned, and two squares
    /// of its columns (or of tokens, where these are fewer).
    fn memory_bytes(&self, of: &Footprint<'_>) -> u64 {
        let (seen, widest) = (of.sequences(tokens(of.tokens)), of.widest);
        let stream = seen * (of.network.hidden() + 4 * widest) + 2 * widest * widest;
        4 * stream as u64 + of.running(of.batch.min(seen)) + of.largest_part(1)
    }

    fn seconds(&self, unit: PrepassUnit, of: &Time<'_>) -> f64 {
        let PrepassUnit::Survey(block) = unit else {
            return 0.0;
        };
        /// Summaries look at each weight about so often.
        const PASSES: f64 = 3.0;
        let tokens = tokens(of.tokens);
        let open = || {
            let targets = of.targets.iter();
            targets.filter(move |matrix| matrix.block == block && matrix.is_open())
        };
        let flops = tokens as f64 * of.block(block) + of.factors(open(), tokens);
        of.products(flops) + of.passes(PASSES * open().map(weights).sum::<f64>())
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
