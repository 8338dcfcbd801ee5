//! Iterative solvers against independent float64 code: test/golden/make_iterative_goldens.py says how the values were made.
//!
//! The goldens were drawn so that no decision is close: masks, steps and codes of float32 must be the same.

mod common;

use common::golden_file::{GoldenFile, isas};
use kerf_compress::methods::{Inputs, Problem, by_id};
use kerf_compress::pattern::Pattern;
use kerf_compress::solve::admm;
use kerf_compress::solve::descent::Descent;
use kerf_compress::solve::obs_loop::Rounded;
use kerf_compress::solve::param::Params;
use kerf_compress::solve::refit::{Form, refit};
use kerf_compress::statistics::{Drift, Moments};
use kerf_kernels::Isa;
use kerf_kernels::dispatch::Price;
use kerf_tensors::{DType, Grid, Mask, Values};

const FEW: usize = 24;
const ITERATIONS: usize = 12;
const SWEEPS: usize = 3;
const PARAMS: Params<'static> =
    Params::new(&[("iterations", ITERATIONS as f64), ("sweeps", SWEEPS as f64)]);
const GRID: Grid = Grid::new(4, 48);

struct Goldens {
    file: GoldenFile,
    w: Vec<f32>,
    inputs: Inputs,
    damping_rel: f64,
    cols: usize,
}

impl Goldens {
    fn open(isa: Option<Isa>) -> Self {
        let file = GoldenFile::open("iterative.safetensors", isa);
        let gram = file.gram();
        Self {
            w: file.f32s("w"),
            damping_rel: file.damping_rel(&gram, 0.01),
            inputs: Inputs::new(gram),
            cols: file.shape("w").1,
            file,
        }
    }

    fn rows(&self) -> usize {
        self.w.len() / self.cols
    }

    /// Of the first `rows` rows.
    fn problem(&self, rows: usize) -> Problem<'_> {
        Problem {
            name: "w",
            w: &self.w[..rows * self.cols],
            rows,
            cols: self.cols,
            sparsity: 0.7,
            pattern: Pattern::Unstructured,
            support: None,
            grid: None,
            dtype: DType::F32,
            damping_rel: self.damping_rel,
            step: None,
            params: PARAMS,
            inputs: Some(&self.inputs),
        }
    }

    fn form(&self) -> Form<'_> {
        let compute = &self.file.compute;
        let factor = self.inputs.factor(compute, self.damping_rel).unwrap();
        Form::of(compute, &self.inputs.gram, factor)
    }

    fn mask(&self, name: &str) -> Mask {
        let (rows, stride) = self.file.shape(name);
        Mask {
            rows,
            cols: self.cols,
            stride,
            bits: self.file.bytes(name),
        }
    }

    /// Three sweeps from the start of a case.
    fn swept(&self, case: &str, mask: Option<Mask>, price: Option<Price<'_>>) -> Vec<i8> {
        let codes = self.file.i8s(&format!("{case}.start"));
        let scales = self.file.f32s(&format!("{case}.scales"));
        let (cols, groups) = (self.cols, GRID.groups(self.cols));
        let scale = |at: usize| scales[at / cols * groups + at % cols / GRID.group_size];
        let values = codes.iter().enumerate();
        let mut at = Rounded {
            w: values.map(|(at, c)| f32::from(*c) * scale(at)).collect(),
            mask,
            energy: Vec::new(),
            codes,
            scales: scales.clone(),
        };
        let problem = Problem {
            grid: Some(GRID),
            ..self.problem(at.w.len() / cols)
        };
        let mut descent = Descent::new(self.form(), &problem, problem.w, &at);
        match price {
            // Its last sweep leaves the gradient behind it as it was, and no code may show it.
            None => descent.sweeps(&mut at, SWEEPS),
            Some(_) => (0..SWEEPS).for_each(|_| {
                descent.sweep(&mut at, price);
            }),
        }
        at.codes
    }
}

/// The survivors, row by row.
fn survivors(x: &[f32], mask: &Mask) -> Vec<f32> {
    let kept = |at: &usize| mask.kept(at / mask.cols, at % mask.cols);
    (0..x.len()).filter(kept).map(|at| x[at]).collect()
}

/// The largest difference, in parts of the largest of `b`.
fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let largest = b.iter().fold(0.0f32, |most, b| most.max(b.abs()));
    let apart = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    apart.fold(0.0, f32::max) / largest
}

fn assert_codes(codes: &[i8], golden: &[i8], case: &str) {
    assert_eq!(codes.len(), golden.len());
    let differ = |at: &usize| codes[*at] != golden[*at];
    let places: Vec<usize> = (0..codes.len()).filter(differ).collect();
    assert!(places.is_empty(), "{case}: other codes at {places:?}");
}

