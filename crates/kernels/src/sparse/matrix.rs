//! A matrix by its nonzeros, in the order in which the product wants them.

use crate::Pool;

/// Columns of a block: 96 columns of 64 tokens are three quarters of a first cache of 32 KiB.
pub(crate) const BLOCK: usize = 96;
/// Rows of a panel: the sums of 64 tokens take 48 KiB.
pub(crate) const PANEL: usize = 192;
/// The product pays from this share of zeros on: it breaks even with many tokens at about 0.35, but one token alone, its
/// matrix in cache, takes longer than a dense one; a pattern of 2 zeros in 4 lies safely above.
const LEAST_ZEROS: f64 = 0.45;

/// A matrix [rows, cols] of which only the nonzeros are kept: 5 bytes each, and 5 bytes for every 96 columns of a row.
#[derive(Clone, Debug)]
pub struct SparseMatrix {
    rows: usize,
    cols: usize,
    panels: Vec<Panel>,
}

/// Up to [`PANEL`] rows. Built by [`Panel::new`] alone, which the kernels' memory safety rests on.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    rows: usize,
    cols: usize,
    /// First nonzero of each place, and the end. Place `block * rows + i` is the block's i-th row in the order of `order`.
    starts: Vec<u32>,
    /// Which row lies at each place: within a block those with most nonzeros come first, so that neighbours have about
    /// as many and the ends of their loops can be foretold.
    order: Vec<u8>,
    /// Column of each nonzero within its block; ascending within a row.
    offsets: Vec<u8>,
    values: Vec<f32>,
}

/// The nonzeros of one row in one block.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    /// Row within the panel, below [`Panel::rows`].
    pub row: usize,
    /// First nonzero.
    pub start: usize,
    /// Number of nonzeros.
    pub count: usize,
}

impl Span {
    /// No nonzeros.
    pub const EMPTY: Self = Self {
        row: 0,
        start: 0,
        count: 0,
    };
}

impl SparseMatrix {
    /// The nonzeros of a dense row-major matrix [rows, cols], or `None` if so few are zero (of either sign) that the
    /// dense product is faster. One pass over the values to count, one to copy.
    ///
    /// # Panics
    /// If `dense` does not have `rows * cols` elements.
    pub fn from_dense(pool: &Pool, rows: usize, cols: usize, dense: &[f32]) -> Option<Self> {
        assert_eq!(Some(dense.len()), rows.checked_mul(cols), "rows * cols");
        let panel = PANEL * cols;
        // A panel counts its nonzeros in 32 bits.
        if dense.is_empty() || u32::try_from(panel).is_err() {
            return None;
        }
        let part = |index: usize| &dense[index * panel..dense.len().min((index + 1) * panel)];
        let panels = rows.div_ceil(PANEL);
        let nonzeros = pool.map(panels, |index| count(part(index)));
        let zeros = dense.len() - nonzeros.iter().sum::<usize>();
        if (zeros as f64) < LEAST_ZEROS * dense.len() as f64 {
            return None;
        }
        let panels = pool.map(panels, |index| {
            Panel::new(part(index), cols, nonzeros[index])
        });
        Some(Self { rows, cols, panels })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Bytes that this takes in memory.
    pub fn bytes(&self) -> u64 {
        let panels = self.panels.iter().map(|panel| {
            4 * (panel.starts.len() + panel.values.len()) + panel.order.len() + panel.offsets.len()
        });
        panels.sum::<usize>() as u64
    }

    /// Number of weights that are kept.
    pub fn nonzeros(&self) -> usize {
        self.panels.iter().map(|panel| panel.values.len()).sum()
    }

    pub(super) fn panels(&self) -> &[Panel] {
        &self.panels
    }
}

/// Elements that are not zero.
fn count(values: &[f32]) -> usize {
    values.iter().filter(|value| **value != 0.0).count()
}

impl Panel {
    /// `dense` [rows, cols], at most [`PANEL`] rows, of which `nonzeros` elements are not zero.
    pub fn new(dense: &[f32], cols: usize, nonzeros: usize) -> Self {
        let rows = dense.len() / cols;
        let blocks = cols.div_ceil(BLOCK);
        let mut panel = Self {
            rows,
            cols,
            starts: Vec::with_capacity(blocks * rows + 1),
            order: Vec::with_capacity(blocks * rows),
            offsets: Vec::with_capacity(nonzeros),
            values: Vec::with_capacity(nonzeros),
        };
        panel.starts.push(0);
        for first in (0..cols).step_by(BLOCK) {
            let part =
                |row: usize| &dense[row * cols + first..row * cols + cols.min(first + BLOCK)];
            let mut places: Vec<(usize, usize)> =
                (0..rows).map(|row| (count(part(row)), row)).collect();
            places.sort_by_key(|(count, row)| (std::cmp::Reverse(*count), *row));
            for (_, row) in places {
                panel.push(row, part(row));
            }
        }
        panel
    }

    /// Appends the nonzeros of a row's part in the block at hand.
    fn push(&mut self, row: usize, values: &[f32]) {
        let (mut offsets, mut kept) = ([0u8; BLOCK], [0.0f32; BLOCK]);
        let mut count = 0;
        // Written always, counted if nonzero: which weights are zero cannot be foretold, so a branch would cost more.
        for (offset, value) in values.iter().enumerate() {
            offsets[count] = offset as u8;
            kept[count] = *value;
            count += usize::from(*value != 0.0);
        }
        self.offsets.extend_from_slice(&offsets[..count]);
        self.values.extend_from_slice(&kept[..count]);
        self.order.push(row as u8);
        self.starts.push(self.values.len() as u32);
    }

    /// Number of rows.
    #[inline(always)]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    #[inline(always)]
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The spans of a block, one for each row. Those of all nonzeros are inside [`Panel::offsets`] and [`Panel::values`].
    #[inline(always)]
    pub fn spans(&self, block: usize) -> impl ExactSizeIterator<Item = Span> {
        let places = block * self.rows..(block + 1) * self.rows;
        let starts = &self.starts[places.start..places.end + 1];
        let ends = &starts[1..];
        let rows = self.order[places].iter();
        rows.zip(starts.iter().zip(ends))
            .map(|(row, (start, end))| Span {
                row: usize::from(*row),
                start: *start as usize,
                count: (*end - *start) as usize,
            })
    }

    /// Column of each nonzero within its block: below the block's width.
    #[inline(always)]
    pub fn offsets(&self) -> &[u8] {
        &self.offsets
    }

    /// Values of the nonzeros.
    #[inline(always)]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// `each(row, col, value)` for all nonzeros; those of a row in the order of their columns.
    pub fn for_each(&self, mut each: impl FnMut(usize, usize, f32)) {
        for block in 0..self.cols.div_ceil(BLOCK) {
            for span in self.spans(block) {
                for at in span.start..span.start + span.count {
                    let col = block * BLOCK + usize::from(self.offsets[at]);
                    each(span.row, col, self.values[at]);
                }
            }
        }
    }
}
