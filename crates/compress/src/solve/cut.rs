//! Finds the score of a given rank among the scores of a region. It does not sort the scores and does not store them; each pass
//! computes them anew.

use super::selection::{RowScores, row_range};
use kerf_kernels::Compute;
use kerf_kernels::radix::{BUCKETS, SHIFTS, bucket_of_rank, next_prefix};

/// The score of rank `k`. Scores below it are removed, and so are the first `ties` of the `equal` scores that have this value.
pub(super) struct Cut {
    pub bits: u32,
    pub ties: usize,
    pub equal: usize,
}

/// The scores of a region. They are computed when they are needed.
pub(super) struct Scores<'a> {
    pub compute: &'a Compute,
    pub rows: usize,
    pub cols: usize,
    /// Number of rows in one task.
    pub chunk: usize,
    pub of_row: &'a RowScores<'a>,
}

impl Scores<'_> {
    /// Least number of scores for which a sample is taken. In a smaller region histograms cost less.
    const LARGE: usize = 1 << 18;
    /// Rows in a sample, and scores taken from each of them.
    const SAMPLE: (usize, usize) = (128, 512);
    /// Largest distance between the rank of the cut and its rank in the sample, as a share of all scores. Rows differ from one
    /// another, so the value is far above the error of independent draws (0.002).
    const SLACK: f64 = 0.02;

    /// Largest relative distance between the cut and the cut of the call before.
    const NEAR: f32 = 0.1;

    fn tasks(&self) -> usize {
        self.rows.div_ceil(self.chunk)
    }

    /// Calls `each(row within the chunk, scores)` for every row of a chunk.
    pub(super) fn each_row(&self, index: usize, mut each: impl FnMut(usize, &[f32])) {
        let mut row = vec![0.0; self.cols];
        for (i, at) in row_range(index, self.chunk, self.rows).enumerate() {
            (self.of_row)(at, &mut row);
            each(i, &row);
        }
    }

    /// The cut, by the cheaper of the two methods.
    pub(super) fn cut(&self, rank: usize) -> Cut {
        let total = self.rows * self.cols;
        let sampled = (total >= Self::LARGE)
            .then(|| self.cut_between(rank, self.bracket(rank as f64 / total as f64)));
        sampled
            .flatten()
            .unwrap_or_else(|| self.cut_by_histograms(rank))
    }

    /// The cut if it is close to `near`, else `None`.
    pub(super) fn cut_near(&self, rank: usize, near: f32) -> Option<Cut> {
        let between = (near * (1.0 - Self::NEAR), near * (1.0 + Self::NEAR));
        self.cut_between(rank, between)
    }

    /// The cut, in one pass that stores only the scores above `low` and not above `high`. `None` if the cut is not among them.
    fn cut_between(&self, rank: usize, (low, high): (f32, f32)) -> Option<Cut> {
        let parts = self.compute.pool.map(self.tasks(), |index| {
            let (mut below, mut near) = (0, Vec::new());
            let (mut above_low, mut above_high) = (self.row_bits(), self.row_bits());
            self.each_row(index, |_, row| {
                let kernels = &self.compute.kernels;
                kernels.mask_above(row, low, &mut above_low);
                kernels.mask_above(row, high, &mut above_high);
                below += row.len() - collect_between(row, &above_low, &above_high, &mut near);
            });
            (below, near)
        });
        let below: usize = parts.iter().map(|part| part.0).sum();
        let mut near: Vec<u32> = parts.into_iter().flat_map(|part| part.1).collect();
        let rank = rank.checked_sub(below).filter(|&rank| rank > 0)?;
        if rank > near.len() {
            return None;
        }
        let (_, &mut bits, _) = near.select_nth_unstable(rank - 1);
        let lower = near.iter().filter(|&&other| other < bits).count();
        let equal = near.iter().filter(|&&other| other == bits).count();
        Some(Cut {
            bits,
            ties: rank - lower,
            equal,
        })
    }

    fn row_bits(&self) -> Vec<u8> {
        vec![0; self.cols.div_ceil(8)]
    }

    /// Two scores, of which the first is below the score of rank `share` with near certainty, and the second is not.
    fn bracket(&self, share: f64) -> (f32, f32) {
        let (rows, scores) = Self::SAMPLE;
        let (row_step, col_step) = (self.rows.div_ceil(rows), self.cols.div_ceil(scores));
        let mut row = vec![0.0; self.cols];
        let mut sample = Vec::with_capacity(rows * scores);
        for at in (0..self.rows).step_by(row_step) {
            (self.of_row)(at, &mut row);
            // Each row begins with another column, so that every column is in the sample.
            let first = at / row_step % col_step;
            sample.extend(row.iter().skip(first).step_by(col_step));
        }
        sample.sort_unstable_by(f32::total_cmp);
        let at = |share: f64| (share * sample.len() as f64) as usize;
        let low = (share > Self::SLACK).then(|| sample[at(share - Self::SLACK)]);
        let high = sample.get(at(share + Self::SLACK));
        // Every score is above a negative number, and no score is above infinity.
        (low.unwrap_or(-1.0), *high.unwrap_or(&f32::INFINITY))
    }

    /// The cut, by radix selection on all scores.
    fn cut_by_histograms(&self, remove: usize) -> Cut {
        let mut digits = Cut {
            bits: 0,
            ties: remove,
            equal: 0,
        };
        for shift in SHIFTS {
            let parts = self.compute.pool.map(self.tasks(), |index| {
                let mut hist = vec![0u32; BUCKETS];
                self.each_row(index, |_, row| {
                    let kernels = &self.compute.kernels;
                    kernels.histogram(row, shift, digits.bits, &mut hist);
                });
                hist
            });
            let total = |bucket: usize| parts.iter().map(|part| part[bucket] as usize).sum();
            let (bucket, left) = bucket_of_rank((0..BUCKETS).map(total), digits.ties);
            digits = Cut {
                bits: next_prefix(digits.bits, shift, bucket),
                ties: left,
                equal: total(bucket as usize),
            };
        }
        digits
    }

    /// Keeps the scores equal to the cut, except the first `ties`.
    pub(super) fn keep_late_ties(&self, bits: &mut [u8], stride: usize, cut: &Cut) {
        let equal = |row: &[f32]| {
            row.iter()
                .filter(|score| score.to_bits() == cut.bits)
                .count()
        };
        let counts = self.compute.pool.map(self.tasks(), |index| {
            let mut count = 0;
            self.each_row(index, |_, row| count += equal(row));
            count
        });
        let add = |sum: &mut usize, n: &usize| Some(std::mem::replace(sum, *sum + n));
        let before: Vec<usize> = counts.iter().scan(0, add).collect();
        let pool = &self.compute.pool;
        pool.chunks_mut(bits, self.chunk * stride, |index, bits| {
            if index >= counts.len() || before[index] + counts[index] <= cut.ties {
                return;
            }
            let mut left = cut.ties.saturating_sub(before[index]);
            self.each_row(index, |i, row| {
                let out = &mut bits[i * stride..];
                for (j, score) in row.iter().enumerate() {
                    match (score.to_bits() == cut.bits, left) {
                        (false, _) => {}
                        (true, 0) => out[j / 8] |= 1 << (j % 8),
                        (true, _) => left -= 1,
                    }
                }
            });
        });
    }
}

/// Appends the bits of the scores that are above the low threshold and not above the high one. Returns the number of scores above
/// the low one.
fn collect_between(row: &[f32], above_low: &[u8], above_high: &[u8], near: &mut Vec<u32>) -> usize {
    let mut above = 0;
    let words = above_low.chunks(8).zip(above_high.chunks(8));
    for ((low, high), scores) in words.zip(row.chunks(64)) {
        let low = word(low);
        above += low.count_ones() as usize;
        let mut between = low & !word(high);
        while between != 0 {
            near.push(scores[between.trailing_zeros() as usize].to_bits());
            between &= between - 1;
        }
    }
    above
}

/// Up to eight bytes as a little-endian number.
fn word(bytes: &[u8]) -> u64 {
    match bytes.first_chunk() {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => bytes
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}
