//! Scales of the symmetric integer grid.

use super::quantize::bits_at;
use crate::dispatch::CodeRange;
use crate::reference::scales::{self as plain, COARSE};
use crate::simd::{self, MAX_LANES, Simd};

/// Weights that one step of a scale search looks at.
const CHUNK: usize = 256;
/// Adding and subtracting 1.5 * 2^23 rounds to a whole number, ties to even, where |x| < 2^22.
const ROUND: f32 = 12_582_912.0;

/// Room for the survivors of a chunk, and for what a vector writes behind them.
type Kept = [f32; CHUNK + MAX_LANES];

/// The survivors of up to [`CHUNK`] weights, moved to the front of `kept`, then zeros for a whole vector. Returns how many.
#[inline(always)]
fn survivors<S: Simd>(
    simd: S,
    w: &[f32],
    mask: Option<&[u8]>,
    mask_bit: usize,
    kept: &mut Kept,
) -> usize {
    assert!(w.len() <= CHUNK);
    let mut count = 0;
    match mask {
        None => {
            kept[..w.len()].copy_from_slice(w);
            count = w.len();
        }
        Some(mask) => {
            let mut at = mask_bit;
            for lanes in w.chunks(S::LANES) {
                let bits = bits_at(mask, at, lanes.len());
                let v = match lanes.len() == S::LANES {
                    true => simd::load(simd, lanes),
                    false => simd::load_part(simd, lanes, 0.0),
                };
                // SAFETY: at most CHUNK survivors lie before this place, and a whole vector fits behind them.
                unsafe { simd.store_chosen(v, bits, kept.as_mut_ptr().add(count)) };
                count += bits.count_ones() as usize;
                at += lanes.len();
            }
        }
    }
    kept[count..count + MAX_LANES].fill(0.0);
    count
}

/// Largest absolute value of the first `count`, and of `largest`; NaN is passed over.
#[inline(always)]
fn absmax_of<S: Simd>(simd: S, kept: &Kept, count: usize, largest: S::F) -> S::F {
    let mut largest = largest;
    for lanes in kept[..count.next_multiple_of(S::LANES)].chunks_exact(S::LANES) {
        largest = simd.max(simd.abs(simd::load(simd, lanes)), largest);
    }
    largest
}

/// Largest lane, at least 0.
#[inline(always)]
fn largest_lane<S: Simd>(simd: S, v: S::F) -> f32 {
    let mut lanes = [0.0f32; MAX_LANES];
    simd::store(simd, v, &mut lanes);
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let [a, b, c, d] = quarters(&lanes);
    let four: [f32; 4] = std::array::from_fn(|i| larger(larger(a[i], b[i]), larger(c[i], d[i])));
    larger(
        larger(larger(0.0, four[0]), four[1]),
        larger(four[2], four[3]),
    )
}

/// Four and four, so that the compiler takes four at a time.
#[inline(always)]
fn quarters(lanes: &[f32; MAX_LANES]) -> [&[f32; 4]; 4] {
    let (quarters, _) = lanes.as_chunks();
    std::array::from_fn(|i| &quarters[i])
}

/// Largest absolute value over the survivors.
#[inline(always)]
fn absmax<S: Simd>(simd: S, w: &[f32], mask: Option<&[u8]>, mask_bit: usize) -> f32 {
    let mut kept = [0.0; CHUNK + MAX_LANES];
    let mut largest = simd.splat(0.0);
    for (chunk, w) in w.chunks(CHUNK).enumerate() {
        let count = survivors(simd, w, mask, mask_bit + chunk * CHUNK, &mut kept);
        largest = absmax_of(simd, &kept, count, largest);
    }
    largest_lane(simd, largest)
}

/// The plain form is [`crate::reference::scales::absmax_scale`]: the largest of all values whose mask bit is 1.
///
/// Departures:
///
/// 1. The survivors of up to 256 weights are gathered first ([`survivors`]), without a branch on each mask bit.
/// 2. The largest is kept lane by lane, and the largest lane is taken at the end. The largest does not depend on the order, so
///    the bits are the same.
#[inline(always)]
pub(crate) fn absmax_scale<S: Simd>(
    simd: S,
    w: &[f32],
    mask: Option<&[u8]>,
    mask_bit: usize,
    range: CodeRange,
) -> f32 {
    match absmax(simd, w, mask, mask_bit) {
        0.0 => 0.0,
        largest => plain::round_scale(largest / f32::from(range.hi)),
    }
}

/// Room for the candidates of the first step, in whole vectors of every instruction set.
const CANDIDATE_LANES: usize = 16;

