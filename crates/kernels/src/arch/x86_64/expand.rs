//! Codes spread by their masks with AVX-512 VBMI2, a block at a time. The plain forms are in [`crate::reference::compact`].

use crate::compact::{BLOCK, SLACK};
use std::arch::x86_64::*;

/// Panics unless all codes of the masks, and the bytes behind them that are read along, are in `codes`; `block` bytes of `out` are those of
/// a mask. The number of codes in so many half bytes.
fn check(codes: &[u8], masks: &[u64], (nibbles, out): (usize, &[u8]), block: usize) {
    let taken = |mask: &u64| (mask.count_ones() as usize * nibbles).div_ceil(2);
    let used: usize = masks.iter().map(taken).sum();
    assert!(codes.len() >= used + SLACK && out.len() >= masks.len() * block);
}

/// See [`crate::Kernels::spread_nibbles`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi2,popcnt")]
pub(super) fn nibbles(codes: &[u8], masks: &[u64], out: &mut [u8]) {
    check(codes, masks, (1, out), BLOCK / 2);
    let (mut from, mut to) = (codes.as_ptr(), out.as_mut_ptr());
    // The two nibbles of a byte: times 1 and times 16.
    let weights = _mm512_set1_epi16(0x1001);
    let low = _mm512_set1_epi8(15);
    for mask in masks {
        // SAFETY: a block of 32 bytes is read and written, which is inside both slices by the check.
        unsafe {
            let pairs = _mm512_cvtepu8_epi16(_mm256_loadu_si256(from.cast()));
            let each = _mm512_or_si512(pairs, _mm512_slli_epi16::<4>(pairs));
            let spread = _mm512_maskz_expand_epi8(*mask, _mm512_and_si512(each, low));
            let joined = _mm512_maddubs_epi16(spread, weights);
            _mm256_storeu_si256(to.cast(), _mm512_cvtepi16_epi8(joined));
            from = from.add((mask.count_ones() as usize).div_ceil(2));
            to = to.add(BLOCK / 2);
        }
    }
}

/// See [`crate::Kernels::spread_bytes`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi2,popcnt")]
pub(super) fn bytes(codes: &[u8], masks: &[u64], out: &mut [u8]) {
    check(codes, masks, (2, out), BLOCK);
    let (mut from, mut to) = (codes.as_ptr(), out.as_mut_ptr());
    for mask in masks {
        // SAFETY: a block of 64 bytes is read and written, which is inside both slices by the check.
        unsafe {
            let spread = _mm512_maskz_expand_epi8(*mask, _mm512_loadu_si512(from.cast()));
            _mm512_storeu_si512(to.cast(), spread);
            from = from.add(mask.count_ones() as usize);
            to = to.add(BLOCK);
        }
    }
}
