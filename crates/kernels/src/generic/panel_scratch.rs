//! The working memory of the column loops: columns of a strip of rows, kept in cache.

use super::strip::STEP;
use crate::aligned::{LINE, Line, Spare};
use crate::dispatch::{PanelQuant, Price};
use crate::panels::MAX_WIDTH;
use std::ops::Range;

/// Most rows of a strip: the bits of a word.
pub(super) const MAX_ROWS: usize = 64;

/// What one strip works on. `rows` is the number of rows of a full strip; column j of a strip's values lies at `j * rows`.
pub(super) struct Scratch {
    memory: Vec<Line>,
    /// Bit r of word j: row r keeps column j, and its scale there is not 0.
    pub keep: [u64; MAX_WIDTH],
    /// Quantization group of each column.
    pub group: [u32; MAX_WIDTH],
    rows: usize,
}

/// A part of the memory.
#[derive(Clone, Copy)]
enum Piece {
    Values,
    Errors,
    Scales,
    InverseScales,
    Matrix,
    Pivots,
    InversePivots,
    Prices,
    Gradient,
}

/// Where a piece starts, in lines, for strips of `rows` rows; what all of them need behind the last.
#[inline(always)]
fn start(piece: Option<Piece>, rows: usize) -> usize {
    let columns = MAX_WIDTH * rows / LINE;
    let square = MAX_WIDTH * MAX_WIDTH / LINE;
    let row = MAX_WIDTH / LINE;
    let sizes = [
        columns,
        columns,
        columns,
        columns,
        square,
        row,
        row,
        2 * row,
        columns,
    ];
    let before = piece.map_or(sizes.len(), |piece| piece as usize);
    sizes[..before].iter().sum()
}

thread_local! {
    /// The last strip's memory: a panel is short work, and clearing fresh memory would be a good part of it.
    static SPARE: Spare = const { Spare::new(Vec::new()) };
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // On a thread that ends, the memory is simply freed.
        let _ = SPARE.try_with(|spare| spare.set(std::mem::take(&mut self.memory)));
    }
}

impl Scratch {
    /// For strips of `rows` rows, a multiple of a line's f32. The content is that of the last use.
    pub fn new(rows: usize) -> Self {
        assert!(rows.is_multiple_of(LINE) && rows <= MAX_ROWS);
        let mut memory = SPARE.take();
        let needed = start(None, rows);
        if memory.len() < needed {
            memory.resize(needed, Line([0.0; LINE]));
        }
        Self {
            memory,
            keep: [0; MAX_WIDTH],
            group: [0; MAX_WIDTH],
            rows,
        }
    }

    /// Address of a piece.
    #[inline(always)]
    fn piece(&mut self, piece: Piece) -> *mut f32 {
        let offset = start(Some(piece), self.rows);
        self.memory[offset..].as_mut_ptr().cast()
    }

    /// Weights, column by column: the current ones, then the final ones.
    #[inline(always)]
    pub fn values(&mut self) -> *mut f32 {
        self.piece(Piece::Values)
    }

    /// What each finished column passes on to others, column by column.
    #[inline(always)]
    pub fn errors(&mut self) -> *mut f32 {
        self.piece(Piece::Errors)
    }

    /// The gradient, column by column.
    #[inline(always)]
    pub fn gradient(&mut self) -> *mut f32 {
        self.piece(Piece::Gradient)
    }

    /// Scales, group by group.
    #[inline(always)]
    pub fn scales(&mut self) -> *mut f32 {
        self.piece(Piece::Scales)
    }

    /// Reciprocals of the scales.
    #[inline(always)]
    pub fn inverse_scales(&mut self) -> *mut f32 {
        self.piece(Piece::InverseScales)
    }

    /// The packed matrix through which columns act on others.
    #[inline(always)]
    pub fn matrix(&mut self) -> *mut f32 {
        self.piece(Piece::Matrix)
    }

    /// Its diagonal, 0 for padding columns.
    #[inline(always)]
    pub fn pivots(&mut self) -> *mut f32 {
        self.piece(Piece::Pivots)
    }

    /// Reciprocals of the diagonal, 0 for padding columns and where they are not wanted.
    #[inline(always)]
    pub fn inverse_pivots(&mut self) -> *mut f32 {
        self.piece(Piece::InversePivots)
    }

    /// What the length of each code costs, by [`Scratch::set_prices`].
    #[inline(always)]
    pub fn prices(&mut self) -> &[f32; 256] {
        // SAFETY: the piece has two rows of the most columns, which are 128.
        unsafe { &*self.piece(Piece::Prices).cast() }
    }

    /// Where the rows of step `step` start in a packed triangle: each earlier step s has 4 (s + 1) rows of 4.
    #[inline(always)]
    pub fn triangle_start(step: usize) -> usize {
        STEP * STEP * step * (step + 1) / 2
    }

    /// Packs an upper triangle so that a step reads it straight on: for the columns c .. c + 4 of each step, the rows
    /// 0 .. c + 4 of these columns. Columns behind the block's width are 0.
    pub fn pack_triangle(&mut self, u: &[f32], stride: usize, width: usize) {
        let (inverse, matrix) = (self.inverse_pivots(), self.matrix());
        let steps = width.div_ceil(STEP);
        let mut rows = [[0.0; MAX_WIDTH]; STEP];
        for first in 0..steps {
            let at = first * STEP;
            read_step(&mut rows, u, stride, width, at);
            for (c, row) in rows.iter().enumerate() {
                let pivot = if at + c < width {
                    1.0 / row[at + c]
                } else {
                    0.0
                };
                // SAFETY: the piece has one element for each of the most columns.
                unsafe { inverse.add(at + c).write(pivot) };
            }
            for step in first..steps {
                // SAFETY: the rows of each step lie behind those of the step before, and the piece holds all steps.
                let to = unsafe { matrix.add(Self::triangle_start(step) + at * STEP) };
                for (c, row) in rows.iter().enumerate() {
                    let (fours, _) = row.as_chunks::<STEP>();
                    // SAFETY: as above.
                    unsafe { to.cast::<[f32; STEP]>().add(c).write(fours[step]) };
                }
            }
        }
    }

