//! Products with codes. [`crate::compact`] says how they lie.

use crate::compact::{BLOCK, CompactRows, Width};
use crate::reference;
use crate::simd::{MAX_LANES, Simd};

/// The plain form is [`crate::reference::compact::spread_nibbles`]: place by place.
///
/// Departure: a block at a time where the machine expands vectors. Elsewhere it is the plain form, and no matrix is stored with masks
/// ([`crate::Kernels::spreads_codes`]).
#[inline(always)]
pub(crate) fn spread_nibbles<S: Simd>(simd: S, codes: &[u8], masks: &[u64], out: &mut [u8]) {
    if !simd.expand_nibbles(codes, masks, out) {
        reference::compact::spread_nibbles(codes, masks, out);
    }
}

/// The plain form is [`crate::reference::compact::spread_bytes`]: place by place. The departure is that of [`spread_nibbles`].
#[inline(always)]
pub(crate) fn spread_bytes<S: Simd>(simd: S, codes: &[u8], masks: &[u64], out: &mut [u8]) {
    if !simd.expand_bytes(codes, masks, out) {
        reference::compact::spread_bytes(codes, masks, out);
    }
}

/// How the weights of a block become vectors.
trait Block {
    /// Bytes of a block.
    const BYTES: usize;

    /// Vector k holds the columns 16 k + `lane` and those that follow.
    ///
    /// # Safety
    /// A whole block is readable at `block`; `lane` is a multiple of the lanes, below 16.
    unsafe fn vectors<S: Simd>(simd: S, block: *const u8, lane: usize) -> [S::F; 4];
}

struct Nibbles;
struct Signed;
struct Halves;

impl Block for Nibbles {
    const BYTES: usize = Width::Four.block_bytes();

    #[inline(always)]
    unsafe fn vectors<S: Simd>(simd: S, block: *const u8, lane: usize) -> [S::F; 4] {
        // SAFETY: the caller's promise; a lane is two bytes.
        let words = unsafe { simd.load_u16(block.add(2 * lane)) };
        [
            simd.nibbles(words, 0),
            simd.nibbles(words, 4),
            simd.nibbles(words, 8),
            simd.nibbles(words, 12),
        ]
    }
}

impl Block for Signed {
    const BYTES: usize = Width::Eight.block_bytes();

    #[inline(always)]
    unsafe fn vectors<S: Simd>(simd: S, block: *const u8, lane: usize) -> [S::F; 4] {
        // SAFETY: the caller's promise; a column is a byte.
        unsafe {
            let at = block.add(lane);
            [
                simd.load_i8(at),
                simd.load_i8(at.add(16)),
                simd.load_i8(at.add(32)),
                simd.load_i8(at.add(48)),
            ]
        }
    }
}

impl Block for Halves {
    const BYTES: usize = Width::Sixteen.block_bytes();

    #[inline(always)]
    unsafe fn vectors<S: Simd>(simd: S, block: *const u8, lane: usize) -> [S::F; 4] {
        // SAFETY: the caller's promise; a column is two bytes.
        unsafe {
            let at = block.add(2 * lane);
            [
                simd.load_bf16(at),
                simd.load_bf16(at.add(32)),
                simd.load_bf16(at.add(64)),
                simd.load_bf16(at.add(96)),
            ]
        }
    }
}

/// The plain form is [`crate::reference::compact::compact_product`]: weight by weight.
///
/// Departures:
///
/// 1. Vectors of columns, added up at the end of a row.
/// 2. Several rows and tokens at a time, whose sums do not depend on one another. The order of the additions of one result is the
///    same whatever their number is.
#[inline(always)]
pub(crate) fn compact_product<S: Simd>(
    simd: S,
    rows: &CompactRows<'_>,
    x: &[f32],
    tokens: usize,
    out: &mut [f32],
) {
    match rows.width {
        Width::Four => product::<S, Nibbles>(simd, rows, x, tokens, out),
        Width::Eight => product::<S, Signed>(simd, rows, x, tokens, out),
        Width::Sixteen => product::<S, Halves>(simd, rows, x, tokens, out),
    }
}

#[inline(always)]
fn product<S: Simd, B: Block>(
    simd: S,
    rows: &CompactRows<'_>,
    x: &[f32],
    tokens: usize,
    out: &mut [f32],
) {
    rows.check();
    assert_eq!(B::BYTES, rows.width.block_bytes());
    assert!(x.len() >= tokens * rows.blocks * BLOCK && out.len() >= tokens * rows.rows);
    let mut token = 0;
    while token < tokens {
        // SAFETY: the slices have the lengths of the shape, by the assertions.
        token += unsafe {
            // Wide rows come from memory at its full rate only one after the other.
            match tokens - token {
                1 if rows.width == Width::Four => {
                    some_tokens::<S, B, 1, 2>(simd, rows, x, token, out)
                }
                1 => some_tokens::<S, B, 1, 1>(simd, rows, x, token, out),
                2 | 3 => some_tokens::<S, B, 2, 1>(simd, rows, x, token, out),
                _ => some_tokens::<S, B, 4, 1>(simd, rows, x, token, out),
            }
        };
    }
}

