//! What was learned goes to the work folder, in place of what the solver left.

use crate::CompressError;
use crate::job::Machine;
use crate::job::overlay::recovered_unit;
use crate::job::records::{Findings, Journal, Record};
use crate::plan::solve_unit;
use crate::recover::student::{State, Student};
use kerf_kernels::Compute;
use kerf_tensors::formats::one_tensor_file;
use kerf_tensors::kerf::TensorRecord;
use kerf_tensors::safetensors::OutTensor;
use kerf_tensors::{EncodedTensor, QuantizedMatrix};

/// The matrix as a reader will find it.
pub(super) fn encoded(
    compute: &Compute,
    name: &str,
    record: &TensorRecord,
    matrix: &QuantizedMatrix,
) -> EncodedTensor {
    let (method, digest) = (&record.method, &record.source_digest);
    let encoded = EncodedTensor::encode(compute, name, record.dtype, method, digest, matrix);
    match record.transposed {
        true => encoded.for_transposed_source(),
        false => encoded,
    }
}

/// Writes all tensors of a state. `prefix` begins the names of their files.
pub(super) fn write(
    machine: &Machine,
    journal: &mut Journal,
    student: &Student,
    solved: &[TensorRecord],
    state: &State,
    prefix: &str,
) -> Result<(), CompressError> {
    let compute = &machine.compute;
    let matrices = student.learners.iter().zip(solved).zip(&state.matrices);
    for (index, ((learner, solved), matrix)) in matrices.enumerate() {
        let encoded = encoded(compute, &learner.name, solved, matrix);
        let before = journal.get(&solve_unit(&learner.name));
        let mut layer = before.and_then(|record| record.payload.layer.clone());
        if let Some(layer) = &mut layer {
            let weights = (matrix.rows * matrix.cols) as f64;
            layer.sparsity = matrix.sparsity();
            layer.bits_per_weight = encoded.content_bytes() as f64 * 8.0 / weights;
        }
        let findings = Findings {
            layer,
            ..Findings::default()
        };
        let file = format!("{prefix}-{index:03}.kerf");
        let record = Record::new(recovered_unit(&learner.name), file, findings);
        let (header, parts) = encoded.pieces();
        let mut pieces = vec![header.as_slice()];
        pieces.extend(parts.iter().map(|part| part.bytes.as_slice()));
        journal.put(record, &pieces)?;
    }
    let vectors = student.vectors.iter().zip(&state.vectors);
    for (index, (vector, values)) in vectors.enumerate() {
        let entry = machine.catalog.get(&vector.name)?;
        let tensor = OutTensor {
            name: vector.name.clone(),
            dtype: vector.dtype,
            shape: entry.shape.clone(),
        };
        let bytes = one_tensor_file(&compute.kernels, tensor, values)?;
        let file = format!("{prefix}-v{index:03}.safetensors");
        let record = Record::new(recovered_unit(&vector.name), file, Findings::default());
        journal.put(record, &[&bytes])?;
    }
    Ok(())
}
