//! Selects the weights with the lowest scores: by radix selection on the bits of the scores, without a sort, with exact counts.
//!
//! A non-negative f32 sorts like its bits. Three passes of histograms over 11 + 11 + 9 bits find the score of rank k. For a large
//! region, a sample gives its approximate place instead, and one pass collects the scores near it. A last pass writes the mask.
//!
//! The caller's closure computes the scores anew in each pass, so nothing of the size of the matrix is stored. Equal scores are
//! removed in the order of their index, so the result is unique.

use super::cut::Scores;
use kerf_kernels::radix::{BUCKETS, SHIFTS, bucket_of_rank, next_prefix};
use kerf_kernels::{Compute, Kernels};
use std::ops::Range;

/// Writes the scores of one row, for the columns of the region, into the slice.
pub type RowScores<'a> = dyn Fn(usize, &mut [f32]) + Sync + 'a;

/// A region of a bit mask: `rows` rows of `cols` columns that start at a byte.
pub struct MaskRegion<'a> {
    /// The mask from the first byte of the region on.
    pub bits: &'a mut [u8],
    /// Bytes from one row to the next.
    pub stride: usize,
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub cols: usize,
}

impl MaskRegion<'_> {
    fn bytes(&self) -> usize {
        self.cols.div_ceil(8)
    }
}

/// Removes the `remove` lowest scores of the region and keeps the others. Cost: two passes of the score closure over a large
/// region (and a sample), four over a small one.
pub fn keep_highest(
    compute: &Compute,
    region: MaskRegion<'_>,
    remove: usize,
    scores: &RowScores<'_>,
) {
    keep_highest_near(compute, region, remove, scores, &mut None);
}

/// [`keep_highest`] for scores that change little from call to call. `near` is about the last cut, and is replaced by the present
/// one. Cost: two passes of the score closure if `near` was right, more if not. The result never depends on it.
pub fn keep_highest_near(
    compute: &Compute,
    region: MaskRegion<'_>,
    remove: usize,
    scores: &RowScores<'_>,
    near: &mut Option<f32>,
) {
    let total = region.rows * region.cols;
    if remove == 0 || remove >= total {
        return fill(region, remove == 0);
    }
    let table = Scores {
        compute,
        rows: region.rows,
        cols: region.cols,
        chunk: chunk_rows(region.cols),
        of_row: scores,
    };
    let cut = near.and_then(|near| table.cut_near(remove, near));
    let cut = cut.unwrap_or_else(|| table.cut(remove));
    let threshold = f32::from_bits(cut.bits);
    *near = Some(threshold);
    let (bytes, stride) = (region.bytes(), region.stride);
    compute
        .pool
        .chunks_mut(region.bits, table.chunk * stride, |index, bits| {
            table.each_row(index, |i, row| {
                let out = &mut bits[i * stride..][..bytes];
                compute.kernels.mask_above(row, threshold, out);
            });
        });
    if cut.ties < cut.equal {
        table.keep_late_ties(region.bits, stride, &cut);
    }
}

/// The highest of the `remove` lowest scores. 0 if `remove` is 0.
pub fn threshold(
    compute: &Compute,
    shape: (usize, usize),
    remove: usize,
    scores: &RowScores<'_>,
) -> f32 {
    let (rows, cols) = shape;
    if remove == 0 {
        return 0.0;
    }
    let table = Scores {
        compute,
        rows,
        cols,
        chunk: chunk_rows(cols),
        of_row: scores,
    };
    f32::from_bits(table.cut(remove).bits)
}

/// Removes the `remove` lowest scores of each row. Cost: four passes of the score closure over each row, with rows in parallel.
pub fn keep_highest_per_row(
    compute: &Compute,
    region: MaskRegion<'_>,
    remove: usize,
    scores: &RowScores<'_>,
) {
    if remove == 0 || remove >= region.cols {
        return fill(region, remove == 0);
    }
    let (rows, cols, stride, bytes) = (region.rows, region.cols, region.stride, region.bytes());
    let chunk = chunk_rows(cols);
    compute
        .pool
        .chunks_mut(region.bits, chunk * stride, |index, bits| {
            let mut row = vec![0.0; cols];
            let mut hist = vec![0; BUCKETS];
            for (i, out) in bits.chunks_mut(stride).enumerate() {
                if index * chunk + i >= rows {
                    break;
                }
                scores(index * chunk + i, &mut row);
                keep_highest_in_row(&compute.kernels, &row, remove, &mut hist, &mut out[..bytes]);
            }
        });
}

