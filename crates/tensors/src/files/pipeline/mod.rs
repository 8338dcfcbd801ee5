//! modules.json and the files that it names: what a sentence-transformers folder does with a text, step by step. The reference is
//! what sentence-transformers 6 computes.

mod activation;
mod entry;
mod modules;
mod pooling;
mod prompts;
mod transformer;

pub use activation::Activation;
pub use modules::{Dense, LayerNorm, Module};
pub use pooling::{Pooling, PoolingModule};
pub use prompts::Prompts;
pub use transformer::TextInput;

use super::Reader;
use super::fact::Fact;
use crate::TensorsError;
use entry::{Entry, Kind};
use modules::On;
use prompts::Settings;

/// Name of the file.
pub const FILE: &str = "modules.json";

/// A sentence-transformers folder.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// What happens to a text before the network. All that reads text needs it.
    pub input: TextInput,
    /// How hidden states become the vector of a text; or why kerf cannot compute it, which matters to nothing else.
    pub vectors: Result<Vectors, TensorsError>,
    /// Folders of the modules, which belong to the model.
    pub folders: Vec<String>,
}

/// How hidden states become the vector of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Vectors {
    /// What happens to the hidden states of each token, in order.
    pub tokens: Vec<Module>,
    /// How those of a text become one vector.
    pub pooling: PoolingModule,
    /// What happens to that vector, in order.
    pub sentence: Vec<Module>,
    /// Texts that go before a text.
    pub prompts: Prompts,
    /// Numbers of a vector that are kept, counted from its start, after everything else; `None`: all.
    pub truncate_dim: Option<usize>,
}

impl Pipeline {
    /// Reads modules.json, `value`, and the files that it names. Errors are about the files themselves and about what goes before
    /// the network; what comes after it fails in [`Pipeline::vectors`] alone.
    pub(super) fn read(
        value: &serde_json::Value,
        reader: &Reader<'_>,
        facts: &mut Vec<Fact>,
    ) -> Result<Self, TensorsError> {
        let entries = entry::entries(value);
        let first = entries.as_ref().ok().and_then(|entries| entries.first());
        let path = first.map_or("", |entry| &entry.path);
        let (input, unsupported) = TextInput::read(path, reader, facts)?;
        let folders = entries.iter().flatten().map(|entry| entry.path.clone());
        let folders = folders.filter(|path| !path.is_empty()).collect();
        let mut own = Vec::new();
        let vectors = match (entries, unsupported) {
            (Err(error), _) | (_, Some(error)) => Err(error),
            (Ok(entries), None) => Vectors::read(&entries, reader, &mut own),
        };
        match &vectors {
            Ok(_) => facts.extend(own),
            Err(error) => facts.push(Fact::noted(
                FILE,
                "",
                "",
                format!("kerf does not compute the sentence vectors of this model ({error}); everything else works"),
            )),
        }
        Ok(Self {
            input,
            vectors,
            folders,
        })
    }
}

impl Vectors {
    /// Of a model that says nothing: the mean over tokens, at length 1.
    pub fn usual() -> Self {
        Self {
            tokens: Vec::new(),
            pooling: PoolingModule {
                modes: vec![Pooling::Mean],
                include_prompt: true,
                dimension: None,
            },
            sentence: vec![Module::Normalize],
            prompts: Prompts::default(),
            truncate_dim: None,
        }
    }

    fn read(
        entries: &[Entry],
        reader: &Reader<'_>,
        facts: &mut Vec<Fact>,
    ) -> Result<Self, TensorsError> {
        let (mut tokens, mut pooling, mut sentence) = (Vec::new(), None, Vec::new());
        for (at, entry) in entries.iter().enumerate() {
            let pooled = pooling.is_some();
            match entry.kind {
                Kind::Transformer if at == 0 => {}
                Kind::Pooling if at > 0 && !pooled => {
                    pooling = Some(PoolingModule::read(&entry.path, reader, facts)?)
                }
                // It does nothing when a model is used.
                Kind::Dropout if pooled => {}
                Kind::Dense | Kind::LayerNorm | Kind::Normalize if at > 0 => {
                    match (Module::read(entry, reader, facts)?, pooled) {
                        ((module, On::Tokens), false) => tokens.push(module),
                        ((module, On::Sentence), true) => sentence.push(module),
                        // sentence-transformers passes over a vector that is not there yet, in this module only.
                        ((Module::Normalize, On::Sentence), false) => {}
                        ((_, On::Tokens), true) => facts.push(Fact::noted(
                            FILE,
                            &format!("{at}.type"),
                            &entry.class,
                            "it changes the vectors of tokens after they were pooled, so it is left out",
                        )),
                        ((_, On::Sentence), false) => return Err(out_of_order(at, entry)),
                    }
                }
                Kind::Other => return Err(entry::unknown(at, entry)),
                _ => return Err(out_of_order(at, entry)),
            }
        }
        let Some(pooling) = pooling else {
            return Err(entry::bad(
                "the list",
                "a module Pooling, which makes one vector of those of the tokens",
                "none",
            ));
        };
        let Settings {
            prompts,
            truncate_dim,
        } = Settings::read(reader, facts)?;
        Ok(Self {
            tokens,
            pooling,
            sentence,
            prompts,
            truncate_dim,
        })
    }
}

fn out_of_order(at: usize, entry: &Entry) -> TensorsError {
    entry::bad(
        &format!("{at}.type"),
        "the order Transformer, Pooling, then modules that change the pooled vector",
        &entry.class,
    )
}

/// The folder inside a model's folder where its transformer lies, if modules.json says so, as versions before 2 wrote it.
pub fn transformer_folder(value: &serde_json::Value) -> Option<String> {
    let first = entry::entries(value).ok()?.into_iter().next()?;
    (first.kind == Kind::Transformer && !first.path.is_empty()).then_some(first.path)
}

/// modules.json of the same model with its transformer beside that file.
pub fn with_transformer_beside(mut value: serde_json::Value) -> serde_json::Value {
    if let Some(path) = value.get_mut(0).and_then(|first| first.get_mut("path")) {
        *path = "".into();
    }
    value
}
