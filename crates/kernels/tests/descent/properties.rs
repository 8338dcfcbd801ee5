//! What holds for every pass.

use super::*;

/// What the loop is for: (w - q) H (w - q)^T, plus lambda times the length of the codes, never grows from pass to pass.
#[test]
fn a_pass_never_costs_more_than_the_last_one() {
    let mut noise = Noise(32);
    for kernels in all_instances() {
        for priced in [false, true] {
            let mut case = Case::new(&mut noise, 40, 128, true, Some(32));
            case.gap = 0;
            case.h = second_moments(&mut noise, 128, 128);
            // A dead input is left alone, on the grid or not.
            case.q.fill(0.0);
            case.h.iter_mut().for_each(|h| *h = h.max(0.0) * 0.25);
            (0..128).for_each(|j| case.h[j * 128 + j] += 20.0);
            case.price = priced.then(|| (0.05, code_lengths(&mut noise)));
            let w = noise.fill(40 * 128);
            let mut last = f64::INFINITY;
            for pass in 0..4 {
                case.g = gradient(&case, &w);
                let got = case.run(&kernels);
                let cost = cost(&case, &w, &got);
                assert!(
                    cost <= last * (1.0 + 1e-6),
                    "pass {pass}: {cost} after {last}"
                );
                last = cost;
                case.q = got.q;
            }
        }
    }
}

fn gradient(case: &Case, w: &[f32]) -> Vec<f32> {
    let n = case.width;
    (0..case.rows * n)
        .map(|at| {
            let (r, k) = (at / n, at % n);
            (0..n)
                .map(|j| (w[r * n + j] - case.q[r * n + j]) * case.h[j * n + k])
                .sum()
        })
        .collect()
}

fn cost(case: &Case, w: &[f32], got: &Outcome) -> f64 {
    let n = case.width;
    let mut sum = 0.0;
    for r in 0..case.rows {
        let d: Vec<f64> = (0..n)
            .map(|j| f64::from(w[r * n + j]) - f64::from(got.q[r * n + j]))
            .collect();
        for j in 0..n {
            let row = &case.h[j * n..][..n];
            let product: f64 = row.iter().zip(&d).map(|(h, d)| f64::from(*h) * d).sum();
            sum += d[j] * product;
            if let (Some(price), true) = (case.price(), case.keeps(r, j)) {
                let bits = price.bits[got.codes[r * n + j] as u8 as usize];
                sum += f64::from(price.lambda) * f64::from(bits);
            }
        }
    }
    sum
}

#[test]
fn rows_do_not_depend_on_the_panel_they_are_in() {
    let mut noise = Noise(33);
    for kernels in all_instances() {
        for priced in [false, true] {
            let mut case = Case::new(&mut noise, 70, 128, true, Some(32));
            case.price = priced.then(|| (0.01, code_lengths(&mut noise)));
            let whole = case.run(&kernels);
            let stride = case.stride();
            for (from, count) in [(0, 3), (16, 33), (69, 1)] {
                let floats = from * stride..(from + count) * stride;
                let part = Case {
                    rows: count,
                    q: case.q[floats.clone()].to_vec(),
                    g: case.g[floats.clone()].to_vec(),
                    mask: case
                        .mask
                        .as_ref()
                        .map(|mask| mask[from * 17..][..count * 17].to_vec()),
                    scales: case
                        .scales
                        .as_ref()
                        .map(|scales| scales[from * 4..][..count * 4].to_vec()),
                    ..case.clone()
                };
                let got = part.run(&kernels);
                assert_eq!(common::bits(&got.q), common::bits(&whole.q[floats.clone()]));
                assert_eq!(common::bits(&got.g), common::bits(&whole.g[floats]));
                let dense = from * 128..(from + count) * 128;
                assert_eq!(got.codes, whole.codes[dense.clone()]);
                assert_eq!(common::bits(&got.delta), common::bits(&whole.delta[dense]));
            }
        }
    }
}

/// Powers of two and small whole numbers: nothing is rounded, so all instruction sets see the same ties.
#[test]
fn ties_go_down_before_up_before_zero() {
    let flat = [2.0f32; 256];
    let mut steep = [8.0f32; 256];
    (steep[0], steep[1], steep[255]) = (0.0, 4.0, 4.0);
    for kernels in all_instances() {
        for (t, bits, lambda, want) in [
            // Halfway between two, at equal lengths: down.
            (1.5, &flat, 1.0, 1),
            (-1.5, &flat, 1.0, -2),
            (0.5, &flat, 1.0, 0),
            (-0.5, &flat, 1.0, -1),
            // On a value.
            (3.0, &flat, 1.0, 3),
            // Outside the range both neighbours are the end of it.
            (20.0, &flat, 0.0, 7),
            (-20.0, &flat, 0.0, -8),
            // 1 costs 0.25 + 4, 0 costs 2.25.
            (1.5, &steep, 1.0, 0),
            // 1 costs 0.25 + 2 as 0 does, below; -1 likewise, above.
            (1.5, &steep, 0.5, 1),
            (-1.5, &steep, 0.5, -1),
            (1.5, &steep, 0.25, 1),
        ] {
            let price = Some((lambda, *bits));
            let case = Case {
                rows: 3,
                width: 1,
                gap: 0,
                group: 1,
                q: vec![0.0; 3],
                g: vec![t; 3],
                h: vec![1.0],
                mask: None,
                scales: Some(vec![1.0; 3]),
                product: Product::F32,
                price,
            };
            let got = case.run(&kernels);
            assert_eq!(got.codes, [want; 3], "{:?}: {t}", kernels.isa());
            let want = f32::from(want);
            assert_eq!((got.q, got.g), (vec![want; 3], vec![t - want; 3]));
        }
    }
}

#[test]
fn an_empty_panel_is_no_work() {
    for kernels in all_instances() {
        for (rows, width) in [(0, 0), (0, 5), (3, 0)] {
            let mut noise = Noise(34);
            let case = Case::new(&mut noise, rows, width, true, None);
            let got = case.run(&kernels);
            assert_eq!((got.q, got.g), (case.q, case.g));
        }
    }
}
