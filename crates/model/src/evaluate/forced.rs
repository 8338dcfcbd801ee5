//! What a decoder says of texts behind prompts: the prompt at once, then each token behind it through the decoding path, whatever the
//! model would have written. No routing decision and no prediction looks ahead.

use super::divergence::{Divergence, Sums, compare};
use super::{Progress, Runner};
use crate::gate::Phase;
use crate::{Cache, ModelError, fill};
use std::ops::Range;

/// How the tokens behind a prompt go through the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// All in one batch: fast. Gates decide of each as if it came alone ([`Phase::Decoding`]).
    AtOnce,
    /// One after the other, as when a model writes.
    Steps,
}

/// Where the prompt of a window ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// After so many tokens. A window needs more.
    Tokens(usize),
    /// After so many tokens; of a window that has no more than these after three quarters of them. So short windows stand beside long
    /// ones.
    UpTo(usize),
}

impl From<usize> for Prompt {
    fn from(tokens: usize) -> Self {
        Self::Tokens(tokens)
    }
}

impl Prompt {
    /// Tokens of the prompt of a window of so many.
    pub fn of(self, window: usize) -> usize {
        match self {
            Self::Tokens(tokens) => tokens,
            Self::UpTo(tokens) if window > tokens => tokens,
            Self::UpTo(_) => window * 3 / 4,
        }
    }
}

impl Runner<'_> {
    /// For each window the last hidden states that predict its tokens behind its prompt: that of the last token of the prompt, and those of the tokens behind it but the last. All end to end, [predictions, hidden].
    ///
    /// Memory: a batch of windows with keys and values. `EMPTY` for a window without prompt or prediction, `WRONG_KIND`, `TOO_LONG`,
    /// `CANCELLED`. Progress counts tokens.
    pub fn forced_states<W: AsRef<[u32]>>(
        &mut self,
        windows: &[W],
        prompt: impl Into<Prompt>,
        pace: Pace,
        progress: &mut Progress<'_>,
    ) -> Result<Vec<f32>, ModelError> {
        self.need_decoder("perplexity")?;
        let lengths = windows.iter().map(|window| window.as_ref().len());
        let prompt = prompt.into();
        let is_empty = |length: usize| prompt.of(length) == 0 || length <= prompt.of(length);
        if lengths.clone().any(is_empty) {
            return Err(ModelError::Empty {
                what: "a prompt, or what follows it,".into(),
                fix: "give a text that is longer than the prompt, and a prompt of a token at least"
                    .into(),
            });
        }
        let total = lengths.clone().sum::<usize>() as u64;
        let (mut states, mut done) = (Vec::new(), 0);
        for range in fill(lengths, self.batch_tokens) {
            let own: Vec<&[u32]> = windows[range].iter().map(AsRef::as_ref).collect();
            states.extend(self.forced_batch(&own, prompt, pace)?);
            done += own.iter().map(|window| window.len() as u64).sum::<u64>();
            if !progress(done, total) {
                return Err(ModelError::Cancelled {});
            }
        }
        Ok(states)
    }

    fn forced_batch(
        &mut self,
        windows: &[&[u32]],
        prompt: Prompt,
        pace: Pace,
    ) -> Result<Vec<f32>, ModelError> {
        let hidden = self.network.hidden();
        let mut caches = vec![Cache::new(self.network.blocks()); windows.len()];
        let prompt = |window: &[u32]| prompt.of(window.len());
        let prompts = windows.iter().map(|window| &window[..prompt(window)]);
        let prompts: Vec<&[u32]> = prompts.collect();
        let states = self.continue_states(Phase::Prompt, &prompts, &mut caches)?;
        let mut end = 0;
        let last = |prompt: &&[u32]| {
            end += prompt.len() * hidden;
            states[end - hidden..end].to_vec()
        };
        let mut found: Vec<Vec<f32>> = prompts.iter().map(last).collect();
        // The last token of a window predicts nothing.
        let fed = |window: &[u32]| window.len() - 1 - prompt(window);
        let longest = windows.iter().map(|window| fed(window)).max().unwrap_or(0);
        let step = match pace {
            Pace::AtOnce => longest.max(1),
            Pace::Steps => 1,
        };
        for start in (0..longest).step_by(step) {
            let part = |window: &&[u32]| -> Range<usize> {
                let end = fed(window);
                let prompt = prompt(window);
                prompt + start.min(end)..prompt + (start + step).min(end)
            };
            let parts: Vec<&[u32]> = windows.iter().map(|own| &own[part(own)]).collect();
            let states = self.continue_states(Phase::Decoding, &parts, &mut caches)?;
            let mut rest = states.as_slice();
            for (found, part) in found.iter_mut().zip(&parts) {
                let (own, others) = rest.split_at(part.len() * hidden);
                found.extend_from_slice(own);
                rest = others;
            }
        }
        Ok(found.concat())
    }

    /// For each window the negative log likelihood of its tokens behind the prompt, in nats, summed up. See
    /// [`Runner::forced_states`].
    pub fn forced_losses<W: AsRef<[u32]>>(
        &mut self,
        windows: &[W],
        prompt: impl Into<Prompt>,
        pace: Pace,
        progress: &mut Progress<'_>,
    ) -> Result<Vec<f64>, ModelError> {
        let prompt = prompt.into();
        let states = self.forced_states(windows, prompt, pace, progress)?;
        let losses = self.losses(&states, &targets(windows, prompt))?;
        let mut rest = losses.iter().flatten();
        let of = |window: &W| {
            let own = rest.by_ref().take(predictions(window.as_ref(), prompt));
            own.sum()
        };
        Ok(windows.iter().map(of).collect())
    }
}

