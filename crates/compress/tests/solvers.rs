//! The steps of the solvers against what defines their results, in f64: normal equations, local optimality, and order of errors.

use kerf_compress::methods::{Inputs, Problem, by_id};
use kerf_compress::pattern::Pattern;
use kerf_compress::solve::factor::factor;
use kerf_compress::solve::param::Params;
use kerf_compress::solve::refit::{Form, refit};
use kerf_compress::solve::{admm, energy::output_energy};
use kerf_compress::statistics::Gram;
use kerf_kernels::{Compute, Isa};
use kerf_tensors::{DType, Grid, Values};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

const ROWS: usize = 70;
const COLS: usize = 136;

/// Uniform numbers in -1..1.
fn random(len: usize, seed: u64) -> Vec<f32> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut draw = || (rng.next_u64() >> 40) as f32 / (1u64 << 23) as f32 - 1.0;
    (0..len).map(|_| draw()).collect()
}

struct Case {
    compute: Compute,
    w: Vec<f32>,
    inputs: Inputs,
}

impl Case {
    fn new(isa: Option<Isa>) -> Self {
        let compute = Compute::new(isa, 2).unwrap();
        let mut x = random(500 * COLS, 1);
        for row in x.chunks_mut(COLS) {
            (1..COLS).for_each(|j| row[j] += 0.8 * row[j - 1]);
        }
        let mut gram = Gram::new(COLS);
        gram.add(&compute, &x);
        gram.finish(&compute);
        Self {
            compute,
            w: random(ROWS * COLS, 2),
            inputs: Inputs::new(gram),
        }
    }

    fn problem(&self, grid: Option<Grid>, params: Params<'static>) -> Problem<'_> {
        Problem {
            name: "w",
            w: &self.w,
            rows: ROWS,
            cols: COLS,
            sparsity: 0.7,
            pattern: Pattern::Unstructured,
            support: None,
            grid,
            dtype: DType::F32,
            damping_rel: 0.01,
            step: None,
            params,
            inputs: Some(&self.inputs),
        }
    }

    fn error(&self, values: &[f32]) -> f64 {
        let lost: Vec<f32> = values.iter().zip(&self.w).map(|(q, w)| q - w).collect();
        output_energy(&self.compute, &lost, ROWS, &self.inputs.gram)
    }

    /// (w - q)(H + damping) in f64, [rows, cols].
    fn gradient(&self, values: &[f32], damping: f64) -> Vec<f64> {
        let mut gradient = vec![0.0; ROWS * COLS];
        for (row, out) in gradient.chunks_mut(COLS).enumerate() {
            for (k, out) in out.iter_mut().enumerate() {
                for j in 0..COLS {
                    let at = row * COLS + j;
                    let h = f64::from(self.inputs.gram.h[j * COLS + k]);
                    let h = if j == k { h + damping } else { h };
                    *out += (f64::from(self.w[at]) - f64::from(values[at])) * h;
                }
            }
        }
        gradient
    }
}

#[test]
fn a_refit_solves_the_normal_equations_on_its_support() {
    for isa in [None, Some(Isa::Portable)] {
        let case = Case::new(isa);
        let factor = factor(&case.compute, &case.inputs.gram, 0.01).unwrap();
        let problem = case.problem(None, Params::new(&[("iterations", 20.0), ("sweeps", 0.0)]));
        let mut support = admm::support(&case.compute, &case.w, &problem, &factor, 20);
        let form = Form::of(&case.compute, &case.inputs.gram, &factor);
        refit(&form, &case.w, &support.mask, &mut support.x, 60);
        let gradient = case.gradient(&support.x, factor.damping);
        let whole = case.gradient(&vec![0.0; ROWS * COLS], factor.damping);
        let scale = whole.iter().fold(0.0f64, |most, g| most.max(g.abs()));
        for (at, gradient) in gradient.iter().enumerate() {
            if support.mask.kept(at / COLS, at % COLS) {
                // f32 through some tens of dependent steps.
                assert!(gradient.abs() < 2e-4 * scale, "{at}: {gradient} of {scale}");
            } else {
                assert_eq!(support.x[at], 0.0);
            }
        }
    }
}

#[test]
fn after_the_descent_no_code_alone_can_do_better() {
    let grid = Grid::new(4, 64);
    for id in ["descent", "joint"] {
        let case = Case::new(None);
        let factor = factor(&case.compute, &case.inputs.gram, 0.01).unwrap();
        let solved = by_id(id).unwrap().solve(
            &case.compute,
            &case.problem(
                Some(grid),
                Params::new(&[("iterations", 20.0), ("sweeps", 60.0)]),
            ),
        );
        let Values::Codes { codes, scales, .. } = &solved.matrix.values else {
            panic!("not codes")
        };
        let values = solved.matrix.dequantize(&case.compute.kernels);
        let mask = solved.matrix.mask.as_ref().unwrap();
        let gradient = case.gradient(&values, factor.damping);
        let (groups, range) = (grid.groups(COLS), grid.range());
        let mut better = 0;
        for (at, gradient) in gradient.iter().enumerate() {
            let (row, j) = (at / COLS, at % COLS);
            if !mask.kept(row, j) {
                continue;
            }
            let h = f64::from(case.inputs.gram.h[j * COLS + j]) + factor.damping;
            let scale = f64::from(scales[row * groups + j / 64]);
            let best = (f64::from(values[at]) + gradient / h) / scale;
            let best = best.round().clamp(f64::from(range.lo), f64::from(range.hi));
            // A best value in the middle between two codes is rounded by the last digit of f32.
            let gain =
                |code: f64| (code * scale - f64::from(values[at]) - gradient / h).powi(2) * h;
            let gained = gain(f64::from(codes[at])) - gain(best);
            better += usize::from(gained > 1e-4 * scale * scale * h);
        }
        // Sweeps end where fewer than one in ten thousand codes changes.
        assert!(
            better <= ROWS * COLS / 5000,
            "{id}: {better} codes could be better"
        );
    }
}

#[test]
fn each_step_beyond_optimal_brain_surgeon_loses_less() {
    let case = Case::new(None);
    let of = |id: &str, grid: Option<Grid>| {
        let solved = by_id(id).unwrap().solve(
            &case.compute,
            &case.problem(grid, Params::new(&[("iterations", 20.0), ("sweeps", 4.0)])),
        );
        case.error(&solved.matrix.dequantize(&case.compute.kernels))
    };
    let grid = Some(Grid::new(4, 64));
    let (obs, admm) = (of("obs", None), of("admm", None));
    assert!(admm < 0.9 * obs, "floats: {admm} {obs}");
    let (obs, descent) = (of("obs", grid), of("descent", grid));
    let (admm, joint) = (of("admm", grid), of("joint", grid));
    assert!(descent < 0.95 * obs, "descent {descent} obs {obs}");
    assert!(admm < 0.95 * obs, "admm {admm} obs {obs}");
    assert!(
        joint < admm && joint < descent,
        "joint {joint} admm {admm} descent {descent}"
    );
}
