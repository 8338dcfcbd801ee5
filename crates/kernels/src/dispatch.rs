//! Which instruction set runs, and the table of kernels for it.

#[cfg(target_arch = "aarch64")]
use crate::arch::aarch64::neon::Neon;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use crate::arch::wasm32::simd128::Simd128;
#[cfg(target_arch = "x86_64")]
use crate::arch::x86_64::{avx2::Avx2, avx512::Avx512};
pub use crate::panels::{DescentPanel, ObsPanel, PanelQuant, Price, Product};
use crate::reference;
use crate::sparse::Panel;

/// An instruction set Kerf has kernels for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Isa {
    /// The reference kernels and portable linear algebra.
    Portable,
    /// x86-64 with AVX2, FMA and F16C.
    Avx2,
    /// x86-64 with AVX-512 F, BW, DQ, VL.
    Avx512,
    /// AArch64 NEON.
    Neon,
    /// WebAssembly simd128.
    Simd128,
}

impl Isa {
    /// All of them, in the order of the table.
    pub const ALL: [Isa; 5] = [
        Isa::Portable,
        Isa::Avx2,
        Isa::Avx512,
        Isa::Neon,
        Isa::Simd128,
    ];

    /// Stable lower-case id, as reports and options have it.
    pub fn id(self) -> &'static str {
        match self {
            Isa::Portable => "portable",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
            Isa::Neon => "neon",
            Isa::Simd128 => "simd128",
        }
    }

    /// The inverse of [`Isa::id`].
    pub fn from_id(id: &str) -> Option<Isa> {
        Isa::ALL.into_iter().find(|isa| isa.id() == id)
    }
}

/// Grid limits of a symmetric integer code: `lo <= code <= hi`, value = code * scale, code 0 is exact zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeRange {
    /// Smallest code, `-(2^(bits-1))`.
    pub lo: i8,
    /// Largest code, `2^(bits-1) - 1`.
    pub hi: i8,
}

/// The kernels of one instruction set. Constructing a value proves that this machine can run it.
///
/// All kernels are single-threaded and work on slices; lengths need not be multiples of the lane count. Unless a kernel
/// says otherwise, `Exact A`: bit-identical on every instruction set. `Exact B`: identical on one instruction set,
/// within the stated tolerance of the reference elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct Kernels {
    instance: Instance,
}

/// The instruction sets of this build, each with the proof that the machine runs it.
#[derive(Clone, Copy, Debug)]
enum Instance {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    #[cfg(target_arch = "aarch64")]
    Neon(Neon),
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Simd128(Simd128),
}

impl Kernels {
    /// The best this machine runs. The environment variable `KERF_ISA` (an id) overrides it, for diagnosis; an id that is
    /// unknown or that this machine cannot run is passed over ([`Kernels::isa`] tells what was chosen).
    pub fn detect() -> Self {
        std::env::var("KERF_ISA")
            .ok()
            .and_then(|id| Isa::from_id(&id))
            .and_then(Self::force)
            .unwrap_or_else(Self::best)
    }

    /// The best this machine runs: the last row of the table that works.
    fn best() -> Self {
        Isa::ALL
            .into_iter()
            .rev()
            .find_map(Self::force)
            .unwrap_or_else(Self::reference)
    }

    /// The plain kernels.
    pub fn reference() -> Self {
        Self {
            instance: Instance::Portable,
        }
    }

    /// `None` if this machine or this build cannot run `isa`.
    pub fn force(isa: Isa) -> Option<Self> {
        let instance = match isa {
            Isa::Portable => Some(Instance::Portable),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => Avx2::new().map(Instance::Avx2),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => Avx512::new().map(Instance::Avx512),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => Neon::new().map(Instance::Neon),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Isa::Simd128 => Simd128::new().map(Instance::Simd128),
            #[allow(unreachable_patterns)]
            _ => None,
        };
        instance.map(|instance| Self { instance })
    }

    /// Which instruction set this is.
    pub fn isa(&self) -> Isa {
        match self.instance {
            Instance::Portable => Isa::Portable,
            #[cfg(target_arch = "x86_64")]
            Instance::Avx2(_) => Isa::Avx2,
            #[cfg(target_arch = "x86_64")]
            Instance::Avx512(_) => Isa::Avx512,
            #[cfg(target_arch = "aarch64")]
            Instance::Neon(_) => Isa::Neon,
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Instance::Simd128(_) => Isa::Simd128,
        }
    }
}

