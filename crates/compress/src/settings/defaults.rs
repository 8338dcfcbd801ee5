//! What is not given: from the format, then presets, then the defaults of methods and of the whole.

use super::checks::lookup;
use crate::CompressError;
use crate::methods::{self, Method};
use crate::options::Options;
use crate::pattern::Pattern;
use crate::presets::{self, Preset};
use crate::statistics::Needs;
use kerf_tensors::formats::Format;

/// With fewer bits of the head a language model loses what its linear layers keep: excess of 0.02 nats at 4 bits on classics-6M.
const LEAST_HEAD_BITS: u8 = 6;

impl Options {
    /// What the format implies, then presets, then defaults, where nothing is given.
    pub(super) fn fill(&mut self, format: &dyn Format) -> Result<(), CompressError> {
        let implied = format.defaults();
        self.bits = self.bits.or(implied.bits);
        self.group_size = self.group_size.or(implied.group_size);
        self.embedding_bits = self.embedding_bits.or(implied.embedding_bits);
        let tables = [
            ("preset", &self.preset, presets::sizes()),
            ("quality", &self.quality, presets::qualities()),
        ];
        let mut named: Vec<&Preset> = Vec::new();
        for (option, id, table) in tables {
            if let Some(id) = id {
                let row = table.iter().find(|preset| preset.id == id);
                named.push(lookup(row, option, presets::ids(table), id)?);
            }
        }
        for preset in named {
            preset.fill(self);
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

    /// That of the method, where the pattern leaves anything to a schedule.
    fn default_schedule(&self) -> &'static str {
        let pattern = self.pattern.as_deref().and_then(Pattern::parse);
        let fixed = pattern.and_then(Pattern::sparsity).is_some();
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
