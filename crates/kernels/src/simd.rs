//! What the generic algorithms ask of an instruction set.

/// A capability: a value exists only where the machine can run the instructions, so its safe methods are sound
/// everywhere. All methods are inlined into entry points compiled with the instruction set's features (see
/// [`crate::arch`]); elsewhere they would be correct but slow.
///
/// Arithmetic is IEEE 754 single precision, lane by lane; only `mul_add` and `neg_mul_add` may round once or twice.
pub(crate) trait Simd: Copy {
    /// A vector of [`Simd::LANES`] f32.
    type F: Copy;
    /// A vector of [`Simd::LANES`] 32-bit words.
    type W: Copy;
    /// Lanes of a vector: 4, 8 or 16.
    const LANES: usize;
    /// The machine has 32 vector registers, not 16.
    const MANY_REGISTERS: bool;

    /// All lanes `x`.
    fn splat(self, x: f32) -> Self::F;
    /// # Safety
    /// `LANES` readable elements at `src`; no alignment needed.
    unsafe fn load(self, src: *const f32) -> Self::F;
    /// # Safety
    /// `LANES` writable elements at `dst`; no alignment needed.
    unsafe fn store(self, v: Self::F, dst: *mut f32);

    /// a + b
    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    /// a - b
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    /// a b
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    /// a / b
    fn div(self, a: Self::F, b: Self::F) -> Self::F;
    /// Square root of a.
    fn sqrt(self, a: Self::F) -> Self::F;
    /// a b + c
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// c - a b
    fn neg_mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// `if a < b { a } else { b }`: `b` if one is NaN.
    fn min(self, a: Self::F, b: Self::F) -> Self::F;
    /// `if a > b { a } else { b }`: `b` if one is NaN.
    fn max(self, a: Self::F, b: Self::F) -> Self::F;
    /// |a|
    fn abs(self, a: Self::F) -> Self::F;
    /// |magnitude| with the sign of `sign`.
    fn copysign(self, magnitude: Self::F, sign: Self::F) -> Self::F;
    /// To the nearest whole number, ties to even.
    fn round(self, a: Self::F) -> Self::F;
    /// 2^n for whole n, -126 <= n <= 127; anything for other n.
    fn pow2(self, n: Self::F) -> Self::F;

    /// Bit i: a > b in lane i.
    fn gt_bits(self, a: Self::F, b: Self::F) -> u32;
    /// Lane i of `a` if bit i is set, else of `b`.
    fn select_bits(self, bits: u32, a: Self::F, b: Self::F) -> Self::F;
    /// Lane by lane: `a` if x < y, else `b`.
    fn select_lt(self, x: Self::F, y: Self::F, a: Self::F, b: Self::F) -> Self::F;

    /// Lane by lane: the element of `table` whose index is the low byte of a whole number in -128..=127; some element for
    /// any other value. Instruction sets without a gather look up one lane after the other.
    #[inline(always)]
    fn lookup(self, table: &[f32; 256], codes: Self::F) -> Self::F {
        let (mut bytes, mut lanes) = ([0i8; MAX_LANES], [0.0; MAX_LANES]);
        // SAFETY: room for the most lanes there are.
        unsafe {
            self.store_codes(codes, bytes.as_mut_ptr());
            for (lane, byte) in lanes.iter_mut().zip(bytes).take(Self::LANES) {
                *lane = table[usize::from(byte as u8)];
            }
            self.load(lanes.as_ptr())
        }
    }

    /// Sum of the lanes, in a fixed order.
    fn sum(self, a: Self::F) -> f32;

    /// Stores lanes that are whole numbers in -128..=127 as bytes.
    ///
    /// # Safety
    /// `LANES` writable elements at `dst`.
    unsafe fn store_codes(self, v: Self::F, dst: *mut i8);