/// Calls the reference, or the method of the same name of the instruction set.
macro_rules! dispatch {
    ($self:ident, $name:ident($($arg:ident),*)) => {
        match $self.instance {
            Instance::Portable => reference::$name($($arg),*),
            #[cfg(target_arch = "x86_64")]
            Instance::Avx2(isa) => isa.$name($($arg),*),
            #[cfg(target_arch = "x86_64")]
            Instance::Avx512(isa) => isa.$name($($arg),*),
            #[cfg(target_arch = "aarch64")]
            Instance::Neon(isa) => isa.$name($($arg),*),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Instance::Simd128(isa) => isa.$name($($arg),*),
        }
    };
}

/// Every method here dispatches to the instruction set's instance of the generic algorithm.
impl Kernels {
    // ---- scores and selection (bits of a non-negative f32 sort as an integer: radix selection, no sort) ----

    /// `out[j] = |w[j]|`. Exact A.
    pub fn magnitude_scores(&self, w: &[f32], out: &mut [f32]) {
        dispatch!(self, magnitude_scores(w, out))
    }

    /// Wanda: `out[j] = |w[j]| * norm[j]`. Exact A.
    pub fn wanda_scores(&self, w: &[f32], norm: &[f32], out: &mut [f32]) {
        dispatch!(self, wanda_scores(w, norm, out))
    }

    /// OBS: `out[j] = (w[j] * inv_u[j])^2`, `inv_u[j] = 1 / u_jj`. Exact A.
    pub fn obs_scores(&self, w: &[f32], inv_u: &[f32], out: &mut [f32]) {
        dispatch!(self, obs_scores(w, inv_u, out))
    }

    /// Adds to `hist` (2048 counters) the bits `shift .. shift + 11` of every score whose bits above `shift + 11` equal
    /// `prefix` (shift 20, 9, 0 with prefix 0, 11 and 22 bits: three passes select exactly; at shift 0 nine bits are
    /// left, so 512 counters are used). Scores are >= 0 or NaN-free. Exact A.
    pub fn histogram(&self, scores: &[f32], shift: u32, prefix: u32, hist: &mut [u32]) {
        dispatch!(self, histogram(scores, shift, prefix, hist))
    }

    /// Bitmap of `scores[j] > threshold`, little bit order, into `ceil(len / 8)` bytes; padding bits 0. Exact A.
    pub fn mask_above(&self, scores: &[f32], threshold: f32, out: &mut [u8]) {
        dispatch!(self, mask_above(scores, threshold, out))
    }

    // ---- quantization ----

    /// Scale for the surviving weights of one group: the candidate `f * absmax / hi` with least squared error after rounding
    /// and clamping, f of 0.45, 0.5, ..., 1.05 and then of the two values halfway to its neighbours. `mask` as in [`ObsPanel`], starting at bit `mask_bit`. 0 if nothing survives.
    /// The result is rounded to f16 (to nearest even, never to 0 or infinity unless the group is all zero), since files store that. Exact B.
    pub fn fit_scale(
        &self,
        w: &[f32],
        mask: Option<&[u8]>,
        mask_bit: usize,
        range: CodeRange,
    ) -> f32 {
        dispatch!(self, fit_scale(w, mask, mask_bit, range))
    }

    /// Scale `absmax / hi` over survivors, rounded to f16 likewise. Exact A.
    pub fn absmax_scale(
        &self,
        w: &[f32],
        mask: Option<&[u8]>,
        mask_bit: usize,
        range: CodeRange,
    ) -> f32 {
        dispatch!(self, absmax_scale(w, mask, mask_bit, range))
    }

    /// Squared distance of the survivors to their nearest grid values `code * scale`; `scale` is not 0, but may be
    /// negative. Exact B.
    pub fn grid_error(
        &self,
        w: &[f32],
        mask: Option<&[u8]>,
        mask_bit: usize,
        scale: f32,
        range: CodeRange,
    ) -> f32 {
        dispatch!(self, grid_error(w, mask, mask_bit, scale, range))
    }

    /// `codes[j] = clamp(round_ties_even(w[j] / scale), lo, hi)`; all 0 if scale is 0. Exact A.
    pub fn quantize(&self, w: &[f32], scale: f32, range: CodeRange, codes: &mut [i8]) {
        dispatch!(self, quantize(w, scale, range, codes))
    }

    /// `out[j] = codes[j] * scale`. Exact A.
    pub fn dequantize(&self, codes: &[i8], scale: f32, out: &mut [f32]) {
        dispatch!(self, dequantize(codes, scale, out))
    }

    /// Sets `values[j]` to 0 where the mask bit is 0. Exact A.
    pub fn apply_mask(&self, values: &mut [f32], mask: &[u8]) {
        dispatch!(self, apply_mask(values, mask))
    }

