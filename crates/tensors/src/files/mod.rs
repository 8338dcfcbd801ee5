//! The small files of a model folder, read once into one typed description. Each statement in them is followed, noted as a
//! [`Fact`], or refused with an error that names file and field. No other code reads these files.

pub mod adapter;
mod fact;
pub mod fields;
pub mod generation;
pub mod parse;
mod pattern;
pub mod pipeline;
pub mod quantization;
pub mod tokenizer;

pub use adapter::Adapter;
pub(crate) use fact::shortened;
pub use fact::{Fact, Outcome};
pub use generation::Generation;
pub use pipeline::Pipeline;
pub use quantization::Quantization;
pub use tokenizer::{Side, TokenizerSettings};

use crate::{Folder, TensorsError};
use serde_json::Value;

/// Name of the file that describes the network.
pub const CONFIG: &str = "config.json";

/// Sentence for users of a folder without that file.
pub const NO_CONFIG: &str = "the folder has no such file, so the network is not known: fetch it together with the weights (methods without calibration work on the weights alone)";

/// The description of a model by the small files beside its weights.
#[derive(Clone, Debug, Default)]
pub struct ModelFiles {
    /// config.json, if there is one. The network reads it (`kerf_model::Network`).
    pub config: Option<Value>,
    /// generation_config.json.
    pub generation: Generation,
    /// tokenizer_config.json and the other small files of a tokenizer.
    pub tokenizer: TokenizerSettings,
    /// adapter_config.json: the adapter that is merged into the weights.
    pub adapter: Option<Adapter>,
    /// How the weights are quantized, if they are.
    pub quantization: Option<Quantization>,
    /// modules.json and the files that it names, if it is a sentence-transformers folder.
    pub pipeline: Option<Pipeline>,
    /// What the files say, and what kerf does about it.
    pub facts: Vec<Fact>,
}

impl ModelFiles {
    /// Reads the files of `folder`. `files` are the names of all its files, sorted.
    ///
    /// # Errors
    /// `NOT_A_MODEL` for a file that is not JSON, `BAD_CONFIG` for a field with a value that it cannot have, and `BAD_ADAPTER`
    /// for an adapter that cannot be merged.
    pub fn read(folder: &dyn Folder, files: &[String]) -> Result<Self, TensorsError> {
        let reader = Reader { folder, files };
        let mut facts = Vec::new();
        let generation = match reader.json(generation::FILE)? {
            Some(value) => Generation::read(&value, &mut facts)?,
            None => Generation::default(),
        };
        let adapter = match reader.json(adapter::FILE)? {
            Some(value) => Some(Adapter::read(&value, &mut facts)?),
            None => None,
        };
        let config = reader.json(CONFIG)?;
        if config.is_none() {
            facts.push(Fact::noted(CONFIG, "", "", NO_CONFIG));
        }
        let tokenizer = TokenizerSettings::read(&reader, config.as_ref(), &mut facts)?;
        let pipeline = match reader.json(pipeline::FILE)? {
            Some(value) => Some(Pipeline::read(&value, &reader, &mut facts)?),
            None => None,
        };
        Ok(Self {
            quantization: quantization::read(config.as_ref(), &reader)?,
            config,
            adapter,
            generation,
            tokenizer,
            pipeline,
            facts,
        })
    }

    /// Folders of the modules that modules.json names.
    pub fn module_folders(&self) -> &[String] {
        self.pipeline
            .as_ref()
            .map_or(&[], |pipeline| &pipeline.folders)
    }

    /// Sentences about the facts that a user should know.
    pub fn notes(&self) -> Vec<String> {
        notes(&self.facts)
    }
}

/// Sentences about those facts that a user should know.
pub fn notes(facts: &[Fact]) -> Vec<String> {
    let noted = |fact: &&Fact| fact.outcome == Outcome::Noted;
    facts.iter().filter(noted).map(Fact::sentence).collect()
}

/// Access to the files of a folder by name.
struct Reader<'a> {
    folder: &'a dyn Folder,
    files: &'a [String],
}

impl Reader<'_> {
    /// Whether the folder has a file.
    fn has(&self, file: &str) -> bool {
        self.files.iter().any(|name| name == file)
    }

    /// Text of a file. `None` if the folder lacks it. Bytes that are not UTF-8 are replaced.
    fn text(&self, file: &str) -> Result<Option<String>, TensorsError> {
        if !self.has(file) {
            return Ok(None);
        }
        let bytes = self.folder.read(file)?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// JSON of a file. `None` if the folder lacks it.
    fn json(&self, file: &str) -> Result<Option<Value>, TensorsError> {
        if !self.has(file) {
            return Ok(None);
        }
        let path = format!("{}/{file}", self.folder.name());
        parse::json(&path, &self.folder.read(file)?).map(Some)
    }

    /// Name and content of the config.json in a module's folder. `NOT_FOUND` if there is none.
    fn module_config(&self, folder: &str) -> Result<(String, Value), TensorsError> {
        let file = format!("{folder}/config.json");
        match self.json(&file)? {
            Some(value) => Ok((file, value)),
            None => Err(TensorsError::NotFound {
                path: format!("{}/{file}", self.folder.name()),
            }),
        }
    }
}
