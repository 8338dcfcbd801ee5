//! The column loop and the search for a scale, judged by their definition, not by another implementation.

mod common;

use common::choice::{Grid, code_lengths};
use common::{Noise, all_instances};
use kerf_kernels::Kernels;
use kerf_kernels::dispatch::{CodeRange, ObsPanel, PanelQuant, Price, Product};

const RANGE: CodeRange = CodeRange { lo: -8, hi: 7 };

/// One panel's inputs, with gaps between rows everywhere.
struct Case {
    rows: usize,
    width: usize,
    gap: usize,
    group: usize,
    w: Vec<f32>,
    u: Vec<f32>,
    mask: Option<Vec<u8>>,
    scales: Option<Vec<f32>>,
    product: Product,
    price: Option<(f32, [f32; 256])>,
}

/// What a kernel made of it.
struct Outcome {
    w: Vec<f32>,
    err: Vec<f32>,
    codes: Vec<i8>,
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
        let mut u = noise.fill(width * (width + gap));
        for j in 0..width {
            // A factor whose rows fall off, as those of real inverse Hessians do.
            for k in j..width {
                u[j * (width + gap) + k] *= 0.4 / (1.0 + (k - j) as f32);
            }
            u[j * (width + gap) + j] = 0.5 + noise.value().abs();
        }
        let w = noise.fill(rows * (width + gap));
        let mask = masked.then(|| {
            (0..rows * (width.div_ceil(8) + 1))
                .map(|_| noise.bits() as u8)
                .collect()
        });
        let scales = group.map(|group| {
            let count = rows * width.div_ceil(group).max(1);
            (0..count)
                .map(|i| {
                    if i % 7 == 6 {
                        0.0
                    } else {
                        0.05 + 0.1 * noise.value().abs()
                    }
                })
                .collect()
        });
        let group = group.unwrap_or(width);
        Self {
            rows,
            width,
            gap,
            group,
            w,
            u,
            mask,
            scales,
            product: Product::F32,
            price: None,
        }
    }

    fn price(&self) -> Option<Price<'_>> {
        let price = self.price.as_ref();
        price.map(|(lambda, bits)| Price {
            lambda: *lambda,
            bits,
        })
    }

    fn groups(&self) -> usize {
        self.width.div_ceil(self.group).max(1)
    }

    fn run(&self, kernels: &Kernels) -> Outcome {
        let mut w = self.w.clone();
        let mut err = vec![f32::NAN; self.rows * self.width];
        let mut codes = vec![99i8; self.rows * self.width];
        kernels.obs_panel(ObsPanel {
            w: &mut w,
            w_stride: self.width + self.gap,
            err: &mut err,
            rows: self.rows,
            width: self.width,
            u: &self.u,
            u_stride: self.width + self.gap,
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
        Outcome { w, err, codes }
    }

    fn keeps(&self, r: usize, j: usize) -> bool {
        let stride = self.width.div_ceil(8) + 1;
        self.mask
            .as_ref()
            .is_none_or(|mask| mask[r * stride + j / 8] >> (j % 8) & 1 == 1)
    }

    /// Replays the definition in f64 with the choices the kernel made, and asks of each choice whether it was right.
    fn check(&self, kernels: &Kernels, got: &Outcome) {
        let stride = self.width + self.gap;
        for r in 0..self.rows {
            let mut w: Vec<f64> = self.w[r * stride..][..self.width]
                .iter()
                .map(|w| f64::from(*w))
                .collect();
            let largest = w.iter().fold(0.1f64, |a, b| a.max(b.abs()));
            let allowed = 1e-4 * largest;
            for j in 0..self.width {
                let name = format!(
                    "{:?} {}x{} row {r} column {j}",
                    kernels.isa(),
                    self.rows,
                    self.width
                );
                let q = f64::from(got.w[r * stride + j]);
                self.check_choice(&name, r, j, w[j], q, got, allowed);
                let e = (w[j] - q) / f64::from(self.u[j * stride + j]);
                assert!(
                    (e - f64::from(got.err[r * self.width + j])).abs() <= 4.0 * allowed,
                    "{name}: error"
                );
                for (k, w) in w.iter_mut().enumerate().skip(j + 1) {
                    *w -= e * f64::from(self.u[j * stride + k]);
                }
            }
            let gap = r * stride + self.width..(r + 1) * stride;
            assert_eq!(got.w[gap.clone()], self.w[gap], "the gap was written");
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn check_choice(
        &self,
        name: &str,
        r: usize,
        j: usize,
        w: f64,
        q: f64,
        got: &Outcome,
        allowed: f64,
    ) {
        if !self.keeps(r, j) {
            assert_eq!(q, 0.0, "{name}: pruned");
        }
        let Some(scales) = &self.scales else {
            if self.keeps(r, j) {
                assert!((q - w).abs() <= allowed, "{name}: {q} instead of {w}");
            }
            return;
        };
        let grid = Grid {
            scale: match self.keeps(r, j) {
                true => scales[r * self.groups() + j / self.group],
                false => 0.0,
            },
            range: RANGE,
            product: self.product,
            price: self.price(),
        };
        let chosen = (got.codes[r * self.width + j], q as f32);
        let pivot = f64::from(self.u[j * (self.width + self.gap) + j]);
        grid.check(name, chosen, w, 1.0 / (pivot * pivot), allowed);
    }
}

#[test]
fn column_loop_follows_its_definition() {
    let mut noise = Noise(21);
    let rows = [1, 2, 5, 8, 15, 16, 17, 31, 32, 33, 47, 64, 65, 100];
    let widths = [
        1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 30, 63, 64, 65, 100, 126, 127, 128,
    ];
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
                    // Scales of either sign, and products in the types of other formats.
                    let scales = case.scales.iter_mut().flatten();
                    scales.step_by(2).for_each(|scale| *scale = -*scale);
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

#[test]
fn rows_do_not_depend_on_the_panel_they_are_in() {
    let mut noise = Noise(22);
    for kernels in all_instances() {
        let case = Case::new(&mut noise, 70, 128, true, Some(32));
        let whole = case.run(&kernels);
        let stride = case.width + case.gap;
        for (from, count) in [(0, 3), (16, 33), (69, 1)] {
            let part = Case {
                rows: count,
                w: case.w[from * stride..][..count * stride].to_vec(),
                u: case.u.clone(),
                mask: case
                    .mask
                    .as_ref()
                    .map(|mask| mask[from * 17..][..count * 17].to_vec()),
                scales: case
                    .scales
                    .as_ref()
                    .map(|scales| scales[from * 4..][..count * 4].to_vec()),
                ..case
            };
            let got = part.run(&kernels);
            assert_eq!(
                common::bits(&got.w),
                common::bits(&whole.w[from * stride..][..count * stride])
            );
            assert_eq!(got.codes, whole.codes[from * 128..][..count * 128]);
        }
    }
}

#[test]
fn an_empty_panel_is_no_work() {
    for kernels in all_instances() {
        for (rows, width) in [(0, 0), (0, 5), (3, 0)] {
            let mut noise = Noise(23);
            let case = Case::new(&mut noise, rows, width, true, None);
            let got = case.run(&kernels);
            assert_eq!(got.w, case.w);
        }
    }
}

/// Squared error of the survivors on a grid, in f64.
fn grid_error(w: &[f32], keep: &[bool], scale: f32, range: CodeRange) -> f64 {
    let scale = f64::from(scale);
    let error = |w: f64| {
        w - (w / scale)
            .round_ties_even()
            .clamp(range.lo.into(), range.hi.into())
            * scale
    };
    let kept = w.iter().zip(keep).filter(|(_, keep)| **keep);
    kept.map(|(w, _)| error(f64::from(*w)).powi(2)).sum()
}

#[test]
fn the_fitted_scale_is_the_best_near_the_best_of_every_second_candidate() {
    let mut noise = Noise(24);
    for kernels in all_instances() {
        for n in [1, 2, 7, 32, 64, 100, 128, 255, 256, 257, 700] {
            for hi in [1i8, 3, 7, 127] {
                for (density, size) in [(0, 1.0), (2, 0.02), (8, 1.0), (8, 1e-9), (5, 1e7)] {
                    let range = CodeRange { lo: -hi - 1, hi };
                    let w: Vec<f32> = (0..n).map(|_| noise.value().powi(3) * size).collect();
                    let bit = noise.below(9);
                    let keep: Vec<bool> = (0..n).map(|_| noise.below(8) < density).collect();
                    let mut mask = vec![0u8; (n + bit).div_ceil(8)];
                    for (j, _) in keep.iter().enumerate().filter(|(_, keep)| **keep) {
                        mask[(bit + j) / 8] |= 1 << ((bit + j) % 8);
                    }
                    let scale = kernels.fit_scale(&w, Some(&mask), bit, range);
                    check_scale(&w, &keep, scale, range);
                }
            }
        }
        assert_eq!(kernels.fit_scale(&[], None, 0, RANGE), 0.0);
        assert_eq!(kernels.fit_scale(&[0.0; 40], None, 0, RANGE), 0.0);
    }
}

#[test]
fn the_error_of_a_scale_is_that_of_its_definition() {
    let mut noise = Noise(25);
    for kernels in all_instances() {
        for n in [0, 1, 7, 32, 128, 255, 256, 257, 700] {
            for (range, scale) in [
                (RANGE, 0.03),
                (RANGE, -0.11),
                (CodeRange { lo: -128, hi: 127 }, 0.004),
            ] {
                let w: Vec<f32> = (0..n).map(|_| noise.value()).collect();
                let mask: Vec<u8> = (0..n / 8 + 2).map(|_| noise.bits() as u8).collect();
                let keep: Vec<bool> = (0..n)
                    .map(|j| mask[(3 + j) / 8] >> ((3 + j) % 8) & 1 == 1)
                    .collect();
                let got = kernels.grid_error(&w, Some(&mask), 3, scale, range);
                let expected = grid_error(&w, &keep, scale, range);
                assert!((f64::from(got) - expected).abs() <= 1e-4 * expected + 1e-9);
            }
        }
    }
}

fn check_scale(w: &[f32], keep: &[bool], scale: f32, range: CodeRange) {
    let kept = w.iter().zip(keep).filter(|(_, keep)| **keep);
    let largest = kept.fold(0.0f32, |a, (w, _)| a.max(w.abs()));
    if largest == 0.0 {
        return assert_eq!(scale, 0.0);
    }
    let stored = half::f16::from_f32(scale);
    assert_eq!(stored.to_f32(), scale, "a file can store it");
    assert!(scale > 0.0 && scale.is_finite());
    let errors: Vec<f64> = (0..25)
        .map(|i| (0.45 + 0.025 * i as f32) * largest / f32::from(range.hi))
        .map(|s| half::f16::from_f32(s.clamp(5.960_464_5e-8, 65504.0)).to_f32())
        .map(|s| grid_error(w, keep, s, range))
        .collect();
    let coarse = errors
        .iter()
        .step_by(2)
        .fold(f64::INFINITY, |a, b| a.min(*b));
    // Where several are as good, rounding decides beside which of them the second step looks.
    let starts = (0..25).step_by(2).filter(|i| errors[*i] <= coarse * 1.0001);
    let refined = starts.map(|i| {
        let beside = &errors[i.saturating_sub(1)..(i + 2).min(25)];
        beside.iter().fold(f64::INFINITY, |a, b| a.min(*b))
    });
    let best = refined.fold(0.0, f64::max);
    let got = grid_error(w, keep, scale, range);
    assert!(
        got <= best * 1.0001 + 1e-12 * f64::from(largest * largest),
        "{got} is not {best}"
    );
}
