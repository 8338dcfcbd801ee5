//! What a router costs and saves on a text, in windows whose first part is a routed prompt.

use crate::{Measured, RouteError};
use kerf_model::ModelError;
use kerf_model::evaluate::{Continuations, Divergence, Pace, Perplexity, Progress, Runner};
use kerf_model::gate::Phase;
use kerf_run::Clock;

/// Tokens of windows that are measured together.
const GROUP_TOKENS: usize = 8192;

/// A router on a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OnText {
    /// What it costs. Its seconds are those of the routed model alone, to the last hidden states.
    pub measured: Measured,
    /// Seconds of the dense model, to the last hidden states.
    pub dense_seconds: f64,
}

/// Means of groups of predictions, added up.
#[derive(Default)]
struct Sums {
    original: f64,
    small: f64,
    kl: f64,
    agreement: f64,
    count: u64,
}

impl Sums {
    fn add(&mut self, own: &Divergence) {
        let count = own.small.tokens as f64;
        self.original += own.original.nll * count;
        self.small += own.small.nll * count;
        self.kl += own.kl * count;
        self.agreement += own.top_token_agreement * count;
        self.count += own.small.tokens;
    }

    fn mean(&self) -> Divergence {
        let mean = |sum: f64| sum / self.count as f64;
        let perplexity = |sum: f64| Perplexity {
            nll: mean(sum),
            perplexity: mean(sum).exp(),
            tokens: self.count,
        };
        Divergence {
            original: perplexity(self.original),
            small: perplexity(self.small),
            kl: mean(self.kl),
            top_token_agreement: mean(self.agreement),
        }
    }
}

/// Measures a routed model beside its dense one: of each window the first `prompt` tokens are a routed prompt, and the others are
/// predicted through the decoding path, so that nothing looks ahead. All windows are of more than `prompt` tokens.
///
/// Both models read their weights before the clock runs. Progress counts tokens of the text. Memory: a group of 8,192 tokens with keys and
/// values, and its hidden states twice. `EMPTY` without a window, `CANCELLED`, and the errors of running a model.
pub fn measure_text(
    original: &mut Runner<'_>,
    routed: &mut Runner<'_>,
    windows: &[Vec<u32>],
    prompt: usize,
    clock: Clock,
    progress: &mut Progress<'_>,
) -> Result<OnText, RouteError> {
    let first = windows.first().ok_or_else(|| ModelError::Empty {
        what: "the text".into(),
        fix: "give a text of one window at least".into(),
    })?;
    original.hidden_states(&first[..1])?;
    routed.hidden_states(&first[..1])?;
    let before = [Phase::Prompt, Phase::Decoding].map(|phase| routed.pairs(phase));
    let (mut sums, mut seconds, mut dense_seconds) = (Sums::default(), 0.0, 0.0);
    let total: u64 = windows.iter().map(|window| window.len() as u64).sum();
    let mut done = 0;
    let size = (GROUP_TOKENS / first.len()).max(1);
    for group in windows.chunks(size) {
        let tokens: u64 = group.iter().map(|window| window.len() as u64).sum();
        let begun = clock();
        let go_on = &mut |_, _| progress(done, total);
        let dense = Continuations::new(original, group.to_vec(), prompt, go_on)?;
        let between = clock();
        let go_on = &mut |_, _| progress(done + tokens / 2, total);
        let states = dense.states_of(routed, group.len(), Pace::AtOnce, go_on)?;
        dense_seconds += between - begun;
        seconds += clock() - between;
        sums.add(&dense.compare(original, routed, group.len(), &states)?);
        done += tokens;
        if !progress(done, total) {
            return Err(ModelError::Cancelled {}.into());
        }
    }
    Ok(OnText {
        measured: Measured {
            divergence: sums.mean(),
            prompt: routed.pairs(Phase::Prompt) - before[0],
            decoding: routed.pairs(Phase::Decoding) - before[1],
            seconds,
        },
        dense_seconds,
    })
}
