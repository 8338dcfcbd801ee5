//! What is not given: from the format, then presets, then the defaults of methods and of the whole.

use super::checks::lookup;
use crate::CompressError;
use crate::methods::{self, Method};
use crate::options::Options;
use crate::options::presets;
use crate::solve::pattern::Pattern;
use crate::solve::statistics::Needs;
use kerf_tensors::formats::Format;

/// With fewer bits of the head a language model loses what its linear layers keep: excess of 0.02 nats at 4 bits on classics-6M.
const LEAST_HEAD_BITS: u8 = 6;

impl Options {
    /// What the format implies, then sizes: before budgets are resolved, since a size may be one.
    pub(super) fn fill_sizes(&mut self, format: &dyn Format) -> Result<(), CompressError> {
        let implied = format.defaults();
        self.bits = self.bits.or(implied.bits);
        self.group_size = self.group_size.or(implied.group_size);
        self.embedding_bits = self.embedding_bits.or(implied.embedding_bits);
        let named = match self.preset.as_deref() {
            Some(id) => {
                let row = presets::sizes().iter().find(|size| size.id == id);
                Some(lookup(row, "preset", presets::size_ids(), id)?)
            }
            None => self.asks_no_size().then(presets::default_size),
        };
        if let Some(size) = named {
            size.fill(self, format.codes_entropy());
        }
        Ok(())
    }

    /// Whether nothing says how small the result shall be. (A method that only removes does: it has nothing to do without zeros.)
    fn asks_no_size(&self) -> bool {
        let method = self.method.as_deref().and_then(methods::by_id);
        let numbers = self.sparsity.is_some() || self.bits.is_some() || self.pattern.is_some();
        let budget = self.target_bits.is_some() || self.target_bytes.is_some();
        !numbers && !self.keep_mask && !budget && !method.is_some_and(Method::only_removes)
    }

    /// Qualities, then defaults, where nothing is given.
    pub(super) fn fill(&mut self, format: &dyn Format) -> Result<(), CompressError> {
        if let Some(id) = self.quality.clone() {
            let row = presets::qualities().iter().find(|quality| quality.id == id);
            lookup(row, "quality", presets::quality_ids(), &id)?.fill(self);
        }
        self.method.get_or_insert_with(|| "joint".into());
        self.granularity.get_or_insert_with(|| "nested".into());
        self.levels.get_or_insert(6);
        self.slope.get_or_insert(0.15);
        self.loss_scale.get_or_insert_with(|| "output".into());
        self.generations.get_or_insert(40);
        let bits = *self.bits.get_or_insert(4);
        self.group_size.get_or_insert(128);
        let of_embeddings = format.usual_embedding_bits(bits);
        let least = match self.embedding_bits {
            None if format.codes_entropy() => LEAST_HEAD_BITS,
            _ => 0,
        };
        let of_embeddings = *self.embedding_bits.get_or_insert(of_embeddings);
        self.head_bits.get_or_insert(of_embeddings.max(least));
        presets::default_quality().fill(self);
        self.blend = self.blend.or(Some(self.default_blend()));
        let schedule = self.default_schedule();
        self.schedule.get_or_insert_with(|| schedule.into());
        Ok(())
    }

    /// That of the method, where neither the pattern nor the zeros of the source leave nothing to a schedule.
    fn default_schedule(&self) -> &'static str {
        let pattern = self.pattern.as_deref().and_then(Pattern::parse);
        let fixed = self.keep_mask || pattern.and_then(Pattern::sparsity).is_some();
        let method = self.method.as_deref().and_then(methods::by_id);
        match method.filter(|_| !fixed) {
            Some(method) => method.default_schedule(),
            None => "uniform",
        }
    }

    /// That of the first calibrated method, the whole's or a rule's: one number holds for all, as there is one stream.
    fn default_blend(&self) -> f64 {
        let ruled = self.rules.iter().filter_map(|rule| rule.method.as_ref());
        let mut methods = self
            .method
            .iter()
            .chain(ruled)
            .filter_map(|id| methods::by_id(id));
        let calibrated = methods.find(|method| method.needs() > Needs::Nothing);
        calibrated.map_or(0.0, Method::default_blend)
    }
}
