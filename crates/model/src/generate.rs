//! Decoding with a key-value cache: greedy, temperature, top-p, seeded.

use crate::evaluate::Runner;
use crate::{BlockCache, ModelError, sample::Sampler};

/// How the next token is chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// 0 = greedy.
    pub temperature: f32,
    /// Smallest set of tokens with this much probability; 1 = all.
    pub top_p: f32,
    /// Same seed, same text.
    pub seed: u64,
}

/// Continues `prompt` by at most `max_new` tokens; stops at an end token or at the model's maximum. `on_token` gets each
/// new id and returns false to stop. Returns the new ids only, the end token left out.
///
/// Keys and values take 2 * kv width * blocks f32 per token; the prompt is computed once. `WRONG_KIND` for encoders, `EMPTY`
/// for an empty prompt, `TOO_LONG`.
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
    let mut caches = vec![BlockCache::new(); runner.network.blocks()];
    let mut new: Vec<u32> = Vec::new();
    let mut hidden = runner.continue_hidden(prompt, &mut caches)?;
    while new.len() < max_new.min(room) {
        let head = runner.take_head()?;
        let logits = head.logits(runner.compute, runner.weights, &hidden)?;
        runner.keep_head(head);
        let id = sampler.next(&logits);
        if end.contains(&id) {
            break;
        }
        new.push(id);
        if !on_token(id) || new.len() == max_new.min(room) {
            break;
        }
        hidden = runner.continue_hidden(&[id], &mut caches)?;
    }
    Ok(new)
}
