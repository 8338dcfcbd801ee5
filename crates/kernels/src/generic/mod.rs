//! One generic algorithm a kernel, over any [`crate::simd::Simd`].
//!
//! Everything here is inlined into entry points compiled with the features of an instruction set. So the simple loops
//! are written plainly (compilers make vectors of them), and only what they cannot see is spelled out in vectors.

mod admm;
pub(crate) mod convert;
mod descent;
mod elementwise;
mod math;
mod obs;
mod pack;
mod panel_grid;
mod panel_scratch;
mod quantize;
mod rows;
mod scores;
mod sparse;
mod strip;
pub(crate) mod tables;

pub(crate) use admm::{admm_pull, admm_step};
pub(crate) use convert::{bf16_to_f32, f16_to_f32, f32_to_bf16, f32_to_f16, first_non_finite};
pub(crate) use descent::descent_panel;
pub(crate) use elementwise::{add, axpy, gelu_erf, gelu_tanh, mul, relu, silu, tanh};
pub(crate) use obs::obs_panel;
pub(crate) use pack::{compact_codes, compact_values, expand_codes, pack_bits, unpack_bits};
pub(crate) use quantize::{absmax_scale, apply_mask, dequantize, fit_scale, grid_error, quantize};
pub(crate) use rows::{dot, layer_norm, log_sum_exp, rms_norm, softmax};
pub(crate) use scores::{histogram, magnitude_scores, mask_above, obs_scores, wanda_scores};
pub(crate) use sparse::{sparse_pack, sparse_row, sparse_tile};
