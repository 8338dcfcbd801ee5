//! What is in memory while a matrix is solved, measured and encoded.

use crate::allocate::matrix::Matrix;
use crate::costs::footprint::Task;
use crate::costs::groups::Group;
use crate::options::resolve::Settings;
use crate::solve::statistics::Needs;

/// The most that one of the matrices takes, each without statistics, in the order in which they are solved.
pub(super) fn alone<'m>(task: &Task<'_>, matrices: impl Iterator<Item = &'m Matrix>) -> u64 {
    // While one is solved, the one before is written; and the buffer of the original stays as large as the largest was.
    let (mut before, mut original) = (0, 0);
    let bytes = |matrix: &Matrix| {
        original = f32s(matrix).max(original);
        let reading = original + task.catalog.tensors[matrix.tensor].stored_bytes();
        let all = original + before + beside(task.settings, matrix);
        before = encoded(matrix);
        reading.max(all)
    };
    matrices.map(bytes).max().unwrap_or(0)
}

/// The most that one of the matrices of a shared input takes beside statistics and factor.
pub(super) fn calibrated(task: &Task<'_>, group: &Group<'_>) -> u64 {
    let targets = group.targets.iter().copied();
    let before = targets.clone().map(encoded).max().unwrap_or(0);
    // The buffer of the original stays as large as the largest was.
    let original = targets.clone().map(f32s).max().unwrap_or(0);
    let beside = targets.map(|matrix| beside(task.settings, matrix));
    original + before + beside.max().unwrap_or(0)
}

/// Beside the original: target and solver, then the result on its way to a file, or held against the original.
fn beside(settings: &Settings, matrix: &Matrix) -> u64 {
    let of = matrix.extent(settings.params());
    let target = if matrix.blend > 0.0 { of.matrix() } else { 0 };
    let turned = if matrix.transposed { of.matrix() } else { 0 };
    let calibrated = matrix.method.needs() > Needs::Nothing;
    let lost = if calibrated { of.matrix() } else { 0 };
    let support = if matrix.keep_mask { of.mask() } else { 0 };
    let solving = target + support + matrix.method.memory_bytes(&of);
    // Chunks are encoded each by itself, then put together, in a buffer that grows.
    let encoding = of.solved() + 3 * encoded(matrix);
    turned
        + solving
            .max(encoding)
            .max(of.solved() + encoded(matrix) + lost)
}

/// Most bytes of a matrix in its unit file.
fn encoded(matrix: &Matrix) -> u64 {
    let weights = matrix.rows as u64 * matrix.cols as u64;
    match matrix.grid {
        _ if matrix.step.is_some() || matrix.free_bits => weights,
        Some(grid) => weights * u64::from(grid.bits) / 8,
        None => weights * (matrix.float.bits() + 1) / 8,
    }
}

fn f32s(matrix: &Matrix) -> u64 {
    4 * matrix.rows as u64 * matrix.cols as u64
}
