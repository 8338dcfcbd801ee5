//! x86-64 with AVX2, FMA and F16C: every Intel core since Haswell (2013), every AMD core since Zen.

use crate::generic::convert;
use crate::generic::tables::COMPACT;
use crate::simd::Simd;
use crate::table::{entry_points, kernel_table};
use std::arch::x86_64::*;

/// This machine has AVX2, FMA, F16C, BMI and POPCNT.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// `None` if the machine lacks a feature.
    pub(crate) fn new() -> Option<Self> {
        let runs = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("popcnt");
        runs.then_some(Self(()))
    }
}

kernel_table!(entry_points Avx2, "avx2,fma,f16c,bmi1,bmi2,popcnt");

/// Intrinsics that touch no memory.
macro_rules! lanes {
    ($($body:tt)*) => {
        // SAFETY: `self` proves that the machine has the features.
        unsafe { $($body)* }
    };
}

/// Four elements of row `i` and four of row `i + 4`, as the halves of one register: so the last step of a transposition
/// needs no exchange of halves.
///
/// # Safety
/// The machine has AVX; both pieces are readable.
#[inline(always)]
unsafe fn half_rows(src: *const f32, stride: usize, i: usize, at: usize) -> __m256 {
    // SAFETY: the caller's promise.
    unsafe {
        let low = _mm256_castps128_ps256(_mm_loadu_ps(src.add(i * stride + at)));
        let high = _mm_loadu_ps(src.add((i + 4) * stride + at));
        _mm256_insertf128_ps::<1>(low, high)
    }
}

