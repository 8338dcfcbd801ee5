//! A model, the texts that it is measured on, and one row of the table.

use crate::{Failure, Pairs, clock};
use kerf_kernels::Compute;
use kerf_model::Network;
use kerf_model::evaluate::{Continuations, Decoded, Pace, Prompt, Runner};
use kerf_model::gate::Gate;
use kerf_model::generate::{Sampling, generate};
use kerf_route::{Measured, accuracy_kept, measure, preferred_share, prefill_seconds};
use kerf_tensors::Catalog;

/// Tokens that a routed model samples behind a prompt.
const SAMPLED: usize = 128;
/// Runs of a prompt, dense and routed by turns; the fastest counts.
const RUNS: usize = 3;

/// What rows are measured on.
pub struct Bench<'a> {
    pub network: &'a Network,
    pub catalog: &'a Catalog,
    pub compute: &'a Compute,
    /// Long windows, and short ones.
    pub dense: Continuations,
    pub short: Option<Continuations>,
    /// The dense model with its weights, and the weights of the routed one.
    pub original: Runner<'a>,
    pub decoded: Decoded,
    /// Prompts behind which the routed model writes.
    pub prompts: Vec<Vec<u32>>,
    /// Whose seconds are taken; empty: none are.
    pub prefill: Vec<u32>,
    /// By name of the set, with the accuracy of the dense model: each text as a whole, and through the decoding path.
    pub sets: Vec<(String, Pairs, [f64; 2])>,
}

impl<'a> Bench<'a> {
    pub const HEAD: &'static str = "ask  router                         pairs prompt decode perplex  excess      kl  agree  short sampled prefill  kept whole, decoded";

    /// Measures a gate and prints its row.
    pub fn row(&mut self, name: &str, ratio: f64, gate: &dyn Gate) -> Result<Measured, Failure> {
        // Rebound, since the runner must not outlive the gate.
        let runner = Runner::new(self.network, self.catalog, self.compute, u64::MAX);
        let decoded = std::mem::take(&mut self.decoded);
        let mut routed = runner.with_decoded(decoded).with_gate(gate);
        let original = &mut self.original;
        let own = measure(&self.dense, original, &mut routed, Pace::AtOnce, clock)?;
        let short = match &self.short {
            Some(short) => {
                let own = measure(short, original, &mut routed, Pace::AtOnce, clock)?;
                own.divergence.kl
            }
            None => f64::NAN,
        };
        let sampled = sampled(original, &mut routed, &self.prompts)?;
        let times = times(original, &mut routed, &self.prefill)?;
        let kept = kept(&mut routed, &self.sets)?;
        self.decoded = routed.into_decoded();
        let accuracy = kept.map_or(String::new(), |[whole, decoded]| {
            format!(" {whole:7.3} {decoded:7.3}")
        });
        println!(
            "{ratio:4.2} {name:30} {:5.3} {:6.3} {:6.3} {:7.3} {:7.4} {:7.4} {:6.3} {short:6.3} {sampled:7.4} {times:7.2}{accuracy}",
            own.skipped(),
            own.prompt.skipped(),
            own.decoding.skipped(),
            own.divergence.small.perplexity,
            own.excess(),
            own.divergence.kl,
            own.divergence.top_token_agreement,
        );
        Ok(own)
    }
}

/// KL of the dense to the routed model along tokens that the routed model sampled behind prompts.
fn sampled(
    original: &mut Runner<'_>,
    routed: &mut Runner<'_>,
    prompts: &[Vec<u32>],
) -> Result<f64, Failure> {
    let Some(first) = prompts.first() else {
        return Ok(f64::NAN);
    };
    let (prompt, mut windows) = (first.len(), Vec::new());
    for (seed, prompt) in (0..).zip(prompts) {
        let sampling = Sampling {
            temperature: 0.8,
            seed,
            ..Sampling::default()
        };
        let mut ids = prompt.clone();
        ids.extend(generate(routed, prompt, SAMPLED, sampling, &mut |_| true)?);
        // A model may end its text at once.
        if ids.len() > prompt.len() {
            windows.push(ids);
        }
    }
    if windows.is_empty() {
        return Ok(f64::NAN);
    }
    let go_on = &mut |_, _| true;
    let dense = Continuations::new(original, windows, Prompt::Tokens(prompt), go_on)?;
    let own = measure(&dense, original, routed, Pace::AtOnce, clock)?;
    Ok(own.divergence.kl)
}

/// How many times as fast as the dense model the routed one computes a prompt.
fn times(
    original: &mut Runner<'_>,
    routed: &mut Runner<'_>,
    prompt: &[u32],
) -> Result<f64, Failure> {
    if prompt.is_empty() {
        return Ok(f64::NAN);
    }
    let mut best = [f64::INFINITY; 2];
    for _ in 0..RUNS {
        best[0] = best[0].min(prefill_seconds(original, prompt, 1, clock)?);
        best[1] = best[1].min(prefill_seconds(routed, prompt, 1, clock)?);
    }
    Ok(best[0] / best[1])
}

/// Mean accuracy kept over the sets of which the dense model says something, in both ways.
fn kept(
    routed: &mut Runner<'_>,
    sets: &[(String, Pairs, [f64; 2])],
) -> Result<Option<[f64; 2]>, Failure> {
    let (mut sums, mut counts) = ([0.0; 2], [0usize; 2]);
    for (_, pairs, dense) in sets {
        for (way, decoding) in [None, Some(1)].into_iter().enumerate() {
            if accuracy_kept(0.0, dense[way], 0.5).is_none() {
                continue;
            }
            let own = preferred_share(routed, pairs, decoding, 1)?;
            sums[way] += accuracy_kept(own, dense[way], 0.5).unwrap_or(0.0);
            counts[way] += 1;
        }
    }
    let some = counts.iter().all(|count| *count > 0);
    Ok(some.then(|| [0, 1].map(|way| sums[way] / counts[way] as f64)))
}