    // ---- splitting: the elementwise parts of an iteration of ADMM ----

    /// `out[j] = (t[j] if the mask bit is 1, else 0 - t[j]) - w[j] norms[j]`. Exact A.
    pub fn admm_pull(&self, t: &[f32], mask: &[u8], w: &[f32], norms: &[f32], out: &mut [f32]) {
        dispatch!(self, admm_pull(t, mask, w, norms, out))
    }

    /// `t[j] = (w[j] norms[j] + b[j]) + (0 if the mask bit is 1, else t[j])`. Exact A.
    pub fn admm_step(&self, t: &mut [f32], mask: &[u8], w: &[f32], norms: &[f32], b: &[f32]) {
        dispatch!(self, admm_step(t, mask, w, norms, b))
    }

    // ---- packing ----

    /// Moves the codes whose mask bit is 1 to the front of `out`; returns how many. `out` has `codes.len()` places. Exact A.
    pub fn compact_codes(&self, codes: &[i8], mask: &[u8], out: &mut [i8]) -> usize {
        dispatch!(self, compact_codes(codes, mask, out))
    }

    /// [`Kernels::compact_codes`] for values. What is behind them in `out` is unspecified. Exact A.
    pub fn compact_values(&self, values: &[f32], mask: &[u8], out: &mut [f32]) -> usize {
        dispatch!(self, compact_values(values, mask, out))
    }

    /// The inverse of [`Kernels::compact_codes`]: spreads `packed` over the set bits of `mask`, 0 elsewhere. Returns how many were used. Exact A.
    pub fn expand_codes(&self, packed: &[i8], mask: &[u8], out: &mut [i8]) -> usize {
        dispatch!(self, expand_codes(packed, mask, out))
    }

    /// Packs codes densely as unsigned `code - lo` of `bits` bits each (2..=8), least significant bit first, across byte
    /// borders; `out` has `ceil(len * bits / 8)` bytes, the last padded with 0. Exact A.
    pub fn pack_bits(&self, codes: &[i8], bits: u32, out: &mut [u8]) {
        dispatch!(self, pack_bits(codes, bits, out))
    }

    /// The inverse of [`Kernels::pack_bits`] for `codes.len()` codes. Exact A.
    pub fn unpack_bits(&self, packed: &[u8], bits: u32, codes: &mut [i8]) {
        dispatch!(self, unpack_bits(packed, bits, codes))
    }

    // ---- row panels: the column loops of solvers ----

    /// The column loop of optimal brain surgeon inside one block of columns, for a panel of independent rows: for each
    /// column j, q = 0 if pruned, else the nearest grid value (or w itself); e = (w - q) / u_jj; every later column k of
    /// the block gets w_k -= e * u_jk. Exact B, 1e-4 relative to the largest weight of the row.
    ///
    /// With a [`Price`] the code is the first of floor(w / s), ceil(w / s) (both clamped to the range) and 0 with the
    /// least (c s - w)^2 / u_jj^2 + lambda bits\[c\].
    pub fn obs_panel(&self, panel: ObsPanel<'_>) {
        dispatch!(self, obs_panel(panel))
    }

    /// One pass of exact coordinate descent on (w - q) H (w - q)^T inside one block of columns, for a panel of
    /// independent rows. For each column j in order, t = q_j + g_j / h_jj is the best value given all others; the new
    /// one is 0 if pruned, else the nearest grid value (or t itself); then d = new - q_j and g_k -= d h_jk for every
    /// column k of the block. Exact B, 1e-4 relative to the largest value of the row (of the gradient: times the largest
    /// h_jj).
    ///
    /// With a [`Price`] the code is the first of floor(t / s), ceil(t / s) (both clamped to the range) and 0 with the
    /// least h_jj (c s - t)^2 + lambda bits\[c\]. An input with h_jj <= 0 is dead: its weights are left alone unless they
    /// are pruned or their scale is 0, and their codes are the nearest.
    pub fn descent_panel(&self, panel: DescentPanel<'_>) {
        dispatch!(self, descent_panel(panel))
    }

    // ---- conversions ---- (Exact A; f32 to narrow rounds to nearest even)

