//! The product with a sparse matrix, with tokens as lanes. [`crate::sparse`] says how weights and tokens lie.

use crate::simd::{MAX_LANES, Simd};
use crate::sparse::{BLOCK, PANEL, Panel, Span, TILE};

/// The plain form is [`crate::reference::sparse::sparse_pack`]: element by element.
///
/// Departures:
///
/// 1. Square blocks of a vector's width are transposed in registers.
/// 2. Lanes behind the last token become 0 up to a whole vector, so that [`sparse_tile`] need not look for its end.
#[inline(always)]
pub(crate) fn sparse_pack<S: Simd>(
    simd: S,
    x: &[f32],
    stride: usize,
    cols: usize,
    tokens: usize,
    out: &mut [f32],
) {
    assert!(tokens <= TILE && out.len() >= cols * TILE);
    assert!(tokens == 0 || x.len() >= (tokens - 1) * stride + cols);
    let (lanes, to) = (S::LANES, out.as_mut_ptr());
    let (whole_tokens, whole_cols) = (tokens / lanes * lanes, cols / lanes * lanes);
    for token in (0..whole_tokens).step_by(lanes) {
        for col in (0..whole_cols).step_by(lanes) {
            // SAFETY: inside both matrices by the assertions; they do not overlap, since one is borrowed for writing.
            unsafe {
                let from = x.as_ptr().add(token * stride + col);
                simd.transpose(from, stride, to.add(col * TILE + token), TILE);
            }
        }
    }
    for col in 0..cols {
        let done = if col < whole_cols { whole_tokens } else { 0 };
        let out = &mut out[col * TILE..][..tokens.next_multiple_of(lanes)];
        for (token, out) in out.iter_mut().enumerate().skip(done) {
            *out = match token < tokens {
                true => x[token * stride + col],
                false => 0.0,
            };
        }
    }
}

/// What a vector holds.
trait Lanes {
    /// Distance between two columns of the input, and between the sums of two rows.
    const STRIDES: (usize, usize);
    /// # Safety
    /// As many readable elements at `x` as the kind of lanes takes: a vector, or one.
    unsafe fn load<S: Simd>(simd: S, x: *const f32) -> S::F;
}

/// Every lane is a token.
struct Tokens;

impl Lanes for Tokens {
    const STRIDES: (usize, usize) = (TILE, TILE);
    #[inline(always)]
    unsafe fn load<S: Simd>(simd: S, x: *const f32) -> S::F {
        // SAFETY: the caller's promise.
        unsafe { simd.load(x) }
    }
}

/// All lanes are the same token: vectors for the sake of one and the same multiply-add on every instruction set.
struct OneToken;

impl Lanes for OneToken {
    const STRIDES: (usize, usize) = (1, MAX_LANES);
    #[inline(always)]
    unsafe fn load<S: Simd>(simd: S, x: *const f32) -> S::F {
        // SAFETY: the caller's promise.
        unsafe { simd.splat(*x) }
    }
}

/// The plain form is [`crate::reference::sparse::sparse_tile`]: token by token, one running sum a result.
///
/// Departures:
///
/// 1. The lanes are tokens. A nonzero weight is broadcast once, and multiplied with a vector of tokens.
/// 2. Several vectors of tokens, or several rows, are summed at a time (`group`). Their sums do not depend on one another, which
///    hides the latency of a multiply-add.
/// 3. Columns are taken in blocks, whose tokens stay in the first cache. The sums wait in `sums` between blocks.
/// 4. The sums lie with tokens as columns, and are transposed into `out` at the end.
/// 5. Product and addition are one operation. This is why the kernel is close and not exact; the order of each sum is that of
///    the plain form.
#[inline(always)]
pub(crate) fn sparse_tile<S: Simd>(
    simd: S,
    panel: &Panel,
    packed: &[f32],
    tokens: usize,
    sums: &mut [f32],
    out: &mut [f32],
) {
    assert!(tokens <= TILE && packed.len() >= panel.cols() * TILE);
    assert!(sums.len() >= PANEL * TILE && out.len() >= TILE * PANEL);
    sums[..panel.rows() * TILE].fill(0.0);
    let vectors = tokens.div_ceil(S::LANES);
    let mut first = 0;
    // As many vectors of tokens at once as the registers hold; fewer of them for several rows at once.
    while first < vectors {
        let at = first * S::LANES;
        let (input, to) = (packed[at..].as_ptr(), sums[at..].as_mut_ptr());
        // SAFETY: a tile has TILE f32 for each column and row, by the assertions, and a group of vectors ends inside it.
        first += unsafe {
            match vectors - first {
                1 => group::<S, 1, 4>(simd, panel, input, to),
                2 => group::<S, 2, 4>(simd, panel, input, to),
                3 | 4 => group::<S, 4, 2>(simd, panel, input, to),
                _ => group::<S, 8, 1>(simd, panel, input, to),
            }
        };
    }
    let (from, to) = (sums.as_ptr(), out.as_mut_ptr());
    for token in (0..tokens).step_by(S::LANES) {
        for row in (0..panel.rows()).step_by(S::LANES) {
            // SAFETY: a panel's greatest number of rows and a tile's of tokens are multiples of the lanes, so whole
            // blocks are inside both, by the assertions.
            unsafe {
                let (from, to) = (from.add(row * TILE + token), to.add(token * PANEL + row));
                simd.transpose(from, TILE, to, PANEL);
            }
        }
    }
}

