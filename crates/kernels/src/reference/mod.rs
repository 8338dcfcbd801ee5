//! The plain form of each kernel, always compiled: the oracle of every instruction set, and what `isa: portable` runs.
//!
//! Only operations that IEEE 754 defines to the last bit (no library functions, no fused multiply-add), in a fixed
//! order: so the results are the same bytes on every machine.

pub mod admm;
pub mod convert;
pub mod descent;
pub mod forward;
pub mod math;
pub mod obs;
pub mod pack;
mod panel_grid;
pub mod quantize;
pub mod scores;
pub(crate) mod sparse;

pub use admm::{admm_pull, admm_step};
pub use convert::{bf16_to_f32, f16_to_f32, f32_to_bf16, f32_to_f16, first_non_finite};
pub use descent::descent_panel;
pub use forward::{
    add, axpy, dot, gelu_erf, gelu_tanh, layer_norm, log_sum_exp, mul, relu, rms_norm, silu,
    softmax, tanh,
};
pub use obs::obs_panel;
pub use pack::{compact_codes, compact_values, expand_codes, pack_bits, unpack_bits};
pub use quantize::{absmax_scale, apply_mask, dequantize, fit_scale, grid_error, quantize};
pub use scores::{histogram, magnitude_scores, mask_above, obs_scores, wanda_scores};
pub(crate) use sparse::{sparse_pack, sparse_row, sparse_tile};
