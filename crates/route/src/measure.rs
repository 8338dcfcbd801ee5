//! What routing costs, measured so that nothing looks ahead, and what it saves.

use crate::RouteError;
use kerf_model::Cache;
use kerf_model::evaluate::{Completion, Continuations, Divergence, Pace, Runner, preferred};
use kerf_model::gate::{Pairs, Phase};
use kerf_run::Clock;

/// Of a dense model whose accuracy is lower nothing is said about what is kept of it.
const LEAST_ACCURACY: f64 = 0.65;

/// A router on text behind prompts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// Perplexities of the dense and of the routed model, KL, agreement.
    pub divergence: Divergence,
    /// Pairs of prompts, and of the tokens behind them.
    pub prompt: Pairs,
    /// See `prompt`.
    pub decoding: Pairs,
    /// Seconds of the routed model, with the comparison.
    pub seconds: f64,
}

impl Measured {
    /// Share of all pairs that were skipped.
    pub fn skipped(&self) -> f64 {
        let mut all = self.prompt;
        all += self.decoding;
        all.skipped()
    }

    /// What routing adds to the negative log likelihood, in nats.
    pub fn excess(&self) -> f64 {
        self.divergence.small.nll - self.divergence.original.nll
    }
}

/// Measures a routed model on all windows. `original` is the runner that `dense` was made of.
pub fn measure(
    dense: &Continuations,
    original: &mut Runner<'_>,
    routed: &mut Runner<'_>,
    pace: Pace,
    clock: Clock,
) -> Result<Measured, RouteError> {
    let before = [routed.pairs(Phase::Prompt), routed.pairs(Phase::Decoding)];
    let begun = clock();
    let go_on = &mut |_, _| true;
    let divergence = dense.measure(original, routed, dense.windows(), pace, go_on)?;
    Ok(Measured {
        divergence,
        prompt: routed.pairs(Phase::Prompt) - before[0],
        decoding: routed.pairs(Phase::Decoding) - before[1],
        seconds: clock() - begun,
    })
}

/// Share of pairs (good, bad) of texts whose good one the model finds likelier. `decoding`: with so many first tokens as a prompt, at
/// least 1, and the rest through the decoding path; `None`: each text as one routed prompt, whose gates may look ahead. `from`: tokens
/// that are given, such as a begin token, at least 1.
pub fn preferred_share(
    runner: &mut Runner<'_>,
    pairs: &[(Vec<u32>, Vec<u32>)],
    decoding: Option<usize>,
    from: usize,
) -> Result<f64, RouteError> {
    let texts: Vec<&Vec<u32>> = pairs.iter().flat_map(|(good, bad)| [good, bad]).collect();
    let go_on = &mut |_, _| true;
    let all: Vec<f64> = match decoding {
        Some(prompt) => {
            let losses = runner.forced_losses(&texts, prompt.max(from), Pace::AtOnce, go_on)?;
            losses.iter().map(|loss| -loss).collect()
        }
        None => {
            let texts = texts.iter().map(|ids| Completion {
                ids: ids.to_vec(),
                from,
            });
            runner.log_likelihoods(&texts.collect::<Vec<_>>(), go_on)?
        }
    };
    let scores: Vec<(f64, f64)> = all.chunks_exact(2).map(|two| (two[0], two[1])).collect();
    Ok(preferred(&scores)?)
}

/// Which part of what the dense model is better than chance is left: (accuracy - chance) / (dense - chance). `None` where the dense
/// model has less than 65 %, or is no better than chance.
pub fn accuracy_kept(accuracy: f64, dense: f64, chance: f64) -> Option<f64> {
    let says = dense >= LEAST_ACCURACY && dense > chance;
    says.then(|| (accuracy - chance) / (dense - chance))
}

/// Seconds in which a prompt is computed, the fastest of some runs.
pub fn prefill_seconds(
    runner: &mut Runner<'_>,
    prompt: &[u32],
    runs: usize,
    clock: Clock,
) -> Result<f64, RouteError> {
    let mut best = f64::INFINITY;
    for _ in 0..runs {
        let mut caches = [Cache::new(runner.network.blocks())];
        let begun = clock();
        runner.continue_states(Phase::Prompt, &[prompt], &mut caches)?;
        best = best.min(clock() - begun);
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_counted_from_chance() {
        assert_eq!(accuracy_kept(0.75, 1.0, 0.5), Some(0.5));
        assert_eq!(accuracy_kept(0.5, 0.8, 0.5), Some(0.0));
        assert_eq!(accuracy_kept(0.6, 0.64, 0.5), None);
        assert_eq!(accuracy_kept(0.9, 0.9, 0.9), None);
    }
}
