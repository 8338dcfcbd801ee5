//! The index of a sharded model: which tensor is in which file. It must agree with the shards in both directions.

use super::Shard;
use crate::folder::is_safe;
use crate::json::UniqueMap;
use crate::safetensors::Header;
use crate::{Folder, TensorsError};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A parsed index.
pub(super) struct Index {
    path: String,
    /// Size of its file.
    pub(super) len_bytes: u64,
    weight_map: BTreeMap<String, String>,
}

#[derive(serde::Deserialize)]
struct RawIndex {
    weight_map: UniqueMap,
}

/// Reads an index. `BAD_INDEX` if it names a file that is not in the folder. `files` is sorted.
pub(super) fn read(
    folder: &dyn Folder,
    file: &str,
    files: &[String],
) -> Result<Index, TensorsError> {
    let path = format!("{}/{file}", folder.name());
    let json = folder.read(file)?;
    let raw: RawIndex = serde_json::from_slice(&json)
        .map_err(|error| bad(&path, format!("not an index of shards: {error}")))?;
    let weight_map = raw.weight_map.0;
    for (tensor, shard) in &weight_map {
        if !is_safe(shard) {
            let reason = format!("tensor {tensor} is in {shard:?}, outside the folder");
            return Err(bad(&path, reason));
        }
        if files.binary_search(shard).is_err() {
            let reason = format!("tensor {tensor} is in {shard}, which is missing; fetch it again");
            return Err(bad(&path, reason));
        }
    }
    if weight_map.is_empty() {
        return Err(bad(&path, "it names no tensor".to_owned()));
    }
    Ok(Index {
        path,
        len_bytes: json.len() as u64,
        weight_map,
    })
}

impl Index {
    /// The shards it names, sorted.
    pub(super) fn files(&self) -> Vec<String> {
        let files: BTreeSet<_> = self.weight_map.values().collect();
        files.into_iter().cloned().collect()
    }

    /// Every tensor is where the index says, and the index has every tensor.
    pub(super) fn check(&self, shards: &[Shard], headers: &[Header]) -> Result<(), TensorsError> {
        let mut seen = 0;
        for (shard, header) in shards.iter().zip(headers) {
            for tensor in &header.tensors {
                let name = &tensor.name;
                match self.weight_map.get(name) {
                    Some(file) if *file == shard.file => seen += 1,
                    Some(file) => {
                        let actual = &shard.file;
                        let reason = format!("tensor {name} is in {actual}, not in {file}");
                        return Err(bad(&self.path, reason));
                    }
                    None => {
                        let file = &shard.file;
                        let reason = format!("tensor {name} of {file} is not in the index");
                        return Err(bad(&self.path, reason));
                    }
                }
            }
        }
        if seen == self.weight_map.len() {
            return Ok(());
        }
        let present: BTreeSet<_> = headers
            .iter()
            .flat_map(|header| header.tensors.iter().map(|tensor| &tensor.name))
            .collect();
        let missing = self
            .weight_map
            .iter()
            .find(|(name, _)| !present.contains(name));
        let reason = match missing {
            Some((name, file)) => format!("tensor {name} is not in {file}"),
            None => "it does not agree with the shards".to_owned(),
        };
        Err(bad(&self.path, reason))
    }
}

fn bad(path: &str, reason: String) -> TensorsError {
    TensorsError::BadIndex {
        path: path.to_owned(),
        reason,
    }
}

/// No tensor is in two shards.
pub(super) fn check_unique(
    folder: &str,
    shards: &[Shard],
    headers: &[Header],
) -> Result<(), TensorsError> {
    let mut first_in: HashMap<&str, &str> = HashMap::new();
    for (shard, header) in shards.iter().zip(headers) {
        for tensor in &header.tensors {
            if let Some(first) = first_in.insert(&tensor.name, &shard.file) {
                let (name, second) = (&tensor.name, &shard.file);
                let reason = format!("tensor {name} is both in {first} and in {second}");
                return Err(bad(folder, reason));
            }
        }
    }
    Ok(())
}
