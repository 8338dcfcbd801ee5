//! Products with codes by plain loops: code by code, as the layout of [`crate::compact`] says.

use crate::compact::{BLOCK, CompactRows, Width, column};

/// See [`crate::Kernels::spread_nibbles`].
pub(crate) fn spread_nibbles(codes: &[u8], masks: &[u64], out: &mut [u8]) {
    let mut first = 0;
    for (mask, out) in masks.iter().zip(out.chunks_exact_mut(BLOCK / 2)) {
        out.fill(0);
        let mut taken = 0;
        for place in (0..BLOCK).filter(|place| mask >> place & 1 == 1) {
            let code = codes[first + taken / 2] >> (4 * (taken % 2)) & 15;
            out[place / 2] |= code << (4 * (place % 2));
            taken += 1;
        }
        first += taken.div_ceil(2);
    }
}

/// See [`crate::Kernels::spread_bytes`].
pub(crate) fn spread_bytes(codes: &[u8], masks: &[u64], out: &mut [u8]) {
    let mut codes = codes.iter();
    for (mask, out) in masks.iter().zip(out.chunks_exact_mut(BLOCK)) {
        for (place, out) in out.iter_mut().enumerate() {
            *out = match mask >> place & 1 {
                1 => codes.next().copied().unwrap_or(0),
                _ => 0,
            };
        }
    }
}

/// See [`crate::Kernels::compact_product`].
pub(crate) fn compact_product(rows: &CompactRows<'_>, x: &[f32], tokens: usize, out: &mut [f32]) {
    rows.check();
    let padded = rows.blocks * BLOCK;
    for token in 0..tokens {
        let x = &x[token * padded..][..padded];
        for row in 0..rows.rows {
            let mut total = 0.0;
            for group in 0..rows.groups() {
                let blocks = group * rows.group..rows.blocks.min((group + 1) * rows.group);
                let cols = blocks.start * BLOCK..blocks.end * BLOCK;
                let products = cols.clone().zip(&x[cols]);
                let sum: f32 = products.map(|(col, x)| code(rows, row, col) * x).sum();
                total += scale(rows, row, group) * sum;
            }
            out[token * rows.rows + row] = total;
        }
    }
}

/// See [`crate::Kernels::compact_decode`].
pub(crate) fn compact_decode(rows: &CompactRows<'_>, cols: usize, out: &mut [f32]) {
    rows.check();
    for (row, out) in out.chunks_exact_mut(cols).enumerate().take(rows.rows) {
        for (col, out) in out.iter_mut().enumerate() {
            *out = code(rows, row, col) * scale(rows, row, col / BLOCK / rows.group);
        }
    }
}

/// The code, or the bf16, of a weight.
fn code(rows: &CompactRows<'_>, row: usize, col: usize) -> f32 {
    let bytes = rows.width.block_bytes();
    let block = &rows.codes[(row * rows.blocks + col / BLOCK) * bytes..][..bytes];
    let col = col % BLOCK;
    match rows.width {
        Width::Four => {
            let place = 4 * (col % 16) + col / 16;
            debug_assert_eq!(column(place), col);
            let top = block[place / 2] << (4 * (1 - place % 2));
            f32::from(top as i8 >> 4)
        }
        Width::Eight => f32::from(block[col] as i8),
        Width::Sixteen => {
            let half = u16::from_le_bytes([block[2 * col], block[2 * col + 1]]);
            f32::from_bits(u32::from(half) << 16)
        }
    }
}

fn scale(rows: &CompactRows<'_>, row: usize, group: usize) -> f32 {
    match rows.width {
        Width::Sixteen => 1.0,
        _ => rows.scales[row * rows.groups() + group],
    }
}
