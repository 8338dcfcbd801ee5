//! The grid inside a column loop: which code a weight gets, and what a reader makes of it.

use super::convert;
use super::quantize::grid_code;
use crate::dispatch::{CodeRange, PanelQuant, Price, Product};

/// Code and value of a weight whose best value is `t`, where a deviation x costs `weight` x^2.
pub(super) fn choose(quant: &PanelQuant<'_>, t: f32, scale: f32, weight: f32) -> (i8, f32) {
    let code = match quant.price {
        _ if scale == 0.0 => 0.0,
        None => grid_code(t, scale, quant.range),
        Some(price) => priced_code(t, scale, quant.range, weight, price),
    };
    (code as i8, product(code * scale, quant.product))
}

/// The first of the codes below and above `t` and 0 with the least cost: error and length. NaN gives the lowest code or 0.
fn priced_code(t: f32, scale: f32, range: CodeRange, weight: f32, price: Price<'_>) -> f32 {
    let (lo, hi) = (f32::from(range.lo), f32::from(range.hi));
    let place = t / scale;
    let place = if place > lo { place } else { lo };
    let place = if place < hi { place } else { hi };
    let cost = |code: f32| {
        let d = code * scale - t;
        weight * (d * d) + price.lambda * price.bits[usize::from(code as i8 as u8)]
    };
    let mut best = (cost(place.floor()), place.floor());
    for code in [place.ceil(), 0.0] {
        let cost = cost(code);
        if cost < best.0 {
            best = (cost, code);
        }
    }
    best.1
}

/// Rounded to the type in which it is computed.
fn product(value: f32, product: Product) -> f32 {
    match product {
        Product::F32 => value,
        Product::F16 => convert::widen_f16(convert::narrow_f16(value)),
        Product::BF16 => f32::from_bits(u32::from(convert::narrow_bf16(value)) << 16),
    }
}