/// Transposes 8 rows of 8.
///
/// # Safety
/// The machine has AVX; memory as for [`Simd::transpose`].
#[inline(always)]
pub(super) unsafe fn transpose8(
    src: *const f32,
    src_stride: usize,
    dst: *mut f32,
    dst_stride: usize,
) {
    // No closures here: they would not be inlined for sure, and then their intrinsics would be calls.
    for at in [0, 4] {
        // SAFETY: the caller's promise.
        unsafe {
            let a = half_rows(src, src_stride, 0, at);
            let b = half_rows(src, src_stride, 1, at);
            let c = half_rows(src, src_stride, 2, at);
            let d = half_rows(src, src_stride, 3, at);
            let (ab_low, ab_high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
            let (cd_low, cd_high) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
            let to = dst.add(at * dst_stride);
            _mm256_storeu_ps(to, _mm256_shuffle_ps::<0x44>(ab_low, cd_low));
            let to = to.add(dst_stride);
            _mm256_storeu_ps(to, _mm256_shuffle_ps::<0xee>(ab_low, cd_low));
            let to = to.add(dst_stride);
            _mm256_storeu_ps(to, _mm256_shuffle_ps::<0x44>(ab_high, cd_high));
            let to = to.add(dst_stride);
            _mm256_storeu_ps(to, _mm256_shuffle_ps::<0xee>(ab_high, cd_high));
        }
    }
}

/// Byte shuffle of eight bytes; zero where the index has its top bit.
///
/// # Safety
/// The machine has SSSE3.
#[inline(always)]
pub(super) unsafe fn shuffle8(bytes: u64, index: u64) -> u64 {
    // SAFETY: the caller's promise.
    unsafe {
        let shuffled = _mm_shuffle_epi8(
            _mm_cvtsi64_si128(bytes as i64),
            _mm_cvtsi64_si128(index as i64),
        );
        _mm_cvtsi128_si64(shuffled) as u64
    }
}

impl Simd for Avx2 {
    type F = __m256;
    type W = __m256i;
    const LANES: usize = 8;
    const MANY_REGISTERS: bool = false;

    #[inline(always)]
    fn splat(self, x: f32) -> __m256 {
        lanes!(_mm256_set1_ps(x))
    }
    #[inline(always)]
    unsafe fn load(self, src: *const f32) -> __m256 {
        // SAFETY: the caller's promise.
        unsafe { _mm256_loadu_ps(src) }
    }
    #[inline(always)]
    unsafe fn store(self, v: __m256, dst: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe { _mm256_storeu_ps(dst, v) }
    }
    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        lanes!(_mm256_add_ps(a, b))
    }
    #[inline(always)]
    fn sub(self, a: __m256, b: __m256) -> __m256 {
        lanes!(_mm256_sub_ps(a, b))
    }
    #[inline(always)]
    fn mul(self, a: __m256, b: __m256) -> __m256 {
        lanes!(_mm256_mul_ps(a, b))
    }
    #[inline(always)]
    fn div(self, a: __m256, b: __m256) -> __m256 {
        lanes!(_mm256_div_ps(a, b))
    }
    #[inline(always)]
    fn sqrt(self, a: __m256) -> __m256 {
        lanes!(_mm256_sqrt_ps(a))
    }
    #[inline(always)]
    fn mul_add(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        lanes!(_mm256_fmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn neg_mul_add(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        lanes!(_mm256_fnmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn min(self, a: __m256, b: __m256) -> __m256 {
        lanes!(_mm256_min_ps(a, b))
    }
    #[inline(always)]
    fn max(self, a: __m256, b: __m256) -> __m256 {
        lanes!(_mm256_max_ps(a, b))
    }
    #[inline(always)]
    fn abs(self, a: __m256) -> __m256 {
        lanes!(_mm256_andnot_ps(_mm256_set1_ps(-0.0), a))
    }
    #[inline(always)]
    fn copysign(self, magnitude: __m256, sign: __m256) -> __m256 {
        lanes!({
            let top = _mm256_set1_ps(-0.0);
            _mm256_or_ps(_mm256_andnot_ps(top, magnitude), _mm256_and_ps(top, sign))
        })
    }
    #[inline(always)]
    fn round(self, a: __m256) -> __m256 {
        lanes!(_mm256_round_ps::<
            { _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC },
        >(a))
    }
    #[inline(always)]
    fn pow2(self, n: __m256) -> __m256 {
        lanes!({
            let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
            _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent))
        })
    }
    #[inline(always)]
    fn gt_bits(self, a: __m256, b: __m256) -> u32 {
        lanes!(_mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(a, b)) as u32)
    }
    #[inline(always)]
    fn select_bits(self, bits: u32, a: __m256, b: __m256) -> __m256 {
        lanes!({
            let lane = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
            let of_lane = _mm256_and_si256(_mm256_set1_epi32(bits as i32), lane);
            let chosen = _mm256_cmpeq_epi32(of_lane, lane);
            _mm256_blendv_ps(b, a, _mm256_castsi256_ps(chosen))
        })
    }
    #[inline(always)]
    fn select_lt(self, x: __m256, y: __m256, a: __m256, b: __m256) -> __m256 {
        lanes!(_mm256_blendv_ps(b, a, _mm256_cmp_ps::<_CMP_LT_OQ>(x, y)))
    }
    #[inline(always)]
    fn lookup(self, table: &[f32; 256], codes: __m256) -> __m256 {
        // A byte is an index inside the table.
        lanes!({
            let index = _mm256_and_si256(_mm256_cvtps_epi32(codes), _mm256_set1_epi32(255));
            _mm256_i32gather_ps::<4>(table.as_ptr(), index)
        })
    }
    #[inline(always)]
    fn sum(self, a: __m256) -> f32 {
        lanes!({
            let four = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        })
    }
    #[inline(always)]
    unsafe fn store_codes(self, v: __m256, dst: *mut i8) {
        // SAFETY: the caller's promise, and `self` for the features.
        unsafe {
            let words = _mm256_cvtps_epi32(v);
            let low = _mm256_castsi256_si128(words);
            let high = _mm256_extracti128_si256::<1>(words);
            let halves = _mm_packs_epi32(low, high);
            _mm_storel_epi64(dst.cast(), _mm_packs_epi16(halves, halves));
        }
    }
    #[inline(always)]
    unsafe fn store_chosen(self, v: __m256, bits: u32, dst: *mut f32) {
        // SAFETY: the caller's promise, and `self` for the features.
        unsafe {
            let places = COMPACT[(bits & 0xff) as usize] as i64;
            // A place of 128, behind the chosen, is taken modulo 8: anything.
            let index = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(places));
            _mm256_storeu_ps(dst, _mm256_permutevar8x32_ps(v, index));
        }
    }
    #[inline(always)]
    unsafe fn load_u16(self, src: *const u8) -> __m256i {
        // SAFETY: the caller's promise, and `self` for the features.
        unsafe { _mm256_cvtepu16_epi32(_mm_loadu_si128(src.cast())) }
    }
    #[inline(always)]
    fn nibbles(self, words: __m256i, shift: u32) -> __m256 {
        lanes!({
            let top = _mm256_sll_epi32(words, _mm_cvtsi32_si128(28 - shift as i32));
            _mm256_cvtepi32_ps(_mm256_srai_epi32::<28>(top))
        })
    }
    #[inline(always)]
    unsafe fn load_i8(self, src: *const u8) -> __m256 {
        // SAFETY: the caller's promise, and `self` for the features.
        unsafe { _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(src.cast()))) }
    }
    #[inline(always)]
    unsafe fn load_bf16(self, src: *const u8) -> __m256 {
        // SAFETY: the caller's promise, and `self` for the features.
        unsafe { _mm256_castsi256_ps(_mm256_slli_epi32::<16>(self.load_u16(src))) }
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
        // SAFETY: the caller's promise, and `self` for the features.
        unsafe { transpose8(src, src_stride, dst, dst_stride) }
    }
    #[inline(always)]
    fn f16_to_f32(self, src: &[u16], out: &mut [f32]) {
        let (heads, tail) = src.as_chunks::<8>();
        let (outs, out_tail) = out.as_chunks_mut::<8>();
        for (out, bits) in outs.iter_mut().zip(heads) {
            lanes!({
                let wide = _mm256_cvtph_ps(_mm_loadu_si128(bits.as_ptr().cast()));
                _mm256_storeu_ps(out.as_mut_ptr(), wide);
            });
        }
        convert::f16_to_f32_plain(tail, out_tail);
    }
    #[inline(always)]
    fn f32_to_f16(self, src: &[f32], out: &mut [u16]) {
        let (heads, tail) = src.as_chunks::<8>();
        let (outs, out_tail) = out.as_chunks_mut::<8>();
        for (out, values) in outs.iter_mut().zip(heads) {
            lanes!({
                let values = _mm256_loadu_ps(values.as_ptr());
                let narrow = _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(values);
                _mm_storeu_si128(out.as_mut_ptr().cast(), narrow);
            });
        }
        convert::f32_to_f16_plain(tail, out_tail);
    }
}
