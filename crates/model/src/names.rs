//! Which tensors a network consists of: their names in the file at hand, and whether each is there with its shape.

use crate::arch::{Name, Norm, Positions};
use crate::{ModelError, Network, WeightSource};
use kerf_tensors::TensorsError;
use kerf_tensors::files::Fact;

/// What the scale and the shift of a norm may be called.
pub(crate) const NORM_SUFFIXES: [[&str; 2]; 2] = [["weight", "bias"], ["gamma", "beta"]];
/// What wrappers put before all names: torch.compile, DataParallel, models of several parts, old files of sentence-transformers.
/// One may be in another.
pub(crate) const WRAPPERS: [&str; 5] = [
    "",
    "_orig_mod.",
    "module.",
    "language_model.",
    "0.auto_model.",
];

impl Network {
    /// Finds out which of the possible names this file uses.
    pub(crate) fn find_names(&mut self, weights: &dyn WeightSource) {
        let has = |name: &str| weights.shape(name).is_some();
        (self.wrapper, self.prefix) = self.find_prefix(weights);
        self.token = format!("{}.weight", self.name(self.arch.embeddings.token, 0));
        if !self.wrapper.is_empty() {
            let wrapper = &self.wrapper;
            let says = format!(
                "names of tensors begin with {wrapper:?}, as a wrapper left them; kerf reads and writes them so, and other tools may not find \
                 them"
            );
            self.facts
                .push(Fact::noted("the weights", "names", wrapper, says));
        }
        let block = &self.arch.block;
        // A norm that every block has.
        let norm = self.name(block.mlp_norm.unwrap_or(block.attention_norm), 0);
        self.norm_suffixes = NORM_SUFFIXES
            .into_iter()
            .find(|suffixes| has(&format!("{norm}.{}", suffixes[0])))
            .unwrap_or(NORM_SUFFIXES[0]);
        self.norm_shift = self.arch.norm == Norm::Layer
            && self
                .settings
                .norm_bias
                .unwrap_or_else(|| has(&format!("{norm}.{}", self.norm_suffixes[1])));
    }

    /// The wrapper and the whole prefix of names of the body: those with which the token embedding is there, or else (a model may store
    /// its head alone) the first linear layer. Without either, the first that an architecture has.
    fn find_prefix(&self, weights: &dyn WeightSource) -> (String, String) {
        let wrappers = WRAPPERS.iter().flat_map(|outer| {
            let inner = WRAPPERS
                .iter()
                .filter(|inner| !inner.is_empty() || outer.is_empty());
            std::iter::once((*outer).to_string())
                .chain(inner.map(move |inner| format!("{outer}{inner}")))
        });
        let mut pairs: Vec<(String, String)> = Vec::new();
        for wrapper in wrappers {
            for inner in self.arch.prefixes {
                let prefix = format!("{wrapper}{inner}");
                pairs.push((wrapper.clone(), prefix));
            }
        }
        let linear = self.arch.block.linears[0].stem.replace("{}", "0");
        let with = |stem: &str| {
            pairs
                .iter()
                .find(|(_, prefix)| weights.shape(&format!("{prefix}{stem}.weight")).is_some())
        };
        let found = with(self.arch.embeddings.token).or_else(|| with(&linear));
        found.or(pairs.first()).cloned().unwrap_or_default()
    }

    pub(crate) fn check_tensors(&self, weights: &dyn WeightSource) -> Result<(), ModelError> {
        let settings = &self.settings;
        let hidden = settings.hidden;
        check(weights, &self.token_embedding(), &[settings.vocab, hidden])?;
        if let Some(name) = self.position_embedding() {
            check(weights, &name, &[settings.position_rows.0, hidden])?;
        }
        if let Some(name) = self.type_embedding() {
            check(weights, &name, &[settings.token_types, hidden])?;
        }
        if let Some(name) = self.distance_bias() {
            check(weights, &name, &[settings.buckets, settings.heads])?;
        }
        for stem in self
            .arch
            .embeddings
            .norm
            .iter()
            .chain(&self.arch.final_norm)
        {
            self.check_norm(weights, &self.name(stem, 0), hidden)?;
        }
        if let Some(name) = &self.head {
            check(weights, name, &[settings.vocab, hidden])?;
        }
        if let Some(name) = &self.head_bias {
            check(weights, name, &[settings.vocab])?;
        }
        for block in 0..self.blocks() {
            self.check_block(weights, block)?;
        }
        Ok(())
    }

