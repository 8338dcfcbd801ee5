//! WebAssembly simd128: there if the module was compiled with it; a machine without it does not load the module.

use crate::generic::convert;
use crate::generic::tables::CHOSEN_BYTES;
use crate::simd::Simd;
use crate::table::{entry_points, kernel_table};
use std::arch::wasm32::*;

/// The module was compiled with simd128.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Simd128(());

impl Simd128 {
    /// Always there in a build that has this file.
    pub(crate) fn new() -> Option<Self> {
        Some(Self(()))
    }
}

kernel_table!(entry_points Simd128, "simd128");

impl Simd for Simd128 {
    type F = v128;
    type W = v128;
    const LANES: usize = 4;
    // Engines map a v128 to one of 16 SSE registers on x86-64.
    const MANY_REGISTERS: bool = false;

    #[inline(always)]
    fn splat(self, x: f32) -> v128 {
        f32x4_splat(x)
    }
    #[inline(always)]
    unsafe fn load(self, src: *const f32) -> v128 {
        // SAFETY: the caller's promise.
        unsafe { v128_load(src.cast()) }
    }
    #[inline(always)]
    unsafe fn store(self, v: v128, dst: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe { v128_store(dst.cast(), v) }
    }
    #[inline(always)]
    fn add(self, a: v128, b: v128) -> v128 {
        f32x4_add(a, b)
    }
    #[inline(always)]
    fn sub(self, a: v128, b: v128) -> v128 {
        f32x4_sub(a, b)
    }
    #[inline(always)]
    fn mul(self, a: v128, b: v128) -> v128 {
        f32x4_mul(a, b)
    }
    #[inline(always)]
    fn div(self, a: v128, b: v128) -> v128 {
        f32x4_div(a, b)
    }
    #[inline(always)]
    fn sqrt(self, a: v128) -> v128 {
        f32x4_sqrt(a)
    }
    #[inline(always)]
    fn mul_add(self, a: v128, b: v128, c: v128) -> v128 {
        f32x4_add(f32x4_mul(a, b), c)
    }
    #[inline(always)]
    fn neg_mul_add(self, a: v128, b: v128, c: v128) -> v128 {
        f32x4_sub(c, f32x4_mul(a, b))
    }
    #[inline(always)]
    fn min(self, a: v128, b: v128) -> v128 {
        // pmin(x, y) is `y < x ? y : x`.
        f32x4_pmin(b, a)
    }
    #[inline(always)]
    fn max(self, a: v128, b: v128) -> v128 {
        f32x4_pmax(b, a)
    }
    #[inline(always)]
    fn abs(self, a: v128) -> v128 {
        f32x4_abs(a)
    }
    #[inline(always)]
    fn copysign(self, magnitude: v128, sign: v128) -> v128 {
        v128_bitselect(sign, magnitude, f32x4_splat(-0.0))
    }
    #[inline(always)]
    fn round(self, a: v128) -> v128 {
        f32x4_nearest(a)
    }
    #[inline(always)]
    fn pow2(self, n: v128) -> v128 {
        i32x4_shl(i32x4_add(i32x4_trunc_sat_f32x4(n), i32x4_splat(127)), 23)
    }
    #[inline(always)]
    fn gt_bits(self, a: v128, b: v128) -> u32 {
        u32::from(i32x4_bitmask(f32x4_gt(a, b)))
    }
    #[inline(always)]
    fn select_bits(self, bits: u32, a: v128, b: v128) -> v128 {
        let lane = i32x4(1, 2, 4, 8);
        let chosen = i32x4_eq(v128_and(i32x4_splat(bits as i32), lane), lane);
        v128_bitselect(a, b, chosen)
    }
    #[inline(always)]
    fn select_lt(self, x: v128, y: v128, a: v128, b: v128) -> v128 {
        v128_bitselect(a, b, f32x4_lt(x, y))
    }
    #[inline(always)]
    fn sum(self, a: v128) -> f32 {
        let low = f32x4_extract_lane::<0>(a) + f32x4_extract_lane::<2>(a);
        low + (f32x4_extract_lane::<1>(a) + f32x4_extract_lane::<3>(a))
    }
    #[inline(always)]
    unsafe fn store_codes(self, v: v128, dst: *mut i8) {
        let words = i32x4_trunc_sat_f32x4(v);
        let halves = i16x8_narrow_i32x4(words, words);
        let bytes = i8x16_narrow_i16x8(halves, halves);
        // SAFETY: the caller's promise: four bytes.
        unsafe { v128_store32_lane::<0>(bytes, dst.cast()) }
    }
    #[inline(always)]
    unsafe fn store_chosen(self, v: v128, bits: u32, dst: *mut f32) {
        let index = CHOSEN_BYTES[(bits & 15) as usize];
        // SAFETY: the caller's promise; the table's rows have 16 bytes.
        unsafe {
            v128_store(
                dst.cast(),
                i8x16_swizzle(v, v128_load(index.as_ptr().cast())),
            )
        }
    }
    #[inline(always)]
    unsafe fn load_u16(self, src: *const u8) -> v128 {
        // SAFETY: the caller's promise: eight bytes.
        unsafe { u32x4_load_extend_u16x4(src.cast()) }
    }
    #[inline(always)]
    fn nibbles(self, words: v128, shift: u32) -> v128 {
        f32x4_convert_i32x4(i32x4_shr(i32x4_shl(words, 28 - shift), 28))
    }
    #[inline(always)]
    unsafe fn load_i8(self, src: *const u8) -> v128 {
        // SAFETY: the caller's promise: four bytes.
        let bytes = unsafe { v128_load32_zero(src.cast()) };
        f32x4_convert_i32x4(i32x4_extend_low_i16x8(i16x8_extend_low_i8x16(bytes)))
    }
    #[inline(always)]
    unsafe fn load_bf16(self, src: *const u8) -> v128 {
        // SAFETY: the caller's promise.
        unsafe { i32x4_shl(self.load_u16(src), 16) }
    }
    #[inline(always)]
    fn shuffle_bytes(self, bytes: u64, index: u64) -> u64 {
        // swizzle gives 0 for an index out of range.
        u64x2_extract_lane::<0>(i8x16_swizzle(u64x2(bytes, 0), u64x2(index, 0)))
    }
    #[inline(always)]
    unsafe fn transpose(
        self,
        src: *const f32,
        src_stride: usize,
        dst: *mut f32,
        dst_stride: usize,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            // No closures here: they would not be inlined for sure.
            let (a, b) = (self.load(src), self.load(src.add(src_stride)));
            let src = src.add(2 * src_stride);
            let (c, d) = (self.load(src), self.load(src.add(src_stride)));
            let (ab_low, ab_high) = (
                i32x4_shuffle::<0, 4, 1, 5>(a, b),
                i32x4_shuffle::<2, 6, 3, 7>(a, b),
            );
            let (cd_low, cd_high) = (
                i32x4_shuffle::<0, 4, 1, 5>(c, d),
                i32x4_shuffle::<2, 6, 3, 7>(c, d),
            );
            self.store(i64x2_shuffle::<0, 2>(ab_low, cd_low), dst);
            self.store(i64x2_shuffle::<1, 3>(ab_low, cd_low), dst.add(dst_stride));
            let dst = dst.add(2 * dst_stride);
            self.store(i64x2_shuffle::<0, 2>(ab_high, cd_high), dst);
            self.store(i64x2_shuffle::<1, 3>(ab_high, cd_high), dst.add(dst_stride));
        }
    }
    #[inline(always)]
    fn f16_to_f32(self, src: &[u16], out: &mut [f32]) {
        convert::f16_to_f32_plain(src, out);
    }
    #[inline(always)]
    fn f32_to_f16(self, src: &[f32], out: &mut [u16]) {
        convert::f32_to_f16_plain(src, out);
    }
}
