//! Decoding with a key-value cache: greedy, temperature, top-p, seeded.

use crate::{ModelError, evaluate::Runner};

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
/// new id and returns false to stop. Returns the new ids only.
pub fn generate(
    runner: &mut Runner<'_>,
    prompt: &[u32],
    max_new: usize,
    sampling: Sampling,
    on_token: &mut dyn FnMut(u32) -> bool,
) -> Result<Vec<u32>, ModelError> {
    let _ = (runner, prompt, max_new, sampling, on_token);
    todo!()
}
