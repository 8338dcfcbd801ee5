//! How far a compressed decoder is from its original, token by token.

use super::perplexity::{Perplexity, nll};
use super::windows::{Windows, targets};
use super::{Progress, Runner};
use crate::ModelError;
use kerf_kernels::Compute;

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

/// Measures of one prediction, or sums of them.
#[derive(Clone, Copy, Default)]
struct Sums {
    original: f64,
    small: f64,
    kl: f64,
    same: u64,
    count: u64,
}

impl Sums {
    fn of(compute: &Compute, original: &[f32], small: &[f32], target: u32) -> Self {
        Self {
            original: nll(compute, original, target),
            small: nll(compute, small, target),
            kl: kl(compute, original, small),
            same: u64::from(top(original) == top(small)),
            count: 1,
        }
    }

    fn add(&mut self, other: Self) {
        self.original += other.original;
        self.small += other.small;
        self.kl += other.kl;
        self.same += other.same;
        self.count += other.count;
    }
}

/// KL(p || q) of two rows of logits, in nats. Never negative: rounding is cut off.
pub(super) fn kl(compute: &Compute, p: &[f32], q: &[f32]) -> f64 {
    let kernels = &compute.kernels;
    let mut weights = p.to_vec();
    kernels.softmax(&mut weights);
    let shift = f64::from(kernels.log_sum_exp(p)) - f64::from(kernels.log_sum_exp(q));
    let terms = weights.iter().zip(p.iter().zip(q));
    let terms = terms
        .filter(|(weight, _)| **weight > 0.0)
        .map(|(weight, (p, q))| f64::from(*weight) * (f64::from(*p) - f64::from(*q) - shift));
    terms.sum::<f64>().max(0.0)
}

/// Index of the largest value, the first of equals.
pub(crate) fn top(row: &[f32]) -> usize {
    let better = |best: usize, index: usize| {
        if row[index] > row[best] { index } else { best }
    };
    (0..row.len()).fold(0, better)
}

/// Both perplexities, KL and agreement over the same windows.
///
/// Progress counts the tokens that both models saw. Errors as [`Runner::perplexity`] has them, and `BAD_CONFIG` if the
/// vocabularies differ.
pub fn divergence(
    original: &mut Runner<'_>,
    small: &mut Runner<'_>,
    ids: &[u32],
    context: usize,
    progress: &mut Progress<'_>,
) -> Result<Divergence, ModelError> {
    original.need_decoder("divergence")?;
    small.need_decoder("divergence")?;
    let vocab = original.network.vocab();
    if small.network.vocab() != vocab {
        return Err(ModelError::BadConfig {
            field: "vocab_size".into(),
            expected: format!("{vocab}, as the original has"),
            actual: small.network.vocab().to_string(),
        });
    }
    Windows::new(small.network, ids, context)?;
    let windows = Windows::new(original.network, ids, context)?;
    let (mut sums, mut done) = (Sums::default(), 0);
    let total = 2 * windows.tokens();
    for batch in windows.batches() {
        let tokens = batch.tokens() as u64;
        let halves = &mut |done: u64, total: u64| progress(done / 2, total / 2);
        let first = original.window_states(&batch, done, total, halves)?;
        let second = small.window_states(&batch, done + tokens, total, halves)?;
        compare(
            original,
            small,
            &first,
            &second,
            &targets(&batch),
            &mut sums,
        )?;
        done += 2 * tokens;
        if !progress(done / 2, total / 2) {
            return Err(ModelError::Cancelled {});
        }
    }
    let count = sums.count as f64;
    Ok(Divergence {
        original: Perplexity::from_sum(sums.original, sums.count),
        small: Perplexity::from_sum(sums.small, sums.count),
        kl: sums.kl / count,
        top_token_agreement: sums.same as f64 / count,
    })
}

/// Adds the measures of a batch, from the last hidden states of both models.
fn compare(
    original: &mut Runner<'_>,
    small: &mut Runner<'_>,
    first: &[f32],
    second: &[f32],
    targets: &[Option<u32>],
    sums: &mut Sums,
) -> Result<(), ModelError> {
    let compute = original.compute;
    let vocab = original.network.vocab();
    let (head, small_head) = (original.take_head()?, small.take_head()?);
    let rows = head.rows_at_once();
    let first = first.chunks(rows * original.network.hidden());
    let second = second.chunks(rows * small.network.hidden());
    let (mut logits, mut small_logits) = (Vec::new(), Vec::new());
    for ((first, second), targets) in first.zip(second).zip(targets.chunks(rows)) {
        head.logits_into(compute, first, &mut logits);
        small_head.logits_into(small.compute, second, &mut small_logits);
        let measures = compute.pool.map(targets.len(), |row| {
            let of = row * vocab..(row + 1) * vocab;
            targets[row].map(|target| {
                Sums::of(
                    compute,
                    &logits[of.clone()],
                    &small_logits[of.clone()],
                    target,
                )
            })
        });
        measures
            .into_iter()
            .flatten()
            .for_each(|measure| sums.add(measure));
    }
    original.keep_head(head);
    small.keep_head(small_head);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use kerf_kernels::Isa;

    #[test]
    fn kl_of_known_distributions() {
        let compute = Compute::new(Some(Isa::Portable), 1).expect("portable runs everywhere");
        let p = [0.25f32.ln(), 0.75f32.ln()];
        let q = [0.5f32.ln(), 0.5f32.ln()];
        let expected = 0.25 * (0.5f64).ln() + 0.75 * (1.5f64).ln();
        assert!((kl(&compute, &p, &q) - expected).abs() < 1e-6);
        assert!(kl(&compute, &p, &p).abs() < 1e-6);
    }

    #[test]
    fn top_takes_the_first_of_equals() {
        assert_eq!(top(&[1.0, 3.0, 3.0, f32::NAN]), 1);
    }
}
