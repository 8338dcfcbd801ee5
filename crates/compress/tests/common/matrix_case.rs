//! Matrices that break solvers, for the tests of methods.
#![allow(dead_code)]

use kerf_compress::methods::{Inputs, Method, Problem, Solved, by_id};
use kerf_compress::pattern::Pattern;
use kerf_compress::solve::energy::output_energy;
use kerf_compress::solve::param::Params;
use kerf_compress::statistics::Gram;
use kerf_kernels::Compute;
use kerf_tensors::{DType, Grid, Mask};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

pub const PARAMS: Params<'static> = Params::new(&[("iterations", 20.0), ("sweeps", 3.0)]);

pub const GRID: Option<Grid> = Some(Grid::new(4, 128));

pub fn random(len: usize, seed: u64) -> Vec<f32> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    (0..len)
        .map(|_| (rng.next_u64() >> 40) as f32 / (1u64 << 23) as f32 - 1.0)
        .collect()
}

pub fn inputs(compute: &Compute, n: usize, seed: u64, dead: &[usize]) -> Inputs {
    gram_of(compute, &correlated(n, seed, dead), n)
}

/// Correlated inputs of 400 tokens, with a few strong channels as real networks have them.
pub fn correlated(n: usize, seed: u64, dead: &[usize]) -> Vec<f32> {
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

pub fn gram_of(compute: &Compute, x: &[f32], n: usize) -> Inputs {
    let mut gram = Gram::new(n);
    gram.add(compute, x);
    gram.finish(compute);
    Inputs::new(gram)
}

pub struct Case {
    pub w: Vec<f32>,
    pub rows: usize,
    pub cols: usize,
    pub sparsity: f64,
    pub pattern: Pattern,
    pub grid: Option<Grid>,
}

impl Case {
    pub fn new(rows: usize, cols: usize) -> Self {
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

    pub fn solve(&self, method: &dyn Method, compute: &Compute, inputs: &Inputs) -> Solved {
        self.solve_with(method, compute, inputs, PARAMS)
    }

    pub fn solve_with(
        &self,
        method: &dyn Method,
        compute: &Compute,
        inputs: &Inputs,
        params: Params<'_>,
    ) -> Solved {
        method.solve(compute, &self.problem(method, inputs, params))
    }

    /// Solves on a support that is given, in the place of sparsity and pattern.
    pub fn solve_on(
        &self,
        support: &Mask,
        method: &dyn Method,
        compute: &Compute,
        inputs: &Inputs,
        params: Params<'_>,
    ) -> Solved {
        let problem = Problem {
            sparsity: 0.0,
            support: Some(support),
            ..self.problem(method, inputs, params)
        };
        method.solve(compute, &problem)
    }

    fn problem<'a>(
        &'a self,
        method: &dyn Method,
        inputs: &'a Inputs,
        params: Params<'a>,
    ) -> Problem<'a> {
        Problem {
            name: "w",
            w: &self.w,
            rows: self.rows,
            cols: self.cols,
            sparsity: if method.prunes() { self.sparsity } else { 0.0 },
            pattern: self.pattern,
            support: None,
            grid: self.grid,
            dtype: DType::F32,
            damping_rel: 0.01,
            step: method.chooses_rate().then_some(0.5),
            params,
            inputs: Some(inputs),
        }
    }
}

pub fn compute(threads: usize) -> Compute {
    Compute::new(None, threads).unwrap()
}

pub fn error(compute: &Compute, case: &Case, solved: &Solved, inputs: &Inputs) -> f64 {
    let decoded = solved.matrix.dequantize(&compute.kernels);
    let difference: Vec<f32> = case.w.iter().zip(&decoded).map(|(a, b)| a - b).collect();
    let whole = output_energy(compute, &case.w, case.rows, &inputs.gram);
    output_energy(compute, &difference, case.rows, &inputs.gram) / whole
}

pub fn row(id: &str) -> &'static dyn Method {
    by_id(id).expect("a row of the table")
}
