//! A matrix that stores its nonzeros only, in the order in which the product reads them.

use crate::Pool;
use std::ops::Range;

/// Columns of a block. 96 columns of 64 tokens take three quarters of a first-level cache of 32 KiB.
pub(crate) const BLOCK: usize = 96;
/// Rows of a panel. The sums of its rows for 64 tokens take 48 KiB.
pub(crate) const PANEL: usize = 192;
/// Least share of zeros for which the sparse product is used. With many tokens it breaks even at about 0.35. With a single token
/// and a matrix in the cache it takes longer than the dense product. A pattern of 2 zeros in 4 is safely above the limit.
pub(crate) const LEAST_ZEROS: f64 = 0.45;

/// A matrix [rows, cols] that stores its nonzeros only. Each takes 5 bytes, and each row takes 5 bytes for every 96 columns.
#[derive(Clone, Debug)]
pub struct SparseMatrix {
    rows: usize,
    cols: usize,
    panels: Vec<Panel>,
}

/// Up to [`PANEL`] rows of a matrix. Only [`Panel::new`] may build one, because the memory safety of the kernels rests on its
/// invariants.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    rows: usize,
    cols: usize,
    /// First nonzero of each place, and the end of the last. Place `block * rows + i` is row number i of the block in the
    /// sequence `order`.
    starts: Vec<u32>,
    /// The row at each place. Within a block, rows with more nonzeros come first. Neighbours then have similar counts, so that
    /// the processor predicts the ends of their loops.
    order: Vec<u8>,
    /// Column of each nonzero within its block. Columns ascend within a row.
    offsets: Vec<u8>,
    values: Vec<f32>,
}

/// The nonzeros of one row in one block.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    /// Row within the panel, below [`Panel::rows`].
    pub row: usize,
    /// Index of the first nonzero.
    pub start: usize,
    /// Number of nonzeros.
    pub count: usize,
}

impl Span {
    /// A span without nonzeros.
    pub const EMPTY: Self = Self {
        row: 0,
        start: 0,
        count: 0,
    };
}

impl SparseMatrix {
    /// The nonzeros of a dense row-major matrix [rows, cols]. `None` if so few elements are zero (of either sign) that the dense
    /// product is faster. Cost: one pass over the values to count, one to copy.
    ///
    /// # Panics
    /// If `dense` does not have `rows * cols` elements.
    pub fn from_dense(pool: &Pool, rows: usize, cols: usize, dense: &[f32]) -> Option<Self> {
        assert_eq!(Some(dense.len()), rows.checked_mul(cols), "rows * cols");
        let panel = PANEL * cols;
        // The nonzeros of a panel must be countable in 32 bits.
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

    /// The same, where a share `zeros` of the values is known to be zero, from rows as `values` writes them: no more than a panel of
    /// dense values a thread is in memory.
    pub(crate) fn from_rows(
        pool: &Pool,
        (rows, cols): (usize, usize),
        zeros: f64,
        values: &(dyn Fn(Range<usize>, &mut [f32]) + Sync),
    ) -> Option<Self> {
        if zeros < LEAST_ZEROS || u32::try_from(PANEL * cols).is_err() {
            return None;
        }
        let panels = pool.map(rows.div_ceil(PANEL), |index| {
            let rows = index * PANEL..rows.min((index + 1) * PANEL);
            let mut dense = vec![0.0; rows.len() * cols];
            values(rows, &mut dense);
            Panel::new(&dense, cols, count(&dense))
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

    /// Bytes of the matrix in memory.
    pub fn bytes(&self) -> u64 {
        let panels = self.panels.iter().map(|panel| {
            4 * (panel.starts.len() + panel.values.len()) + panel.order.len() + panel.offsets.len()
        });
        panels.sum::<usize>() as u64
    }

    /// Number of nonzeros.
    pub fn nonzeros(&self) -> usize {
        self.panels.iter().map(|panel| panel.values.len()).sum()
    }

    pub(super) fn panels(&self) -> &[Panel] {
        &self.panels
    }
}

/// Number of elements that are not zero.
fn count(values: &[f32]) -> usize {
    values.iter().filter(|value| **value != 0.0).count()
}

impl Panel {
    /// Builds a panel from `dense` [rows, cols], which has at most [`PANEL`] rows and `nonzeros` elements that are not zero.
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

    /// Appends the nonzeros that a row has in the current block.
    fn push(&mut self, row: usize, values: &[f32]) {
        let (mut offsets, mut kept) = ([0u8; BLOCK], [0.0f32; BLOCK]);
        let mut count = 0;
        // Every element is written, and the position advances for nonzeros only. A branch would cost more, because it cannot be
        // predicted which weights are zero.
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

    /// The spans of a block, one for each row. They lie inside [`Panel::offsets`] and [`Panel::values`].
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

    /// Column of each nonzero within its block. It is below the width of the block.
    #[inline(always)]
    pub fn offsets(&self) -> &[u8] {
        &self.offsets
    }

    /// Values of the nonzeros.
    #[inline(always)]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Calls `each(row, col, value)` for all nonzeros. Within a row, columns ascend.
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
