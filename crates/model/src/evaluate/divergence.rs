//! How far a compressed decoder is from its original, token by token.

use super::head::{HeadOf, Place, walk};
use super::perplexity::{Perplexity, Prediction};
use super::softmax::{First, Pair};
use super::windows::{self, AtHand, Tokens, Windows, targets};
use super::{Progress, Runner};
use crate::{Batch, ModelError, fill};

/// Two decoders on the same text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Divergence {
    /// The first.
    pub original: Perplexity,
    /// The second.
    pub small: Perplexity,
    /// Mean KL(original || small) over next-token distributions, in nats.
    pub kl: f64,
    /// Share of predictions whose most likely token is the same.
    pub top_token_agreement: f64,
}

/// Sums over predictions.
#[derive(Clone, Copy, Default)]
pub(super) struct Sums {
    original: f64,
    small: f64,
    kl: f64,
    same: u64,
    count: u64,
}

/// One prediction of both models, from the pieces of the vocabulary so far.
#[derive(Clone, Copy)]
pub(super) struct Both {
    original: Prediction,
    small: Prediction,
    pair: Pair,
}

impl Sums {
    pub fn add(&mut self, both: &Both) {
        self.original += both.original.nll();
        self.small += both.small.nll();
        self.kl += both.pair.kl;
        self.same += u64::from(both.original.top.1 == both.small.top.1);
        self.count += 1;
    }

    pub fn mean(&self) -> Divergence {
        let count = self.count as f64;
        Divergence {
            original: Perplexity::from_sum(self.original, self.count),
            small: Perplexity::from_sum(self.small, self.count),
            kl: self.kl / count,
            top_token_agreement: self.same as f64 / count,
        }
    }
}

/// Index of the largest value, the first of equals.
pub(crate) fn top(row: &[f32]) -> usize {
    let better = |best: usize, index: usize| {
        if row[index] > row[best] { index } else { best }
    };
    (0..row.len()).fold(0, better)
}

/// [`divergence_of`] over ids that are at hand.
pub fn divergence(
    original: &mut Runner<'_>,
    small: &mut Runner<'_>,
    ids: &[u32],
    context: usize,
    progress: &mut Progress<'_>,
) -> Result<Divergence, ModelError> {
    divergence_of(original, small, &mut AtHand::new(ids), context, progress)
}

/// Both perplexities, KL and agreement over the same windows, which are read as they are needed.
///
/// Progress counts the tokens that both models saw. Errors as [`Runner::perplexity_of`] has them, and `BAD_CONFIG` if the
/// vocabularies differ.
pub fn divergence_of<E: From<ModelError>>(
    original: &mut Runner<'_>,
    small: &mut Runner<'_>,
    text: &mut dyn Tokens<Error = E>,
    context: usize,
    progress: &mut Progress<'_>,
) -> Result<Divergence, E> {
    original.need_decoder("divergence")?;
    small.need_decoder("divergence")?;
    let vocab = original.network.vocab();
    if small.network.vocab() != vocab {
        return Err(ModelError::BadConfig {
            field: "vocab_size".into(),
            expected: format!("{vocab}, as the original has"),
            actual: small.network.vocab().to_string(),
        }
        .into());
    }
    windows::check(small.network, context)?;
    let batch_tokens = original.batch_tokens.min(small.batch_tokens);
    let mut windows = Windows::new(original.network, text, context, batch_tokens)?;
    let (mut sums, mut done) = (Sums::default(), 0);
    let mut told = None;
    while let Some(batch) = windows.next()? {
        let tokens = batch.tokens() as u64;
        let total = 2 * windows.tokens();
        let halves = &mut |done: u64, total: u64| progress(done / 2, total / 2);
        let first = original.window_states(&batch, done, total, halves)?;
        let second = small.window_states(&batch, done + tokens, total, halves)?;
        let known = compare(original, small, [&first, &second], &targets(&batch))?;
        known.iter().flatten().for_each(|both| sums.add(both));
        done += 2 * tokens;
        told = Some((done, total));
        if !progress(done / 2, total / 2) {
            return Err(ModelError::Cancelled {}.into());
        }
    }
    // A text may have been taken for longer than it was.
    if told != Some((done, done)) {
        progress(done / 2, done / 2);
    }
    Ok(sums.mean())
}

