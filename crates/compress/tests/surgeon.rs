//! What optimal brain surgeon promises beyond the battery of methods.rs.

#[path = "common/matrix_case.rs"]
mod matrix_case;

use kerf_compress::methods::Inputs;
use kerf_compress::report::Repair;
use kerf_compress::solve::energy::{output_energy, unshrunk, weight_error};
use kerf_compress::statistics::Gram;
use matrix_case::{Case, GRID, compute, error, inputs, row};

#[test]
fn obs_beats_wanda_by_far() {
    let compute = compute(2);
    let inputs = inputs(&compute, 256, 3, &[]);
    for grid in [None, GRID] {
        let case = Case {
            grid,
            ..Case::new(96, 256)
        };
        let of = |id: &str| {
            let solved = case.solve(row(id), &compute, &inputs);
            error(&compute, &case, &solved, &inputs)
        };
        let (wanda, obs) = (of("wanda"), of("obs"));
        assert!(obs < 0.8 * wanda, "{wanda} {obs}");
    }
}

#[test]
fn the_energy_that_obs_reports_is_the_energy_of_its_error() {
    let compute = compute(2);
    let inputs = inputs(&compute, 256, 4, &[9]);
    let obs = row("obs");
    for grid in [None, GRID] {
        let case = Case {
            grid,
            ..Case::new(64, 256)
        };
        let solved = case.solve(obs, &compute, &inputs);
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
    let solve = |id: &str| case.solve(row(id), &compute, &inputs).matrix;
    assert_eq!(solve("obs"), solve("rtn"));
}

#[test]
fn dead_inputs_are_removed_and_reported() {
    let compute = compute(1);
    let inputs = inputs(&compute, 96, 5, &[3, 50]);
    let case = Case::new(16, 96);
    let obs = row("obs");
    let solved = case.solve(obs, &compute, &inputs);
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
