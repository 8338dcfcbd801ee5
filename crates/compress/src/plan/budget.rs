//! What a budget makes of the matrices of a plan.

use super::Plan;
use crate::CompressError;
use crate::allocate::allowance::Allowance;
use crate::allocate::matrix::Matrix;
use crate::allocate::{mixed_bits, steps};
use crate::options::resolve::Budget;
use crate::schedules::Summary;
use kerf_tensors::Catalog;
use std::collections::HashMap;

impl Plan {
    /// Chooses bits and steps of the matrices that a budget decides about, by what is known of each by name.
    pub(super) fn share_budget(
        &mut self,
        catalog: &Catalog,
        summaries: &HashMap<&str, &Summary>,
    ) -> Result<(), CompressError> {
        let granularity = self.settings.spreading.granularity;
        let dtype_of = |matrix: &Matrix| catalog.tensors[matrix.tensor].dtype;
        if let Some(allowance) = self.allowance(catalog) {
            let targets = &mut self.targets;
            mixed_bits::allocate(targets, &allowance, granularity, &dtype_of, summaries)?;
        }
        // Headers, which the budget may count, depend on the bits.
        match self.allowance(catalog) {
            Some(allowance) => steps::allocate(&mut self.targets, &allowance, summaries),
            None => Ok(()),
        }
    }

    /// The budget, if there is one, and what counts against it.
    pub(crate) fn allowance(&self, catalog: &Catalog) -> Option<Allowance> {
        let budget = self.settings.budget?;
        Some(Allowance {
            budget,
            other_bytes: self.other_bytes(catalog, budget),
        })
    }

    /// Bytes that the budget counts beside those of the matrices that it decides about: of a size none.
    fn other_bytes(&self, catalog: &Catalog, budget: Budget) -> f64 {
        let report = self.report(catalog);
        let free = |name: &str| {
            self.targets
                .iter()
                .any(|matrix| matrix.is_budgeted() && matrix.name == name)
        };
        let of = |counts: &dyn Fn(&str) -> bool| -> u64 {
            let counted = report.tensors.iter().filter(|tensor| counts(&tensor.part));
            let fixed = counted.filter(|tensor| tensor.part != "target" || !free(&tensor.name));
            fixed.map(|tensor| tensor.output_bytes).sum()
        };
        let tensors: u64 = report
            .tensors
            .iter()
            .map(|tensor| tensor.output_bytes)
            .sum();
        let targets = report
            .tensors
            .iter()
            .filter(|tensor| tensor.part == "target");
        let target_bytes: u64 = targets.map(|tensor| tensor.output_bytes).sum();
        let header =
            report.bits_per_weight / 8.0 * self.target_weights() as f64 - target_bytes as f64;
        match budget {
            Budget::Bits(_) => of(&|part| part == "target") as f64 + header,
            Budget::Size(_) => 0.0,
            Budget::Bytes(_) => of(&|_| true) as f64 + (report.output_bytes - tensors) as f64,
        }
    }

    /// What a reader should know where a size comes out larger than its name says: a note from a tenth of a bit on.
    pub(super) fn note_small_matrices(&self, catalog: &Catalog) -> Option<String> {
        let bits = match self.settings.budget {
            Some(Budget::Size(bits)) if self.targets.iter().all(Matrix::is_budgeted) => bits,
            _ => return None,
        };
        let beside = self.report(catalog).bits_per_weight - bits;
        let text = format!(
            "the matrices are small: their tables and headers take {beside:.1} bits a weight beside the {bits} bits of the size (a budget, \
             `targetBits`, counts them)"
        );
        (beside >= 0.1).then_some(text)
    }
}
