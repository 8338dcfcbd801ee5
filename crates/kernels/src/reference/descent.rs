//! Coordinate descent on a quadratic form, one exact minimiser after the other (QuantEase, arXiv 2309.01885).

use super::panel_grid::choose;
use super::quantize::{grid_code, keeps};
use crate::dispatch::DescentPanel;

/// See [`crate::Kernels::descent_panel`].
pub fn descent_panel(mut panel: DescentPanel<'_>) {
    panel.check();
    for row in 0..panel.rows {
        descend_row(&mut panel, row);
    }
}

fn descend_row(panel: &mut DescentPanel<'_>, row: usize) {
    let width = panel.width;
    let q = &mut panel.q[row * panel.q_stride..][..width];
    let g = &mut panel.g[row * panel.g_stride..][..width];
    let delta = &mut panel.delta[row * width..][..width];
    let mask = panel.mask.map(|mask| &mask[row * panel.mask_stride..]);
    for j in 0..width {
        let h_row = &panel.h[j * panel.h_stride..][..width];
        let keep = keeps(mask, j);
        let alive = h_row[j] > 0.0;
        let t = if alive { q[j] + g[j] / h_row[j] } else { q[j] };
        let mut new = if keep { t } else { 0.0 };
        if let Some(quant) = &mut panel.quant {
            let scale = quant.scales[row * quant.scale_stride + j / quant.group.max(1)];
            let scale = if keep { scale } else { 0.0 };
            let place = row * width + j;
            if alive || scale == 0.0 {
                (quant.codes[place], new) = choose(quant, t, scale, h_row[j]);
            } else {
                quant.codes[place] = grid_code(t, scale, quant.range) as i8;
            }
        }
        let d = new - q[j];
        q[j] = new;
        delta[j] = d;
        for (g, h) in g.iter_mut().zip(h_row) {
            *g -= d * h;
        }
    }
}