    /// Packs a symmetric matrix likewise: for the columns c .. c + 4 of each step all rows, those of padding too. They are
    /// read as rows, which lie next to one another. A diagonal element that is not positive has no reciprocal.
    pub fn pack_square(&mut self, h: &[f32], stride: usize, width: usize) {
        let (pivots, inverse, matrix) = (self.pivots(), self.inverse_pivots(), self.matrix());
        let padded = width.next_multiple_of(STEP);
        let mut rows = [[0.0; MAX_WIDTH]; STEP];
        for at in (0..padded).step_by(STEP) {
            read_step(&mut rows, h, stride, width, at);
            for (c, row) in rows.iter().enumerate() {
                let pivot = row[at + c];
                let reciprocal = if pivot > 0.0 { 1.0 / pivot } else { 0.0 };
                // SAFETY: the pieces have one element for each of the most columns.
                unsafe {
                    pivots.add(at + c).write(pivot);
                    inverse.add(at + c).write(reciprocal);
                }
            }
            let [a, b, c, d] = &rows;
            for k in 0..padded {
                // SAFETY: the piece has four elements for each pair of a step and a column.
                unsafe {
                    let to = matrix.add(at * padded + k * STEP);
                    to.cast::<[f32; STEP]>().write([a[k], b[k], c[k], d[k]]);
                }
            }
        }
    }

    /// What one unit of length costs, times the length of each code.
    pub fn set_prices(&mut self, price: Price<'_>) {
        let to = self.piece(Piece::Prices);
        for (index, bits) in price.bits.iter().enumerate() {
            // SAFETY: the piece has as many elements.
            unsafe { to.add(index).write(price.lambda * bits) };
        }
    }

    /// Transposes the keep-bits of some rows, `stride` bytes apart; without a mask all are kept.
    pub fn set_keep(
        &mut self,
        mask: Option<&[u8]>,
        stride: usize,
        width: usize,
        rows: Range<usize>,
    ) {
        let (first, count) = (rows.start, rows.len());
        let all = u64::MAX >> (MAX_ROWS - count);
        let Some(mask) = mask else {
            self.keep[..width].fill(all);
            return;
        };
        self.keep.fill(0);
        for byte in 0..width.div_ceil(8) {
            for eight in (0..count).step_by(8) {
                let mut rows = [0; 8];
                for (r, row) in rows.iter_mut().enumerate().take(count - eight) {
                    *row = mask[(first + eight + r) * stride + byte];
                }
                let columns = transpose_bits(u64::from_le_bytes(rows)).to_le_bytes();
                for (keep, column) in self.keep[byte * 8..].iter_mut().zip(columns) {
                    *keep |= u64::from(column) << eight;
                }
            }
        }
    }

    /// Transposes the scales of some rows. A weight whose scale is 0 is as good as pruned.
    pub fn set_scales(&mut self, quant: &PanelQuant<'_>, width: usize, strip: Range<usize>) {
        let (first, count, rows) = (strip.start, strip.len(), self.rows);
        let (scales, inverse_scales) = (self.scales(), self.inverse_scales());
        let span = quant.group.clamp(1, width.max(1));
        for group in 0..width.div_ceil(span) {
            let mut nonzero = 0u64;
            for r in 0..rows {
                let known = r < count;
                let scale = if known {
                    quant.scales[(first + r) * quant.scale_stride + group]
                } else {
                    0.0
                };
                nonzero |= u64::from(scale != 0.0) << r;
                let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
                // SAFETY: there are at most as many groups as columns, and `rows` elements for each column.
                unsafe {
                    scales.add(group * rows + r).write(scale);
                    inverse_scales.add(group * rows + r).write(inverse);
                }
            }
            for j in group * span..width.min((group + 1) * span) {
                self.keep[j] &= nonzero;
                self.group[j] = group as u32;
            }
        }
    }
}

/// Rows `at` .. `at` + 4 of a matrix; those of padding are 0. Columns of padding are 0 from the start.
#[inline(always)]
fn read_step(
    rows: &mut [[f32; MAX_WIDTH]; STEP],
    matrix: &[f32],
    stride: usize,
    width: usize,
    at: usize,
) {
    for (k, row) in (at..).zip(rows) {
        match k < width {
            true => row[..width].copy_from_slice(&matrix[k * stride..][..width]),
            false => row.fill(0.0),
        }
    }
}

/// Transposes 8 x 8 bits: bit c of byte r goes to bit r of byte c (Hacker's Delight, 7-3).
fn transpose_bits(rows: u64) -> u64 {
    let mut x = rows;
    for (shift, mask) in [
        (7, 0x00aa_00aa_00aa_00aa),
        (14, 0x0000_cccc_0000_cccc),
        (28, 0x0000_0000_f0f0_f0f0),
    ] {
        let t = (x ^ (x >> shift)) & mask;
        x ^= t ^ (t << shift);
    }
    x
}
