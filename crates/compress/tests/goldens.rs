//! Solvers against independent float64 code: test/golden/make_solver_goldens.py says how the values were made.

mod common;

use common::golden_file::{GoldenFile, isas};
use kerf_compress::methods::{Inputs, Problem, Solved, by_id};
use kerf_compress::pattern::Pattern;
use kerf_compress::solve::param::Params;
use kerf_compress::solve::{energy::output_energy, factor::factor};
use kerf_kernels::Isa;
use kerf_tensors::{DType, Grid};

const PARAMS: Params<'static> = Params::new(&[("iterations", 20.0), ("sweeps", 3.0)]);

struct Goldens {
    file: GoldenFile,
    w: Vec<f32>,
    inputs: Inputs,
    damping_rel: f64,
    rows: usize,
    cols: usize,
}

impl Goldens {
    fn open(isa: Option<Isa>) -> Self {
        let file = GoldenFile::open("solver.safetensors", isa);
        let (rows, cols) = file.shape("w");
        let gram = file.gram();
        Self {
            w: file.f32s("w"),
            damping_rel: file.damping_rel(&gram, 0.01),
            inputs: Inputs::new(gram),
            file,
            rows,
            cols,
        }
    }

    fn solve(&self, method: &str, sparsity: f64, pattern: Pattern, grid: Option<Grid>) -> Solved {
        by_id(method).unwrap().solve(
            &self.file.compute,
            &Problem {
                name: "w",
                w: &self.w,
                rows: self.rows,
                cols: self.cols,
                sparsity,
                pattern,
                support: None,
                grid,
                dtype: DType::F32,
                damping_rel: self.damping_rel,
                step: None,
                params: PARAMS,
                inputs: Some(&self.inputs),
            },
        )
    }

    fn error(&self, solved: &Solved) -> f64 {
        let decoded = solved.matrix.dequantize(&self.file.compute.kernels);
        let difference: Vec<f32> = self.w.iter().zip(&decoded).map(|(a, b)| a - b).collect();
        let energy = |d: &[f32]| output_energy(&self.file.compute, d, self.rows, &self.inputs.gram);
        energy(&difference) / energy(&self.w)
    }
}

#[test]
fn masks_weights_and_errors_are_those_of_float64() {
    for isa in isas() {
        let goldens = Goldens::open(isa);
        for (case, method, sparsity, pattern) in [
            ("magnitude_70", "magnitude", 0.7, Pattern::Unstructured),
            ("wanda_70_row", "wanda", 0.7, Pattern::Row),
            ("obs_70", "obs", 0.7, Pattern::Unstructured),
            ("obs_70_row", "obs", 0.7, Pattern::Row),
            ("obs_2_4", "obs", 0.5, Pattern::Nm { n: 2, m: 4 }),
        ] {
            let solved = goldens.solve(method, sparsity, pattern, None);
            let mask = solved.matrix.mask.as_ref().unwrap();
            // The goldens were drawn so that no decision is close: float32 must decide alike.
            for (i, kept) in goldens
                .file
                .bytes(&format!("{case}.mask"))
                .into_iter()
                .enumerate()
            {
                assert_eq!(
                    mask.kept(i / goldens.cols, i % goldens.cols),
                    kept == 1,
                    "{case} at {i}"
                );
            }
            if method == "obs" {
                let expected = goldens.file.f32s(&format!("{case}.weights"));
                let decoded = solved.matrix.dequantize(&goldens.file.compute.kernels);
                // f32 against f64 through 160 dependent updates of weights of size 0.05 to 0.5.
                let worst = expected
                    .iter()
                    .zip(&decoded)
                    .map(|(a, b)| (a - b).abs())
                    .fold(0.0, f32::max);
                assert!(worst < 2e-5, "{case}: {worst}");
            }
            let (ours, expected) = (
                goldens.error(&solved),
                goldens.file.f64s(&format!("{case}.error"))[0],
            );
            assert!(
                (ours - expected).abs() < 1e-4 * expected,
                "{case}: {ours} {expected}"
            );
        }
    }
}

/// Our scales are fitted by squared error, theirs are the absolute maximum / 7: the loop must not lose by it.
#[test]
fn fitted_scales_do_at_least_as_well_as_the_largest_weight() {
    let goldens = Goldens::open(None);
    let grid = Some(Grid::new(4, 128));
    for (case, method, sparsity) in [
        ("rtn_4bit", "rtn", 0.0),
        ("obs_4bit", "obs", 0.0),
        ("obs_70_4bit", "obs", 0.7),
    ] {
        let ours = goldens.error(&goldens.solve(method, sparsity, Pattern::Unstructured, grid));
        let theirs = goldens.file.f64s(&format!("{case}.error"))[0];
        assert!(ours < 1.02 * theirs, "{case}: {ours} {theirs}");
    }
}

#[test]
fn the_factor_has_the_diagonal_of_float64() {
    for isa in isas() {
        let goldens = Goldens::open(isa);
        let (compute, gram) = (&goldens.file.compute, &goldens.inputs.gram);
        let factor = factor(compute, gram, goldens.damping_rel).unwrap();
        for (j, expected) in goldens.file.f64s("u_diagonal").into_iter().enumerate() {
            let ours = factor.u[j * goldens.cols + j] as f64;
            assert!(
                (ours - expected).abs() < 1e-4 * expected,
                "{j}: {ours} {expected}"
            );
        }
    }
}
