//! Arguments of the kernels that go through the columns of a block one after the other. Rows do not depend on one another.

use crate::dispatch::CodeRange;

/// Most columns of a block.
pub(crate) const MAX_WIDTH: usize = 128;

/// The type in which a reader of the result multiplies a code by its scale. The product is rounded to that type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Product {
    /// f32: the product of a code and a 16-bit scale is exact.
    #[default]
    F32,
    /// f16.
    F16,
    /// bf16.
    BF16,
}

/// The price of a code in bits, for entropy-constrained rounding: a code is chosen for its error and its length together.
#[derive(Clone, Copy, Debug)]
pub struct Price<'a> {
    /// Squared error that one bit is worth, as the kernel weighs errors. Finite, 0 or more.
    pub lambda: f32,
    /// `bits[c as u8 as usize]` is the length of code c in bits. Finite.
    pub bits: &'a [f32; 256],
}

/// Arguments of [`crate::Kernels::obs_panel`].
#[derive(Debug)]
pub struct ObsPanel<'a> {
    /// In: current weights of the rows of this panel in the columns of this block, row-major [rows, width], stride
    /// `w_stride`. Out: the final (masked, perhaps quantized) value of each.
    pub w: &'a mut [f32],
    /// Distance between two rows of `w`.
    pub w_stride: usize,
    /// Out: error of each row and column, (w - q) / u_jj, row-major [rows, width], dense.
    pub err: &'a mut [f32],
    /// Rows of the panel.
    pub rows: usize,
    /// Columns of the block, at most 128.
    pub width: usize,
    /// Upper triangular factor block [width, width], row-major with stride `u_stride`: u[j, k], k >= j.
    pub u: &'a [f32],
    /// Distance between two rows of `u`.
    pub u_stride: usize,
    /// Keep-mask: bit j of row r is bit `j % 8` of `mask[r * mask_stride + j / 8]`, 1 = keep. `None` keeps all.
    /// The block starts on a byte boundary.
    pub mask: Option<&'a [u8]>,
    /// Bytes between two rows of `mask`.
    pub mask_stride: usize,
    /// Quantization inside the loop, or `None` for pruning only.
    pub quant: Option<PanelQuant<'a>>,
}

/// Arguments of [`crate::Kernels::descent_panel`].
#[derive(Debug)]
pub struct DescentPanel<'a> {
    /// In: current values of the rows of this panel in the columns of this block, row-major [rows, width], stride
    /// `q_stride`. Out: the new ones.
    pub q: &'a mut [f32],
    /// Distance between two rows of `q`.
    pub q_stride: usize,
    /// In: the columns of the gradient (w - q) H that belong to this block, row-major [rows, width], stride `g_stride`.
    /// Out: the same for the new q, as far as its changes in this block go.
    pub g: &'a mut [f32],
    /// Distance between two rows of `g`.
    pub g_stride: usize,
    /// Out: new q - old q, row-major [rows, width], dense. The gradient in the other columns is to be brought up to date
    /// with it: g -= delta H[block, others].
    pub delta: &'a mut [f32],
    /// Rows of the panel.
    pub rows: usize,
    /// Columns of the block, at most 128.
    pub width: usize,
    /// The block of H on its diagonal [width, width], row-major with stride `h_stride`; exactly symmetric, since each
    /// element may be read in either of its places.
    pub h: &'a [f32],
    /// Distance between two rows of `h`.
    pub h_stride: usize,
    /// Keep-mask, as in [`ObsPanel`]. A pruned weight becomes 0, whatever it was.
    pub mask: Option<&'a [u8]>,
    /// Bytes between two rows of `mask`.
    pub mask_stride: usize,
    /// The grid, or `None` for values that may be anything.
    pub quant: Option<PanelQuant<'a>>,
}

/// Quantization inside the column loop.
#[derive(Debug)]
pub struct PanelQuant<'a> {
    /// Out: code of each weight, row-major [rows, width], dense. Pruned weights get 0.
    pub codes: &'a mut [i8],
    /// Scale of row r in group g of this block: `scales[r * scale_stride + g]`, g = j / group. A scale of 0 makes all codes 0.
    pub scales: &'a [f32],
    /// Distance between the scales of two rows.
    pub scale_stride: usize,
    /// Columns per group within this block (>= width: one group).
    pub group: usize,
    /// Limits of the codes.
    pub range: CodeRange,
    /// What a reader makes of code and scale.
    pub product: Product,
    /// What codes cost, or `None`: then the nearest value is taken. The error of a code is that of the exact product.
    pub price: Option<Price<'a>>,
}

/// Rows of `width` elements, `stride` apart.
fn has_rows(len: usize, rows: usize, width: usize, stride: usize) -> bool {
    stride >= width && len >= (rows - 1) * stride + width
}

impl ObsPanel<'_> {
    /// The kernels write through addresses, so every length is looked at first.
    ///
    /// # Panics
    /// If a slice is shorter than the shape says.
    pub(crate) fn check(&self) {
        let (rows, width) = (self.rows, self.width);
        assert!(width <= MAX_WIDTH, "a block has at most 128 columns");
        if rows == 0 || width == 0 {
            return;
        }
        assert!(has_rows(self.w.len(), rows, width, self.w_stride));
        assert!(self.err.len() >= rows * width);
        assert!(has_rows(self.u.len(), width, width, self.u_stride));
        check_mask(self.mask, self.mask_stride, rows, width);
        check_quant(self.quant.as_ref(), rows, width);
    }
}

impl DescentPanel<'_> {
    /// As [`ObsPanel::check`].
    ///
    /// # Panics
    /// If a slice is shorter than the shape says.
    pub(crate) fn check(&self) {
        let (rows, width) = (self.rows, self.width);
        assert!(width <= MAX_WIDTH, "a block has at most 128 columns");
        if rows == 0 || width == 0 {
            return;
        }
        assert!(has_rows(self.q.len(), rows, width, self.q_stride));
        assert!(has_rows(self.g.len(), rows, width, self.g_stride));
        assert!(self.delta.len() >= rows * width);
        assert!(has_rows(self.h.len(), width, width, self.h_stride));
        check_mask(self.mask, self.mask_stride, rows, width);
        check_quant(self.quant.as_ref(), rows, width);
    }
}

fn check_mask(mask: Option<&[u8]>, stride: usize, rows: usize, width: usize) {
    if let Some(mask) = mask {
        assert!(mask.len() >= (rows - 1) * stride + width.div_ceil(8));
    }
}

fn check_quant(quant: Option<&PanelQuant<'_>>, rows: usize, width: usize) {
    if let Some(quant) = quant {
        let groups = width.div_ceil(quant.group.clamp(1, width));
        assert!(quant.codes.len() >= rows * width);
        assert!(quant.scales.len() >= (rows - 1) * quant.scale_stride + groups);
    }
}
