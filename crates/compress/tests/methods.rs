//! The battery: every row of the method table, on the matrices that break solvers.

use kerf_compress::methods::{Inputs, Method, Problem, Solved, table};
use kerf_compress::pattern::Pattern;
use kerf_compress::report::Repair;
use kerf_compress::solve::effort::Effort;
use kerf_compress::solve::energy::{output_energy, unshrunk, weight_error};
use kerf_compress::statistics::{Drift, Gram, Moments, Needs};
use kerf_kernels::{Compute, Isa};
use kerf_tensors::{DType, Grid, Values};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

const EFFORT: Effort = Effort {
    iterations: 20,
    sweeps: 3,
};

const GRID: Option<Grid> = Some(Grid::new(4, 128));

fn random(len: usize, seed: u64) -> Vec<f32> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    (0..len)
        .map(|_| (rng.next_u64() >> 40) as f32 / (1u64 << 23) as f32 - 1.0)
        .collect()
}

fn inputs(compute: &Compute, n: usize, seed: u64, dead: &[usize]) -> Inputs {
    gram_of(compute, &correlated(n, seed, dead), n)
}

/// Correlated inputs of 400 tokens, with a few strong channels as real networks have them.
fn correlated(n: usize, seed: u64, dead: &[usize]) -> Vec<f32> {
    let mut x = random(400 * n, seed);
    for row in x.chunks_mut(n) {
        for j in 1..n {
            row[j] += 0.8 * row[j - 1];
        }
        (0..n).step_by(17).for_each(|j| row[j] *= 6.0);
        dead.iter().for_each(|&j| row[j] = 0.0);
    }
    x
}

fn gram_of(compute: &Compute, x: &[f32], n: usize) -> Inputs {
    let mut gram = Gram::new(n);
    gram.add(compute, x);
    gram.finish(compute);
    Inputs::new(gram)
}

struct Case {
    w: Vec<f32>,
    rows: usize,
    cols: usize,
    sparsity: f64,
    pattern: Pattern,
    grid: Option<Grid>,
}

impl Case {
    fn new(rows: usize, cols: usize) -> Self {
        let w = random(rows * cols, 7);
        Self {
            w,
            rows,
            cols,
            sparsity: 0.7,
            pattern: Pattern::Unstructured,
            grid: GRID,
        }
    }

    fn solve(&self, method: &dyn Method, compute: &Compute, inputs: &Inputs) -> Solved {
        method.solve(
            compute,
            &Problem {
                name: "w",
                w: &self.w,
                rows: self.rows,
                cols: self.cols,
                sparsity: if method.prunes() { self.sparsity } else { 0.0 },
                pattern: self.pattern,
                grid: self.grid,
                dtype: DType::F32,
                damping_rel: 0.01,
                step: None,
                effort: EFFORT,
                inputs: Some(inputs),
            },
        )
    }
}

fn compute(threads: usize) -> Compute {
    Compute::new(None, threads).unwrap()
}

fn error(compute: &Compute, case: &Case, solved: &Solved, inputs: &Inputs) -> f64 {
    let decoded = solved.matrix.dequantize(&compute.kernels);
    let difference: Vec<f32> = case.w.iter().zip(&decoded).map(|(a, b)| a - b).collect();
    let whole = output_energy(compute, &case.w, case.rows, &inputs.gram);
    output_energy(compute, &difference, case.rows, &inputs.gram) / whole
}

