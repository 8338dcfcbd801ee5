//! The rows of the table whose arguments depend on one another.

use super::argument::{Argument, Numbers};
use super::{Draw, Outcome};
use crate::Kernels;
use crate::dispatch::{AdamStep, CodeRange, DescentPanel, MixturePrior, ObsPanel};
use crate::panels::MAX_WIDTH;
use crate::sparse::{PANEL, Panel, TILE};

/// The numbers of several parts of an outcome, one after the other.
macro_rules! numbers {
    ($($part:expr),*) => {{
        let mut outcome = Outcome::new();
        $($part.append_to(&mut outcome);)*
        outcome
    }};
}

/// The outcome of each instruction set.
fn each(instances: &[Kernels], run: impl Fn(&Kernels) -> Outcome) -> Vec<Outcome> {
    instances.iter().map(run).collect()
}

/// The prefix is that of one of the scores, so that some are counted.
pub(super) fn histogram(instances: &[Kernels], draw: &mut Draw) -> Vec<Outcome> {
    let scores: Vec<f32> = draw.values(draw.len).iter().map(|w| w.abs()).collect();
    let one = scores.first().map_or(0, |score| score.to_bits());
    let digits = [(20, 0), (9, one >> 20), (0, one >> 9)];
    let (shift, prefix) = digits[draw.noise.below(3)];
    each(instances, |kernels| {
        let mut hist = [3u32; 2048];
        kernels.histogram(&scores, shift, prefix, &mut hist);
        numbers!(hist)
    })
}

/// Two scales may be as good as one another to the last bit of their errors: the errors are compared, in f64.
pub(super) fn fit_scale(instances: &[Kernels], draw: &mut Draw) -> Vec<Outcome> {
    let w = draw.values(draw.len);
    let mut mask = <Option<&[u8]> as Argument>::draw(draw);
    let mask = <Option<&[u8]> as Argument>::lend(&mut mask);
    let bit = <usize as Argument>::draw(draw);
    let range = <CodeRange as Argument>::draw(draw);
    each(instances, |kernels| {
        match kernels.fit_scale(&w, mask, bit, range) {
            0.0 => numbers!(0.0f32),
            scale => numbers!(Kernels::reference().grid_error(&w, mask, bit, scale, range)),
        }
    })
}

pub(super) fn compact_codes(instances: &[Kernels], draw: &mut Draw) -> Vec<Outcome> {
    let codes = draw.bits(draw.len, |bits| bits as i8);
    let mask = draw.bits(draw.len.div_ceil(8), |bits| bits as u8);
    each(instances, |kernels| {
        let mut out = vec![0; codes.len()];
        let count = kernels.compact_codes(&codes, &mask, &mut out);
        numbers!(count, out[..count])
    })
}

pub(super) fn compact_values(instances: &[Kernels], draw: &mut Draw) -> Vec<Outcome> {
    let values = draw.values(draw.len);
    let mask = draw.bits(draw.len.div_ceil(8), |bits| bits as u8);
    each(instances, |kernels| {
        let mut out = vec![0.0; values.len()];
        let count = kernels.compact_values(&values, &mask, &mut out);
        numbers!(count, out[..count])
    })
}

/// Bits of a code, and bytes of all codes.
fn width(draw: &mut Draw) -> (u32, usize) {
    let bits = 2 + draw.noise.below(7);
    (bits as u32, (draw.len * bits).div_ceil(8))
}

pub(super) fn pack_bits(instances: &[Kernels], draw: &mut Draw) -> Vec<Outcome> {
    let (bits, bytes) = width(draw);
    let unused = 32 - bits;
    let codes = draw.bits(draw.len, |word| ((word << unused) as i32 >> unused) as i8);
    each(instances, |kernels| {
        let mut out = vec![0xaau8; bytes];
        kernels.pack_bits(&codes, bits, &mut out);
        numbers!(out)
    })
}

pub(super) fn unpack_bits(instances: &[Kernels], draw: &mut Draw) -> Vec<Outcome> {
    let (bits, bytes) = width(draw);
    let packed = draw.bits(bytes, |word| word as u8);
    let len = draw.len;
    each(instances, |kernels| {
        let mut codes = vec![99i8; len];
        kernels.unpack_bits(&packed, bits, &mut codes);
        numbers!(codes)
    })
}

/// The shape of a panel: rows, and columns of its block.
fn shape(draw: &mut Draw) -> (usize, usize) {
    let width = 1 + draw.len.min(MAX_WIDTH - 1);
    (1 + draw.noise.below(70), width)
}

/// Without a grid. With one, two instruction sets may choose different codes where two are as good: `tests/obs.rs` asks of
/// each choice whether it was right.
pub(super) fn obs_panel(instances: &[Kernels], draw: &mut Draw) -> Vec<Outcome> {
    let (rows, width) = shape(draw);
    let w = draw.noise.fill(rows * width);
    // A factor whose rows fall off, as those of real inverse Hessians do.
    let mut u = draw.noise.fill(width * width);
    for (at, u) in u.iter_mut().enumerate() {
        let (j, k) = (at / width, at % width);
        *u = match j == k {
            true => 0.5 + u.abs(),
            false => *u * 0.4 / (1.0 + j.abs_diff(k) as f32),
        };
    }
    let mask_stride = width.div_ceil(8);
    let mask = draw.bits(rows * mask_stride, |bits| bits as u8);
    each(instances, |kernels| {
        let (mut w, mut err) = (w.clone(), vec![f32::NAN; rows * width]);
        kernels.obs_panel(ObsPanel {
            w: &mut w,
            w_stride: width,
            err: &mut err,
            rows,
            width,
            u: &u,
            u_stride: width,
            mask: Some(&mask),
            mask_stride,
            quant: None,
        });
        numbers!(w, err)
    })
}