    fn check_block(&self, weights: &dyn WeightSource, block: usize) -> Result<(), ModelError> {
        for linear in self.linears(block) {
            let shape = match linear.transposed {
                false => [linear.rows, linear.cols],
                true => [linear.cols, linear.rows],
            };
            check(weights, &linear.weight, &shape)?;
        }
        for (index, row) in self.arch.block.linears.iter().enumerate() {
            if let Some(name) = self.bias(weights, index, block) {
                check(weights, &name, &[self.shape(row.role).0])?;
            }
        }
        let names = &self.arch.block;
        let of_width = [
            self.attention_norm(block),
            names.mlp_norm,
            names.attention_output_norm,
            names.mlp_output_norm,
        ];
        for stem in of_width.into_iter().flatten() {
            self.check_norm(weights, &self.name(stem, block), self.settings.hidden)?;
        }
        for stem in [names.query_norm, names.key_norm].into_iter().flatten() {
            self.check_norm(weights, &self.name(stem, block), self.settings.head_dim)?;
        }
        Ok(())
    }

    fn check_norm(
        &self,
        weights: &dyn WeightSource,
        stem: &str,
        width: usize,
    ) -> Result<(), ModelError> {
        let (scale, shift) = self.norm_names(stem);
        check(weights, &scale, &[width])?;
        match shift {
            Some(name) => check(weights, &name, &[width]),
            None => Ok(()),
        }
    }

    /// Stem of the norm of attention, if the block has one.
    pub(crate) fn attention_norm(&self, block: usize) -> Option<Name> {
        let names = &self.arch.block;
        (block > 0 || !names.bare_first).then_some(names.attention_norm)
    }

    /// A stem with prefix and number of the block filled in.
    pub(crate) fn name(&self, stem: &str, block: usize) -> String {
        format!("{}{}", self.prefix, stem.replace("{}", &block.to_string()))
    }

    /// Scale and shift of a norm.
    pub(crate) fn norm_names(&self, stem: &str) -> (String, Option<String>) {
        let [scale, shift] = self.norm_suffixes;
        let shift = self.norm_shift.then(|| format!("{stem}.{shift}"));
        (format!("{stem}.{scale}"), shift)
    }

    /// Name of the bias of the linear layer `index` of the architecture, if it has one.
    pub(crate) fn bias(
        &self,
        weights: &dyn WeightSource,
        index: usize,
        block: usize,
    ) -> Option<String> {
        let name = format!(
            "{}.bias",
            self.name(self.arch.block.linears[index].stem, block)
        );
        let has = self.settings.biases[index].unwrap_or_else(|| weights.shape(&name).is_some());
        has.then_some(name)
    }

    /// Name of the token embedding.
    pub(crate) fn token_embedding(&self) -> String {
        self.token.clone()
    }

    /// Name of the learned position embedding.
    pub(crate) fn position_embedding(&self) -> Option<String> {
        match self.arch.positions {
            Positions::Learned(learned) => Some(format!("{}.weight", self.name(learned.stem, 0))),
            Positions::Rope(_) => None,
        }
    }

    /// Name of the type embedding.
    pub(crate) fn type_embedding(&self) -> Option<String> {
        let kind = self.arch.embeddings.token_type?;
        Some(format!("{}.weight", self.name(kind.stem, 0)))
    }

    /// Name of the table of distance biases.
    pub(crate) fn distance_bias(&self) -> Option<String> {
        let bias = self.arch.attention.distance_bias?;
        Some(format!("{}.weight", self.name(bias.stem, 0)))
    }

    /// Name of the bias of the head.
    pub(crate) fn head_bias(&self) -> Option<&str> {
        self.head_bias.as_deref()
    }
}

fn check(weights: &dyn WeightSource, name: &str, expected: &[usize]) -> Result<(), ModelError> {
    let tensor = name.to_string();
    match weights.shape(name) {
        Some(actual) if actual == expected => Ok(()),
        Some(actual) => Err(TensorsError::WrongShape {
            tensor,
            expected: expected.to_vec(),
            actual,
        }
        .into()),
        None => Err(TensorsError::TensorMissing { tensor }.into()),
    }
}
