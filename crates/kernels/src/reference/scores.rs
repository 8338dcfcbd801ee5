//! Scores of weights, and the pieces of an exact selection by radix.

/// See [`crate::Kernels::magnitude_scores`].
pub fn magnitude_scores(w: &[f32], out: &mut [f32]) {
    for (out, w) in out.iter_mut().zip(w) {
        *out = w.abs();
    }
}

/// See [`crate::Kernels::wanda_scores`].
pub fn wanda_scores(w: &[f32], norm: &[f32], out: &mut [f32]) {
    for ((out, w), norm) in out.iter_mut().zip(w).zip(norm) {
        *out = w.abs() * norm;
    }
}

/// See [`crate::Kernels::obs_scores`].
pub fn obs_scores(w: &[f32], inv_u: &[f32], out: &mut [f32]) {
    for ((out, w), inv_u) in out.iter_mut().zip(w).zip(inv_u) {
        let t = w * inv_u;
        *out = t * t;
    }
}

/// The bits that one pass of the radix selection looks at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Digit {
    shift: u32,
    width: u32,
    prefix: u32,
}

impl Digit {
    /// Eleven bits from `shift` up; nine at `shift` 0, where the passes of 11 + 11 bits leave nine.
    pub(crate) fn new(shift: u32, prefix: u32) -> Self {
        assert!(shift < 32, "a digit starts inside the 32 bits of a score");
        let width = if shift == 0 { 9 } else { 11 };
        Self {
            shift,
            width,
            prefix,
        }
    }

    /// Counters that the digit needs.
    pub(crate) fn counters(self) -> usize {
        1 << self.width
    }

    /// The prefix is nothing but the sign bit.
    pub(crate) fn has_prefix_of_sign_only(self) -> bool {
        self.shift + self.width >= 31
    }

    /// The bits above the digit are the prefix.
    #[inline(always)]
    pub(crate) fn matches(self, score: f32) -> bool {
        let top = self.shift + self.width;
        score.to_bits().checked_shr(top).unwrap_or(0) == self.prefix
    }

    /// The counter of a score that matches.
    #[inline(always)]
    pub(crate) fn index(self, score: f32) -> usize {
        (score.to_bits() >> self.shift) as usize & (self.counters() - 1)
    }

    /// The counter of a score, or `None` if the bits above the digit are not the prefix.
    #[inline(always)]
    pub(crate) fn of(self, score: f32) -> Option<usize> {
        self.matches(score).then(|| self.index(score))
    }
}

/// See [`crate::Kernels::histogram`].
pub fn histogram(scores: &[f32], shift: u32, prefix: u32, hist: &mut [u32]) {
    let digit = Digit::new(shift, prefix);
    let hist = &mut hist[..digit.counters()];
    for score in scores {
        if let Some(index) = digit.of(*score) {
            hist[index] += 1;
        }
    }
}

/// See [`crate::Kernels::mask_above`].
pub fn mask_above(scores: &[f32], threshold: f32, out: &mut [u8]) {
    for (byte, scores) in out.iter_mut().zip(scores.chunks(8)) {
        *byte = scores
            .iter()
            .enumerate()
            .fold(0, |byte, (bit, s)| byte | (u8::from(*s > threshold) << bit));
    }
}
