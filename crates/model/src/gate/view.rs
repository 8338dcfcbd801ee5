//! What a gate sees before a block, and what it says.

use super::{Share, Standing};
use crate::{Batch, Part};

/// Numbers in [`View::factors`].
pub const FACTORS: usize = 4;

/// What the tokens of a batch are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// A prompt, or a text that is there as a whole: what comes later in it may decide about a token.
    Prompt,
    /// Tokens that were written one after the other behind a prompt. Each is decided by itself and by what was before it, so that
    /// several at once get the decisions that they get one by one.
    Decoding,
}

/// What a gate sees before a block.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Number of the block, from 0.
    pub block: usize,
    /// What of the block the tokens are for.
    pub part: Part,
    /// What the tokens are.
    pub phase: Phase,
    /// The tokens that arrive, with their true positions. With caches these are the new tokens.
    pub batch: &'a Batch,
    /// Hidden states of the tokens, [tokens, hidden].
    pub states: &'a [f32],
    /// What attention each token received last. Empty for a gate that does not watch attention.
    pub standing: &'a [Standing],
    /// Of each sequence, how many tokens went through the attention of this block before this batch.
    pub passed: &'a [usize],
}

impl View<'_> {
    /// Tokens that a sequence has with those of this batch, skipped ones included.
    pub fn length(&self, sequence: usize) -> usize {
        let (start, end) = self.range(sequence);
        match end > start {
            true => self.batch.positions[end - 1] + 1,
            false => 0,
        }
    }

    /// Hidden state of the token at a place of the batch.
    pub fn state(&self, place: usize) -> &[f32] {
        let hidden = self.states.len() / self.batch.tokens().max(1);
        &self.states[place * hidden..][..hidden]
    }

    /// What FTP (arXiv 2412.11494) gives its router of the token at a place of the batch, each from 0 to 1:
    ///
    /// - position: of a prompt of L tokens position / (L - 1), so that 0 is the first and 1 the last; 1 of a token that is
    ///   decoded, which is the most recent one;
    /// - attention: s / (1 + s), where s is [`Standing::score`], so that 1/2 is as much as even attention gives;
    /// - [`Standing::rank`];
    /// - the sparsity that the block is to have: 1 - share.
    ///
    /// # Panics
    /// If the gate does not watch attention.
    pub fn factors(&self, sequence: usize, place: usize, share: Share) -> [f32; FACTORS] {
        let position = match (self.phase, self.length(sequence)) {
            (Phase::Decoding, _) => 1.0,
            (Phase::Prompt, ..=1) => 0.0,
            (Phase::Prompt, length) => self.batch.positions[place] as f32 / (length - 1) as f32,
        };
        let Standing { score, rank } = self.standing[place];
        let attention = score / (1.0 + score);
        [position, attention, rank, (1.0 - share.get()) as f32]
    }

    fn range(&self, sequence: usize) -> (usize, usize) {
        let starts = &self.batch.starts;
        (starts[sequence], starts[sequence + 1])
    }
}

/// Tokens that go through a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// All of them.
    All,
    /// Those at these places of the batch, which ascend. None is allowed.
    Places(Vec<usize>),
}

impl Kept {
    /// The places for which `keeps` holds, which gets the index of the sequence and the place of the token in the batch.
    pub fn by(batch: &Batch, mut keeps: impl FnMut(usize, usize) -> bool) -> Self {
        let mut places = Vec::new();
        for sequence in 0..batch.sequences() {
            for place in batch.starts[sequence]..batch.starts[sequence + 1] {
                if keeps(sequence, place) {
                    places.push(place);
                }
            }
        }
        Self::Places(places)
    }

    /// The same with the first token of each sequence, and with the last one of what is here of it.
    #[must_use]
    pub fn with_ends(self, batch: &Batch) -> Self {
        let Self::Places(mut places) = self else {
            return self;
        };
        for pair in batch.starts.windows(2).filter(|pair| pair[0] < pair[1]) {
            let first = (batch.positions[pair[0]] == 0).then_some(pair[0]);
            for end in first.into_iter().chain([pair[1] - 1]) {
                if let Err(at) = places.binary_search(&end) {
                    places.insert(at, end);
                }
            }
        }
        Self::Places(places)
    }

    /// The places, or `None` if these are all of so many.
    pub(super) fn places(self, tokens: usize) -> Option<Vec<usize>> {
        match self {
            Self::Places(places) if places.len() < tokens => Some(places),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view<'a>(batch: &'a Batch, phase: Phase, standing: &'a [Standing]) -> View<'a> {
        View {
            block: 0,
            part: Part::Block,
            phase,
            batch,
            states: &[],
            standing,
            passed: &[],
        }
    }

    #[test]
    fn factors_are_between_0_and_1() {
        let standing = |score, rank| Standing { score, rank };
        let all = [standing(1.0, 0.5), standing(0.0, 0.0), standing(3.0, 1.0)];
        let share = Share::new(0.75).unwrap();
        let batch = Batch::new(&[&[7, 7, 7][..]]);
        let prompt = view(&batch, Phase::Prompt, &all);
        assert_eq!(prompt.factors(0, 0, share), [0.0, 0.5, 0.5, 0.25]);
        assert_eq!(prompt.factors(0, 1, share), [0.5, 0.0, 0.0, 0.25]);
        assert_eq!(prompt.factors(0, 2, share), [1.0, 0.75, 1.0, 0.25]);
        let batch = Batch::continued(&[7, 7, 7], 5);
        let decoding = view(&batch, Phase::Decoding, &all);
        assert_eq!(decoding.factors(0, 0, share)[0], 1.0);
        assert_eq!(decoding.length(0), 8);
        let one = Batch::new(&[&[7][..]]);
        assert_eq!(view(&one, Phase::Prompt, &all).factors(0, 0, share)[0], 0.0);
    }

    #[test]
    fn ends_are_kept_where_they_are() {
        let batch = Batch::new(&[&[5, 6, 7][..], &[][..], &[8][..], &[9, 4, 4][..]]);
        let kept = Kept::Places(vec![1, 4]).with_ends(&batch);
        assert_eq!(kept, Kept::Places(vec![0, 1, 2, 3, 4, 6]));
        let later = Batch::continued(&[5, 6, 7], 4);
        let kept = Kept::Places(vec![]).with_ends(&later);
        assert_eq!(kept, Kept::Places(vec![2]));
        assert_eq!(Kept::All.with_ends(&batch), Kept::All);
    }
}
