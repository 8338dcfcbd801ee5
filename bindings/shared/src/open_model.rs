//! A model, opened: what is on disk, the network on top of it, and its tokenizer.

use crate::storage::Storage;
use crate::tokenizers::Tokenizers;
use crate::{Error, text_file};
use kerf_model::{Network, arch, evaluate::Decoded};
use kerf_tensors::Catalog;
use kerf_text::{Description, TextError, Tokenizer, TokenizerFiles};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A model of any form that kerf reads, from headers alone.
pub struct OpenModel {
    /// What is on disk.
    pub catalog: Catalog,
    /// Path as the user gave it.
    pub path: String,
    /// Tokenizers that were built.
    pub tokenizers: Tokenizers,
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
        let catalog = kerf_model::with_own_head(catalog)?;
        Ok(Self::of(catalog, path.into()))
    }

    /// Of what is on disk.
    pub fn of(catalog: Catalog, path: String) -> Self {
        Self {
            catalog,
            path,
            tokenizers: Tokenizers::default(),
        }
    }

    /// The network on top of the tensors.
    pub fn network(&self) -> Result<Network, Error> {
        Ok(Network::of_catalog(&self.catalog)?)
    }

    /// The tokenizer of the model; `operation` says in the error what needs it.
    pub fn tokenizer(&self, operation: &str) -> Result<Arc<Tokenizer>, Error> {
        self.tokenizers
            .get((None, false), || self.new_tokenizer(operation))
    }

    /// A tokenizer that nobody else has.
    pub fn new_tokenizer(&self, operation: &str) -> Result<Tokenizer, Error> {
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
    /// Weights that a call left behind, decoded and as they are stored.
    kept: [KeptWeights; 2],
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
        Ok(Self::of(opened, network))
    }

    /// Of what is open.
    pub fn of(opened: OpenModel, network: Network) -> Self {
        Self {
            opened,
            network,
            kept: Default::default(),
        }
    }

    /// Where weights lie between calls: decoded ones, or those that run as they are stored.
    pub fn kept(&self, compact: bool) -> &KeptWeights {
        &self.kept[usize::from(compact)]
    }

    /// Bytes of all weights that lie there.
    pub fn kept_bytes(&self) -> u64 {
        self.kept.iter().map(KeptWeights::bytes).sum()
    }
}

/// Weights that a call left behind for the next one of a model that stays open. A call takes them out, so that two never share them.
#[derive(Default)]
pub struct KeptWeights(Mutex<Decoded>);

impl KeptWeights {
    fn lock(&self) -> MutexGuard<'_, Decoded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes them out; none while another call has them.
    pub fn take(&self) -> Decoded {
        std::mem::take(&mut *self.lock())
    }

    /// Puts them back, if they are no fewer than what lies there.
    pub fn put(&self, decoded: Decoded) {
        let mut kept = self.lock();
        if decoded.bytes() >= kept.bytes() {
            *kept = decoded;
        }
    }

    fn bytes(&self) -> u64 {
        self.lock().bytes()
    }
}
