//! What the result may take, and which options a budget of bits or bytes answers by itself.

use super::checks::check;
use crate::CompressError;
use crate::methods::{self, Method};
use crate::options::{Options, bad_option, conflict};
use crate::solve::pattern::Pattern;
use kerf_tensors::amount;
use kerf_tensors::formats::Format;

/// Bits a weight of a method that works under a budget, if none is given.
const USUAL_TARGET_BITS: f64 = 2.0;

/// What the result may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Budget {
    /// Bits per weight of the target matrices, with all their bytes.
    Bits(f64),
    /// Bits per weight of a named size, of the matrices alone that no rule fixes: a rule for some takes nothing from the others. Headers and
    /// tables, which are next to nothing except in small models, are not counted.
    Size(f64),
    /// Bytes of all files.
    Bytes(u64),
}

impl Options {
    /// A budget without anything that says how it shall be met is for the method that meets it best; and that method works under a
    /// budget.
    pub(super) fn choose_entropy(&mut self, format: &dyn Format) -> Result<(), CompressError> {
        let asked = self.target_bits.is_some() || self.target_bytes.is_some();
        let free = self.method.is_none() && self.preset.is_none() && self.sparsity.is_none();
        if asked && free && self.pattern.is_none() && format.codes_entropy() {
            self.method = Some("entropy".into());
        }
        let method = self.method.as_deref().and_then(methods::by_id);
        if !method.is_some_and(Method::chooses_rate) {
            return Ok(());
        }
        if !format.codes_entropy() {
            let expected = "another method, or the format kerf: no other is smaller for codes that are mostly zero";
            let actual = self.method.as_deref().unwrap_or_default();
            return Err(bad_option("method", expected, actual));
        }
        let given = [
            (
                "sparsity",
                self.sparsity.map(|sparsity| sparsity.to_string()),
            ),
            ("bits", self.bits.map(|bits| bits.to_string())),
            ("pattern", self.pattern.clone()),
        ];
        for (option, given) in given {
            if let Some(given) = given {
                let reason = match (self.target_bits, self.target_bytes) {
                    (Some(_), _) => "`targetBits` decides it for each matrix; give one of the two",
                    (None, Some(_)) => {
                        "`targetBytes` decides it for each matrix; give one of the two"
                    }
                    (None, None) => {
                        "the method entropy chooses it itself; say how small with `targetBits` or `targetBytes`"
                    }
                };
                return Err(conflict(option, given, reason));
            }
        }
        if !asked {
            self.target_bits = Some(USUAL_TARGET_BITS);
        }
        Ok(())
    }

    /// Before defaults are filled in, since a budget changes them. `asked`: bits were asked for, and do not come from a size.
    pub(super) fn resolve_budget(
        &mut self,
        format: &dyn Format,
        asked: bool,
    ) -> Result<Option<Budget>, CompressError> {
        let (option, budget) = match (self.target_bits, self.target_bytes) {
            (None, None) => return Ok(None),
            (Some(bits), None) if asked => ("targetBits", Budget::Bits(bits)),
            (Some(bits), None) => ("targetBits", Budget::Size(bits)),
            (None, Some(bytes)) => ("targetBytes", Budget::Bytes(bytes)),
            (Some(_), Some(bytes)) => {
                let reason = "`targetBits` says how small already; give one of the two";
                return Err(conflict("targetBytes", amount::bytes(bytes), reason));
            }
        };
        if let Budget::Bits(bits) | Budget::Size(bits) = budget {
            check(
                (0.5..=16.0).contains(&bits),
                option,
                "a number from 0.5 to 16",
                bits,
            )?;
        }
        if let Some(bits) = self.bits {
            let reason = format!("`{option}` decides it for each matrix; give one of the two");
            return Err(conflict("bits", bits, reason));
        }
        if format.foreseeable() {
            let expected = format!(
                "kerf beside `{option}`, since no other form gives each matrix bytes of its own"
            );
            return Err(bad_option("format", &expected, format.id()));
        }
        let pattern = self.pattern.as_deref().and_then(Pattern::parse);
        if pattern.and_then(Pattern::sparsity).is_none() {
            self.sparsity.get_or_insert(0.0);
        }
        Ok(Some(budget))
    }
}