/// Keeps the `n` highest of every `m` neighbouring scores; of equal scores, the later one. `m` must be at most 32.
pub fn keep_n_of_m(scores: &[f32], n: usize, m: usize, out: &mut [u8]) {
    out.fill(0);
    for (group, values) in scores.chunks(m).enumerate() {
        // A short last group keeps the same share, rounded up, so that it does not lose more than the share asked for.
        let keep = if values.len() == m {
            n
        } else {
            (values.len() * n).div_ceil(m)
        };
        for (i, value) in values.iter().enumerate() {
            let better = values
                .iter()
                .enumerate()
                .filter(|(j, other)| *other > value || (*other == value && *j > i));
            if better.count() < keep {
                let bit = group * m + i;
                out[bit / 8] |= 1 << (bit % 8);
            }
        }
    }
}

fn keep_highest_in_row(
    kernels: &Kernels,
    row: &[f32],
    remove: usize,
    hist: &mut [u32],
    out: &mut [u8],
) {
    let (mut prefix, mut rank) = (0, remove);
    for shift in SHIFTS {
        hist.fill(0);
        kernels.histogram(row, shift, prefix, hist);
        let (bucket, left) = bucket_of_rank(hist.iter().map(|&count| count as usize), rank);
        rank = left;
        prefix = next_prefix(prefix, shift, bucket);
    }
    kernels.mask_above(row, f32::from_bits(prefix), out);
    let mut ties = rank;
    for (j, score) in row.iter().enumerate() {
        if score.to_bits() == prefix {
            if ties == 0 {
                out[j / 8] |= 1 << (j % 8);
            } else {
                ties -= 1;
            }
        }
    }
}

fn fill(region: MaskRegion<'_>, keep: bool) {
    let bytes = region.bytes();
    let tail = if region.cols.is_multiple_of(8) {
        0xff
    } else {
        (1u8 << (region.cols % 8)) - 1
    };
    for row in region.bits.chunks_mut(region.stride).take(region.rows) {
        row[..bytes].fill(if keep { 0xff } else { 0 });
        if keep && bytes > 0 {
            row[bytes - 1] = tail;
        }
    }
}

fn chunk_rows(cols: usize) -> usize {
    (65536 / cols.max(1)).clamp(1, 1024)
}

