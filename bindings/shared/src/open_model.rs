//! A model, opened: what is on disk, the network on top of it, and its tokenizer.

use crate::storage::Storage;
use crate::{Error, text_file};
use kerf_kernels::Compute;
use kerf_model::{Network, arch, evaluate::Runner};
use kerf_tensors::Catalog;
use kerf_text::{Description, TextError, Tokenizer, TokenizerFiles};

/// A model of any form that kerf reads, from headers alone.
pub struct OpenModel {
    /// What is on disk.
    pub catalog: Catalog,
    /// Path as the user gave it.
    pub path: String,
}

impl OpenModel {
    /// Reads headers only. `architecture`: path of a description in JSON, which then goes with the model as if it lay in its
    /// folder. `BAD_ARCHITECTURE` if it breaks a rule.
    pub fn open(
        storage: &dyn Storage,
        path: &str,
        architecture: Option<&str>,
    ) -> Result<Self, Error> {
        Self::with(
            Catalog::open(storage.folder(path)?)?,
            storage,
            path,
            architecture,
        )
    }

    /// [`OpenModel::open`] for those who only look: see [`Catalog::look`].
    pub fn look(
        storage: &dyn Storage,
        path: &str,
        architecture: Option<&str>,
    ) -> Result<Self, Error> {
        Self::with(
            Catalog::look(storage.folder(path)?)?,
            storage,
            path,
            architecture,
        )
    }

    fn with(
        mut catalog: Catalog,
        storage: &dyn Storage,
        path: &str,
        architecture: Option<&str>,
    ) -> Result<Self, Error> {
        if let Some(file) = architecture {
            let description = text_file::read(storage, file)?;
            arch::json::parse(file, description.as_bytes())?;
            catalog = catalog.with_sidecar(arch::json::FILE, description.into_bytes());
        }
        Ok(Self {
            catalog: kerf_model::with_own_head(catalog)?,
            path: path.into(),
        })
    }

    /// The network on top of the tensors.
    pub fn network(&self) -> Result<Network, Error> {
        Ok(Network::of_catalog(&self.catalog)?)
    }

    /// The tokenizer of the model; `operation` says in the error what needs it.
    pub fn tokenizer(&self, operation: &str) -> Result<Tokenizer, Error> {
        let description = self.tokenizer_description(operation)?;
        Tokenizer::new(description).map_err(|error| self.bad_tokenizer(error))
    }

    /// What the files of the folder say about the tokenizer.
    pub fn tokenizer_description(&self, operation: &str) -> Result<Description, Error> {
        let files = TokenizerFiles::read(self.catalog.folder.as_ref())?;
        if files.is_empty() {
            return Err(Error::NoTokenizer {
                model: self.path.clone(),
                operation: operation.into(),
            });
        }
        Description::of(&files, &self.catalog.files.tokenizer)
            .map_err(|error| self.bad_tokenizer(error))
    }

    /// An error of a tokenizer, with the path of its file.
    fn bad_tokenizer(&self, error: TextError) -> Error {
        Error::BadTokenizer {
            path: format!("{}/{}", self.path, error.file),
            reason: error.reason,
        }
    }

    /// `model_type` of config.json, or empty.
    pub fn model_type(&self) -> String {
        self.catalog
            .files
            .config
            .as_ref()
            .and_then(|config| config["model_type"].as_str())
            .unwrap_or_default()
            .into()
    }
}

/// A model that can run: opened, with network and tokenizer.
pub struct Runnable {
    /// What is on disk.
    pub opened: OpenModel,
    /// The network.
    pub network: Network,
}

impl Runnable {
    /// Opens a model to run it; see [`OpenModel::open`].
    pub fn open(
        storage: &dyn Storage,
        path: &str,
        architecture: Option<&str>,
    ) -> Result<Self, Error> {
        let opened = OpenModel::open(storage, path, architecture)?;
        let network = opened.network()?;
        Ok(Self { opened, network })
    }

    /// A runner that keeps up to `keep_bytes` of decoded weights.
    pub fn runner<'a>(&'a self, compute: &'a Compute, keep_bytes: u64) -> Runner<'a> {
        Runner::new(&self.network, &self.opened.catalog, compute, keep_bytes)
    }
}
