//! Rounding that keeps the rate: where codes are entropy-coded, what is learned may take no more bits than the solver's codes did.
//!
//! A bit has a price, in squares of a step of the grid, and a code is the nearest one or its neighbour towards zero, whichever costs
//! less together with its bits. The price follows the excess from one rounding to the next. Code lengths are those of the solver's codes:
//! of other codes a coder with tables of its own takes at most as much.

use crate::solve::rate::{Counts, SYMBOLS};
use kerf_kernels::Compute;
use serde::{Deserialize, Serialize};

/// How fast the price follows the excess of the rate.
const FOLLOW: f64 = 2.0;
/// Highest price of a bit.
const HIGHEST: f64 = 1.0;
/// Excess of the rate that counts as none.
const NOISE: f64 = 1e-3;

/// The price of a bit, the same for all matrices that learn together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Price {
    /// In squares of a step.
    pub of_bit: f64,
    /// Bits of all codes now over those allowed, less 1.
    pub excess: f64,
}

impl Price {
    /// Whether the codes of the last rounding take no more than is allowed.
    pub fn is_met(&self) -> bool {
        self.excess <= NOISE
    }

    /// After a rounding: the price of the next one.
    pub fn follow<'r>(&mut self, rates: impl Iterator<Item = &'r CodeRate>) {
        let (now, allowed) = rates.fold((0.0, 0.0), |(now, allowed), rate| {
            (now + rate.now, allowed + rate.allowed)
        });
        self.excess = if allowed > 0.0 {
            now / allowed - 1.0
        } else {
            0.0
        };
        self.of_bit = (self.of_bit + FOLLOW * self.excess).clamp(0.0, HIGHEST);
    }
}

/// The rate of a matrix.
#[derive(Clone)]
pub(crate) struct CodeRate {
    lengths: [f32; SYMBOLS],
    /// Bits of all codes of the solver.
    allowed: f64,
    /// Bits of all codes now.
    now: f64,
}

impl CodeRate {
    /// The rate of these codes is allowed.
    pub fn of(compute: &Compute, codes: &[i8], cols: usize) -> Self {
        let counts = Counts::of(compute, codes, cols);
        let lengths = counts.lengths();
        let allowed = bits(&counts, &lengths);
        Self {
            allowed,
            lengths,
            now: allowed,
        }
    }

    /// Of each code (as `u8`): a weight is moved one code towards zero if it is less than this many steps beyond its code.
    pub fn limits(&self, price: f64) -> [f32; SYMBOLS] {
        std::array::from_fn(|symbol| {
            let code = symbol as u8 as i8;
            let nearer = (code - code.signum()) as u8;
            let saved = self.lengths[symbol] - self.lengths[usize::from(nearer)];
            (0.5 * (price * f64::from(saved) - 1.0)) as f32
        })
    }

    /// Moves nearest codes of some weights of one scale by the limits.
    pub fn lower(limits: &[f32; SYMBOLS], w: &[f32], scale: f32, codes: &mut [i8]) {
        let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
        for (w, code) in w.iter().zip(codes) {
            let sign = code.signum();
            let beyond = f32::from(sign) * (w * inverse - f32::from(*code));
            if beyond < limits[usize::from(*code as u8)] {
                *code -= sign;
            }
        }
    }

    /// Counts the codes of a rounding.
    pub fn count(&mut self, compute: &Compute, codes: &[i8], cols: usize) {
        self.now = bits(&Counts::of(compute, codes, cols), &self.lengths);
    }
}

fn bits(counts: &Counts, lengths: &[f32; SYMBOLS]) -> f64 {
    let pairs = counts.0.iter().zip(lengths);
    pairs
        .map(|(count, length)| *count as f64 * f64::from(*length))
        .sum()
}
