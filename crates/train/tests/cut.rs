//! The global cut against sorting all scores.

use kerf_kernels::Compute;
use kerf_model::MemoryWeights;
use kerf_train::prune::{Ranking, cut};
use proptest::prelude::*;

struct Magnitude;

impl Ranking for Magnitude {
    fn scores(&self, _: usize, _: usize, values: &[f32], out: &mut [f32]) {
        for (out, value) in out.iter_mut().zip(values) {
            *out = value.abs();
        }
    }
}

fn weights(tensors: &[Vec<f32>]) -> (MemoryWeights, Vec<String>) {
    let mut weights = MemoryWeights::new();
    let names: Vec<String> = (0..tensors.len()).map(|at| format!("t{at}")).collect();
    for (name, values) in names.iter().zip(tensors) {
        weights
            .insert(name, vec![values.len()], values.clone())
            .unwrap();
    }
    (weights, names)
}

/// What is left if the lowest magnitudes go, of equal ones the first.
fn sorted(tensors: &[Vec<f32>], sparsity: f64) -> Vec<f32> {
    let mut all: Vec<f32> = tensors.iter().flatten().copied().collect();
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(|a, b| all[*a].abs().total_cmp(&all[*b].abs()).then(a.cmp(b)));
    let remove = (all.len() as f64 * sparsity).floor() as usize;
    for at in &order[..remove] {
        all[*at] = 0.0;
    }
    all
}

fn check(tensors: &[Vec<f32>], sparsity: f64) {
    let wanted = sorted(tensors, sparsity);
    for threads in [1, 3] {
        let (mut weights, names) = weights(tensors);
        let compute = Compute::new(None, threads).unwrap();
        cut(&compute, &mut weights, &names, &mut Magnitude, sparsity);
        let left: Vec<f32> = names
            .iter()
            .flat_map(|name| weights.get(name).unwrap().to_vec())
            .collect();
        // -0 and 0 are both removed.
        assert!(left == wanted, "{threads} threads, {sparsity}");
    }
}

proptest! {
    #[test]
    fn removes_what_sorting_removes(
        tensors in proptest::collection::vec(
            proptest::collection::vec(
                // Few distinct values give ties and zeros.
                prop_oneof![Just(0.0f32), Just(-1.0), Just(1.0), (-50i32..50).prop_map(|x| x as f32 * 0.37), -3.0e5f32..3.0e5],
                0..90,
            ),
            1..5,
        ),
        sparsity in 0.0..1.0f64,
    ) {
        check(&tensors, sparsity);
    }
}

/// Ties that lie in several tiles.
#[test]
fn ties_go_in_order_across_tiles_and_tensors() {
    let value = |at: usize| [0.5, -0.25, 0.25, 1.0, -0.5][at * 7919 % 5];
    let tensors: Vec<Vec<f32>> = [70_001, 3, 140_000]
        .iter()
        .map(|len| (0..*len).map(value).collect())
        .collect();
    for sparsity in [1e-6, 0.1, 0.4, 0.5, 0.77, 0.999] {
        check(&tensors, sparsity);
    }
}
