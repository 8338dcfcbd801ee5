//! The battery: every claim about methods, on every row of the method table.

#[path = "common/matrix_case.rs"]
mod matrix_case;

use kerf_compress::methods::{Inputs, Method, Solved, table};
use kerf_compress::pattern::Pattern;
use kerf_compress::report::Repair;
use kerf_compress::solve::param::{Kind, Params};
use kerf_compress::statistics::{Drift, Gram, Moments, Needs};
use kerf_kernels::{Compute, Isa};
use kerf_tensors::{Grid, Mask, Values};
use matrix_case::{Case, GRID, PARAMS, compute, correlated, error, inputs, row};

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

/// The plain method against which a row is measured: it sees no inputs.
fn plain(method: &'static dyn Method, case: &Case) -> &'static dyn Method {
    let removes = method.prunes() && case.sparsity > 0.0;
    row(if removes { "magnitude" } else { "rtn" })
}

/// What each row is for: removing, if it removes; rounding, unless removing is all that it does.
fn purposes(method: &dyn Method) -> Vec<Case> {
    let of = |sparsity, grid| Case {
        sparsity,
        grid,
        pattern: method.default_pattern(),
        ..Case::new(64, 192)
    };
    let mut cases = Vec::new();
    if method.prunes() {
        cases.extend([of(0.7, None), of(0.7, GRID)]);
    }
    if !method.only_removes() && !method.chooses_rate() {
        cases.push(of(0.0, Some(Grid::new(3, 64))));
    }
    cases
}

#[test]
fn every_row_loses_less_of_the_output_than_the_plain_method() {
    let compute = compute(2);
    let inputs = inputs(&compute, 192, 3, &[]);
    for method in table() {
        for case in purposes(*method) {
            let plain = plain(*method, &case);
            if plain.id() == method.id() {
                continue; // It is what others are held against.
            }
            let lost = |method: &dyn Method| {
                let solved = case.solve(method, &compute, &inputs);
                error(&compute, &case, &solved, &inputs)
            };
            let (own, other) = (lost(*method), lost(plain));
            let what = format!("{method:?}, {} removed, {:?}", case.sparsity, case.grid);
            assert!(own < 0.97 * other, "{what}: {own}, {plain:?} {other}");
        }
    }
}

/// Bits of a code, if each code takes as many as its share says.
fn entropy(solved: &Solved) -> f64 {
    let Values::Codes { codes, .. } = &solved.matrix.values else {
        panic!("not codes")
    };
    let mut counts = std::collections::BTreeMap::new();
    for code in codes {
        *counts.entry(*code).or_insert(0.0) += 1.0;
    }
    let all = codes.len() as f64;
    counts
        .values()
        .map(|n: &f64| -n / all * (n / all).log2())
        .sum()
}

#[test]
fn a_row_that_chooses_its_rate_loses_less_than_codes_of_as_many_bits() {
    let compute = compute(2);
    let inputs = inputs(&compute, 192, 3, &[]);
    let case = Case {
        sparsity: 0.0,
        ..Case::new(64, 192)
    };
    for method in table().iter().filter(|method| method.chooses_rate()) {
        let solved = case.solve(*method, &compute, &inputs);
        let rounded = (2..=8).map(|bits| Case {
            w: case.w.clone(),
            grid: Some(Grid::new(bits, 64)),
            ..case
        });
        let mut rounded = rounded.map(|case| case.solve(row("rtn"), &compute, &inputs));
        let rate = entropy(&solved);
        let rounded = rounded.find(|rounded| entropy(rounded) >= rate).unwrap();
        let lost = |solved: &Solved| error(&compute, &case, solved, &inputs);
        let (own, other) = (lost(&solved), lost(&rounded));
        assert!(own < other, "{method:?}: {own} at {rate} bits, rtn {other}");
    }
}

#[test]
fn every_parameter_is_used_and_both_ends_of_its_range_are_kept() {
    let compute = compute(1);
    let inputs = inputs(&compute, 96, 9, &[]);
    let case = Case::new(24, 96);
    for method in table() {
        for param in method.params() {
            let solve = |value: f64| {
                let values = [(param.name, value)];
                case.solve_with(*method, &compute, &inputs, Params::new(&values))
            };
            let ends = [param.least, param.most].map(solve);
            for solved in &ends {
                holds(&case, *method, &compute, solved);
            }
            let [least, most] = ends.map(|solved| solved.matrix);
            assert!(least != most, "{method:?}: {} changes nothing", param.name);
            assert!(param.kind != Kind::Integer || param.most.fract() == 0.0);
        }
    }
}

/// Finite numbers, and as many zeros as were asked for.
fn holds(case: &Case, method: &'static dyn Method, compute: &Compute, solved: &Solved) {
    let decoded = solved.matrix.dequantize(&compute.kernels);
    assert_eq!(decoded.len(), case.rows * case.cols, "{method:?}");
    assert!(decoded.iter().all(|value| value.is_finite()), "{method:?}");
    if !method.prunes() {
        return;
    }
    let mask = solved.matrix.mask.as_ref().expect("weights are removed");
    let kept: usize = (0..case.rows).map(|row| mask.count_row(row)).sum();
    let removed = (case.sparsity * (case.rows * case.cols) as f64).round() as usize;
    assert_eq!(decoded.len() - kept, removed, "{method:?}");
}

#[test]
fn dead_inputs_are_reported_where_they_are_repaired_and_harm_nothing() {
    let (compute, dead) = (compute(1), [3, 50]);
    let inputs = inputs(&compute, 96, 5, &dead);
    let case = Case::new(16, 96);
    for method in table() {
        let solved = case.solve(*method, &compute, &inputs);
        holds(&case, *method, &compute, &solved);
        let lost = error(&compute, &case, &solved, &inputs);
        let other = plain(*method, &case);
        let most = error(
            &compute,
            &case,
            &case.solve(other, &compute, &inputs),
            &inputs,
        );
        // A method that chooses its rate has fewer bits than the plain one.
        assert!(
            lost <= most || method.chooses_rate(),
            "{method:?}: {lost} {most}"
        );
        let decoded = solved.matrix.dequantize(&compute.kernels);
        let gone = (0..16).all(|row| dead.iter().all(|column| decoded[row * 96 + column] == 0.0));
        match &solved.repairs[..] {
            [] => {}
            [Repair::DeadColumns { tensor, columns: 2 }] => assert!(tensor == "w" && gone),
            other => panic!("{method:?}: {other:?}"),
        }
    }
}

#[test]
fn hopeless_statistics_are_no_harm() {
    let compute = compute(1);
    let zeros = Inputs::new(Gram {
        n: 64,
        h: vec![0.0; 64 * 64],
        tokens: 9,
        shrinkage: 0.0,
    });
    let case = Case::new(10, 64);
    for method in table() {
        let solved = case.solve(*method, &compute, &zeros);
        holds(&case, *method, &compute, &solved);
        match &solved.repairs[..] {
            [] => assert_eq!(solved.method, method.id()),
            [Repair::Fallback { method: by, .. }] => {
                assert!(
                    by == solved.method && solved.method != method.id(),
                    "{method:?}"
                );
            }
            other => panic!("{method:?}: {other:?}"),
        }
    }
}

#[test]
fn zero_weights_stay_zero() {
    let compute = compute(1);
    let ordinary = inputs(&compute, 64, 6, &[]);
    let case = Case {
        w: vec![0.0; 640],
        ..Case::new(10, 64)
    };
    for method in table() {
        let solved = case.solve(*method, &compute, &ordinary);
        holds(&case, *method, &compute, &solved);
        let decoded = solved.matrix.dequantize(&compute.kernels);
        assert!(decoded.iter().all(|&value| value == 0.0), "{method:?}");
    }
}

/// Weights with zeros, by what is special about them.
fn with_zeros(rows: usize, cols: usize) -> Vec<(&'static str, Vec<f32>)> {
    let case = Case::new(rows, cols);
    let zero_where = |zero: &dyn Fn(usize, usize) -> bool| -> Vec<f32> {
        let weights = case.w.iter().enumerate();
        let kept = |(i, w): (usize, &f32)| if zero(i / cols, i % cols) { 0.0 } else { *w };
        weights.map(kept).collect()
    };
    let scattered = |row, col| (row * 31 + col * 17 + row * col) % 10 < 6;
    vec![
        ("scattered", zero_where(&scattered)),
        ("2:4", zero_where(&|row, col| (row + col) % 4 < 2)),
        (
            "a row of zeros",
            zero_where(&|row, col| row == 1 || scattered(row, col)),
        ),
        ("no zero", case.w.clone()),
        ("zeros alone", zero_where(&|_, _| true)),
    ]
}

#[test]
fn every_row_that_takes_a_support_keeps_it_whatever_it_aims_at() {
    let compute = compute(2);
    let none = [("iterations", 0.0), ("sweeps", 0.0)];
    for (rows, cols) in [(3, 40), (70, 172)] {
        let inputs = inputs(&compute, cols, 1, &[5]);
        for ((what, w), method) in with_zeros(rows, cols)
            .iter()
            .flat_map(|w| table().iter().map(move |method| (w, method)))
            .filter(|(_, method)| !method.chooses_rate())
        {
            let support = Mask::of_weights(rows, cols, w);
            // What the dense model computes has no zeros.
            let noise = matrix_case::random(rows * cols, 4);
            let aim = w.iter().zip(noise).map(|(w, noise)| w + 0.1 * noise);
            let aim: Vec<f32> = aim.collect();
            for grid in [None, GRID, Some(Grid::new(3, 32)), Some(Grid::new(8, 0))] {
                for (w, params) in [(w, PARAMS), (&aim, PARAMS), (&aim, Params::new(&none))] {
                    let case = Case {
                        w: w.clone(),
                        grid,
                        ..Case::new(rows, cols)
                    };
                    let solved = case.solve_on(&support, *method, &compute, &inputs, params);
                    let name = format!("{method:?} {rows}x{cols} {what} {grid:?}");
                    assert_eq!(solved.matrix.mask.as_ref(), Some(&support), "{name}");
                    let decoded = solved.matrix.dequantize(&compute.kernels);
                    assert!(decoded.iter().all(|value| value.is_finite()), "{name}");
                    let kept = |i: &usize| support.kept(i / cols, i % cols);
                    let zero = |i: usize| decoded[i] == 0.0;
                    let mut removed = (0..rows * cols).filter(|i| !kept(i));
                    assert!(removed.all(zero), "{name}");
                    // Nothing else is removed: on a fine grid hardly a survivor is rounded to 0, but for those of the dead input.
                    if grid.is_none_or(|grid| grid.bits == 8) {
                        let gone = (0..rows * cols).filter(kept).filter(|i| zero(*i)).count();
                        assert!(gone <= rows + rows * cols / 40, "{name}: {gone}");
                    }
                }
            }
        }
    }
}

#[test]
fn every_calibrated_row_loses_less_on_a_support_than_rounding() {
    let compute = compute(2);
    let inputs = inputs(&compute, 192, 3, &[]);
    let (_, w) = with_zeros(64, 192).swap_remove(0);
    let support = Mask::of_weights(64, 192, &w);
    let noise = matrix_case::random(64 * 192, 4);
    let aim: Vec<f32> = w.iter().zip(noise).map(|(w, n)| w + 0.1 * n).collect();
    for (w, grid) in [
        (&w, Some(Grid::new(3, 64))),
        (&aim, None),
        (&aim, Some(Grid::new(3, 64))),
    ] {
        let case = Case {
            w: w.clone(),
            grid,
            ..Case::new(64, 192)
        };
        let lost = |method: &dyn Method| {
            let solved = case.solve_on(&support, method, &compute, &inputs, PARAMS);
            error(&compute, &case, &solved, &inputs)
        };
        let rounded = lost(row("rtn"));
        let takes = table().iter().filter(|method| !method.chooses_rate());
        for method in takes.filter(|method| method.needs() > Needs::Nothing) {
            if method.id() == "wanda" {
                continue; // It scores by inputs, and rounds without them.
            }
            let own = lost(*method);
            assert!(own < 0.9 * rounded, "{method:?} {grid:?}: {own}, {rounded}");
        }
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
