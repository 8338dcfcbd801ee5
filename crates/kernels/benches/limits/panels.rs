//! The column loops of solvers.

use crate::measure::{Bench, Unit, noise};
use kerf_kernels::dispatch::{CodeRange, DescentPanel, ObsPanel, PanelQuant, Price, Product};
use kerf_kernels::{Kernels, Linalg, MatMut, MatRef, Pool};

const RANGE: CodeRange = CodeRange { lo: -8, hi: 7 };
const WIDTH: usize = 128;

/// What happens to a weight inside the loop.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Free,
    Nearest,
    Priced,
}

/// A wide panel and a narrow one, whose share of preparing the factor is larger.
pub fn panels(bench: &Bench, kernels: Kernels) {
    for rows in [64, 256] {
        for (name, mode) in [
            ("prune and quantize", Mode::Nearest),
            ("prune and quantize at a price", Mode::Priced),
            ("prune", Mode::Free),
        ] {
            let mut panel = Panel::new(rows, WIDTH, mode);
            panel.obs(bench, kernels, name);
            panel.descent(bench, kernels, name);
        }
    }
    for (rows, n) in [(256, 1024), (256, 4096)] {
        for (name, mode) in [
            ("quantize", Mode::Nearest),
            ("quantize at a price", Mode::Priced),
        ] {
            sweep(bench, kernels, Panel::new(rows, n, mode), name);
        }
    }
}

/// Rows of weights, their mask and their grid.
struct Panel {
    rows: usize,
    n: usize,
    mode: Mode,
    start: Vec<f32>,
    values: Vec<f32>,
    errors: Vec<f32>,
    codes: Vec<i8>,
    mask: Vec<u8>,
    scales: Vec<f32>,
    bits: [f32; 256],
}

impl Panel {
    fn new(rows: usize, n: usize, mode: Mode) -> Self {
        let bits = noise(rows * n / 8);
        let code = |index: usize| f32::from((index as u8 as i8).unsigned_abs());
        Self {
            rows,
            n,
            mode,
            start: noise(rows * n),
            values: vec![0.0; rows * n],
            errors: vec![0.0; rows * WIDTH],
            codes: vec![0; rows * WIDTH],
            mask: bits.iter().map(|x| (x * 127.0) as i8 as u8).collect(),
            scales: vec![0.1; rows],
            bits: std::array::from_fn(|index| 1.0 + 2.0 * (1.0 + code(index)).log2()),
        }
    }

    fn obs(&mut self, bench: &Bench, kernels: Kernels, name: &str) {
        let (rows, stride) = (self.rows, 4096);
        let mut u = noise(WIDTH * stride);
        u.iter_mut().for_each(|u| *u *= 0.01);
        (0..WIDTH).for_each(|j| u[j * stride + j] = 1.0);
        let work = (rows * WIDTH * (WIDTH - 1)) as f64;
        let name = format!("obs_panel {rows} x 128, {name}");
        bench.row(&name, Unit::Gflops, work, || {
            self.values.copy_from_slice(&self.start);
            kernels.obs_panel(ObsPanel {
                w: &mut self.values,
                w_stride: WIDTH,
                err: &mut self.errors,
                rows,
                width: WIDTH,
                u: &u,
                u_stride: stride,
                mask: Some(&self.mask),
                mask_stride: WIDTH / 8,
                quant: quant(self.mode, &mut self.codes, &self.scales, &self.bits),
            });
        });
    }

    /// The gradient goes on from call to call: on a well-conditioned matrix it comes to rest, at ordinary values.
    fn descent(&mut self, bench: &Bench, kernels: Kernels, name: &str) {
        let (rows, stride) = (self.rows, 4096);
        let h = second_moments(WIDTH, stride);
        let mut g = self.start.clone();
        let work = 2.0 * (rows * WIDTH * WIDTH) as f64;
        let name = format!("descent_panel {rows} x 128, {name}");
        bench.row(&name, Unit::Gflops, work, || {
            kernels.descent_panel(DescentPanel {
                q: &mut self.values,
                q_stride: WIDTH,
                g: &mut g,
                g_stride: WIDTH,
                delta: &mut self.errors,
                rows,
                width: WIDTH,
                h: &h,
                h_stride: stride,
                mask: Some(&self.mask),
                mask_stride: WIDTH / 8,
                quant: quant(self.mode, &mut self.codes, &self.scales, &self.bits),
            });
        });
    }
}

fn quant<'a>(
    mode: Mode,
    codes: &'a mut [i8],
    scales: &'a [f32],
    bits: &'a [f32; 256],
) -> Option<PanelQuant<'a>> {
    (mode != Mode::Free).then_some(PanelQuant {
        codes,
        scales,
        scale_stride: 1,
        group: WIDTH,
        range: RANGE,
        product: Product::F32,
        price: (mode == Mode::Priced).then_some(Price { lambda: 1e-3, bits }),
    })
}

/// Symmetric, well-conditioned: a unit diagonal beside which all others are small.
fn second_moments(n: usize, stride: usize) -> Vec<f32> {
    let mut h = noise(n * stride);
    for i in 0..n {
        for j in 0..=i {
            let value = if i == j {
                1.0
            } else {
                0.1 * h[i * stride + j] / (n as f32).sqrt()
            };
            (h[i * stride + j], h[j * stride + i]) = (value, value);
        }
    }
    h
}

/// A whole sweep of one panel of rows: every block of columns, and after it the gradient in all others.
fn sweep(bench: &Bench, kernels: Kernels, mut panel: Panel, name: &str) {
    let (rows, n) = (panel.rows, panel.n);
    let linalg = Linalg::with_kernels(kernels, Pool::new(1));
    let h = second_moments(n, n);
    let mut g = panel.start.clone();
    let work = 2.0 * (rows * n * n) as f64;
    let name = format!("descent sweep {rows} x {n}, {name}");
    bench.row(&name, Unit::Gflops, work, || {
        for at in (0..n).step_by(WIDTH) {
            kernels.descent_panel(DescentPanel {
                q: &mut panel.values[at..],
                q_stride: n,
                g: &mut g[at..],
                g_stride: n,
                delta: &mut panel.errors,
                rows,
                width: WIDTH,
                h: &h[at * n + at..],
                h_stride: n,
                mask: None,
                mask_stride: 0,
                quant: quant(panel.mode, &mut panel.codes, &panel.scales, &panel.bits),
            });
            for (from, to) in [(0, at), (at + WIDTH, n)] {
                if from == to {
                    continue;
                }
                let part = |data, rows| MatRef {
                    data,
                    rows,
                    cols: to - from,
                    stride: n,
                };
                let right = part(&h[at * n + from..], WIDTH);
                let left = MatRef::dense(&panel.errors, rows, WIDTH);
                let others = MatMut {
                    data: &mut g[from..],
                    rows,
                    cols: to - from,
                    stride: n,
                };
                linalg.gemm_nn(others, left, right, -1.0, 1.0);
            }
        }
    });
}