#[test]
fn sparsity_is_exact_and_pruned_weights_are_zero() {
    let compute = compute(2);
    for (rows, cols) in [(1, 8), (3, 40), (70, 172), (65, 384), (5, 300)] {
        let inputs = inputs(&compute, cols, 1, &[]);
        for method in table().iter().filter(|method| method.prunes()) {
            for (pattern, sparsity) in [
                (Pattern::Unstructured, 0.7),
                (Pattern::Row, 0.6),
                (Pattern::Nm { n: 2, m: 4 }, 0.5),
                (Pattern::Nm { n: 5, m: 16 }, 0.6875),
            ] {
                for grid in [None, GRID, Some(Grid::new(3, 32)), Some(Grid::new(8, 0))] {
                    let case = Case {
                        pattern,
                        sparsity,
                        grid,
                        ..Case::new(rows, cols)
                    };
                    let solved = case.solve(*method, &compute, &inputs);
                    let name = format!("{} {rows}x{cols} {pattern} {grid:?}", method.id());
                    let mask = solved.matrix.mask.as_ref().unwrap();
                    let decoded = solved.matrix.dequantize(&compute.kernels);
                    let pruned = (0..rows * cols).filter(|i| !mask.kept(i / cols, i % cols));
                    assert!(pruned.clone().all(|i| decoded[i] == 0.0), "{name}");
                    match pattern {
                        Pattern::Unstructured => {
                            let expected = (sparsity * (rows * cols) as f64).round() as usize;
                            assert_eq!(pruned.count(), expected, "{name}");
                        }
                        Pattern::Row => {
                            let expected = cols - (sparsity * cols as f64).round() as usize;
                            assert!((0..rows).all(|r| mask.count_row(r) == expected), "{name}");
                        }
                        Pattern::Nm { n, m } => {
                            for (r, start) in
                                (0..rows).flat_map(|r| (0..cols / m).map(move |g| (r, g * m)))
                            {
                                let kept = (start..start + m).filter(|&c| mask.kept(r, c)).count();
                                assert_eq!(kept, n, "{name}");
                            }
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn codes_stay_on_the_grid_for_all_widths() {
    let compute = compute(1);
    let inputs = inputs(&compute, 200, 2, &[]);
    for method in table().iter().filter(|method| !method.chooses_rate()) {
        let mut last = f64::INFINITY;
        for bits in 2..=8 {
            let grid = Grid::new(bits, 64);
            let case = Case {
                sparsity: 0.0,
                grid: Some(grid),
                ..Case::new(40, 200)
            };
            let solved = case.solve(*method, &compute, &inputs);
            let Values::Codes { codes, scales, .. } = &solved.matrix.values else {
                panic!("not codes")
            };
            let range = grid.range();
            assert!(
                codes
                    .iter()
                    .all(|&code| (range.lo..=range.hi).contains(&code))
            );
            assert_eq!(scales.len(), 40 * 4);
            assert!(solved.matrix.mask.is_none());
            let error = error(&compute, &case, &solved, &inputs);
            assert!(
                error < last,
                "{} at {bits} bits: {error} after {last}",
                method.id()
            );
            last = error;
        }
        assert!(last < 1e-4, "{}: {last} at 8 bits", method.id());
    }
}

#[test]
fn calibrated_methods_beat_magnitude_and_obs_beats_all() {
    let compute = compute(2);
    let inputs = inputs(&compute, 256, 3, &[]);
    for grid in [None, GRID] {
        let case = Case {
            grid,
            ..Case::new(96, 256)
        };
        let of = |id: &str| {
            let method = table().iter().find(|method| method.id() == id).unwrap();
            error(
                &compute,
                &case,
                &case.solve(*method, &compute, &inputs),
                &inputs,
            )
        };
        let (magnitude, wanda, obs) = (of("magnitude"), of("wanda"), of("obs"));
        assert!(
            wanda < magnitude && obs < 0.8 * wanda,
            "{magnitude} {wanda} {obs}"
        );
    }
    let case = Case {
        sparsity: 0.0,
        ..Case::new(96, 256)
    };
    let of = |id: &str| {
        let method = table().iter().find(|method| method.id() == id).unwrap();
        error(
            &compute,
            &case,
            &case.solve(*method, &compute, &inputs),
            &inputs,
        )
    };
    assert!(of("obs") < of("rtn"));
}

#[test]
fn the_energy_that_obs_reports_is_the_energy_of_its_error() {
    let compute = compute(2);
    let inputs = inputs(&compute, 256, 4, &[9]);
    let obs = table().iter().find(|method| method.id() == "obs").unwrap();
    for grid in [None, GRID] {
        let case = Case {
            grid,
            ..Case::new(64, 256)
        };
        let solved = case.solve(*obs, &compute, &inputs);
        let whole = output_energy(&compute, &case.w, 64, &inputs.gram);
        let lost = weight_error(&compute, &case.w, &solved.matrix, Some(&inputs.gram));
        let told = solved.damped.unwrap().without_damping(lost.error);
        let (told, measured) = (
            unshrunk(told, lost.by_inputs, &inputs.gram) / whole,
            error(&compute, &case, &solved, &inputs),
        );
        assert!(
            (told - measured).abs() < 2e-3 * measured,
            "{told} {measured}"
        );
    }
}

/// |x_dense W^T - x W'^T|^2 over |x_dense W^T|^2.
fn distance_to_dense(case: &Case, decoded: &[f32], x: &[f32], dense: &[f32]) -> f64 {
    let n = case.cols;
    let dot =
        |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum() };
    let (mut error, mut whole) = (0.0, 0.0);
    for (x, dense) in x.chunks(n).zip(dense.chunks(n)) {
        for (w, decoded) in case.w.chunks(n).zip(decoded.chunks(n)) {
            let aim = dot(dense, w);
            error += (aim - dot(x, decoded)).powi(2);
            whole += aim.powi(2);
        }
    }
    error / whole
}

#[test]
fn every_calibrated_method_comes_nearer_to_the_dense_model_with_a_blend() {
    let (compute, n) = (compute(2), 128);
    let x = correlated(n, 11, &[7]);
    let other = correlated(n, 12, &[]);
    let dense: Vec<f32> = x
        .iter()
        .zip(&other)
        .map(|(x, other)| x + 0.3 * other)
        .collect();
    let mut moments = Moments::new(n, Some(Drift::new(n)));
    moments.add(&compute, &x, Some(&dense));
    moments.finish(&compute);
    let case = Case {
        sparsity: 0.5,
        ..Case::new(40, n)
    };
    let mut inputs = Inputs::of(moments);
    inputs.prepare_targets(&compute, 0.01, case.rows);
    let calibrated = table()
        .iter()
        .filter(|method| method.needs() > Needs::Nothing && !method.chooses_rate());
    for method in calibrated {
        let distance = |blend: f64| {
            let w = match blend {
                0.0 => case.w.clone(),
                blend => inputs.target(&compute, &case.w, blend).unwrap(),
            };
            let aimed = Case { w, ..case };
            let solved = aimed.solve(*method, &compute, &inputs);
            let kept = solved.matrix.mask.as_ref().unwrap();
            let kept: usize = (0..case.rows).map(|row| kept.count_row(row)).sum();
            assert_eq!(kept, case.rows * n / 2, "{}", method.id());
            let decoded = solved.matrix.dequantize(&compute.kernels);
            distance_to_dense(&case, &decoded, &x, &dense)
        };
        let (own, half, all) = (distance(0.0), distance(0.5), distance(1.0));
        assert!(
            half < own && all < half,
            "{}: {own} {half} {all}",
            method.id()
        );
    }
}

#[test]
fn identity_statistics_give_round_to_nearest() {
    let compute = compute(1);
    let n = 160;
    let mut gram = Gram {
        n,
        h: vec![0.0; n * n],
        tokens: 1,
        shrinkage: 0.0,
    };
    (0..n).for_each(|j| gram.h[j * n + j] = 1.0);
    let inputs = Inputs::new(gram);
    let case = Case {
        sparsity: 0.0,
        ..Case::new(20, n)
    };
    let solve = |id: &str| {
        case.solve(
            *table().iter().find(|m| m.id() == id).unwrap(),
            &compute,
            &inputs,
        )
        .matrix
    };
    assert_eq!(solve("obs"), solve("rtn"));
}

#[test]
fn dead_inputs_are_removed_and_reported() {
    let compute = compute(1);
    let inputs = inputs(&compute, 96, 5, &[3, 50]);
    let case = Case::new(16, 96);
    let obs = table().iter().find(|method| method.id() == "obs").unwrap();
    let solved = case.solve(*obs, &compute, &inputs);
    assert_eq!(
        solved.repairs,
        vec![Repair::DeadColumns {
            tensor: "w".into(),
            columns: 2
        }]
    );
    let decoded = solved.matrix.dequantize(&compute.kernels);
    assert!((0..16).all(|r| decoded[r * 96 + 3] == 0.0 && decoded[r * 96 + 50] == 0.0));
}

#[test]
fn hopeless_statistics_fall_back_and_zero_weights_stay_zero() {
    let compute = compute(1);
    let zeros = Inputs::new(Gram {
        n: 64,
        h: vec![0.0; 64 * 64],
        tokens: 9,
        shrinkage: 0.0,
    });
    let ordinary = inputs(&compute, 64, 6, &[]);
    for method in table() {
        let case = Case::new(10, 64);
        let solved = case.solve(*method, &compute, &zeros);
        assert_eq!(solved.matrix.dequantize(&compute.kernels).len(), 640);
        if method.id() == "obs" {
            assert!(matches!(solved.repairs[..], [Repair::Fallback { .. }]));
        }
        let nothing = Case {
            w: vec![0.0; 640],
            ..Case::new(10, 64)
        };
        let solved = nothing.solve(*method, &compute, &ordinary);
        assert!(
            solved
                .matrix
                .dequantize(&compute.kernels)
                .iter()
                .all(|&value| value == 0.0)
        );
    }
}

#[test]
fn same_bytes_for_any_number_of_threads() {
    for isa in [None, Some(Isa::Portable)] {
        let run = |threads: usize| -> Vec<_> {
            let compute = Compute::new(isa, threads).unwrap();
            let inputs = inputs(&compute, 300, 8, &[]);
            let case = Case::new(150, 300);
            table()
                .iter()
                .map(|method| case.solve(*method, &compute, &inputs).matrix)
                .collect()
        };
        let one = run(1);
        assert!(one == run(2) && one == run(5));
    }
}