/// The plain form is [`crate::reference::scales::fit_scale`]: for one candidate after the other, the error of all survivors.
///
/// Departures:
///
/// 1. The survivors are gathered once ([`survivors`]). Pruned weights then cost nothing. A group of more than 256 weights is
///    gathered in every pass.
/// 2. In the first step the lanes are candidates, and each survivor is held against all of them. In the second step, of two
///    candidates, the lanes are survivors.
/// 3. The distance to the grid uses the reciprocal of the scale, and rounds by adding and subtracting a large number
///    ([`Grid::add_error`]). Both may choose the other neighbour where a weight lies in the middle between two; its error
///    is the same.
/// 4. Errors are summed in another order. Where two candidates are as good, another one may win.
#[inline(always)]
pub(crate) fn fit_scale<S: Simd>(
    simd: S,
    w: &[f32],
    mask: Option<&[u8]>,
    mask_bit: usize,
    range: CodeRange,
) -> f32 {
    let mut kept = [0.0; CHUNK + MAX_LANES];
    let mut errors = [0.0; CANDIDATE_LANES];
    let mut count = 0;
    // The survivors of the usual group are gathered once, those of a longer one in every pass.
    let is_usual = w.len() <= CHUNK;
    let largest = if is_usual {
        count = survivors(simd, w, mask, mask_bit, &mut kept);
        largest_lane(simd, absmax_of(simd, &kept, count, simd.splat(0.0)))
    } else {
        absmax(simd, w, mask, mask_bit)
    };
    if largest == 0.0 {
        return 0.0;
    }
    let scales = candidates(simd, largest, range);
    for (chunk, w) in w.chunks(CHUNK).enumerate() {
        if !is_usual {
            count = survivors(simd, w, mask, mask_bit + chunk * CHUNK, &mut kept);
        }
        let coarse = scales.first_chunk().expect("more scales than that");
        add_errors(simd, &kept[..count], coarse, range, &mut errors);
    }
    let first = plain::round_scale(largest / f32::from(range.hi));
    let mut best = (f32::INFINITY, first, 0);
    for (index, (error, scale)) in errors.into_iter().zip(scales).enumerate().take(COARSE) {
        if error < best.0 {
            best = (error, scale, 2 * index);
        }
    }
    for index in plain::neighbours(best.2) {
        let scale = scales[CANDIDATE_LANES + index / 2];
        let mut error = 0.0;
        for (chunk, w) in w.chunks(CHUNK).enumerate() {
            if !is_usual {
                count = survivors(simd, w, mask, mask_bit + chunk * CHUNK, &mut kept);
            }
            error += chunk_error(simd, &kept, count, scale, range);
        }
        if error < best.0 {
            best = (error, scale, index);
        }
    }
    best.1
}

/// Clipping factors: those of the first step, and from [`CANDIDATE_LANES`] on those between them. The unused repeat the last.
const FACTORS: [f32; 2 * CANDIDATE_LANES] = {
    let mut factors = [0.0; 2 * CANDIDATE_LANES];
    let mut lane = 0;
    while lane < CANDIDATE_LANES {
        let step = if lane < COARSE { lane } else { COARSE - 1 };
        factors[lane] = plain::factor(2 * step);
        factors[CANDIDATE_LANES + lane] = plain::factor(2 * step + 1);
        lane += 1;
    }
    factors
};

/// The candidates in the order of [`FACTORS`], as files store them.
#[inline(always)]
fn candidates<S: Simd>(simd: S, largest: f32, range: CodeRange) -> [f32; 2 * CANDIDATE_LANES] {
    let mut scales = [0.0; 2 * CANDIDATE_LANES];
    let (largest, hi) = (simd.splat(largest), simd.splat(f32::from(range.hi)));
    let (low, high) = (
        simd.splat(plain::SMALLEST_SCALE),
        simd.splat(plain::LARGEST_SCALE),
    );
    let lanes = FACTORS.chunks_exact(S::LANES);
    for (factors, scales) in lanes.zip(scales.chunks_exact_mut(S::LANES)) {
        let scale = simd.div(simd.mul(simd::load(simd, factors), largest), hi);
        simd::store(simd, simd.min(simd.max(scale, low), high), scales);
    }
    let mut narrow = [0; 2 * CANDIDATE_LANES];
    simd.f32_to_f16(&scales, &mut narrow);
    simd.f16_to_f32(&narrow, &mut scales);
    scales
}

