//! What a user should know of a plan.

use crate::allocate::matrix::Matrix;
use crate::options::resolve::Settings;
use kerf_tensors::Catalog;
use kerf_tensors::formats::{self, ModelInfo};

/// What the format cannot hold as it was asked for.
pub(super) fn format(
    settings: &Settings,
    catalog: &Catalog,
    targets: &[Matrix],
    model_info: &ModelInfo,
    notes: &mut Vec<String>,
) {
    let format = settings.format;
    if let (Some(asked), Some(first)) = (settings.solving.grid, targets.first()) {
        let dtype = catalog.tensors[first.tensor].dtype;
        let cols: Vec<usize> = targets.iter().map(|matrix| matrix.cols).collect();
        notes.extend(formats::fallback_note(format, asked, dtype, &cols));
    }
    let removes = |matrix: &Matrix| matrix.sparsity > 0.0 || matrix.keep_mask;
    if !format.keeps_zeros() && targets.iter().any(removes) {
        let id = format.id();
        notes.push(format!(
            "{id} does not keep exact zeros: readers see small values where weights were removed"
        ));
    }
    if let (true, Some(Ok(gguf))) = (format.holds_tokenizer(), &model_info.gguf) {
        notes.extend(gguf.notes.iter().cloned());
    }
}

/// What becomes of the zeros that the source has.
pub(super) fn kept_zeros(targets: &[Matrix], notes: &mut Vec<String>) {
    if targets.iter().any(|matrix| matrix.keep_mask) {
        notes.push(
            "zeros that the model has stay, and nothing else is removed: their number is known when the weights are read, so planned shares are 0, and \
             planned sizes are those of a model without zeros"
                .into(),
        );
    }
}

/// Groups that are larger than a row.
pub(super) fn short_rows(targets: &[Matrix], notes: &mut Vec<String>) {
    let short = targets.iter().filter_map(|matrix| {
        let group = matrix.grid.map_or(0, |grid| grid.group_size);
        (group > matrix.cols).then_some((matrix.cols, group))
    });
    if let Some((cols, group)) = short.min() {
        notes.push(format!("rows of {cols} weights are shorter than a group of {group}: each is one group, so scales weigh more"));
    }
}
