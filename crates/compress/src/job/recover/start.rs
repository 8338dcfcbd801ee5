//! What learns, as the solver left it.

use crate::CompressError;
use crate::job::Machine;
use crate::job::overlay::unit_catalog;
use crate::job::records::Journal;
use crate::plan::{Plan, solve_unit};
use crate::recover::learner::Learner;
use crate::recover::rate::CodeRate;
use crate::recover::student::{Student, Vector};
use kerf_model::{BlockTensor, MemoryWeights, TensorPlace, WeightSource};
use kerf_tensors::kerf::TensorRecord;
use kerf_tensors::{DType, Stored, Values};

/// The tensors of some blocks that learn: solved matrices, and norms and biases that the source has as plain floats. Of each matrix
/// also the record of its solver, which its new file repeats.
pub(super) fn student(
    machine: &Machine,
    plan: &Plan,
    journal: &Journal,
    tensors: &[BlockTensor],
) -> Result<(Student, Vec<TensorRecord>), CompressError> {
    let (compute, catalog) = (&machine.compute, &machine.catalog);
    let (mut learners, mut vectors, mut solved) = (Vec::new(), Vec::new(), Vec::new());
    let mut seen = MemoryWeights::new();
    for tensor in tensors {
        if let TensorPlace::Weight { .. } = tensor.place {
            let Some(matrix) = plan
                .targets
                .iter()
                .find(|matrix| matrix.name == tensor.name)
            else {
                continue;
            };
            let Some(record) = journal.get(&solve_unit(&tensor.name)) else {
                continue;
            };
            let unit = unit_catalog(journal.workspace(), &record.file)?;
            let encoded = unit.read_encoded(unit.get(&tensor.name)?)?;
            let rounded = encoded.decode(compute)?;
            let coded = encoded.record.coded && plan.settings.format.codes_entropy();
            let rate = match &rounded.values {
                Values::Codes { codes, .. } if coded => {
                    Some(CodeRate::of(compute, codes, rounded.cols))
                }
                _ => None,
            };
            learners.push(Learner {
                name: tensor.name.clone(),
                transposed: matrix.transposed,
                rounded,
                rate,
            });
            solved.push(encoded.record);
            continue;
        }
        let entry = catalog.get(&tensor.name)?;
        let float = matches!(entry.dtype, DType::F32 | DType::F16 | DType::BF16);
        if float && matches!(entry.stored, Stored::Plain(_)) {
            let values = catalog.read(compute, &tensor.name)?;
            seen.insert(&tensor.name, entry.shape.clone(), values)?;
            vectors.push(Vector {
                name: tensor.name.clone(),
                dtype: entry.dtype,
            });
        }
    }
    let student = Student::new(compute, learners, vectors, seen)?;
    Ok((student, solved))
}
