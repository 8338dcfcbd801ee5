//! Sums over a vocabulary that comes in pieces.
//!
//! What is known of some pieces together follows from what is known of each: the logarithm of the sum of exponentials, and the
//! divergence of two distributions by its chain rule. For p and q over parts A and B, with the shares P and Q of each part,
//! KL(p || q) = P_A (KL_A + ln P_A / Q_A) + P_B (KL_B + ln P_B / Q_B), where KL_A is that of the distributions within A. All in f64,
//! and nothing large is subtracted from something large. A single piece gives what its own sums are.

use kerf_kernels::Compute;

/// ln(e^a + e^b). NaN stays NaN.
pub(crate) fn log_add(a: f64, b: f64) -> f64 {
    let (most, least) = if b > a { (b, a) } else { (a, b) };
    match least == f64::NEG_INFINITY {
        true => most,
        false => most + libm::log1p(libm::exp(least - most)),
    }
}

/// ln of the sum of exponentials of a row.
pub(crate) fn log_sum(compute: &Compute, row: &[f32]) -> f64 {
    f64::from(compute.kernels.log_sum_exp(row))
}

/// Two distributions over some tokens of a vocabulary.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    /// ln of the sum of exponentials of the first.
    pub p: f64,
    /// Of the second.
    pub q: f64,
    /// KL(p || q) within these tokens, in nats.
    pub kl: f64,
}

impl Pair {
    /// Over no token.
    pub const EMPTY: Self = Self {
        p: f64::NEG_INFINITY,
        q: f64::NEG_INFINITY,
        kl: 0.0,
    };

    /// Over the tokens of two rows of logits; `first` is known of the row `p`.
    pub fn of(compute: &Compute, first: &First, p: &[f32], q: &[f32]) -> Self {
        let (p_sum, q_sum) = (first.sum, log_sum(compute, q));
        let shift = p_sum - q_sum;
        let terms = first.weights.iter().zip(p.iter().zip(q));
        let terms = terms
            .filter(|(weight, _)| **weight != 0.0)
            .map(|(weight, (p, q))| f64::from(*weight) * (f64::from(*p) - f64::from(*q) - shift));
        let (p, q, kl) = (p_sum, q_sum, not_negative(terms.sum::<f64>()));
        Self { p, q, kl }
    }

    /// Over the tokens of both.
    pub fn join(self, other: Self) -> Self {
        let (p, q) = (log_add(self.p, other.p), log_add(self.q, other.q));
        let part = |part: Self| match libm::exp(part.p - p) {
            0.0 => 0.0,
            share => share * (part.kl + (part.p - p) - (part.q - q)),
        };
        let kl = not_negative(part(self) + part(other));
        Self { p, q, kl }
    }
}

/// What is needed of a row of logits to compare others with it.
pub(crate) struct First {
    /// e^logit over the sum of all.
    weights: Vec<f32>,
    /// ln of the sum.
    sum: f64,
}

impl First {
    pub fn of(compute: &Compute, row: &[f32]) -> Self {
        let mut weights = row.to_vec();
        compute.kernels.softmax(&mut weights);
        let sum = log_sum(compute, row);
        Self { weights, sum }
    }
}

/// Rounding is cut off; NaN stays.
fn not_negative(value: f64) -> f64 {
    if value < 0.0 { 0.0 } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kerf_kernels::Isa;

    fn compute() -> Compute {
        Compute::new(Some(Isa::Portable), 1).expect("portable runs everywhere")
    }

    fn pair(p: &[f32], q: &[f32]) -> Pair {
        let compute = compute();
        Pair::of(&compute, &First::of(&compute, p), p, q)
    }

    #[test]
    fn kl_of_known_distributions() {
        let p = [0.25f32.ln(), 0.75f32.ln()];
        let q = [0.5f32.ln(), 0.5f32.ln()];
        let expected = 0.25 * (0.5f64).ln() + 0.75 * (1.5f64).ln();
        assert!((pair(&p, &q).kl - expected).abs() < 1e-6);
        assert!(pair(&p, &p).kl.abs() < 1e-6);
    }

    /// The plain form in f64: sums over all tokens at once.
    fn plain(p: &[f32], q: &[f32]) -> (f64, f64, f64) {
        let sum = |row: &[f32]| row.iter().map(|x| f64::from(*x).exp()).sum::<f64>().ln();
        let (p_sum, q_sum) = (sum(p), sum(q));
        let terms = p.iter().zip(q).map(|(p, q)| {
            let (p, q) = (f64::from(*p) - p_sum, f64::from(*q) - q_sum);
            p.exp() * (p - q)
        });
        (p_sum, q_sum, terms.sum())
    }

    /// Tolerance: the kernels give sums in f32, within an ulp of numbers about 10, which is 1e-6.
    #[test]
    fn pieces_give_the_sums_of_the_whole() {
        let mut state = 1u64;
        let mut next = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
            12.0 * ((state >> 40) as f32 / (1u64 << 24) as f32) - 6.0
        };
        let p: Vec<f32> = (0..5000).map(|_| next()).collect();
        let q: Vec<f32> = p.iter().map(|p| p + 0.1 * next()).collect();
        let (p_sum, q_sum, kl) = plain(&p, &q);
        for width in [5000, 2500, 777, 1] {
            let pieces = p.chunks(width).zip(q.chunks(width));
            let found = pieces.fold(Pair::EMPTY, |all, (p, q)| all.join(pair(p, q)));
            assert!((found.p - p_sum).abs() < 4e-6, "{width}: {found:?} {p_sum}");
            assert!((found.q - q_sum).abs() < 4e-6, "{width}: {found:?} {q_sum}");
            assert!((found.kl - kl).abs() < 4e-6, "{width}: {found:?} {kl}");
        }
        let whole = pair(&p, &q);
        let joined = Pair::EMPTY.join(whole);
        assert_eq!(
            (whole.p, whole.q, whole.kl),
            (joined.p, joined.q, joined.kl)
        );
    }

    #[test]
    fn what_has_no_probability_counts_for_nothing_and_nan_is_kept() {
        let none = pair(&[f32::NEG_INFINITY], &[1.0]);
        let all = none.join(pair(&[0.0], &[1.0]));
        assert!((all.kl - 2f64.ln()).abs() < 1e-6, "{all:?}");
        assert!(pair(&[f32::NAN, 1.0], &[0.0, 1.0]).kl.is_nan());
        assert!(Pair::EMPTY.join(pair(&[0.0], &[f32::NAN])).kl.is_nan());
    }
}
