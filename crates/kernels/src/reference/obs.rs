//! The column loop of optimal brain surgeon, as the papers write it (GPTQ, arXiv 2210.17323; SparseGPT, arXiv 2301.00774).

use super::panel_grid::choose;
use super::quantize::keeps;
use crate::dispatch::ObsPanel;

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
            let scale = if keep { scale } else { 0.0 };
            let weight = 1.0 / (u_row[j] * u_row[j]);
            (quant.codes[row * width + j], q) = choose(quant, w[j], scale, weight);
        }
        let e = (w[j] - q) / u_row[j];
        w[j] = q;
        err[j] = e;
        for k in j + 1..width {
            w[k] -= e * u_row[k];
        }
    }
}
