//! x86-64 with AVX-512 F, BW, DQ, VL: Intel servers since Skylake, AMD since Zen 4.
//!
//! Where an operation has an obvious 256-bit form that is not hot, it is taken twice: less to get wrong.

use super::avx2::{shuffle8, transpose8};
use super::expand;
use crate::generic::convert;
use crate::simd::Simd;
use crate::table::{entry_points, kernel_table};
use std::arch::x86_64::*;

/// This machine has AVX-512 F, BW, DQ and VL, and what AVX2 machines have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// `None` if the machine lacks a feature.
    pub(crate) fn new() -> Option<Self> {
        let runs = super::avx2::Avx2::new().is_some()
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl");
        runs.then_some(Self(()))
    }

    /// Whether the machine has VBMI2 too: Intel since Ice Lake, AMD since Zen 4.
    pub(crate) fn expands_bytes(self) -> bool {
        is_x86_feature_detected!("avx512vbmi2")
    }
}

kernel_table!(
    entry_points Avx512,
    "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c,bmi1,bmi2,popcnt"
);

/// Intrinsics that touch no memory.
macro_rules! lanes {
    ($($body:tt)*) => {
        // SAFETY: `self` proves that the machine has the features.
        unsafe { $($body)* }
    };
}

/// Round to nearest even, no exceptions.
const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;

