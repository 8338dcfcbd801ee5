//! The head of a model with an adapter. Head and token embedding are often one matrix, and an adapter may change one of them
//! alone.

use super::{Catalog, TensorEntry};
use crate::files::{Fact, ModelFiles};
use serde_json::Value;

const CONFIG: &str = "config.json";
const TIED: &str = "tie_word_embeddings";
/// Names of modules that turn hidden states into logits. A model may store no matrix for such a module, because it shares the
/// token embedding.
const HEADS: [&str; 2] = ["lm_head", "embed_out"];

/// Whether a tensor is the matrix of a head.
pub(super) fn is_head(name: &str) -> bool {
    let module = name.strip_suffix(".weight");
    let last = module.and_then(|module| module.split('.').next_back());
    last.is_some_and(|last| HEADS.contains(&last))
}

/// Sets `tie_word_embeddings` to false in the configuration, and notes the change.
pub(super) fn untie(described: &mut ModelFiles) {
    if let Some(Value::Object(config)) = &mut described.config
        && config.get(TIED) != Some(&Value::Bool(false))
    {
        let was = config.insert(TIED.into(), false.into());
        let says = "the adapter changes one of the two matrices alone, so head and token embedding are stored apart";
        let fact = Fact::noted(CONFIG, TIED, was.unwrap_or_default(), says);
        described.facts.push(fact);
    }
}

impl Catalog {
    /// Whether an adapter changes a tensor.
    pub fn is_adapted(&self, name: &str) -> bool {
        self.originals.iter().any(|entry| entry.name == name)
    }

    /// The same model with a head that is a matrix of its own. It is the head that the model stores, or else the token embedding
    /// `table` as it was before the adapter changed it.
    pub fn with_own_head(mut self, table: &str, head: &str) -> Self {
        let original = self.originals.iter().find(|entry| entry.name == table);
        if let (Some(original), false) = (original.cloned(), self.contains(head)) {
            self.by_name.insert(head.to_owned(), self.tensors.len());
            self.tensors.push(TensorEntry {
                name: head.to_owned(),
                ..original
            });
        }
        untie(&mut self.files);
        self.with_changed_config()
    }

    /// Puts the changed config.json among the sidecars, if the adapter changed the configuration.
    pub(super) fn with_changed_config(self) -> Self {
        let untied = |fact: &Fact| fact.file == CONFIG && fact.field == TIED;
        match &self.files.config {
            Some(config) if self.files.facts.iter().any(untied) => {
                let json = format!("{config:#}\n").into_bytes();
                self.with_sidecar(CONFIG, json)
            }
            _ => self,
        }
    }
}
