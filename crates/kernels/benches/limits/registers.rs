//! What simd128 can do at most: it has no fused multiply-add, so a product does one addition and one multiplication a vector.

use crate::measure::{Bench, Unit};
use std::arch::wasm32::*;
use std::hint::black_box;

const TURNS: usize = 100_000;
const SUMS: usize = 8;

/// Eight sums that stay in registers: no product does more a second.
pub fn registers(bench: &Bench) {
    let work = (TURNS * SUMS * 4 * 2) as f64;
    bench.row("multiply and add in registers", Unit::Gflops, work, || {
        black_box(turns(black_box(0.999)));
    });
}

/// A function of its own: engines compile what is called again, and not what is still running.
#[inline(never)]
fn turns(factor: f32) -> f32 {
    let factor = f32x4_splat(factor);
    let mut sums = [factor; SUMS];
    for _ in 0..TURNS {
        for sum in &mut sums {
            *sum = f32x4_add(f32x4_mul(*sum, factor), factor);
        }
    }
    let all = sums.into_iter().reduce(|a, b| f32x4_add(a, b));
    f32x4_extract_lane::<0>(all.unwrap_or(factor))
}