impl Simd for Avx512 {
    type F = __m512;
    type W = __m512i;
    const LANES: usize = 16;
    const MANY_REGISTERS: bool = true;

    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        lanes!(_mm512_set1_ps(x))
    }
    #[inline(always)]
    unsafe fn load(self, src: *const f32) -> __m512 {
        // SAFETY: the caller's promise.
        unsafe { _mm512_loadu_ps(src) }
    }
    #[inline(always)]
    unsafe fn store(self, v: __m512, dst: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe { _mm512_storeu_ps(dst, v) }
    }
    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        lanes!(_mm512_add_ps(a, b))
    }
    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        lanes!(_mm512_sub_ps(a, b))
    }
    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        lanes!(_mm512_mul_ps(a, b))
    }
    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        lanes!(_mm512_div_ps(a, b))
    }
    #[inline(always)]
    fn sqrt(self, a: __m512) -> __m512 {
        lanes!(_mm512_sqrt_ps(a))
    }
    #[inline(always)]
    fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        lanes!(_mm512_fmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn neg_mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        lanes!(_mm512_fnmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        // VMINPS: the second operand if one is NaN, as the trait asks.
        lanes!(_mm512_min_ps(a, b))
    }
    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        lanes!(_mm512_max_ps(a, b))
    }
    #[inline(always)]
    fn abs(self, a: __m512) -> __m512 {
        lanes!(_mm512_andnot_ps(_mm512_set1_ps(-0.0), a))
    }
    #[inline(always)]
    fn copysign(self, magnitude: __m512, sign: __m512) -> __m512 {
        lanes!({
            let top = _mm512_set1_ps(-0.0);
            _mm512_or_ps(_mm512_andnot_ps(top, magnitude), _mm512_and_ps(top, sign))
        })
    }
    #[inline(always)]
    fn round(self, a: __m512) -> __m512 {
        // VRNDSCALEPS with scale 0 (bits 7:4 of the immediate).
        lanes!(_mm512_roundscale_ps::<NEAREST>(a))
    }
    #[inline(always)]
    fn pow2(self, n: __m512) -> __m512 {
        lanes!({
            let exponent = _mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127));
            _mm512_castsi512_ps(_mm512_slli_epi32::<23>(exponent))
        })
    }
    #[inline(always)]
    fn gt_bits(self, a: __m512, b: __m512) -> u32 {
        lanes!(u32::from(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b)))
    }
    #[inline(always)]
    fn select_bits(self, bits: u32, a: __m512, b: __m512) -> __m512 {
        // The blend takes its last operand where the bit is set.
        lanes!(_mm512_mask_blend_ps(bits as u16, b, a))
    }
    #[inline(always)]
    fn select_lt(self, x: __m512, y: __m512, a: __m512, b: __m512) -> __m512 {
        lanes!(_mm512_mask_blend_ps(
            _mm512_cmp_ps_mask::<_CMP_LT_OQ>(x, y),
            b,
            a
        ))
    }
    #[inline(always)]
    fn lookup(self, table: &[f32; 256], codes: __m512) -> __m512 {
        // A byte is an index inside the table.
        lanes!({
            let index = _mm512_and_si512(_mm512_cvtps_epi32(codes), _mm512_set1_epi32(255));
            _mm512_i32gather_ps::<4>(index, table.as_ptr())
        })
    }
    #[inline(always)]
    fn sum(self, a: __m512) -> f32 {
        lanes!({
            let low = _mm512_castps512_ps256(a);
            let eight = _mm256_add_ps(low, _mm512_extractf32x8_ps::<1>(a));
            let upper = _mm256_extractf128_ps::<1>(eight);
            let four = _mm_add_ps(_mm256_castps256_ps128(eight), upper);
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        })
    }
    #[inline(always)]
    unsafe fn store_codes(self, v: __m512, dst: *mut i8) {
        // SAFETY: the caller's promise, and `self` for the features.
        unsafe {
            let bytes = _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(v));
            _mm_storeu_si128(dst.cast(), bytes);
        }
    }
    #[inline(always)]
    unsafe fn store_chosen(self, v: __m512, bits: u32, dst: *mut f32) {
        // Compressed in the register: the compressing store is slow on some cores. What is behind the chosen is 0.
        // SAFETY: the caller's promise, and `self` for the features.
        unsafe { _mm512_storeu_ps(dst, _mm512_maskz_compress_ps(bits as u16, v)) }
    }
    #[inline(always)]
    unsafe fn load_u16(self, src: *const u8) -> __m512i {
        // SAFETY: the caller's promise, and `self` for the features.
        unsafe { _mm512_cvtepu16_epi32(_mm256_loadu_si256(src.cast())) }
    }
    #[inline(always)]
    fn nibbles(self, words: __m512i, shift: u32) -> __m512 {
        // A lookup reads the low four bits of an index alone: one shift and one permutation, where others shift twice and convert.
        lanes!({
            let codes = _mm512_setr_ps(
                0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, -8.0, -7.0, -6.0, -5.0, -4.0, -3.0, -2.0,
                -1.0,
            );
            let index = _mm512_srl_epi32(words, _mm_cvtsi32_si128(shift as i32));
            _mm512_permutexvar_ps(index, codes)
        })
    }
    #[inline(always)]
    unsafe fn load_i8(self, src: *const u8) -> __m512 {
        // SAFETY: the caller's promise, and `self` for the features.
        unsafe { _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(src.cast()))) }
    }
    #[inline(always)]
    unsafe fn load_bf16(self, src: *const u8) -> __m512 {
        // SAFETY: the caller's promise, and `self` for the features.
        unsafe { _mm512_castsi512_ps(_mm512_slli_epi32::<16>(self.load_u16(src))) }
    }
    #[inline(always)]
    fn expand_nibbles(self, codes: &[u8], masks: &[u64], out: &mut [u8]) -> bool {
        let runs = self.expands_bytes();
        if runs {
            // SAFETY: the machine has the features.
            unsafe { expand::nibbles(codes, masks, out) };
        }
        runs
    }
    #[inline(always)]
    fn expand_bytes(self, codes: &[u8], masks: &[u64], out: &mut [u8]) -> bool {
        let runs = self.expands_bytes();
        if runs {
            // SAFETY: the machine has the features.
            unsafe { expand::bytes(codes, masks, out) };
        }
        runs
    }
    #[inline(always)]
    fn shuffle_bytes(self, bytes: u64, index: u64) -> u64 {
        lanes!(shuffle8(bytes, index))
    }
    #[inline(always)]
    unsafe fn transpose(
        self,
        src: *const f32,
        src_stride: usize,
        dst: *mut f32,
        dst_stride: usize,
    ) {
        for (i, j) in [(0, 0), (0, 8), (8, 0), (8, 8)] {
            // SAFETY: the quarter (i, j) of the caller's block goes to the quarter (j, i).
            unsafe {
                let from = src.add(i * src_stride + j);
                transpose8(from, src_stride, dst.add(j * dst_stride + i), dst_stride);
            }
        }
    }
    #[inline(always)]
    fn f16_to_f32(self, src: &[u16], out: &mut [f32]) {
        let (heads, tail) = src.as_chunks::<16>();
        let (outs, out_tail) = out.as_chunks_mut::<16>();
        for (out, bits) in outs.iter_mut().zip(heads) {
            lanes!({
                let wide = _mm512_cvtph_ps(_mm256_loadu_si256(bits.as_ptr().cast()));
                _mm512_storeu_ps(out.as_mut_ptr(), wide);
            });
        }
        convert::f16_to_f32_plain(tail, out_tail);
    }
    #[inline(always)]
    fn f32_to_f16(self, src: &[f32], out: &mut [u16]) {
        let (heads, tail) = src.as_chunks::<16>();
        let (outs, out_tail) = out.as_chunks_mut::<16>();
        for (out, values) in outs.iter_mut().zip(heads) {
            lanes!({
                let values = _mm512_loadu_ps(values.as_ptr());
                let narrow = _mm512_cvtps_ph::<NEAREST>(values);
                _mm256_storeu_si256(out.as_mut_ptr().cast(), narrow);
            });
        }
        convert::f32_to_f16_plain(tail, out_tail);
    }
}