/// Without a grid, as [`obs_panel`]; `tests/descent` has the grid.
pub(super) fn descent_panel(instances: &[Kernels], draw: &mut Draw) -> Vec<Outcome> {
    let (rows, width) = shape(draw);
    let (q, g) = (draw.noise.fill(rows * width), draw.noise.fill(rows * width));
    // Symmetric, the diagonal larger than the rest of a row.
    let mut h = vec![0.0; width * width];
    for j in 0..width {
        for k in 0..j {
            let value = draw.noise.value() / width as f32;
            (h[j * width + k], h[k * width + j]) = (value, value);
        }
        h[j * width + j] = 1.0 + draw.noise.value().abs();
    }
    let mask_stride = width.div_ceil(8);
    let mask = draw.bits(rows * mask_stride, |bits| bits as u8);
    each(instances, |kernels| {
        let (mut q, mut g) = (q.clone(), g.clone());
        let mut delta = vec![f32::NAN; rows * width];
        kernels.descent_panel(DescentPanel {
            q: &mut q,
            q_stride: width,
            g: &mut g,
            g_stride: width,
            delta: &mut delta,
            rows,
            width,
            h: &h,
            h_stride: width,
            mask: Some(&mask),
            mask_stride,
            quant: None,
        });
        numbers!(q, g, delta)
    })
}

pub(super) fn transpose(instances: &[Kernels], draw: &mut Draw) -> Vec<Outcome> {
    let (rows, cols) = (draw.noise.below(40), draw.len.min(300));
    let stride = cols + draw.noise.below(3);
    let x = draw.values(rows * stride);
    each(instances, |kernels| {
        let mut out = vec![7.0f32; cols * rows];
        kernels.transpose(&x, stride, cols, &mut out);
        numbers!(out)
    })
}

/// Means of squares are not below 0; a third of the weights are 0, and may be held.
pub(super) fn adamw_step(instances: &[Kernels], draw: &mut Draw) -> Vec<Outcome> {
    let [mut values, grad, first, mut second] = [(); 4].map(|()| draw.values(draw.len));
    for (at, (value, second)) in values.iter_mut().zip(&mut second).enumerate() {
        *second *= *second;
        if at % 3 == 1 {
            *value = 0.0;
        }
    }
    let prior = MixturePrior {
        offset: -4.0,
        slope: 9.0,
        spike: 0.5,
        slab: 0.01,
    };
    let step = AdamStep {
        rate: 0.01,
        beta1: 0.9,
        beta2: 0.98,
        eps: 1e-3,
        weight_decay: 0.1,
        correction1: 0.4,
        correction2: 0.1,
        scale: 0.3,
        prior: (draw.noise.below(2) > 0).then_some(prior),
        hold_zeros: draw.noise.below(2) > 0,
    };
    each(instances, |kernels| {
        let (mut values, mut first, mut second) = (values.clone(), first.clone(), second.clone());
        kernels.adamw_step(&mut values, &grad, &mut first, &mut second, step);
        numbers!(values, first, second)
    })
}

/// Tokens of a tile, and columns of its matrix.
fn tile(draw: &mut Draw) -> (usize, usize) {
    (draw.noise.below(TILE + 1), 1 + draw.len.min(300))
}

/// Only the tokens themselves: how many lanes of padding there are depends on the instruction set.
pub(super) fn sparse_pack(instances: &[Kernels], draw: &mut Draw) -> Vec<Outcome> {
    let (tokens, cols) = tile(draw);
    let stride = cols + draw.noise.below(3);
    let x = draw.values(tokens * stride);
    each(instances, |kernels| {
        let mut out = vec![7.0f32; cols * TILE];
        kernels.sparse_pack(&x, stride, cols, tokens, &mut out);
        let mut outcome = Outcome::new();
        for row in out.chunks_exact(TILE) {
            row[..tokens].append_to(&mut outcome);
        }
        outcome
    })
}

/// A panel of which about two of three weights are 0.
fn panel(draw: &mut Draw, cols: usize) -> Panel {
    let rows = 1 + draw.noise.below(PANEL);
    let mut dense = draw.noise.fill(rows * cols);
    for value in &mut dense {
        if draw.noise.below(3) > 0 {
            *value = 0.0;
        }
    }
    let nonzeros = dense.iter().filter(|value| **value != 0.0).count();
    Panel::new(&dense, cols, nonzeros)
}

pub(super) fn sparse_tile(instances: &[Kernels], draw: &mut Draw) -> Vec<Outcome> {
    let (tokens, cols) = tile(draw);
    let panel = panel(draw, cols);
    let packed = draw.noise.fill(cols * TILE);
    each(instances, |kernels| {
        let (mut sums, mut out) = (vec![0.0; PANEL * TILE], vec![0.0f32; TILE * PANEL]);
        kernels.sparse_tile(&panel, &packed, tokens, &mut sums, &mut out);
        let mut outcome = Outcome::new();
        for row in out.chunks_exact(PANEL).take(tokens) {
            row[..panel.rows()].append_to(&mut outcome);
        }
        outcome
    })
}

pub(super) fn sparse_row(instances: &[Kernels], draw: &mut Draw) -> Vec<Outcome> {
    let (_, cols) = tile(draw);
    let panel = panel(draw, cols);
    let x = draw.noise.fill(cols);
    each(instances, |kernels| {
        let mut out = vec![0.0f32; PANEL];
        kernels.sparse_row(&panel, &x, &mut out);
        numbers!(out[..panel.rows()])
    })
}
