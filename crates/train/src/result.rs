//! The model that a training made, written as a model folder.

use kerf_kernels::Compute;
use kerf_model::{MemoryWeights, ModelError};
use kerf_tensors::folder::MemFolder;
use kerf_tensors::formats::{ModelInfo, Output, Replacement, by_id, one_tensor_file};
use kerf_tensors::safetensors::OutTensor;
use kerf_tensors::{Catalog, OutFolder, TensorEntry, TensorsError, kerf};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Tensors that learned, in the element types of the source.
struct Learned<'a> {
    compute: &'a Compute,
    weights: &'a MemoryWeights,
}

impl Replacement for Learned<'_> {
    fn open(&self, entry: &TensorEntry) -> Result<Option<Catalog>, TensorsError> {
        let values = self.weights.get(&entry.name);
        let values = values.filter(|_| entry.dtype.is_computable());
        values
            .map(|values| one_tensor(self.compute, entry, values))
            .transpose()
    }
}

/// A folder of one tensor.
fn one_tensor(
    compute: &Compute,
    entry: &TensorEntry,
    values: &[f32],
) -> Result<Catalog, TensorsError> {
    let tensor = OutTensor {
        name: entry.name.clone(),
        dtype: entry.dtype,
        shape: entry.shape.clone(),
    };
    let file = one_tensor_file(&compute.kernels, tensor, values)?;
    let folder = MemFolder::new("what was learned");
    folder.insert("model.safetensors", file);
    Catalog::open(Arc::new(folder))
}

/// Called with the bytes written so far and all of them; an error ends the writing.
pub type OnWritten<'a> = dyn FnMut(u64, u64) -> Result<(), ModelError> + 'a;

/// Writes the model `start` with what was learned in place of its tensors, as dense safetensors, and gives the bytes of all files. Values are
/// rounded to the element types of `start`. The caller must then commit the folder. Errors are those of reading and writing.
pub fn write_result(
    compute: &Compute,
    start: &Catalog,
    model_info: &ModelInfo,
    weights: &MemoryWeights,
    out: &mut dyn OutFolder,
    on_written: &mut OnWritten<'_>,
) -> Result<u64, ModelError> {
    let format = by_id("safetensors").expect("a row of the table");
    let learned = Learned { compute, weights };
    let metadata = BTreeMap::from([kerf::producer()]);
    let output = Output::plan(
        start,
        model_info,
        format,
        &learned,
        metadata,
        MOST_FILE_BYTES,
        false,
    )?;
    let (mut done, total) = (0, output.total_bytes());
    output.write(compute, out, &mut |_, bytes| {
        done += bytes;
        on_written(done, total)
    })?;
    Ok(total)
}

/// Most bytes of a file, as transformers has it.
const MOST_FILE_BYTES: u64 = 5_000_000_000;