    /// Little-endian bf16 bits to f32.
    pub fn bf16_to_f32(&self, src: &[u16], out: &mut [f32]) {
        dispatch!(self, bf16_to_f32(src, out))
    }
    /// Little-endian f16 bits to f32.
    pub fn f16_to_f32(&self, src: &[u16], out: &mut [f32]) {
        dispatch!(self, f16_to_f32(src, out))
    }
    /// f32 to bf16 bits.
    pub fn f32_to_bf16(&self, src: &[f32], out: &mut [u16]) {
        dispatch!(self, f32_to_bf16(src, out))
    }
    /// f32 to f16 bits.
    pub fn f32_to_f16(&self, src: &[f32], out: &mut [u16]) {
        dispatch!(self, f32_to_f16(src, out))
    }
    /// Index of the first NaN or infinity, if any.
    pub fn first_non_finite(&self, values: &[f32]) -> Option<usize> {
        dispatch!(self, first_non_finite(values))
    }

    // ---- the forward pass ---- (Exact B, 2e-6 relative or absolute, whichever is larger, against f64)

    /// Dot product.
    pub fn dot(&self, a: &[f32], b: &[f32]) -> f32 {
        dispatch!(self, dot(a, b))
    }
    /// `y += alpha * x`.
    pub fn axpy(&self, alpha: f32, x: &[f32], y: &mut [f32]) {
        dispatch!(self, axpy(alpha, x, y))
    }
    /// `y += x`.
    pub fn add(&self, x: &[f32], y: &mut [f32]) {
        dispatch!(self, add(x, y))
    }
    /// In place, numerically stable; `-inf` entries give 0. A row of only `-inf` gives zeros.
    pub fn softmax(&self, row: &mut [f32]) {
        dispatch!(self, softmax(row))
    }
    /// log(sum(exp(row))), stable.
    pub fn log_sum_exp(&self, row: &[f32]) -> f32 {
        dispatch!(self, log_sum_exp(row))
    }
    /// x = x * sigmoid(x).
    pub fn silu(&self, x: &mut [f32]) {
        dispatch!(self, silu(x))
    }
    /// Exact gelu, 0.5 x (1 + erf(x / sqrt 2)).
    pub fn gelu_erf(&self, x: &mut [f32]) {
        dispatch!(self, gelu_erf(x))
    }
    /// gelu with the tanh approximation.
    pub fn gelu_tanh(&self, x: &mut [f32]) {
        dispatch!(self, gelu_tanh(x))
    }
    /// x = max(x, 0). Exact A.
    pub fn relu(&self, x: &mut [f32]) {
        dispatch!(self, relu(x))
    }
    /// x = tanh(x).
    pub fn tanh(&self, x: &mut [f32]) {
        dispatch!(self, tanh(x))
    }
    /// `y *= x` elementwise. Exact A.
    pub fn mul(&self, x: &[f32], y: &mut [f32]) {
        dispatch!(self, mul(x, y))
    }
    /// out = (x - mean) / sqrt(var + eps) * weight + bias.
    pub fn layer_norm(
        &self,
        x: &[f32],
        weight: &[f32],
        bias: Option<&[f32]>,
        eps: f32,
        out: &mut [f32],
    ) {
        dispatch!(self, layer_norm(x, weight, bias, eps, out))
    }
    /// out = x / sqrt(mean(x^2) + eps) * weight.
    pub fn rms_norm(&self, x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
        dispatch!(self, rms_norm(x, weight, eps, out))
    }

    // ---- sparse products: see crate::sparse, which is what callers use ----

    /// Columns of `tokens` (at most [`TILE`]) rows of `x` (`stride` apart) become rows of [`TILE`] in `out` [cols, TILE].
    /// Lanes behind the last token become 0 up to a whole vector; what is behind that is left as it was. Exact A.
    pub(crate) fn sparse_pack(
        &self,
        x: &[f32],
        stride: usize,
        cols: usize,
        tokens: usize,
        out: &mut [f32],
    ) {
        dispatch!(self, sparse_pack(x, stride, cols, tokens, out))
    }

    /// The product of a packed tile of `tokens` tokens with the rows of a panel: `out` [TILE, PANEL], its first
    /// `tokens` rows, in them the first `panel.rows` columns. `sums`: working memory, [PANEL, TILE].
    /// Each result is one running sum over the row's nonzeros in the order of their columns, whatever `tokens` is. Exact B.
    pub(crate) fn sparse_tile(
        &self,
        panel: &Panel,
        packed: &[f32],
        tokens: usize,
        sums: &mut [f32],
        out: &mut [f32],
    ) {
        dispatch!(self, sparse_tile(panel, packed, tokens, sums, out))
    }

    /// The product of one token with the rows of a panel, bit by bit as [`Kernels::sparse_tile`]. Exact B.
    pub(crate) fn sparse_row(&self, panel: &Panel, x: &[f32], out: &mut [f32]) {
        dispatch!(self, sparse_row(panel, x, out))
    }
}
