//! A model folder, opened.

use crate::Error;
use kerf_model::Network;
use kerf_tensors::{Catalog, Folder};
use std::path::Path;

/// A model of any form that kerf reads: catalog, and network if the architecture is known.
pub struct Opened {
    /// What is on disk.
    pub catalog: Catalog,
    /// Path as the user gave it.
    pub path: String,
}

impl Opened {
    /// Reads headers only.
    pub fn open(path: &str) -> Result<Self, Error> {
        Ok(Self {
            catalog: Catalog::open_path(Path::new(path))?,
            path: path.into(),
        })
    }

    /// The network on top of the tensors.
    pub fn network(&self) -> Result<Network, Error> {
        let null = serde_json::Value::Null;
        let config = self.catalog.config.as_ref().unwrap_or(&null);
        Ok(Network::open(config, &self.catalog)?)
    }

    /// `model_type` of config.json, or empty.
    pub fn model_type(&self) -> String {
        self.catalog
            .config
            .as_ref()
            .and_then(|config| config["model_type"].as_str())
            .unwrap_or_default()
            .into()
    }

    /// Bytes of all files that belong to the model: shards, index and sidecars.
    pub fn bytes(&self) -> Result<u64, Error> {
        let catalog = &self.catalog;
        let shards: u64 = catalog.shards.iter().map(|shard| shard.len_bytes).sum();
        let sidecars: u64 = catalog.sidecars.iter().map(|(_, bytes)| bytes).sum();
        Ok(shards + sidecars + index_bytes(&*catalog.folder)?)
    }
}

fn index_bytes(folder: &dyn Folder) -> Result<u64, Error> {
    let mut bytes = 0;
    for file in folder.list()? {
        if !file.contains('/')
            && (file.ends_with(".safetensors.index.json") || file.ends_with(".kerf.index.json"))
        {
            bytes += folder.open(&file)?.len_bytes();
        }
    }
    Ok(bytes)
}
