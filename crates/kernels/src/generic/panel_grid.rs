//! The grid inside a column loop: which code a weight gets, and what a reader makes of it.

use super::panel_scratch::Scratch;
use super::quantize::quantize;
use super::strip::VECTORS;
use crate::dispatch::{PanelQuant, Product};
use crate::panels::MAX_WIDTH;
use crate::simd::Simd;
use std::ops::Range;

/// The grid of a panel.
#[derive(Clone, Copy)]
pub(super) struct Grid<S: Simd> {
    lo: S::F,
    hi: S::F,
    splitter: Option<S::F>,
}

impl<S: Simd> Grid<S> {
    #[inline(always)]
    pub fn new(simd: S, quant: &PanelQuant<'_>) -> Self {
        let (lo, hi) = (f32::from(quant.range.lo), f32::from(quant.range.hi));
        Self {
            lo: simd.splat(lo),
            hi: simd.splat(hi),
            splitter: splitter(quant.product).map(|splitter| simd.splat(splitter)),
        }
    }
}

/// What rounds an f32 to fewer bits by two differences (Veltkamp): 1 + 2^(bits of the fraction that go). Values too small
/// for f16 keep more bits than it has, which is no matter here: only the error that is passed on sees them.
fn splitter(product: Product) -> Option<f32> {
    match product {
        Product::F32 => None,
        Product::F16 => Some(8193.0),
        Product::BF16 => Some(65537.0),
    }
}

/// The final values of column `j` in vector `v` of the strip, where `t` would be best and a deviation x costs
/// `weight` x^2: 0 if pruned, else a value of the grid (if `PRICED` the cheapest, else the nearest), else `t` itself.
#[inline(always)]
pub(super) fn choose<S: Simd, const PRICED: bool>(
    simd: S,
    grid: Option<Grid<S>>,
    scratch: &mut Scratch,
    (t, weight): (S::F, S::F),
    (j, v): (usize, usize),
) -> S::F {
    let q = match grid {
        None => t,
        Some(grid) => {
            let group = scratch.group[j % MAX_WIDTH] as usize;
            let place = (group * VECTORS + v) * S::LANES;
            // SAFETY: the scratch has a scale for each row of the strip in each group.
            let (scale, inverse) = unsafe {
                let scale = simd.load(scratch.scales().add(place));
                (scale, simd.load(scratch.inverse_scales().add(place)))
            };
            let place = simd.min(simd.max(simd.mul(t, inverse), grid.lo), grid.hi);
            let code = match PRICED {
                true => cheapest(simd, scratch.prices(), place, t, scale, weight),
                false => simd.round(place),
            };
            let product = simd.mul(code, scale);
            match grid.splitter {
                None => product,
                Some(splitter) => {
                    let large = simd.mul(product, splitter);
                    simd.sub(large, simd.sub(large, product))
                }
            }
        }
    };
    keep(simd, scratch, q, (j, v))
}

/// `q` where column `j` of vector `v` of the strip is kept, else 0. Columns of padding keep nothing.
#[inline(always)]
pub(super) fn keep<S: Simd>(simd: S, scratch: &Scratch, q: S::F, (j, v): (usize, usize)) -> S::F {
    let bits = (scratch.keep[j % MAX_WIDTH] >> (v * S::LANES)) as u32;
    simd.select_bits(bits, q, simd.splat(0.0))
}

/// The first of the codes below and above `place` and 0 with the least cost: error and length.
#[inline(always)]
fn cheapest<S: Simd>(
    simd: S,
    prices: &[f32; 256],
    place: S::F,
    t: S::F,
    scale: S::F,
    weight: S::F,
) -> S::F {
    let (zero, one) = (simd.splat(0.0), simd.splat(1.0));
    let nearest = simd.round(place);
    let below = simd.select_lt(place, nearest, simd.sub(nearest, one), nearest);
    let above = simd.select_lt(below, place, simd.add(below, one), below);
    // Functions, not closures, which would not be inlined for sure.
    let cost = simd.mul_add(
        error(simd, below, scale, t),
        weight,
        simd.lookup(prices, below),
    );
    let other = simd.mul_add(
        error(simd, above, scale, t),
        weight,
        simd.lookup(prices, above),
    );
    let code = simd.select_lt(other, cost, above, below);
    let cost = simd.min(other, cost);
    let other = simd.mul_add(simd.mul(t, t), weight, simd.splat(prices[0]));
    simd.select_lt(other, cost, zero, code)
}

/// The squared distance of a code's value to `t`.
#[inline(always)]
fn error<S: Simd>(simd: S, code: S::F, scale: S::F, t: S::F) -> S::F {
    let d = simd.neg_mul_add(code, scale, t);
    simd.mul(d, d)
}

/// Codes of the finished values of some rows: a value on the grid divided by its scale rounds to its code.
#[inline(always)]
pub(super) fn write_codes<S: Simd>(
    simd: S,
    quant: &mut PanelQuant<'_>,
    (values, stride): (&[f32], usize),
    width: usize,
    rows: Range<usize>,
) {
    let span = quant.group.clamp(1, width.max(1));
    for r in rows {
        let values = &values[r * stride..][..width];
        let codes = &mut quant.codes[r * width..][..width];
        let scales = &quant.scales[r * quant.scale_stride..];
        for ((values, codes), scale) in values.chunks(span).zip(codes.chunks_mut(span)).zip(scales)
        {
            quantize(simd, values, *scale, quant.range, codes);
        }
    }
}
