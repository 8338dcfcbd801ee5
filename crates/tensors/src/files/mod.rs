//! What the small files of a model folder say, read once into one typed description. Each thing in them is used, noted as a
//! [`Fact`], or refused by an error that names file and field. Nothing else reads these files.

mod fact;
pub mod fields;
pub mod generation;
pub mod parse;
pub mod pipeline;
pub mod tokenizer;

pub use fact::{Fact, Outcome};
pub use generation::Generation;
pub use pipeline::Pipeline;
pub use tokenizer::{Side, TokenizerSettings};

use crate::{Folder, TensorsError};
use serde_json::Value;

/// The description of a model beside its weights.
#[derive(Clone, Debug, Default)]
pub struct ModelFiles {
    /// config.json, if there is one. The network reads it (`kerf_model::Network`).
    pub config: Option<Value>,
    /// generation_config.json.
    pub generation: Generation,
    /// tokenizer_config.json.
    pub tokenizer: TokenizerSettings,
    /// modules.json and the files that it names, if it is a sentence-transformers folder.
    pub pipeline: Option<Pipeline>,
    /// What became of what the files say.
    pub facts: Vec<Fact>,
}

impl ModelFiles {
    /// Reads the files of `folder` whose names are in `files` (sorted). `NOT_A_MODEL` for one that is not JSON, `BAD_CONFIG` for a
    /// field with a value that it cannot have.
    pub fn read(folder: &dyn Folder, files: &[String]) -> Result<Self, TensorsError> {
        let reader = Reader { folder, files };
        let mut facts = Vec::new();
        let generation = match reader.json(generation::FILE)? {
            Some(value) => Generation::read(&value, &mut facts)?,
            None => Generation::default(),
        };
        let tokenizer = match reader.json(tokenizer::FILE)? {
            Some(value) => TokenizerSettings::read(&value, &mut facts)?,
            None => TokenizerSettings::default(),
        };
        let pipeline = match reader.json(pipeline::FILE)? {
            Some(value) => Some(Pipeline::read(&value, &reader, &mut facts)?),
            None => None,
        };
        Ok(Self {
            config: reader.json("config.json")?,
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

    /// Sentences of the facts that a user should know.
    pub fn notes(&self) -> Vec<String> {
        let noted = |fact: &&Fact| fact.outcome == Outcome::Noted;
        self.facts
            .iter()
            .filter(noted)
            .map(Fact::sentence)
            .collect()
    }
}

/// The files of a folder.
struct Reader<'a> {
    folder: &'a dyn Folder,
    files: &'a [String],
}

impl Reader<'_> {
    /// Whether the folder has a file.
    fn has(&self, file: &str) -> bool {
        self.files.iter().any(|name| name == file)
    }

    /// JSON of a file, if the folder has it.
    fn json(&self, file: &str) -> Result<Option<Value>, TensorsError> {
        if !self.has(file) {
            return Ok(None);
        }
        let path = format!("{}/{file}", self.folder.name());
        parse::json(&path, &self.folder.read(file)?).map(Some)
    }

    /// config.json of a module's folder, with its name. `NOT_FOUND` without one.
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