/// KL, agreement and perplexities of each of some texts, whose sequences of two tokens or more run together: no token is predicted from
/// another sequence.
///
/// Errors: those of running the models. Memory: hidden states of a batch of both, and a piece of the head.
pub fn divergence_between(
    original: &mut Runner<'_>,
    small: &mut Runner<'_>,
    texts: &[&[Vec<u32>]],
) -> Result<Vec<Divergence>, ModelError> {
    let texts = texts.iter().enumerate();
    let sequences: Vec<(usize, &Vec<u32>)> = texts
        .clone()
        .flat_map(|(text, sequences)| sequences.iter().map(move |sequence| (text, sequence)))
        .collect();
    let limit = original.batch_tokens.min(small.batch_tokens);
    let mut sums = vec![Sums::default(); texts.len()];
    for range in fill(sequences.iter().map(|(_, ids)| ids.len()), limit) {
        let of_batch = &sequences[range];
        let ids: Vec<&[u32]> = of_batch.iter().map(|(_, ids)| ids.as_slice()).collect();
        let batch = Batch::new(&ids);
        let first = original.hidden(&batch, &mut |_| true)?;
        let second = small.hidden(&batch, &mut |_| true)?;
        let known = compare(original, small, [&first, &second], &targets(&batch))?;
        let texts = of_batch
            .iter()
            .flat_map(|(text, ids)| ids.iter().map(move |_| *text));
        for (text, both) in texts.zip(&known) {
            both.iter().for_each(|both| sums[text].add(both));
        }
    }
    Ok(sums.iter().map(Sums::mean).collect())
}

/// Each prediction of a batch, from the last hidden states of both models; `None` where nothing is predicted.
pub(super) fn compare(
    original: &mut Runner<'_>,
    small: &mut Runner<'_>,
    states: [&[f32]; 2],
    targets: &[Option<u32>],
) -> Result<Vec<Option<Both>>, ModelError> {
    let compute = original.compute;
    let (head, small_head) = (original.take_head()?, small.take_head()?);
    let heads = [(&head, original.weights), (&small_head, small.weights)];
    let heads = heads.map(|(head, weights)| HeadOf { head, weights });
    let none = Both {
        original: Prediction::NONE,
        small: Prediction::NONE,
        pair: Pair::EMPTY,
    };
    let mut known = vec![none; targets.len()];
    let mut of_original = Vec::new();
    let each = &mut |place: Place, logits: &mut Vec<f32>| {
        if place.state == 0 {
            return std::mem::swap(&mut of_original, logits);
        }
        let (first, width, tokens) = (place.rows.start, place.tokens.len(), &place.tokens);
        let known = &mut known[place.rows.clone()];
        compute.pool.chunks_mut(known, 1, |row, known| {
            let Some(target) = targets[first + row] else {
                return;
            };
            let known = &mut known[0];
            let of = row * width..(row + 1) * width;
            let (p, q) = (&of_original[of.clone()], &logits[of]);
            known.original.add(compute, p, tokens, target);
            known.small.add(compute, q, tokens, target);
            known.original.add_top(p, tokens.start);
            known.small.add_top(q, tokens.start);
            let pair = Pair::of(compute, &First::of(compute, p), p, q);
            known.pair = known.pair.join(pair);
        });
    };
    walk(compute, &heads, &[(0, states[0]), (1, states[1])], each)?;
    original.keep_head(head);
    small.keep_head(small_head);
    let predicted = targets.iter().zip(known);
    Ok(predicted
        .map(|(target, both)| target.map(|_| both))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn top_takes_the_first_of_equals() {
        assert_eq!(top(&[1.0, 3.0, 3.0, f32::NAN]), 1);
    }

    #[test]
    fn the_most_likely_token_of_pieces_is_that_of_the_whole() {
        let row = [0.5, 2.0, 1.0, 2.0, 3.0, 3.0, -1.0];
        for width in 1..=row.len() {
            let mut known = Prediction::NONE;
            for (index, piece) in row.chunks(width).enumerate() {
                known.add_top(piece, index * width);
            }
            assert_eq!(known.top.1, top(&row), "{width}");
        }
    }
}