/// Adds the squared distance of every weight to its nearest grid value, for each candidate.
#[inline(always)]
fn add_errors<S: Simd>(
    simd: S,
    kept: &[f32],
    scales: &[f32; CANDIDATE_LANES],
    range: CodeRange,
    errors: &mut [f32; CANDIDATE_LANES],
) {
    // Two vectors, each with two sums, are as much as 16 registers hold.
    if S::LANES == 16 {
        add_errors_of::<S, 1>(simd, kept, scales, range, errors);
    } else {
        let parts = scales.chunks_exact(2 * S::LANES);
        for (scales, errors) in parts.zip(errors.chunks_exact_mut(2 * S::LANES)) {
            add_errors_of::<S, 2>(simd, kept, scales, range, errors);
        }
    }
}

/// [`add_errors`] for `N` vectors of candidates, held in registers. Weights alternate between two sums: one would wait for
/// its own last addition.
#[inline(always)]
fn add_errors_of<S: Simd, const N: usize>(
    simd: S,
    kept: &[f32],
    scales: &[f32],
    range: CodeRange,
    errors: &mut [f32],
) {
    let grid = Grid::new(simd, range);
    let mut scale = [simd.splat(0.0); N];
    let mut inverse = scale;
    let mut sums = [scale; 2];
    for v in 0..N {
        scale[v] = simd::load(simd, &scales[v * S::LANES..]);
        inverse[v] = simd.div(simd.splat(1.0), scale[v]);
    }
    let (pairs, rest) = kept.as_chunks::<2>();
    for pair in pairs {
        for k in 0..2 {
            let w = simd.splat(pair[k]);
            for v in 0..N {
                sums[k][v] = grid.add_error(simd, w, scale[v], inverse[v], sums[k][v]);
            }
        }
    }
    for w in rest {
        let w = simd.splat(*w);
        for v in 0..N {
            sums[0][v] = grid.add_error(simd, w, scale[v], inverse[v], sums[0][v]);
        }
    }
    for v in 0..N {
        let errors = &mut errors[v * S::LANES..];
        let sum = simd.add(sums[0][v], sums[1][v]);
        simd::store(simd, simd.add(simd::load(simd, errors), sum), errors);
    }
}

/// The plain form is [`crate::reference::scales::grid_error`]: the squared distances of one survivor after the other.
///
/// The departures are the first and the last two of [`fit_scale`].
#[inline(always)]
pub(crate) fn grid_error<S: Simd>(
    simd: S,
    w: &[f32],
    mask: Option<&[u8]>,
    mask_bit: usize,
    scale: f32,
    range: CodeRange,
) -> f32 {
    let mut kept = [0.0; CHUNK + MAX_LANES];
    let mut error = 0.0;
    for (chunk, w) in w.chunks(CHUNK).enumerate() {
        let count = survivors(simd, w, mask, mask_bit + chunk * CHUNK, &mut kept);
        error += chunk_error(simd, &kept, count, scale, range);
    }
    error
}

/// Squared distance of the first `count` survivors (zeros follow) to their nearest grid values.
#[inline(always)]
fn chunk_error<S: Simd>(simd: S, kept: &Kept, count: usize, scale: f32, range: CodeRange) -> f32 {
    let grid = Grid::new(simd, range);
    let (scale, inverse) = (simd.splat(scale), simd.splat(1.0 / scale));
    let mut sum = simd.splat(0.0);
    for lanes in kept[..count.next_multiple_of(S::LANES)].chunks_exact(S::LANES) {
        sum = grid.add_error(simd, simd::load(simd, lanes), scale, inverse, sum);
    }
    let mut lanes = [0.0; MAX_LANES];
    simd::store(simd, sum, &mut lanes);
    let [a, b, c, d] = quarters(&lanes);
    (0..4).map(|i| (a[i] + b[i]) + (c[i] + d[i])).sum()
}

/// Limits of a grid, in registers.
struct Grid<S: Simd> {
    lo: S::F,
    hi: S::F,
    round: S::F,
}

impl<S: Simd> Grid<S> {
    #[inline(always)]
    fn new(simd: S, range: CodeRange) -> Self {
        Self {
            lo: simd.splat(f32::from(range.lo)),
            hi: simd.splat(f32::from(range.hi)),
            round: simd.splat(ROUND),
        }
    }

    /// `sum + (w - nearest grid value)^2`.
    #[inline(always)]
    fn add_error(&self, simd: S, w: S::F, scale: S::F, inverse: S::F, sum: S::F) -> S::F {
        let code = simd.sub(simd.mul_add(w, inverse, self.round), self.round);
        let code = simd.max(simd.min(code, self.hi), self.lo);
        let distance = simd.neg_mul_add(code, scale, w);
        simd.mul_add(distance, distance, sum)
    }
}