    /// Stores the lanes whose bit is set next to one another, and anything behind them.
    ///
    /// # Safety
    /// `LANES` writable elements at `dst`.
    unsafe fn store_chosen(self, v: Self::F, bits: u32, dst: *mut f32);

    /// Words from 16-bit numbers.
    ///
    /// # Safety
    /// `2 * LANES` readable bytes at `src`; no alignment needed.
    unsafe fn load_u16(self, src: *const u8) -> Self::W;
    /// The number in two's complement that bits `shift .. shift + 4` of each lane are. `shift` is at most 12, and bits from 16 on are 0.
    fn nibbles(self, words: Self::W, shift: u32) -> Self::F;
    /// Signed bytes.
    ///
    /// # Safety
    /// `LANES` readable bytes at `src`; no alignment needed.
    unsafe fn load_i8(self, src: *const u8) -> Self::F;
    /// bf16.
    ///
    /// # Safety
    /// `2 * LANES` readable bytes at `src`; no alignment needed.
    unsafe fn load_bf16(self, src: *const u8) -> Self::F;
    /// [`crate::Kernels::spread_nibbles`], where the machine expands vectors by masks. Else it does nothing, and says so.
    #[inline(always)]
    fn expand_nibbles(self, _codes: &[u8], _masks: &[u64], _out: &mut [u8]) -> bool {
        false
    }
    /// [`crate::Kernels::spread_bytes`] in the same way.
    #[inline(always)]
    fn expand_bytes(self, _codes: &[u8], _masks: &[u64], _out: &mut [u8]) -> bool {
        false
    }

    /// Byte i of the result is byte `index[i]` of `bytes`, or 0 where `index[i]` is 128 or more. Indices are 0..=7 or 128..
    fn shuffle_bytes(self, bytes: u64, index: u64) -> u64;

    /// Transposes a block of `LANES` x `LANES`.
    ///
    /// # Safety
    /// `LANES` rows of `LANES` elements, readable at `src` and writable at `dst`, which do not overlap.
    unsafe fn transpose(self, src: *const f32, src_stride: usize, dst: *mut f32, dst_stride: usize);

    /// See [`crate::Kernels::f16_to_f32`]; whole vectors of a hardware conversion where there is one.
    fn f16_to_f32(self, src: &[u16], out: &mut [f32]);
    /// See [`crate::Kernels::f32_to_f16`].
    fn f32_to_f16(self, src: &[f32], out: &mut [u16]);
}

/// The most lanes any instruction set has: the size of a buffer for the end of a slice.
pub(crate) const MAX_LANES: usize = 16;

/// Loads from the start of a slice.
#[inline(always)]
pub(crate) fn load<S: Simd>(simd: S, src: &[f32]) -> S::F {
    assert!(src.len() >= S::LANES);
    // SAFETY: enough elements, by the assertion (which the compiler drops where the length is known).
    unsafe { simd.load(src.as_ptr()) }
}

/// Stores to the start of a slice.
#[inline(always)]
pub(crate) fn store<S: Simd>(simd: S, v: S::F, dst: &mut [f32]) {
    assert!(dst.len() >= S::LANES);
    // SAFETY: enough elements, by the assertion.
    unsafe { simd.store(v, dst.as_mut_ptr()) }
}

/// Loads a slice shorter than a vector; the missing lanes are `fill`.
#[inline(always)]
pub(crate) fn load_part<S: Simd>(simd: S, src: &[f32], fill: f32) -> S::F {
    let mut lanes = [fill; MAX_LANES];
    lanes[..src.len()].copy_from_slice(src);
    load(simd, &lanes)
}

/// Stores the first lanes into a slice shorter than a vector.
#[inline(always)]
pub(crate) fn store_part<S: Simd>(simd: S, v: S::F, dst: &mut [f32]) {
    let mut lanes = [0.0; MAX_LANES];
    store(simd, v, &mut lanes);
    dst.copy_from_slice(&lanes[..dst.len()]);
}
