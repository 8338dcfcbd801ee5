//! What the network reads while a student learns.

use super::student::Student;
use kerf_kernels::Compute;
use kerf_model::{ModelError, WeightSource};
use std::ops::Range;

/// Tensors of a student, and behind them those of the model that do not learn. A matrix is decoded from its rounded values when it is
/// read, so that no second copy of it is held.
pub(crate) struct Seen<'a> {
    pub student: &'a Student,
    pub base: &'a dyn WeightSource,
}

impl Seen<'_> {
    /// Where a tensor is that is no matrix of the student.
    fn source(&self, name: &str) -> &dyn WeightSource {
        match self.student.seen.get(name) {
            Some(_) => &self.student.seen,
            None => self.base,
        }
    }
}

impl WeightSource for Seen<'_> {
    fn model(&self) -> String {
        "the model that is taught".into()
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        match self.student.learner(name) {
            Some(learner) => Some(learner.shape()),
            None => self.source(name).shape(name),
        }
    }

    fn read(&self, compute: &Compute, name: &str) -> Result<Vec<f32>, ModelError> {
        match self.student.learner(name) {
            Some(learner) => Ok(learner.values(compute)),
            None => self.source(name).read(compute, name),
        }
    }

    fn read_rows(
        &self,
        compute: &Compute,
        name: &str,
        rows: Range<usize>,
    ) -> Result<Vec<f32>, ModelError> {
        let Some(learner) = self.student.learner(name) else {
            return self.source(name).read_rows(compute, name, rows);
        };
        let width = learner.shape()[1];
        let values = learner.values(compute);
        Ok(values[rows.start * width..rows.end * width].to_vec())
    }
}
