//! The working memory of [`super::obs`]: columns of a strip of rows, kept in cache.

use crate::aligned::{LINE, Line, Spare};
use crate::dispatch::ObsPanel;

/// Columns that are finished together, in registers.
pub(super) const STEP: usize = 4;
/// Most columns of a block.
pub(super) const MAX_WIDTH: usize = 128;
/// Most rows of a strip: the bits of a word.
pub(super) const MAX_ROWS: usize = 64;
/// What one strip works on. `rows` is the number of rows of a full strip; column j of `w`, `e` lies at `j * rows`.
pub(super) struct Scratch {
    memory: Vec<Line>,
    /// Bit r of word j: row r keeps column j, and its scale there is not 0.
    pub keep: [u64; MAX_WIDTH],
    /// Quantization group of each column.
    pub group: [u32; MAX_WIDTH],
    rows: usize,
}

/// Pieces of the memory, in lines, for strips of `rows` rows.
#[inline(always)]
fn offsets(rows: usize) -> [usize; 6] {
    let columns = MAX_WIDTH * rows / LINE;
    let factor = 8 * (MAX_WIDTH / STEP) * (MAX_WIDTH / STEP + 1) / LINE;
    let inverse = MAX_WIDTH / LINE;
    let sizes = [columns, columns, columns, columns, factor, inverse];
    let mut at = 0;
    sizes.map(|size| {
        at += size;
        at - size
    })
}

fn lines(rows: usize) -> usize {
    offsets(rows)[5] + MAX_WIDTH / LINE
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
        let needed = lines(rows);
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

    /// Address of piece `index`.
    #[inline(always)]
    fn piece(&mut self, index: usize) -> *mut f32 {
        let offset = offsets(self.rows)[index];
        self.memory[offset..].as_mut_ptr().cast()
    }

    /// Weights, column by column.
    #[inline(always)]
    pub fn w(&mut self) -> *mut f32 {
        self.piece(0)
    }

    /// Errors, column by column.
    #[inline(always)]
    pub fn e(&mut self) -> *mut f32 {
        self.piece(1)
    }

    /// Scales, group by group.
    #[inline(always)]
    pub fn scales(&mut self) -> *mut f32 {
        self.piece(2)
    }

    /// Reciprocals of the scales.
    #[inline(always)]
    pub fn inverse_scales(&mut self) -> *mut f32 {
        self.piece(3)
    }

    /// The factor, packed by [`Scratch::pack_factor`].
    #[inline(always)]
    pub fn factor(&mut self) -> *mut f32 {
        self.piece(4)
    }

    /// 1 / u_jj, 0 for padding columns.
    #[inline(always)]
    pub fn inverse_pivots(&mut self) -> *mut f32 {
        self.piece(5)
    }

    /// Start of the rows of step `step` in the packed factor: each earlier step s has 4 (s + 1) rows of 4.
    #[inline(always)]
    pub fn factor_start(step: usize) -> usize {
        STEP * STEP * step * (step + 1) / 2
    }

    /// Packs the factor so that a step reads it straight on: for the columns c .. c + 4 of each step, the rows 0 .. c + 4
    /// of these columns. Columns behind the block's width are 0.
    pub fn pack_factor(&mut self, panel: &ObsPanel<'_>) {
        let (width, inverse) = (panel.width, self.inverse_pivots());
        let steps = width.div_ceil(STEP);
        let factor = self.factor();
        for k in 0..steps * STEP {
            let row = panel.u.get(k * panel.u_stride..).filter(|_| k < width);
            let pivot = row.map_or(0.0, |row| 1.0 / row[k]);
            // SAFETY: k is below the most columns, and the piece has one element for each.
            unsafe { inverse.add(k).write(pivot) };
            for step in k / STEP..steps {
                let mut four = [0.0; STEP];
                if let Some(row) = row {
                    let from = step * STEP;
                    let count = STEP.min(width - from);
                    four[..count].copy_from_slice(&row[from..from + count]);
                }
                // SAFETY: the rows of each step lie behind those of the step before, and the piece holds all steps.
                unsafe {
                    let to = factor.add(Self::factor_start(step) + k * STEP);
                    to.cast::<[f32; STEP]>().write(four);
                }
            }
        }
    }

    /// Transposes the keep-bits of `count` rows from row `first`, and takes away those whose scale is 0.
    pub fn set_keep(&mut self, panel: &ObsPanel<'_>, first: usize, count: usize) {
        let width = panel.width;
        let all = u64::MAX >> (MAX_ROWS - count);
        let Some(mask) = panel.mask else {
            self.keep[..width].fill(all);
            return;
        };
        self.keep.fill(0);
        for byte in 0..width.div_ceil(8) {
            for eight in (0..count).step_by(8) {
                let mut rows = [0; 8];
                for (r, row) in rows.iter_mut().enumerate().take(count - eight) {
                    *row = mask[(first + eight + r) * panel.mask_stride + byte];
                }
                let columns = transpose_bits(u64::from_le_bytes(rows)).to_le_bytes();
                for (keep, column) in self.keep[byte * 8..].iter_mut().zip(columns) {
                    *keep |= u64::from(column) << eight;
                }
            }
        }
    }

    /// Transposes the scales of `count` rows from row `first`. A weight whose scale is 0 is as good as pruned.
    pub fn set_scales(&mut self, panel: &ObsPanel<'_>, first: usize, count: usize) {
        let Some(quant) = &panel.quant else { return };
        let (width, rows) = (panel.width, self.rows);
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
