//! Radix selection on the bits of floats: a non-negative f32 sorts like its bits. Histograms over 11 + 11 + 9 bits, made by
//! [`crate::Kernels::histogram`], find the score of a rank without a sort.

/// Buckets of a histogram.
pub const BUCKETS: usize = 2048;
/// How far the bits of a score are shifted in each pass.
pub const SHIFTS: [u32; 3] = [20, 9, 0];

/// The bucket of the `rank`-th element (counted from 1), and the element's rank inside that bucket.
///
/// # Panics
/// If there are fewer than `rank` elements.
pub fn bucket_of_rank(counts: impl Iterator<Item = usize>, mut rank: usize) -> (u32, usize) {
    for (bucket, count) in counts.enumerate() {
        if rank <= count {
            return (bucket as u32, rank);
        }
        rank -= count;
    }
    unreachable!("rank is at most the number of scores")
}

/// The bits that are known after the pass of that shift.
pub fn next_prefix(prefix: u32, shift: u32, bucket: u32) -> u32 {
    let bits = if shift == 0 { 9 } else { 11 };
    prefix << bits | bucket
}
