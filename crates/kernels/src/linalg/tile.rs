//! A rectangle of a matrix that tasks on several threads can share.

use super::{MatMut, MatRef};
use std::marker::PhantomData;

/// A rectangle with any strides. Several threads may use copies of one tile, as long as no two tasks that run at the same time
/// touch the same element and one of them writes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tile<'a> {
    ptr: *mut f32,
    pub rows: usize,
    pub cols: usize,
    pub row_stride: usize,
    pub col_stride: usize,
    life: PhantomData<&'a mut [f32]>,
}

// SAFETY: a tile is an address and a shape. Every access through it is an unsafe call, whose caller ensures that tasks running at
// the same time touch disjoint elements.
unsafe impl Send for Tile<'_> {}
// SAFETY: as above.
unsafe impl Sync for Tile<'_> {}

impl<'a> Tile<'a> {
    fn new(ptr: *mut f32, len: usize, rows: usize, cols: usize, stride: usize) -> Self {
        let needed = match (rows, cols) {
            (0, _) | (_, 0) => Some(0),
            _ => (rows - 1)
                .checked_mul(stride)
                .and_then(|n| n.checked_add(cols)),
        };
        let fits = needed.is_some_and(|needed| needed <= len) && (stride >= cols || rows <= 1);
        assert!(fits, "a matrix is larger than its data");
        Self {
            ptr,
            rows,
            cols,
            row_stride: stride,
            col_stride: 1,
            life: PhantomData,
        }
    }

    /// A tile over dense rows in `data`.
    pub fn dense(data: &'a mut [f32], rows: usize, cols: usize) -> Self {
        MatMut::dense(data, rows, cols).tile()
    }

    /// The tile with rows and columns exchanged. No element moves.
    pub fn transposed(self) -> Self {
        Self {
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
            ..self
        }
    }

    /// The part of the tile whose first element is (`row`, `col`).
    pub fn part(self, row: usize, col: usize, rows: usize, cols: usize) -> Self {
        assert!(row + rows <= self.rows && col + cols <= self.cols);
        let offset = row * self.row_stride + col * self.col_stride;
        // An empty part may start behind the end of the allocation, so the address is computed with wrapping arithmetic.
        Self {
            ptr: self.ptr.wrapping_add(offset),
            rows,
            cols,
            ..self
        }
    }

    /// The address of element (i, j).
    #[inline(always)]
    pub fn at(self, i: usize, j: usize) -> *mut f32 {
        debug_assert!(i < self.rows && j < self.cols);
        self.ptr
            .wrapping_add(i * self.row_stride + j * self.col_stride)
    }

    /// Element (i, j).
    ///
    /// # Safety
    /// (i, j) lies inside the tile, and no other thread writes it during the call.
    #[inline(always)]
    pub unsafe fn get(self, i: usize, j: usize) -> f32 {
        // SAFETY: the caller's promise.
        unsafe { *self.at(i, j) }
    }

    /// Writes element (i, j).
    ///
    /// # Safety
    /// (i, j) lies inside the tile, and no other thread uses it during the call.
    #[inline(always)]
    pub unsafe fn set(self, i: usize, j: usize, value: f32) {
        // SAFETY: the caller's promise.
        unsafe { *self.at(i, j) = value }
    }

    /// Row `i` from column `from` to column `to`.
    ///
    /// # Safety
    /// The columns are contiguous (`col_stride` 1), and nobody writes them while the slice lives.
    #[inline(always)]
    pub unsafe fn row<'b>(self, i: usize, from: usize, to: usize) -> &'b [f32] {
        assert!(self.col_stride == 1 && i < self.rows && from <= to && to <= self.cols);
        let start = self.ptr.wrapping_add(i * self.row_stride + from);
        // SAFETY: inside the matrix by the assertion; the rest is the caller's promise.
        unsafe { std::slice::from_raw_parts(start, to - from) }
    }

    /// Row `i` from column `from` to column `to`, for writing.
    ///
    /// # Safety
    /// The conditions of [`Tile::row`], and nobody else uses these elements while the slice lives.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn row_mut<'b>(self, i: usize, from: usize, to: usize) -> &'b mut [f32] {
        assert!(self.col_stride == 1 && i < self.rows && from <= to && to <= self.cols);
        let start = self.ptr.wrapping_add(i * self.row_stride + from);
        // SAFETY: inside the matrix by the assertion; the rest is the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(start, to - from) }
    }

    /// The memory from the first element to the last, including the gaps between rows.
    ///
    /// # Safety
    /// The conditions of [`Tile::row`], and nobody writes the gaps either.
    pub unsafe fn span<'b>(self) -> &'b [f32] {
        assert!(self.col_stride == 1);
        let len = match (self.rows, self.cols) {
            (0, _) | (_, 0) => 0,
            (rows, cols) => (rows - 1) * self.row_stride + cols,
        };
        // SAFETY: every tile lies inside one allocation; the rest is the caller's promise.
        unsafe { std::slice::from_raw_parts(self.ptr, len) }
    }

    /// All elements of a tile without gaps between its rows, for writing.
    ///
    /// # Safety
    /// The conditions of [`Tile::row_mut`].
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn dense_mut<'b>(self) -> &'b mut [f32] {
        assert!(self.col_stride == 1 && (self.row_stride == self.cols || self.rows <= 1));
        // SAFETY: inside the matrix, since there are no gaps; the rest is the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.ptr, self.rows * self.cols) }
    }

    /// A view of faer for reading.
    ///
    /// # Safety
    /// Nobody writes the elements while the view lives.
    pub unsafe fn view<'b>(self) -> faer::MatRef<'b, f32> {
        let (rs, cs) = (self.row_stride as isize, self.col_stride as isize);
        // SAFETY: the rectangle lies inside one allocation (checked where the tile was made); the rest is the caller's promise.
        unsafe { faer::MatRef::from_raw_parts(self.ptr, self.rows, self.cols, rs, cs) }
    }

    /// A view of faer for writing.
    ///
    /// # Safety
    /// Nobody else uses the elements while the view lives.
    pub unsafe fn view_mut<'b>(self) -> faer::MatMut<'b, f32> {
        let (rs, cs) = (self.row_stride as isize, self.col_stride as isize);
        // SAFETY: as for `view`.
        unsafe { faer::MatMut::from_raw_parts_mut(self.ptr, self.rows, self.cols, rs, cs) }
    }
}

impl<'a> MatRef<'a> {
    /// The whole matrix as a tile. Nobody may write through it.
    pub(crate) fn tile(self) -> Tile<'a> {
        let ptr = self.data.as_ptr().cast_mut();
        Tile::new(ptr, self.data.len(), self.rows, self.cols, self.stride)
    }
}

impl<'a> MatMut<'a> {
    /// The whole matrix as a tile.
    pub(crate) fn tile(self) -> Tile<'a> {
        let (ptr, len) = (self.data.as_mut_ptr(), self.data.len());
        Tile::new(ptr, len, self.rows, self.cols, self.stride)
    }
}
