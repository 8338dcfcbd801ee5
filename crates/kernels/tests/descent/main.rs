//! Coordinate descent inside a block, judged by its definition, not by another implementation.

#[path = "../common/mod.rs"]
mod common;
mod properties;

use common::choice::{Grid, code_lengths};
use common::{Noise, all_instances};
use kerf_kernels::Kernels;
use kerf_kernels::dispatch::{CodeRange, DescentPanel, PanelQuant, Price, Product};

const RANGE: CodeRange = CodeRange { lo: -8, hi: 7 };

/// One panel's inputs, with gaps between rows everywhere.
#[derive(Clone)]
struct Case {
    rows: usize,
    width: usize,
    gap: usize,
    group: usize,
    q: Vec<f32>,
    g: Vec<f32>,
    h: Vec<f32>,
    mask: Option<Vec<u8>>,
    scales: Option<Vec<f32>>,
    product: Product,
    price: Option<(f32, [f32; 256])>,
}

/// What a kernel made of it.
struct Outcome {
    q: Vec<f32>,
    g: Vec<f32>,
    delta: Vec<f32>,
    codes: Vec<i8>,
}

/// x^T x / tokens of values that have something in common, some inputs dead.
fn second_moments(noise: &mut Noise, width: usize, stride: usize) -> Vec<f32> {
    let tokens = width + 8;
    let mut x = noise.fill(tokens * width);
    for row in x.chunks_mut(width.max(1)) {
        let common = row[0];
        row.iter_mut().for_each(|x| *x += 0.5 * common);
    }
    let mut h = noise.fill(width * stride);
    for i in 0..width {
        for j in 0..=i {
            let products = (0..tokens).map(|t| x[t * width + i] * x[t * width + j]);
            let sum = products.sum::<f32>() / tokens as f32;
            let damp = if i == j { 0.02 } else { 0.0 };
            let dead = i % 13 == 5 || j % 13 == 5;
            let value = if dead { 0.0 } else { sum + damp };
            h[i * stride + j] = value;
            h[j * stride + i] = value;
        }
        if i == 18 {
            // Below zero is as dead as zero.
            h[i * stride + i] = -1.0;
        }
    }
    h
}

impl Case {
    fn new(
        noise: &mut Noise,
        rows: usize,
        width: usize,
        masked: bool,
        group: Option<usize>,
    ) -> Self {
        let gap = noise.below(4);
        let stride = width + gap;
        let mask = masked.then(|| {
            (0..rows * (width.div_ceil(8) + 1))
                .map(|_| noise.bits() as u8)
                .collect()
        });
        let scales = group.map(|group| {
            let count = rows * width.div_ceil(group).max(1);
            (0..count)
                .map(|i| match i % 7 {
                    6 => 0.0,
                    // Of either sign.
                    k => (0.05 + 0.1 * noise.value().abs()) * if k == 2 { -1.0 } else { 1.0 },
                })
                .collect()
        });
        Self {
            rows,
            width,
            gap,
            group: group.unwrap_or(width),
            q: noise.fill(rows * stride),
            g: noise.fill(rows * stride),
            h: second_moments(noise, width, stride),
            mask,
            scales,
            product: Product::F32,
            price: None,
        }
    }

    fn stride(&self) -> usize {
        self.width + self.gap
    }

    fn groups(&self) -> usize {
        self.width.div_ceil(self.group).max(1)
    }

