//! The table of kernels: one row each. Everything that has one item a kernel is generated from it.
//!
//! | generated | by | in |
//! |---|---|---|
//! | the method of [`crate::Kernels`] that chooses an instruction set, with its documentation | `methods!` | `dispatch.rs` |
//! | the entry point of each instruction set | `entry_points!` | `arch/` |
//! | the test of every instruction set against [`crate::reference`] | `battery!` | `battery/` |
//!
//! A row stands under the name of the module that holds the kernel. That module exists twice: `reference::MODULE::KERNEL`
//! is the plain form, `generic::MODULE::KERNEL` the same function over any [`crate::simd::Simd`], which gets the
//! instruction set as an argument before all others. CONTRIBUTING.md has the recipe of a new kernel.
//!
//! `exact` and `close` say how far instruction sets may differ, and the battery holds every row to it:
//!
//! * `exact`: the same bits as the plain form, on every instruction set.
//! * `close(tolerance)`: the same bits on one instruction set. Between two of them results differ by `tolerance` at most for
//!   arguments between -1 and 1, times the largest magnitude of a result where that is above 1.

/// Calls `$make!` with its arguments in brackets, and then with the whole table.
macro_rules! kernel_table {
    ($make:ident $($args:tt)*) => {
        $make! { [$($args)*]

            // Scores, and the pieces of a selection by radix: the bits of a non-negative f32 sort as an integer.
            scores {
                /// `out[j] = |w[j]|`.
                pub exact fn magnitude_scores(w: &[f32], out: &mut [f32]);

                /// Wanda: `out[j] = |w[j]| * norm[j]`.
                pub exact fn wanda_scores(w: &[f32], norm: &[f32], out: &mut [f32]);

                /// OBS: `out[j] = (w[j] * inv_u[j])^2`, where `inv_u[j] = 1 / u_jj`.
                pub exact fn obs_scores(w: &[f32], inv_u: &[f32], out: &mut [f32]);

                /// Counts one digit of every score that has the given prefix. The digit is the bits `shift .. shift + 11`, the
                /// prefix all bits above it; the digit's counter in `hist` goes up by one.
                ///
                /// `hist` has 2048 counters. Three passes select exactly: shift 20, 9 and 0, with prefixes of 0, 11 and 22
                /// bits. At shift 0 only nine bits are left, so 512 counters are used. A score is 0 or more, and not NaN.
                pub exact fn histogram(scores: &[f32], shift: u32, prefix: u32, hist: &mut [u32]);

                /// Bitmap of `scores[j] > threshold`, in little bit order. `out` has `ceil(len / 8)` bytes; padding bits are 0.
                pub exact fn mask_above(scores: &[f32], threshold: f32, out: &mut [u8]);
            }

            scales {
                /// The scale that suits the surviving weights of one group best. 0 if nothing survives.
                ///
                /// Candidates are `f * absmax / hi` with f of 0.45, 0.5, ..., 1.05, and then the two halfway between the best of
                /// them and its neighbours. The best has the least squared error after rounding and clamping. `mask` is that of
                /// [`ObsPanel`], and starts at bit `mask_bit`. The result is rounded to f16, since files store that: to nearest
                /// even, and never to 0 or infinity unless the group is all zero.
                pub close(1e-4) fn fit_scale(w: &[f32], mask: Option<&[u8]>, mask_bit: usize, range: CodeRange) -> f32;

                /// The scale `absmax / hi` over the survivors, rounded to f16 as [`Kernels::fit_scale`] does.
                pub exact fn absmax_scale(w: &[f32], mask: Option<&[u8]>, mask_bit: usize, range: CodeRange) -> f32;

                /// Squared distance of the survivors to their nearest grid values `code * scale`. `scale` may be negative, but
                /// not 0.
                pub close(1e-4) fn grid_error(w: &[f32], mask: Option<&[u8]>, mask_bit: usize, scale: f32, range: CodeRange) -> f32;
            }

            quantize {
                /// `codes[j] = clamp(round_ties_even(w[j] / scale), lo, hi)`. All codes are 0 if `scale` is 0.
                pub exact fn quantize(w: &[f32], scale: f32, range: CodeRange, codes: &mut [i8]);

                /// `out[j] = codes[j] * scale`.
                pub exact fn dequantize(codes: &[i8], scale: f32, out: &mut [f32]);

                /// Sets `values[j]` to 0 where bit j of `mask` is 0.
                pub exact fn apply_mask(values: &mut [f32], mask: &[u8]);
            }

            // The elementwise parts of an iteration of ADMM.
            admm {
                /// `out[j] = s - w[j] norms[j]`, where s is `t[j]` if bit j of `mask` is 1, else `0 - t[j]`.
                pub exact fn admm_pull(t: &[f32], mask: &[u8], w: &[f32], norms: &[f32], out: &mut [f32]);

                /// `t[j] = (w[j] norms[j] + b[j]) + m`, where m is 0 if bit j of `mask` is 1, else the old `t[j]`.
                pub exact fn admm_step(t: &mut [f32], mask: &[u8], w: &[f32], norms: &[f32], b: &[f32]);
            }

            pack {
                /// Moves the codes whose mask bit is 1 to the front of `out`, and returns how many there are. `out` has
                /// `codes.len()` places. What lies behind the moved codes is unspecified.
                pub exact fn compact_codes(codes: &[i8], mask: &[u8], out: &mut [i8]) -> usize;

                /// [`Kernels::compact_codes`] for values.
                pub exact fn compact_values(values: &[f32], mask: &[u8], out: &mut [f32]) -> usize;

                /// The inverse of [`Kernels::compact_codes`]: spreads `packed` over the set bits of `mask`, with 0 elsewhere.
                /// Returns how many codes of `packed` were used.
                pub exact fn expand_codes(packed: &[i8], mask: &[u8], out: &mut [i8]) -> usize;

                /// Packs codes densely, as unsigned `code - lo` of `bits` bits each (2..=8), least significant bit first and
                /// across byte borders. `out` has `ceil(len * bits / 8)` bytes; the last is padded with 0.
                pub exact fn pack_bits(codes: &[i8], bits: u32, out: &mut [u8]);

                /// The inverse of [`Kernels::pack_bits`], for `codes.len()` codes.
                pub exact fn unpack_bits(packed: &[u8], bits: u32, codes: &mut [i8]);
            }

            obs {
                /// The column loop of optimal brain surgeon inside one block of columns, for a panel of independent rows. For
                /// each column j, q is 0 if the weight is pruned, else the nearest grid value (without a grid, w itself). The
                /// error is e = (w - q) / u_jj, and every later column k of the block gets w_k -= e * u_jk.
                ///
                /// With a [`Price`] the code is the first of floor(w / s), ceil(w / s) (both clamped to the range) and 0 with the
                /// least (c s - w)^2 / u_jj^2 + lambda bits\[c\].
                pub close(1e-4) fn obs_panel(panel: ObsPanel<'_>);
            }

            descent {
                /// One pass of exact coordinate descent on (w - q) H (w - q)^T inside one block of columns, for a panel of
                /// independent rows. For each column j in order, t = q_j + g_j / h_jj is the best value given all others. The new
                /// value is 0 if the weight is pruned, else the nearest grid value (without a grid, t itself). Then
                /// d = new - q_j, and every column k of the block gets g_k -= d h_jk. The tolerance of the gradient is that of
                /// the values times the largest h_jj.
                ///
                /// With a [`Price`] the code is the first of floor(t / s), ceil(t / s) (both clamped to the range) and 0 with the
                /// least h_jj (c s - t)^2 + lambda bits\[c\]. An input with h_jj <= 0 is dead: its weights are left alone unless they
                /// are pruned or their scale is 0, and their codes are the nearest.
                pub close(1e-4) fn descent_panel(panel: DescentPanel<'_>);
            }

            // Bits are those of a little-endian file. What is narrowed is rounded to nearest even.
            convert {
                /// bf16 bits to f32.
                pub exact fn bf16_to_f32(src: &[u16], out: &mut [f32]);

                /// f16 bits to f32.
                pub exact fn f16_to_f32(src: &[u16], out: &mut [f32]);

                /// f32 to bf16 bits, rounded to nearest even.
                pub exact fn f32_to_bf16(src: &[f32], out: &mut [u16]);

                /// f32 to f16 bits, rounded to nearest even.
                pub exact fn f32_to_f16(src: &[f32], out: &mut [u16]);

                /// Index of the first NaN or infinity, if any.
                pub exact fn first_non_finite(values: &[f32]) -> Option<usize>;
            }

            // The forward pass. `tests/close.rs` holds these kernels to f64 too, with the same tolerance.
            elementwise {
                /// `y += alpha * x`.
                pub exact fn axpy(alpha: f32, x: &[f32], y: &mut [f32]);

                /// `y += x`.
                pub exact fn add(x: &[f32], y: &mut [f32]);

                /// `y *= x`.
                pub exact fn mul(x: &[f32], y: &mut [f32]);

                /// `x = max(x, 0)`.
                pub exact fn relu(x: &mut [f32]);

                /// `x = x * sigmoid(x)`.
                pub close(2e-6) fn silu(x: &mut [f32]);

                /// Gelu by its definition: `x = 0.5 x (1 + erf(x / sqrt 2))`.
                pub close(2e-6) fn gelu_erf(x: &mut [f32]);

                /// Gelu by the approximation with tanh: `x = 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))`.
                pub close(2e-6) fn gelu_tanh(x: &mut [f32]);

                /// `x = tanh(x)`.
                pub close(2e-6) fn tanh(x: &mut [f32]);
            }

            rows {
                /// Sum of `a[j] * b[j]`.
                pub close(2e-6) fn dot(a: &[f32], b: &[f32]) -> f32;

                /// `row = exp(row) / sum(exp(row))`, without overflow. An entry of `-inf` gives 0; a row of nothing else gives
                /// zeros.
                pub close(2e-6) fn softmax(row: &mut [f32]);

                /// log(sum(exp(row))), without overflow.
                pub close(2e-6) fn log_sum_exp(row: &[f32]) -> f32;

                /// `out = (x - mean) / sqrt(var + eps) * weight + bias`.
                pub close(2e-6) fn layer_norm(x: &[f32], weight: &[f32], bias: Option<&[f32]>, eps: f32, out: &mut [f32]);

                /// `out = x / sqrt(mean(x^2) + eps) * weight`.
                pub close(2e-6) fn rms_norm(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]);
            }

            // The backward pass. `tests/close.rs` holds these kernels to derivatives in f64.
            gradients {
                /// Backward of [`Kernels::silu`]: `grad *= f'(x)`.
                pub close(4e-6) fn silu_grad(x: &[f32], grad: &mut [f32]);

                /// Backward of [`Kernels::gelu_erf`]: `grad *= f'(x)`.
                pub close(4e-6) fn gelu_erf_grad(x: &[f32], grad: &mut [f32]);

                /// Backward of [`Kernels::gelu_tanh`]: `grad *= f'(x)`.
                pub close(4e-6) fn gelu_tanh_grad(x: &[f32], grad: &mut [f32]);

                /// Backward of [`Kernels::relu`]: `grad = 0` where `x` is not above 0.
                pub exact fn relu_grad(x: &[f32], grad: &mut [f32]);

                /// Backward of [`Kernels::tanh`] by its result: `grad *= 1 - y^2`.
                pub exact fn tanh_grad(y: &[f32], grad: &mut [f32]);

                /// Backward of [`Kernels::softmax`] by its result: `grad = p (grad - sum(p grad))`.
                pub close(4e-6) fn softmax_grad(p: &[f32], grad: &mut [f32]);

                /// Backward of [`Kernels::layer_norm`]. With u = (x - mean) / sqrt(var + eps) and g = weight grad: `out` gets
                /// (g - mean(g) - u mean(g u)) / sqrt(var + eps) added, `weight_grad` gets grad u added. The gradient of the bias
                /// is `grad` itself.
                pub close(1e-5) fn layer_norm_grad(x: &[f32], weight: &[f32], eps: f32, grad: &[f32], out: &mut [f32], weight_grad: &mut [f32]);

                /// Backward of [`Kernels::rms_norm`]: [`Kernels::layer_norm_grad`] without the means of x and g.
                pub close(1e-5) fn rms_norm_grad(x: &[f32], weight: &[f32], eps: f32, grad: &[f32], out: &mut [f32], weight_grad: &mut [f32]);
            }

            layout {
                /// Transposes a matrix of `cols` columns, whose rows lie `stride` apart, into `out` [cols, rows]:
                /// `out[j * rows + i] = x[i * stride + j]`. The length of `out` says how many rows there are.
                pub exact fn transpose(x: &[f32], stride: usize, cols: usize, out: &mut [f32]);
            }

            adam {
                /// One step of AdamW on the weights of a tensor (Loshchilov and Hutter 2019), in one pass over memory. The slices have
                /// one length, and `second` holds nothing below 0. With g = scale grad + the gradient of the prior:
                ///
                /// * `first = beta1 first + (1 - beta1) g`
                /// * `second = beta2 second + (1 - beta2) g^2`
                /// * `values -= rate (weight_decay values + first / correction1 / (sqrt(second / correction2) + eps))`
                ///
                /// A weight that is held ([`AdamStep::hold_zeros`]) stays as it is, and its moments become 0. A weight that is NaN is
                /// held too.
                pub close(4e-6) fn adamw_step(values: &mut [f32], grad: &[f32], first: &mut [f32], second: &mut [f32], step: AdamStep);
            }

            // The product with a sparse matrix. Callers use `crate::sparse`.
            sparse {
                /// Transposes a tile: columns of `tokens` rows of `x` become rows of [`TILE`] in `out` [cols, TILE]. Rows of `x`
                /// lie `stride` apart; there are [`TILE`] tokens at most. Lanes behind the last token become 0 up to a whole
                /// vector; what lies behind that vector is left alone.
                pub(crate) exact fn sparse_pack(x: &[f32], stride: usize, cols: usize, tokens: usize, out: &mut [f32]);

                /// The product of a packed tile of `tokens` tokens with the rows of a panel. It is written to the first `tokens`
                /// rows of `out` [TILE, PANEL], and in them to the first `panel.rows()` columns. `sums` is working memory,
                /// [PANEL, TILE]. Each result is one running sum over the row's nonzeros in the order of their columns, whatever
                /// `tokens` is.
                pub(crate) close(1e-5) fn sparse_tile(panel: &Panel, packed: &[f32], tokens: usize, sums: &mut [f32], out: &mut [f32]);

                /// The product of one token with the rows of a panel: the bits of [`Kernels::sparse_tile`].
                pub(crate) close(1e-5) fn sparse_row(panel: &Panel, x: &[f32], out: &mut [f32]);
            }

            // The product with codes. Callers use `crate::compact`, which says how codes lie.
            compact {
                /// Spreads 4-bit codes of a row to blocks without masks: the next nibble of `codes` goes to each place whose bit of
                /// `masks` is set, 0 to the others. The codes of every mask begin a byte. `out` has 32 bytes a mask, and behind the last
                /// code there are 64 bytes at least.
                pub(crate) exact fn spread_nibbles(codes: &[u8], masks: &[u64], out: &mut [u8]);

                /// Spreads 8-bit codes of a row in the same way: 64 bytes a mask.
                pub(crate) exact fn spread_bytes(codes: &[u8], masks: &[u64], out: &mut [u8]);

                /// The product of `tokens` inputs `x` [tokens, 64 blocks] with some rows: `out` [tokens, rows]. A result is the sum over
                /// groups of the scale times the sum of code times input.
                pub(crate) close(1e-5) fn compact_product(rows: &CompactRows<'_>, x: &[f32], tokens: usize, out: &mut [f32]);

                /// Values of some rows, of which the first `cols` columns: `out` [rows, cols], code times scale.
                pub(crate) exact fn compact_decode(rows: &CompactRows<'_>, cols: usize, out: &mut [f32]);
            }
        }
    };
}

/// The sentence of a row's documentation that says how far instruction sets may differ.
macro_rules! exactness {
    (exact) => {
        "Exact: the same bits on every instruction set."
    };
    (close $tolerance:literal) => {
        concat!(
            "Close: the same bits on one instruction set. Between two of them results differ by ",
            stringify!($tolerance),
            " at most for arguments between -1 and 1, times the largest magnitude of a result where that is above 1."
        )
    };
}

/// Gives the instruction set `$simd` one entry point a row: the generic algorithm, compiled with `$features`.
macro_rules! entry_points {
    ([$simd:ident, $features:literal] $($module:ident {$(
        $(#[$doc:meta])*
        $vis:vis $class:ident $(($tolerance:literal))? fn $name:ident($($arg:ident: $ty:ty),*) $(-> $ret:ty)?;
    )*})*) => {
        const _: () = {
            use $crate::table::types::*;

            impl $simd {$($(
                #[allow(unused_unsafe)]
                pub(crate) fn $name(self, $($arg: $ty),*) $(-> $ret)? {
                    #[target_feature(enable = $features)]
                    fn run(simd: $simd, $($arg: $ty),*) $(-> $ret)? {
                        $crate::generic::$module::$name(simd, $($arg),*)
                    }
                    // SAFETY: a value of this type exists only where the machine has these features.
                    unsafe { run(self, $($arg),*) }
                }
            )*)*}
        };
    };
}

/// The types that rows name.
pub(crate) mod types {
    pub(crate) use crate::adam::AdamStep;
    pub(crate) use crate::compact::CompactRows;
    pub(crate) use crate::dispatch::CodeRange;
    pub(crate) use crate::panels::{DescentPanel, ObsPanel};
    pub(crate) use crate::sparse::Panel;
}

pub(crate) use {entry_points, exactness, kernel_table};
