//! Decoding with a key-value cache: greedy, temperature, top-k, top-p, repetition penalty, seeded.

use crate::evaluate::Runner;
use crate::{Cache, ModelError, sample::Sampler};

/// How the next token is chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// 0 = greedy.
    pub temperature: f32,
    /// Smallest set of tokens with this much probability; 1 = all.
    pub top_p: f32,
    /// Number of most likely tokens that one is drawn from; 0 = all.
    pub top_k: usize,
    /// What the logits of tokens that were there already, the prompt included, are divided by (multiplied if negative); 1 = as they
    /// are. Greedy choices see it too.
    pub repetition_penalty: f32,
    /// Same seed, same text.
    pub seed: u64,
}

/// Greedy.
impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.0,
            top_p: 1.0,
            top_k: 0,
            repetition_penalty: 1.0,
            seed: 0,
        }
    }
}

/// Continues `prompt` by at most `max_new` tokens; stops at an end token or at the model's maximum. `on_token` gets each
/// new id and returns false to stop. Returns the new ids only, the end token left out.
///
/// Keys and values take 2 * kv width * blocks f32 per token; the prompt is computed once. `WRONG_KIND` for encoders, `EMPTY`
/// for an empty prompt, `TOO_LONG`, `CANCELLED` if the pool was stopped.
pub fn generate(
    runner: &mut Runner<'_>,
    prompt: &[u32],
    max_new: usize,
    sampling: Sampling,
    on_token: &mut dyn FnMut(u32) -> bool,
) -> Result<Vec<u32>, ModelError> {
    runner.need_decoder("generate")?;
    if prompt.is_empty() {
        return Err(ModelError::Empty {
            what: "the prompt".into(),
            fix: "give a text, or a model with a begin token".into(),
        });
    }
    let end = runner.network.eos();
    let room = runner.network.max_context().saturating_sub(prompt.len());
    let mut sampler = Sampler::new(sampling);
    let mut cache = Cache::new(runner.network.blocks());
    let mut new: Vec<u32> = Vec::new();
    let mut all = prompt.to_vec();
    let mut hidden = runner.continue_hidden(prompt, &mut cache)?;
    while new.len() < max_new.min(room) {
        let head = runner.take_head()?;
        let mut logits = head.logits(runner.compute, runner.weights, &hidden)?;
        runner.keep_head(head);
        runner.go_on()?;
        sampler.penalize(&all, &mut logits);
        let id = sampler.next(&logits);
        if end.contains(&id) {
            break;
        }
        new.push(id);
        all.push(id);
        if !on_token(id) || new.len() == max_new.min(room) {
            break;
        }
        hidden = runner.continue_hidden(&[id], &mut cache)?;
    }
    Ok(new)
}