#[test]
fn admm_finds_the_supports_of_the_textbook() {
    for isa in isas() {
        let goldens = Goldens::open(isa);
        let compute = &goldens.file.compute;
        let factor = goldens.inputs.factor(compute, goldens.damping_rel).unwrap();
        for (case, rows, pattern) in [
            ("admm_short", goldens.rows(), Pattern::Unstructured),
            ("admm_long", FEW, Pattern::Unstructured),
            ("admm_row", FEW, Pattern::Row),
            ("admm_2_4", FEW, Pattern::Nm { n: 2, m: 4 }),
        ] {
            let problem = Problem {
                pattern,
                support: None,
                ..goldens.problem(rows)
            };
            let found = admm::support(compute, problem.w, &problem, factor, ITERATIONS);
            assert_eq!(found.iterations, ITERATIONS, "{case}");
            assert!(
                found.mask == goldens.mask(&format!("{case}.mask")),
                "{case}"
            );
            let expected = goldens.file.f32s(&format!("{case}.x"));
            let apart = distance(&survivors(&found.x, &found.mask), &expected);
            // Each iteration begins anew from W and an inverse of small condition (rho is at least 0.4): a few digits of f32.
            assert!(apart < 3e-6, "{case}: {apart}");
        }
    }
}

#[test]
fn a_refit_takes_the_steps_of_conjugate_gradients_and_arrives_at_the_least_squares() {
    for isa in isas() {
        let goldens = Goldens::open(isa);
        let mask = goldens.mask("admm_long.mask");
        let mut x = vec![0.0; FEW * goldens.cols];
        let kept = (0..x.len()).filter(|at| mask.kept(at / mask.cols, at % mask.cols));
        let golden = goldens.file.f32s("admm_long.x");
        kept.zip(golden).for_each(|(at, value)| x[at] = value);
        refit(&goldens.form(), &goldens.w[..x.len()], &mask, &mut x, 2);
        let apart = distance(&survivors(&x, &mask), &goldens.file.f32s("steps.x"));
        // Two steps, each some sums of f32.
        assert!(apart < 3e-6, "two steps: {apart}");

        let mask = goldens.mask("admm_short.mask");
        let mut x = vec![0.0; goldens.w.len()];
        refit(&goldens.form(), &goldens.w, &mask, &mut x, 100);
        let apart = distance(&survivors(&x, &mask), &goldens.file.f32s("refit.x"));
        // It ends where the residual has shrunk to 1e-5. In float64 the values are then off by 2.4e-5; the condition number is 460.
        assert!(apart < 1e-4, "all steps: {apart}");
    }
}

#[test]
fn descent_ends_at_the_codes_of_the_textbook() {
    for isa in isas() {
        let goldens = Goldens::open(isa);
        let mask = goldens.mask("admm_short.mask");
        let codes = goldens.swept("descent", Some(mask), None);
        let golden = goldens.file.i8s("descent.codes");
        assert_codes(&codes, &golden, "nearest");
        let bits = goldens.file.f32s("descent_priced.bits");
        let price = Price {
            lambda: goldens.file.f32s("descent_priced.lambda")[0],
            bits: bits.as_slice().try_into().unwrap(),
        };
        let codes = goldens.swept("descent_priced", None, Some(price));
        let golden = goldens.file.i8s("descent_priced.codes");
        assert_codes(&codes, &golden, "priced");
    }
}

#[test]
fn rounding_at_a_rate_takes_the_steps_and_codes_of_the_textbook() {
    for isa in isas() {
        let goldens = Goldens::open(isa);
        for (sweeps, case) in [(0, "entropy.rounded"), (SWEEPS, "entropy.codes")] {
            let params = [("sweeps", sweeps as f64)];
            let problem = Problem {
                sparsity: 0.0,
                step: Some(0.5),
                params: Params::new(&params),
                ..goldens.problem(FEW)
            };
            let method = by_id("entropy").unwrap();
            let solved = method.solve(&goldens.file.compute, &problem);
            let Values::Codes {
                codes,
                scales,
                columns,
                ..
            } = &solved.matrix.values
            else {
                panic!("not codes")
            };
            assert_eq!(scales, &goldens.file.f32s("entropy.steps"));
            assert_eq!(columns, &goldens.file.f32s("entropy.factors"));
            assert_codes(codes, &goldens.file.i8s(case), case);
        }
    }
}

#[test]
fn the_blended_target_is_the_least_squares_solution() {
    for isa in isas() {
        let goldens = Goldens::open(isa);
        let (compute, n) = (&goldens.file.compute, goldens.cols);
        let w = &goldens.w[..FEW * n];
        let [x, dense] = ["x_times_16", "dense_times_16"].map(|name| goldens.file.sixteenths(name));
        // With rows of other matrices beside them D (H + d)^-1 is made once, with fewer it is not, alone it is W D.
        for (mut drift, rows) in [
            (Drift::new(n), n + 1),
            (Drift::new(n), FEW),
            (Drift::of_weights(n, w.to_vec()), FEW),
        ] {
            drift.add(compute, &dense, &x);
            drift.finish(compute, 1.0);
            let mut inputs = Inputs::of(Moments {
                gram: goldens.inputs.gram.clone(),
                drift: Some(drift),
            });
            inputs.prepare_targets(compute, goldens.damping_rel, rows);
            let target = inputs.target(compute, w, 0.5).unwrap();
            let apart = distance(&target, &goldens.file.f32s("target"));
            // f32 through sums over tokens, an inverse of condition 1000, and products; half of it and W itself exact.
            assert!(apart < 1e-5, "{rows}: {apart}");
        }
    }
}
