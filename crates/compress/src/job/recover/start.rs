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

/// A tensor that may learn.
pub(super) struct Candidate {
    pub name: String,
    pub is_matrix: bool,
}

/// Those of a block.
pub(super) fn of_block(machine: &Machine, block: usize) -> Vec<Candidate> {
    let tensors = machine.network().block_tensors(&machine.catalog, block);
    let candidate = |tensor: BlockTensor| Candidate {
        is_matrix: matches!(tensor.place, TensorPlace::Weight { .. }),
        name: tensor.name,
    };
    tensors.into_iter().map(candidate).collect()
}

/// Those of all blocks, and of the norm behind the last.
pub(super) fn of_model(machine: &Machine) -> Vec<Candidate> {
    let blocks = (0..machine.blocks()).flat_map(|block| of_block(machine, block));
    let last = machine.network().final_norm_tensors().into_iter();
    let last = last.map(|name| Candidate {
        name,
        is_matrix: false,
    });
    blocks.chain(last).collect()
}

/// The tensors of some blocks that learn: solved matrices, and norms and biases that the source has as plain floats. Of each matrix
/// also the record of its solver, which its new file repeats.
pub(super) fn student(
    machine: &Machine,
    plan: &Plan,
    journal: &Journal,
    tensors: &[Candidate],
) -> Result<(Student, Vec<TensorRecord>), CompressError> {
    let (compute, catalog) = (&machine.compute, &machine.catalog);
    let (mut learners, mut vectors, mut solved) = (Vec::new(), Vec::new(), Vec::new());
    let mut seen = MemoryWeights::new();
    for tensor in tensors {
        if tensor.is_matrix {
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
