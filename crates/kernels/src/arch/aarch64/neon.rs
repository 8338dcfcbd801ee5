//! AArch64 NEON, which every AArch64 machine has.

use crate::generic::convert;
use crate::generic::tables::CHOSEN_BYTES;
use crate::simd::Simd;
use crate::table::{entry_points, kernel_table};
use std::arch::aarch64::*;

/// This machine has NEON.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Neon(());

impl Neon {
    /// Always there on AArch64; asked all the same, since kernels without it exist.
    pub(crate) fn new() -> Option<Self> {
        std::arch::is_aarch64_feature_detected!("neon").then_some(Self(()))
    }
}

kernel_table!(entry_points Neon, "neon");

/// Intrinsics that touch no memory.
macro_rules! lanes {
    ($($body:tt)*) => {
        // SAFETY: `self` proves that the machine has NEON.
        #[allow(unused_unsafe)]
        unsafe { $($body)* }
    };
}

/// Lane i holds bit i.
const LANE_BITS: [u32; 4] = [1, 2, 4, 8];

/// Two f32 as one f64, to be moved together.
///
/// # Safety
/// The machine has NEON.
#[inline(always)]
#[allow(unused_unsafe)]
unsafe fn wide(v: float32x4_t) -> float64x2_t {
    // SAFETY: the caller's promise.
    unsafe { vreinterpretq_f64_f32(v) }
}

impl Simd for Neon {
    type F = float32x4_t;
    type W = uint32x4_t;
    const LANES: usize = 4;
    const MANY_REGISTERS: bool = true;

