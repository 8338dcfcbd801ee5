//! The table of kernels: one row each. An instruction set is a type with one entry point a row.

/// Calls `$make!` with the arguments and the signature of every kernel.
macro_rules! kernel_table {
    ($make:ident, $($args:tt)*) => {
        $make! { $($args)*;
            fn magnitude_scores(w: &[f32], out: &mut [f32]);
            fn wanda_scores(w: &[f32], norm: &[f32], out: &mut [f32]);
            fn obs_scores(w: &[f32], inv_u: &[f32], out: &mut [f32]);
            fn histogram(scores: &[f32], shift: u32, prefix: u32, hist: &mut [u32]);
            fn mask_above(scores: &[f32], threshold: f32, out: &mut [u8]);
            fn fit_scale(w: &[f32], mask: Option<&[u8]>, mask_bit: usize, range: CodeRange) -> f32;
            fn absmax_scale(w: &[f32], mask: Option<&[u8]>, mask_bit: usize, range: CodeRange) -> f32;
            fn grid_error(w: &[f32], mask: Option<&[u8]>, mask_bit: usize, scale: f32, range: CodeRange) -> f32;
            fn quantize(w: &[f32], scale: f32, range: CodeRange, codes: &mut [i8]);
            fn dequantize(codes: &[i8], scale: f32, out: &mut [f32]);
            fn apply_mask(values: &mut [f32], mask: &[u8]);
            fn admm_pull(t: &[f32], mask: &[u8], w: &[f32], norms: &[f32], out: &mut [f32]);
            fn admm_step(t: &mut [f32], mask: &[u8], w: &[f32], norms: &[f32], b: &[f32]);
            fn compact_codes(codes: &[i8], mask: &[u8], out: &mut [i8]) -> usize;
            fn compact_values(values: &[f32], mask: &[u8], out: &mut [f32]) -> usize;
            fn expand_codes(packed: &[i8], mask: &[u8], out: &mut [i8]) -> usize;
            fn pack_bits(codes: &[i8], bits: u32, out: &mut [u8]);
            fn unpack_bits(packed: &[u8], bits: u32, codes: &mut [i8]);
            fn obs_panel(panel: ObsPanel<'_>);
            fn descent_panel(panel: DescentPanel<'_>);
            fn bf16_to_f32(src: &[u16], out: &mut [f32]);
            fn f16_to_f32(src: &[u16], out: &mut [f32]);
            fn f32_to_bf16(src: &[f32], out: &mut [u16]);
            fn f32_to_f16(src: &[f32], out: &mut [u16]);
            fn first_non_finite(values: &[f32]) -> Option<usize>;
            fn dot(a: &[f32], b: &[f32]) -> f32;
            fn axpy(alpha: f32, x: &[f32], y: &mut [f32]);
            fn add(x: &[f32], y: &mut [f32]);
            fn softmax(row: &mut [f32]);
            fn log_sum_exp(row: &[f32]) -> f32;
            fn silu(x: &mut [f32]);
            fn gelu_erf(x: &mut [f32]);
            fn gelu_tanh(x: &mut [f32]);
            fn relu(x: &mut [f32]);
            fn tanh(x: &mut [f32]);
            fn mul(x: &[f32], y: &mut [f32]);
            fn layer_norm(x: &[f32], weight: &[f32], bias: Option<&[f32]>, eps: f32, out: &mut [f32]);
            fn sparse_pack(x: &[f32], stride: usize, cols: usize, tokens: usize, out: &mut [f32]);
            fn sparse_tile(panel: &crate::sparse::Panel, packed: &[f32], tokens: usize, sums: &mut [f32], out: &mut [f32]);
            fn sparse_row(panel: &crate::sparse::Panel, x: &[f32], out: &mut [f32]);
            fn rms_norm(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]);
        }
    };
}

/// Gives a capability type one method a kernel: the generic algorithm, compiled with the instruction set's features.
macro_rules! entry_points {
    ($simd:ident, $features:literal; $(fn $name:ident($($arg:ident: $ty:ty),*) $(-> $ret:ty)?;)*) => {
        impl $simd {
            $(
                #[allow(unused_unsafe)]
                pub(crate) fn $name(self, $($arg: $ty),*) $(-> $ret)? {
                    #[target_feature(enable = $features)]
                    fn run(simd: $simd, $($arg: $ty),*) $(-> $ret)? {
                        $crate::generic::$name(simd, $($arg),*)
                    }
                    // SAFETY: a value of this type exists only where the machine has these features.
                    unsafe { run(self, $($arg),*) }
                }
            )*
        }
    };
}

pub(crate) use {entry_points, kernel_table};
