//! The column loop of optimal brain surgeon, as the papers write it (GPTQ, arXiv 2210.17323; SparseGPT, arXiv 2301.00774).

use super::convert;
use super::quantize::{grid_code, keeps};
use crate::dispatch::{ObsPanel, Product};

/// See [`crate::Kernels::obs_panel`].
pub fn obs_panel(mut panel: ObsPanel<'_>) {
    panel.check();
    for row in 0..panel.rows {
        obs_row(&mut panel, row);
    }
}

fn obs_row(panel: &mut ObsPanel<'_>, row: usize) {
    let width = panel.width;
    let w = &mut panel.w[row * panel.w_stride..][..width];
    let err = &mut panel.err[row * width..][..width];
    let mask = panel.mask.map(|mask| &mask[row * panel.mask_stride..]);
    for j in 0..width {
        let u_row = &panel.u[j * panel.u_stride..][..width];
        let keep = keeps(mask, j);
        let mut q = if keep { w[j] } else { 0.0 };
        if let Some(quant) = &mut panel.quant {
            let scale = quant.scales[row * quant.scale_stride + j / quant.group.max(1)];
            let code = if keep && scale != 0.0 {
                grid_code(w[j], scale, quant.range)
            } else {
                0.0
            };
            quant.codes[row * width + j] = code as i8;
            q = product(code * scale, quant.product);
        }
        let e = (w[j] - q) / u_row[j];
        w[j] = q;
        err[j] = e;
        for k in j + 1..width {
            w[k] -= e * u_row[k];
        }
    }
}

/// Rounded to the type in which it is computed.
fn product(value: f32, product: Product) -> f32 {
    match product {
        Product::F32 => value,
        Product::F16 => convert::widen_f16(convert::narrow_f16(value)),
        Product::BF16 => f32::from_bits(u32::from(convert::narrow_bf16(value)) << 16),
    }
}