    #[inline(always)]
    fn splat(self, x: f32) -> float32x4_t {
        lanes!(vdupq_n_f32(x))
    }
    #[inline(always)]
    unsafe fn load(self, src: *const f32) -> float32x4_t {
        // SAFETY: the caller's promise.
        unsafe { vld1q_f32(src) }
    }
    #[inline(always)]
    unsafe fn store(self, v: float32x4_t, dst: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe { vst1q_f32(dst, v) }
    }
    #[inline(always)]
    fn add(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        lanes!(vaddq_f32(a, b))
    }
    #[inline(always)]
    fn sub(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        lanes!(vsubq_f32(a, b))
    }
    #[inline(always)]
    fn mul(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        lanes!(vmulq_f32(a, b))
    }
    #[inline(always)]
    fn div(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        lanes!(vdivq_f32(a, b))
    }
    #[inline(always)]
    fn sqrt(self, a: float32x4_t) -> float32x4_t {
        lanes!(vsqrtq_f32(a))
    }
    #[inline(always)]
    fn mul_add(self, a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        lanes!(vfmaq_f32(c, a, b))
    }
    #[inline(always)]
    fn neg_mul_add(self, a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        lanes!(vfmsq_f32(c, a, b))
    }
    #[inline(always)]
    fn min(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // Not FMIN: that gives NaN if either is NaN.
        lanes!(vbslq_f32(vcltq_f32(a, b), a, b))
    }
    #[inline(always)]
    fn max(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        lanes!(vbslq_f32(vcgtq_f32(a, b), a, b))
    }
    #[inline(always)]
    fn abs(self, a: float32x4_t) -> float32x4_t {
        lanes!(vabsq_f32(a))
    }
    #[inline(always)]
    fn copysign(self, magnitude: float32x4_t, sign: float32x4_t) -> float32x4_t {
        lanes!(vbslq_f32(vdupq_n_u32(0x8000_0000), sign, magnitude))
    }
    #[inline(always)]
    fn round(self, a: float32x4_t) -> float32x4_t {
        lanes!(vrndnq_f32(a))
    }
    #[inline(always)]
    fn pow2(self, n: float32x4_t) -> float32x4_t {
        lanes!({
            let exponent = vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127));
            vreinterpretq_f32_s32(vshlq_n_s32::<23>(exponent))
        })
    }
    #[inline(always)]
    fn gt_bits(self, a: float32x4_t, b: float32x4_t) -> u32 {
        lanes!({
            let bits = vld1q_u32(LANE_BITS.as_ptr());
            vaddvq_u32(vandq_u32(vcgtq_f32(a, b), bits))
        })
    }
    #[inline(always)]
    fn select_bits(self, bits: u32, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        lanes!({
            let chosen = vtstq_u32(vdupq_n_u32(bits), vld1q_u32(LANE_BITS.as_ptr()));
            vbslq_f32(chosen, a, b)
        })
    }
    #[inline(always)]
    fn select_lt(
        self,
        x: float32x4_t,
        y: float32x4_t,
        a: float32x4_t,
        b: float32x4_t,
    ) -> float32x4_t {
        lanes!(vbslq_f32(vcltq_f32(x, y), a, b))
    }
    #[inline(always)]
    fn sum(self, a: float32x4_t) -> f32 {
        lanes!(vaddvq_f32(a))
    }
    #[inline(always)]
    unsafe fn store_codes(self, v: float32x4_t, dst: *mut i8) {
        // SAFETY: the caller's promise: four bytes.
        unsafe {
            let halves = vqmovn_s32(vcvtnq_s32_f32(v));
            let bytes = vqmovn_s16(vcombine_s16(halves, halves));
            let word = vget_lane_u32::<0>(vreinterpret_u32_s8(bytes));
            dst.cast::<u32>().write_unaligned(word);
        }
    }
    #[inline(always)]
    unsafe fn store_chosen(self, v: float32x4_t, bits: u32, dst: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe {
            let index = vld1q_u8(CHOSEN_BYTES[(bits & 15) as usize].as_ptr());
            let moved = vqtbl1q_u8(vreinterpretq_u8_f32(v), index);
            vst1q_f32(dst, vreinterpretq_f32_u8(moved));
        }
    }
    #[inline(always)]
    unsafe fn load_u16(self, src: *const u8) -> uint32x4_t {
        // SAFETY: the caller's promise: eight bytes.
        unsafe { vmovl_u16(vreinterpret_u16_u8(vld1_u8(src))) }
    }
    #[inline(always)]
    fn nibbles(self, words: uint32x4_t, shift: u32) -> float32x4_t {
        lanes!({
            let top = vshlq_s32(vreinterpretq_s32_u32(words), vdupq_n_s32(28 - shift as i32));
            vcvtq_f32_s32(vshrq_n_s32::<28>(top))
        })
    }
    #[inline(always)]
    unsafe fn load_i8(self, src: *const u8) -> float32x4_t {
        // SAFETY: the caller's promise: four bytes.
        unsafe {
            let word = src.cast::<u32>().read_unaligned();
            let halves = vmovl_s8(vcreate_s8(u64::from(word)));
            vcvtq_f32_s32(vmovl_s16(vget_low_s16(halves)))
        }
    }
    #[inline(always)]
    unsafe fn load_bf16(self, src: *const u8) -> float32x4_t {
        // SAFETY: the caller's promise: eight bytes.
        unsafe {
            let halves = vreinterpret_u16_u8(vld1_u8(src));
            vreinterpretq_f32_u32(vshll_n_u16::<16>(halves))
        }
    }
    #[inline(always)]
    fn shuffle_bytes(self, bytes: u64, index: u64) -> u64 {
        // TBL gives 0 for an index out of range.
        lanes!({
            let shuffled = vtbl1_u8(vcreate_u8(bytes), vcreate_u8(index));
            vget_lane_u64::<0>(vreinterpret_u64_u8(shuffled))
        })
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
            let (a, b) = (vld1q_f32(src), vld1q_f32(src.add(src_stride)));
            let src = src.add(2 * src_stride);
            let (c, d) = (vld1q_f32(src), vld1q_f32(src.add(src_stride)));
            let (ab_even, ab_odd) = (wide(vtrn1q_f32(a, b)), wide(vtrn2q_f32(a, b)));
            let (cd_even, cd_odd) = (wide(vtrn1q_f32(c, d)), wide(vtrn2q_f32(c, d)));
            let dst_of = [
                dst,
                dst.add(dst_stride),
                dst.add(2 * dst_stride),
                dst.add(3 * dst_stride),
            ];
            vst1q_f64(dst_of[0].cast(), vtrn1q_f64(ab_even, cd_even));
            vst1q_f64(dst_of[1].cast(), vtrn1q_f64(ab_odd, cd_odd));
            vst1q_f64(dst_of[2].cast(), vtrn2q_f64(ab_even, cd_even));
            vst1q_f64(dst_of[3].cast(), vtrn2q_f64(ab_odd, cd_odd));
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