pub(super) fn row_range(index: usize, chunk: usize, rows: usize) -> Range<usize> {
    index * chunk..((index + 1) * chunk).min(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kerf_kernels::Isa;
    use kerf_tensors::Mask;
    use proptest::prelude::*;

    /// The plain algorithm: sorts by (score, index) and removes the first scores.
    fn sorted(scores: &[f32], remove: usize) -> Vec<bool> {
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]).then(a.cmp(&b)));
        let mut keep = vec![true; scores.len()];
        order[..remove.min(scores.len())]
            .iter()
            .for_each(|&i| keep[i] = false);
        keep
    }

    fn kept(mask: &Mask) -> Vec<bool> {
        (0..mask.rows)
            .flat_map(|r| (0..mask.cols).map(move |c| (r, c)))
            .map(|(r, c)| mask.kept(r, c))
            .collect()
    }

    fn region(mask: &mut Mask) -> MaskRegion<'_> {
        MaskRegion {
            stride: mask.stride,
            rows: mask.rows,
            cols: mask.cols,
            bits: &mut mask.bits,
        }
    }

    fn scores() -> impl Strategy<Value = (usize, usize, Vec<f32>, f64)> {
        // Few distinct values give ties and zeros. Some rows are longer than a byte.
        (1usize..40, 1usize..70).prop_flat_map(|(rows, cols)| {
            let value = prop_oneof![
                Just(0.0f32),
                Just(1.0),
                (0u32..50).prop_map(|v| v as f32 * 0.37),
                0.0f32..3.0e5
            ];
            (
                Just(rows),
                Just(cols),
                proptest::collection::vec(value, rows * cols),
                0.0..1.0f64,
            )
        })
    }

    proptest! {
        #[test]
        fn selects_what_a_sort_selects((rows, cols, scores, share) in scores()) {
            for threads in [1, 3] {
                let compute = Compute::new(None, threads).unwrap();
                let remove = (share * scores.len() as f64) as usize;
                let mut mask = Mask::empty(rows, cols);
                keep_highest(&compute, region(&mut mask), remove, &|r, out| out.copy_from_slice(&scores[r * cols..][..cols]));
                prop_assert_eq!(kept(&mask), sorted(&scores, remove));
                let remove = (share * cols as f64) as usize;
                keep_highest_per_row(&compute, region(&mut mask), remove, &|r, out| out.copy_from_slice(&scores[r * cols..][..cols]));
                let rows: Vec<bool> = scores.chunks(cols).flat_map(|row| sorted(row, remove)).collect();
                prop_assert_eq!(kept(&mask), rows);
            }
        }
    }

    #[test]
    fn large_regions_are_cut_where_histograms_cut_them() {
        let compute = Compute::new(None, 2).unwrap();
        let (rows, cols) = (700, 403);
        let hash = |at: usize| (at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let spread = |at: usize| (hash(at) as f32).powi(2);
        let many_ties = |at: usize| (hash(at) % 7) as f32;
        // The sample misleads if rows differ as much as here, or if nearly all scores are equal.
        let by_row = |at: usize| (at / cols) as f32 + hash(at) as f32 * 1e-9;
        let one = |at: usize| f32::from(u8::from(at == 77));
        let kinds: [&(dyn Fn(usize) -> f32 + Sync); 4] = [&spread, &many_ties, &by_row, &one];
        for score in kinds {
            let of_row = |row: usize, out: &mut [f32]| {
                for (j, out) in out.iter_mut().enumerate() {
                    *out = score(row * cols + j);
                }
            };
            let scores: Vec<f32> = (0..rows * cols).map(score).collect();
            for remove in [
                1,
                3000,
                rows * cols / 2,
                rows * cols * 7 / 10,
                rows * cols - 1,
            ] {
                let mut mask = Mask::empty(rows, cols);
                keep_highest(&compute, region(&mut mask), remove, &of_row);
                assert!(kept(&mask) == sorted(&scores, remove), "{remove}");
                let mut order = scores.clone();
                order.sort_unstable_by(f32::total_cmp);
                let cut = order[remove - 1];
                // Exact, close, wrong and unusable values.
                for near in [cut, cut * 1.05, cut * 3.0, 0.0, f32::INFINITY, f32::NAN] {
                    let (mut mask, mut near) = (Mask::empty(rows, cols), Some(near));
                    keep_highest_near(&compute, region(&mut mask), remove, &of_row, &mut near);
                    assert!(kept(&mask) == sorted(&scores, remove), "{remove}");
                    assert_eq!(near, Some(cut));
                }
            }
        }
    }

    #[test]
    fn all_and_none() {
        let compute = Compute::new(Some(Isa::Portable), 1).unwrap();
        for cols in [1, 7, 8, 9, 16] {
            let mut mask = Mask::empty(3, cols);
            keep_highest(&compute, region(&mut mask), 0, &|_, _| unreachable!());
            assert_eq!(mask.count(), 3 * cols);
            keep_highest(
                &compute,
                region(&mut mask),
                3 * cols,
                &|_, _| unreachable!(),
            );
            assert_eq!(mask.count(), 0);
        }
    }

    #[test]
    fn n_of_m_keeps_the_highest() {
        let mut out = [0u8; 2];
        keep_n_of_m(
            &[1.0, 4.0, 3.0, 2.0, 5.0, 5.0, 5.0, 5.0, 9.0, 1.0],
            2,
            4,
            &mut out,
        );
        assert_eq!(out, [0b1100_0110, 0b01]);
    }
}
