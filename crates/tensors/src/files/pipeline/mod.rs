//! modules.json and the files that it names. They describe how a sentence-transformers folder turns a text into a vector, module
//! by module. The reference is sentence-transformers 6.

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
    /// How a text is prepared for the network. Every function that reads text uses it.
    pub input: TextInput,
    /// How hidden states become the vector of a text. The error says why kerf cannot compute it; functions that need no vectors
    /// ignore the error.
    pub vectors: Result<Vectors, TensorsError>,
    /// Folders of the modules. They belong to the model.
    pub folders: Vec<String>,
}

/// How hidden states become the vector of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Vectors {
    /// Modules that change the hidden states of each token, in order.
    pub tokens: Vec<Module>,
    /// How the hidden states of a text become one vector.
    pub pooling: PoolingModule,
    /// Modules that change the vector of a text, in order.
    pub sentence: Vec<Module>,
    /// Prompts: texts that are put before a text.
    pub prompts: Prompts,
    /// Number of values at the start of a vector that are kept, after all modules. `None` for all values.
    pub truncate_dim: Option<usize>,
}

impl Pipeline {
    /// Reads modules.json (`value`) and the files that it names. It returns an error for a bad file, or for a part that is needed
    /// before the network. A part after the network that kerf cannot compute is an error in [`Pipeline::vectors`] only.
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
    /// The vectors of a model without modules.json: the mean over tokens, normalised to length 1.
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
                // Dropout does nothing at inference.
                Kind::Dropout if pooled => {}
                Kind::Dense | Kind::LayerNorm | Kind::Normalize if at > 0 => {
                    match (Module::read(entry, reader, facts)?, pooled) {
                        ((module, On::Tokens), false) => tokens.push(module),
                        ((module, On::Sentence), true) => sentence.push(module),
                        // For this module alone, sentence-transformers ignores a vector that does not exist yet.
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

/// The sub-folder with the transformer, if modules.json names one. Versions before 2 wrote such folders.
pub fn transformer_folder(value: &serde_json::Value) -> Option<String> {
    let first = entry::entries(value).ok()?.into_iter().next()?;
    (first.kind == Kind::Transformer && !first.path.is_empty()).then_some(first.path)
}

/// The same modules.json for a transformer that lies beside the file.
pub fn with_transformer_beside(mut value: serde_json::Value) -> serde_json::Value {
    if let Some(path) = value.get_mut(0).and_then(|first| first.get_mut("path")) {
        *path = "".into();
    }
    value
}