/// Each token that is predicted.
fn targets<W: AsRef<[u32]>>(windows: &[W], prompt: Prompt) -> Vec<Option<u32>> {
    let tails = windows.iter().map(AsRef::as_ref);
    let tails = tails.flat_map(|window| &window[prompt.of(window.len())..]);
    tails.map(|id| Some(*id)).collect()
}

/// Number of the tokens of a window behind its prompt.
fn predictions(window: &[u32], prompt: Prompt) -> usize {
    window.len() - prompt.of(window.len())
}

/// What a model says of texts behind prompts, kept to compare the same model with gates to it.
pub struct Continuations {
    windows: Vec<Vec<u32>>,
    prompt: Prompt,
    /// Of each window.
    states: Vec<Vec<f32>>,
}

impl Continuations {
    /// Runs the model on windows. Keeps hidden * predictions numbers. Errors and progress as
    /// [`Runner::forced_states`] has them.
    pub fn new(
        original: &mut Runner<'_>,
        windows: Vec<Vec<u32>>,
        prompt: impl Into<Prompt>,
        progress: &mut Progress<'_>,
    ) -> Result<Self, ModelError> {
        let prompt = prompt.into();
        let all = original.forced_states(&windows, prompt, Pace::AtOnce, progress)?;
        let (hidden, mut rest) = (original.network.hidden(), all.as_slice());
        let of = |window: &Vec<u32>| {
            let (own, others) = rest.split_at(predictions(window, prompt) * hidden);
            rest = others;
            own.to_vec()
        };
        let states = windows.iter().map(of).collect();
        Ok(Self {
            windows,
            prompt,
            states,
        })
    }

    /// The windows.
    pub fn texts(&self) -> &[Vec<u32>] {
        &self.windows
    }

    /// Last hidden states of the model that predict the tokens of a window behind its prompt, [predictions, hidden].
    pub fn states(&self, window: usize) -> &[f32] {
        &self.states[window]
    }

    /// Number of windows.
    pub fn windows(&self) -> usize {
        self.windows.len()
    }

    /// Perplexity of both, KL(original || routed) and agreement on the predictions of the first `count` windows. `original` is the
    /// model that this was made of; its head alone is read.
    pub fn measure(
        &self,
        original: &mut Runner<'_>,
        routed: &mut Runner<'_>,
        count: usize,
        pace: Pace,
        progress: &mut Progress<'_>,
    ) -> Result<Divergence, ModelError> {
        let states = self.states_of(routed, count, pace, progress)?;
        self.compare(original, routed, count, &states)
    }

    /// The states of another runner on the first `count` windows, for [`Continuations::compare`]. Errors and progress as
    /// [`Runner::forced_states`] has them.
    pub fn states_of(
        &self,
        routed: &mut Runner<'_>,
        count: usize,
        pace: Pace,
        progress: &mut Progress<'_>,
    ) -> Result<Vec<f32>, ModelError> {
        let windows = &self.windows[..count.min(self.windows.len())];
        routed.forced_states(windows, self.prompt, pace, progress)
    }

    /// Compares the states that `routed` has on the first `count` windows to those of the model.
    pub fn compare(
        &self,
        original: &mut Runner<'_>,
        routed: &mut Runner<'_>,
        count: usize,
        states: &[f32],
    ) -> Result<Divergence, ModelError> {
        let count = count.min(self.windows.len());
        let dense = self.states[..count].concat();
        let targets = targets(&self.windows[..count], self.prompt);
        let mut sums = Sums::default();
        let known = compare(original, routed, [&dense, states], &targets)?;
        known.iter().flatten().for_each(|both| sums.add(both));
        Ok(sums.mean())
    }
}