/// [`add_panel`] for tokens; the number of vectors.
///
/// # Safety
/// As for [`add_panel`].
#[inline(always)]
unsafe fn group<S: Simd, const V: usize, const R: usize>(
    simd: S,
    panel: &Panel,
    input: *const f32,
    sums: *mut f32,
) -> usize {
    // SAFETY: the caller's promise.
    unsafe { add_panel::<S, Tokens, V, R>(simd, panel, input, sums) };
    V
}

/// The plain form is [`crate::reference::sparse::sparse_row`]: one running sum a row.
///
/// Departures: the second, third and fifth of [`sparse_tile`]. All lanes of a vector are the same token; so every instruction
/// set uses the same multiply-add as for many tokens, and the bits are those of [`sparse_tile`].
#[inline(always)]
pub(crate) fn sparse_row<S: Simd>(simd: S, panel: &Panel, x: &[f32], out: &mut [f32]) {
    let mut sums = [0.0; PANEL * MAX_LANES];
    let x = &x[..panel.cols()];
    // SAFETY: one element of x a column, MAX_LANES sums a row.
    unsafe { add_panel::<S, OneToken, 1, 4>(simd, panel, x.as_ptr(), sums.as_mut_ptr()) };
    let sums = sums.chunks_exact(MAX_LANES).take(panel.rows());
    out.iter_mut()
        .zip(sums)
        .for_each(|(out, sum)| *out = sum[0]);
}

/// Adds the products of all rows and `V` vectors to the sums, `R` rows at a time (independent sums hide the latency of
/// a multiply-add).
///
/// # Safety
/// With the strides of `L`: every column of the panel has `V` vectors in `input` that [`Lanes::load`] may read, and every
/// row has `V` vectors in `sums`.
#[inline(always)]
unsafe fn add_panel<S: Simd, L: Lanes, const V: usize, const R: usize>(
    simd: S,
    panel: &Panel,
    input: *const f32,
    sums: *mut f32,
) {
    for block in 0..panel.cols().div_ceil(BLOCK) {
        let mut spans = panel.spans(block);
        // SAFETY: the caller's promise, in the calls too: the columns of a block lie behind its first one.
        unsafe {
            let input = input.add(block * BLOCK * L::STRIDES.0);
            while spans.len() >= R {
                let rows = std::array::from_fn(|_| spans.next().unwrap_or(Span::EMPTY));
                add_rows::<S, L, V, R>(simd, panel, rows, input, sums);
            }
            for row in spans {
                add_rows::<S, L, V, 1>(simd, panel, [row], input, sums);
            }
        }
    }
}

/// As [`add_panel`], for `R` rows of one block; `input` starts at its first column.
///
/// # Safety
/// As for [`add_panel`]; the spans are those of one block of the panel.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // Indices say which register meets which.
unsafe fn add_rows<S: Simd, L: Lanes, const V: usize, const R: usize>(
    simd: S,
    panel: &Panel,
    rows: [Span; R],
    input: *const f32,
    sums: *mut f32,
) {
    let nonzeros = (panel.offsets().as_ptr(), panel.values().as_ptr());
    // SAFETY: a span's nonzeros are inside the panel, their columns in the block, its row below the panel's rows.
    unsafe {
        let mut sum = [[simd.splat(0.0); V]; R];
        for row in 0..R {
            let from = sums.add(rows[row].row * L::STRIDES.1);
            for v in 0..V {
                sum[row][v] = simd.load(from.add(v * S::LANES));
            }
        }
        let mut shared = usize::MAX;
        for row in 0..R {
            shared = shared.min(rows[row].count);
        }
        for at in 0..shared {
            for row in 0..R {
                let at = rows[row].start + at;
                sum[row] = add_nonzero::<S, L, V>(simd, nonzeros, at, input, sum[row]);
            }
        }
        for row in 0..R {
            for at in rows[row].start + shared..rows[row].start + rows[row].count {
                sum[row] = add_nonzero::<S, L, V>(simd, nonzeros, at, input, sum[row]);
            }
            let to = sums.add(rows[row].row * L::STRIDES.1);
            for v in 0..V {
                simd.store(sum[row][v], to.add(v * S::LANES));
            }
        }
    }
}

/// One nonzero: its value times its column, added to `sum`. A function, not a closure: it has to be inlined.
///
/// # Safety
/// Nonzero `at` exists in `nonzeros` (offsets and values), and its column in `input`.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // As above.
unsafe fn add_nonzero<S: Simd, L: Lanes, const V: usize>(
    simd: S,
    (offsets, values): (*const u8, *const f32),
    at: usize,
    input: *const f32,
    mut sum: [S::F; V],
) -> [S::F; V] {
    // SAFETY: the caller's promise.
    unsafe {
        let value = simd.splat(*values.add(at));
        let x = input.add(usize::from(*offsets.add(at)) * L::STRIDES.0);
        for v in 0..V {
            sum[v] = simd.mul_add(value, L::load(simd, x.add(v * S::LANES)), sum[v]);
        }
    }
    sum
}