    fn price(&self) -> Option<Price<'_>> {
        let price = self.price.as_ref();
        price.map(|(lambda, bits)| Price {
            lambda: *lambda,
            bits,
        })
    }

    fn run(&self, kernels: &Kernels) -> Outcome {
        let (mut q, mut g) = (self.q.clone(), self.g.clone());
        let mut delta = vec![f32::NAN; self.rows * self.width];
        let mut codes = vec![99i8; self.rows * self.width];
        kernels.descent_panel(DescentPanel {
            q: &mut q,
            q_stride: self.stride(),
            g: &mut g,
            g_stride: self.stride(),
            delta: &mut delta,
            rows: self.rows,
            width: self.width,
            h: &self.h,
            h_stride: self.stride(),
            mask: self.mask.as_deref(),
            mask_stride: self.width.div_ceil(8) + 1,
            quant: self.scales.as_deref().map(|scales| PanelQuant {
                codes: &mut codes,
                scales,
                scale_stride: self.groups(),
                group: self.group,
                range: RANGE,
                product: self.product,
                price: self.price(),
            }),
        });
        Outcome { q, g, delta, codes }
    }

    fn keeps(&self, r: usize, j: usize) -> bool {
        let stride = self.width.div_ceil(8) + 1;
        self.mask
            .as_ref()
            .is_none_or(|mask| mask[r * stride + j / 8] >> (j % 8) & 1 == 1)
    }

    /// Replays the definition in f64 with the choices the kernel made, and asks of each choice whether it was right.
    /// The kernel's gradient is a sum of up to 129 terms, each rounded to f32 (6e-8 of the sum so far): 1e-5 of the
    /// largest at most, and divided by h_jj, which is 0.02 at least but 0.3 as a rule. 1e-4 of the largest is room enough.
    fn check(&self, kernels: &Kernels, got: &Outcome) {
        let stride = self.stride();
        let h = |j: usize, k: usize| f64::from(self.h[j * stride + k]);
        for r in 0..self.rows {
            let row = r * stride..r * stride + self.width;
            let wide = |values: &[f32]| -> Vec<f64> {
                values.iter().map(|value| f64::from(*value)).collect()
            };
            let (before, after) = (wide(&self.q[row.clone()]), wide(&got.q[row.clone()]));
            let mut g = wide(&self.g[row.clone()]);
            let values = before.iter().chain(&after).chain(&g);
            let allowed = 1e-4 * values.fold(0.1f64, |a, b| a.max(b.abs()));
            for j in 0..self.width {
                let name = format!(
                    "{:?} {}x{} row {r} column {j}",
                    kernels.isa(),
                    self.rows,
                    self.width
                );
                let t = match h(j, j) > 0.0 {
                    true => before[j] + g[j] / h(j, j),
                    false => before[j],
                };
                self.check_choice(&name, (r, j), t, got, allowed);
                let d = after[j] - before[j];
                let delta = f64::from(got.delta[r * self.width + j]);
                assert!(
                    (d - delta).abs() <= allowed,
                    "{name}: change {delta}, not {d}"
                );
                for (k, g) in g.iter_mut().enumerate() {
                    *g -= d * h(j, k);
                }
            }
            for (j, (want, got)) in g.iter().zip(&got.g[row]).enumerate() {
                assert!(
                    (want - f64::from(*got)).abs() <= allowed,
                    "{:?} row {r}: gradient {j} is {got}, not {want}",
                    kernels.isa()
                );
            }
            let gap = r * stride + self.width..(r + 1) * stride;
            for (after, before) in [(&got.q, &self.q), (&got.g, &self.g)] {
                assert_eq!(
                    after[gap.clone()],
                    before[gap.clone()],
                    "the gap was written"
                );
            }
        }
    }

    fn check_choice(
        &self,
        name: &str,
        (r, j): (usize, usize),
        t: f64,
        got: &Outcome,
        allowed: f64,
    ) {
        let place = r * self.stride() + j;
        let (before, after) = (self.q[place], got.q[place]);
        let pivot = self.h[j * self.stride() + j];
        let dead = pivot <= 0.0;
        let code = got.codes[r * self.width + j];
        let scale = self
            .scales
            .as_ref()
            .map(|scales| scales[r * self.groups() + j / self.group]);
        if !self.keeps(r, j) || scale == Some(0.0) {
            assert_eq!(after, 0.0, "{name}: pruned");
            assert!(
                scale.is_none() || code == 0,
                "{name}: code of a pruned weight"
            );
            return;
        }
        if dead {
            assert_eq!(after, before, "{name}: nothing is known about a dead input");
        }
        let Some(scale) = scale else {
            let after = f64::from(after);
            assert!(
                (after - t).abs() <= allowed,
                "{name}: {after} instead of {t}"
            );
            return;
        };
        let grid = Grid {
            scale,
            range: RANGE,
            product: self.product,
            price: self.price(),
        };
        match dead {
            true => grid.check_nearest(name, code, t, allowed),
            false => grid.check(name, (code, after), t, pivot.into(), allowed),
        }
    }
}

#[test]
fn descent_follows_its_definition() {
    let mut noise = Noise(31);
    let rows = [1, 2, 7, 8, 15, 16, 17, 31, 33, 64, 65, 100];
    let widths = [1, 2, 3, 4, 5, 8, 15, 16, 17, 30, 63, 64, 65, 100, 127, 128];
    for kernels in all_instances() {
        for rows in rows {
            for width in widths {
                for (masked, group) in [
                    (false, None),
                    (true, None),
                    (false, Some(width)),
                    (true, Some(3)),
                    (true, Some(64)),
                ] {
                    let mut case = Case::new(&mut noise, rows, width, masked, group);
                    case.check(&kernels, &case.run(&kernels));
                    for product in [Product::F16, Product::BF16] {
                        case.product = product;
                        case.check(&kernels, &case.run(&kernels));
                    }
                    for lambda in [0.0, 1e-3, 0.1] {
                        case.price = Some((lambda, code_lengths(&mut noise)));
                        case.check(&kernels, &case.run(&kernels));
                    }
                }
            }
        }
    }
}
