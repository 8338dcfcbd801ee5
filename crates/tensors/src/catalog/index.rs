//! The index of a sharded model, which says in which file each tensor is. The index decides what belongs to the model: a tensor
//! that it does not name, or names in another shard, is left out. A tensor that it names must be in the shard that it names.

use super::Shard;
use crate::files::Fact;
use crate::folder::is_safe;
use crate::json::UniqueMap;
use crate::kerf::drop_records;
use crate::safetensors::{Header, HeaderTensor};
use crate::{Folder, TensorsError};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A parsed index.
pub(super) struct Index {
    path: String,
    /// Name of the index file.
    file: String,
    /// Size of the index file in bytes.
    pub(super) len_bytes: u64,
    weight_map: BTreeMap<String, String>,
}

#[derive(serde::Deserialize)]
struct RawIndex {
    weight_map: UniqueMap,
}

/// Reads an index. `BAD_INDEX` if it names a file that the folder lacks. `files` must be sorted.
pub(super) fn read(
    folder: &dyn Folder,
    file: &str,
    files: &[String],
) -> Result<Index, TensorsError> {
    let path = format!("{}/{file}", folder.name());
    let json = folder.read(file)?;
    let raw: RawIndex = serde_json::from_slice(&json).map_err(|error| {
        let cut = if error.is_eof() {
            "; it ends in the middle, fetch it again"
        } else {
            ""
        };
        bad(&path, format!("not an index of shards: {error}{cut}"))
    })?;
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
        file: file.to_owned(),
        len_bytes: json.len() as u64,
        weight_map,
    })
}

impl Index {
    /// Names of the shards, sorted.
    pub(super) fn files(&self) -> Vec<String> {
        let files: BTreeSet<_> = self.weight_map.values().collect();
        files.into_iter().cloned().collect()
    }

    /// Removes from each header the tensors that the index does not place in that shard. `BAD_INDEX` if a tensor of the index is
    /// not in its shard. Returns a note about the removed tensors.
    pub(super) fn decide(
        &self,
        shards: &[Shard],
        headers: &mut [Header],
    ) -> Result<Option<Fact>, TensorsError> {
        let mut missing: BTreeSet<&String> = self.weight_map.keys().collect();
        let mut left_out = LeftOut::default();
        for (shard, header) in shards.iter().zip(headers) {
            let all = std::mem::take(&mut header.tensors).into_iter();
            let is_here = |tensor: &HeaderTensor| {
                self.weight_map
                    .get(&tensor.name)
                    .is_some_and(|file| *file == shard.file)
            };
            let (here, others): (Vec<_>, Vec<_>) = all.partition(is_here);
            here.iter().for_each(|tensor| {
                missing.remove(&tensor.name);
            });
            others.iter().for_each(|tensor| left_out.add(tensor, shard));
            header.tensors = here;
            drop_records(header, &others);
        }
        let Some(name) = missing.first() else {
            return Ok(left_out.fact(&self.file));
        };
        let file = &self.weight_map[*name];
        let reason = match left_out.places.get(*name) {
            Some(actual) => format!("tensor {name} is in {actual}, not in {file}"),
            None => format!("tensor {name} is not in {file}; fetch index and shards again"),
        };
        Err(bad(&self.path, reason))
    }

    /// A note about files with weights that are not shards of the index. `files` are all files of the folder.
    pub(super) fn others(&self, files: &[String]) -> Option<Fact> {
        let named = self.files();
        let stem = self.file.trim_end_matches(".index.json");
        let extension = stem.rfind('.').map_or(stem, |at| &stem[at..]);
        let is_other = |file: &&String| {
            let is_weights = !file.contains('/') && file.ends_with(extension);
            is_weights && named.binary_search(file).is_err()
        };
        let others: Vec<_> = files.iter().filter(is_other).cloned().collect();
        let says =
            "the index does not name these files; they are not part of the model and are not read";
        let value = others.join(", ");
        (!others.is_empty()).then(|| Fact::noted(&self.file, "weight_map", value, says))
    }
}

/// Tensors in shards that the index leaves out of the model.
#[derive(Default)]
struct LeftOut {
    /// Shard by name of tensor.
    places: BTreeMap<String, String>,
    count: usize,
    bytes: u64,
}

impl LeftOut {
    fn add(&mut self, tensor: &HeaderTensor, shard: &Shard) {
        self.places.insert(tensor.name.clone(), shard.file.clone());
        self.bytes += tensor.len_bytes;
        self.count += 1;
    }

    fn fact(self, file: &str) -> Option<Fact> {
        let (name, shard) = self.places.first_key_value()?;
        let (count, bytes) = (self.count, self.bytes);
        let says = format!(
            "the index decides: {count} tensors that the shards hold beside it ({bytes} bytes, such as {name} in {shard}) are not part of the model, not read and not written to a result"
        );
        Some(Fact::noted(file, "weight_map", count, says))
    }
}

fn bad(path: &str, reason: String) -> TensorsError {
    TensorsError::BadIndex {
        path: path.to_owned(),
        reason,
    }
}

/// `BAD_INDEX` if two shards hold tensors of one name.
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