/// `T` tokens and all rows, `R` at a time; `T`.
///
/// # Safety
/// `rows` was checked, `x` and `out` have room for `T` tokens from `token` on.
#[inline(always)]
unsafe fn some_tokens<S: Simd, B: Block, const T: usize, const R: usize>(
    simd: S,
    rows: &CompactRows<'_>,
    x: &[f32],
    token: usize,
    out: &mut [f32],
) -> usize {
    let mut row = 0;
    // SAFETY: the caller's promise.
    unsafe {
        while row + R <= rows.rows {
            some_rows::<S, B, T, R>(simd, rows, row, x, token, out);
            row += R;
        }
        while row < rows.rows {
            some_rows::<S, B, T, 1>(simd, rows, row, x, token, out);
            row += 1;
        }
    }
    T
}

/// # Safety
/// As for [`some_tokens`]; there are `R` rows from `row` on.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // Indices say which register meets which.
unsafe fn some_rows<S: Simd, B: Block, const T: usize, const R: usize>(
    simd: S,
    rows: &CompactRows<'_>,
    row: usize,
    x: &[f32],
    token: usize,
    out: &mut [f32],
) {
    let (padded, row_bytes) = (rows.blocks * BLOCK, rows.blocks * B::BYTES);
    let groups = rows.groups();
    // SAFETY: every index is inside the shape, and the slices have its lengths.
    unsafe {
        let codes = rows.codes.as_ptr().add(row * row_bytes);
        let x = x.as_ptr().add(token * padded);
        let mut total = [[simd.splat(0.0); T]; R];
        for group in 0..groups {
            let first = group * rows.group;
            let end = rows.blocks.min(first + rows.group);
            let mut sum = [[simd.splat(0.0); T]; R];
            for block in first..end {
                for lane in (0..16).step_by(S::LANES) {
                    let x = x.add(block * BLOCK + lane);
                    for r in 0..R {
                        let at = codes.add(r * row_bytes + block * B::BYTES);
                        let weights = B::vectors(simd, at, lane);
                        for k in 0..4 {
                            for t in 0..T {
                                let x = simd.load(x.add(t * padded + 16 * k));
                                sum[r][t] = simd.mul_add(weights[k], x, sum[r][t]);
                            }
                        }
                    }
                }
            }
            for r in 0..R {
                let scale = match rows.width {
                    Width::Sixteen => 1.0,
                    _ => *rows.scales.get_unchecked((row + r) * groups + group),
                };
                for t in 0..T {
                    total[r][t] = simd.mul_add(simd.splat(scale), sum[r][t], total[r][t]);
                }
            }
        }
        for r in 0..R {
            for t in 0..T {
                *out.get_unchecked_mut((token + t) * rows.rows + row + r) = simd.sum(total[r][t]);
            }
        }
    }
}

/// The plain form is [`crate::reference::compact::compact_decode`]: weight by weight.
///
/// Departures: vectors; the last columns of a row, fewer than a block, go through a buffer.
#[inline(always)]
pub(crate) fn compact_decode<S: Simd>(
    simd: S,
    rows: &CompactRows<'_>,
    cols: usize,
    out: &mut [f32],
) {
    match rows.width {
        Width::Four => values::<S, Nibbles>(simd, rows, cols, out),
        Width::Eight => values::<S, Signed>(simd, rows, cols, out),
        Width::Sixteen => values::<S, Halves>(simd, rows, cols, out),
    }
}

#[inline(always)]
fn values<S: Simd, B: Block>(simd: S, rows: &CompactRows<'_>, cols: usize, out: &mut [f32]) {
    rows.check();
    assert_eq!(B::BYTES, rows.width.block_bytes());
    assert!(cols <= rows.blocks * BLOCK && out.len() >= rows.rows * cols);
    let groups = rows.groups();
    for (row, out) in out.chunks_exact_mut(cols).enumerate().take(rows.rows) {
        for (block, out) in out.chunks_mut(BLOCK).enumerate() {
            let scale = match rows.width {
                Width::Sixteen => 1.0,
                _ => rows.scales[row * groups + block / rows.group],
            };
            let at = rows.codes[(row * rows.blocks + block) * B::BYTES..].as_ptr();
            let mut whole = [0.0; BLOCK];
            let to = match out.len() {
                BLOCK => out.as_mut_ptr(),
                _ => whole.as_mut_ptr(),
            };
            for lane in (0..MAX_LANES).step_by(S::LANES) {
                // SAFETY: a block of codes and one of results, by the assertions.
                unsafe {
                    let weights = B::vectors(simd, at, lane);
                    for (k, weights) in weights.into_iter().enumerate() {
                        let values = simd.mul(weights, simd.splat(scale));
                        simd.store(values, to.add(16 * k + lane));
                    }
                }
            }
            if out.len() < BLOCK {
                out.copy_from_slice(&whole[..out.len()]);
            }
        }
    }
}
