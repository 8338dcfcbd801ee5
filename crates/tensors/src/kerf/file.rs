//! Containers as files: the names, records and versions in a safetensors header.

use super::layout::Layout;
use super::{EncodedPart, EncodedTensor, FIRST_VERSION, TensorRecord, VERSION, promises};
use crate::TensorsError;
use crate::safetensors::{Header, HeaderTensor, OutTensor, plan_files};
use std::collections::{BTreeMap, BTreeSet};

/// Names that a part may have.
const PARTS: [&str; 6] = ["rowptr", "scales", "values", "mask", "codes", "coded"];
/// The text between the name of a matrix and the name of its part.
const INFIX: &str = ".kerf.";
/// The prefix of the metadata key of a matrix; the name of the matrix follows.
const RECORD_PREFIX: &str = "kerf:";
const VERSION_KEY: &str = "kerf.version";

/// Metadata of every container that this program writes. The version of [`record_metadata`] replaces the one here. A run adds its
/// options under `kerf.options`.
pub fn metadata() -> BTreeMap<String, String> {
    BTreeMap::from([
        (VERSION_KEY.to_owned(), FIRST_VERSION.to_string()),
        producer(),
    ])
}

/// The metadata entry that names this program as the writer of a file.
pub fn producer() -> (String, String) {
    let producer = concat!("kerf ", env!("CARGO_PKG_VERSION"));
    ("kerf.producer".to_owned(), producer.to_owned())
}

/// The metadata of a header about the model as a whole, without the records of matrices.
pub(crate) fn model_metadata(header: &Header) -> BTreeMap<String, String> {
    let all = header.metadata.iter();
    let of_model = all.filter(|(key, _)| !key.starts_with(RECORD_PREFIX));
    of_model
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Removes the records of matrices whose parts were all removed from a header. `others` are the removed tensors.
pub(crate) fn drop_records(header: &mut Header, others: &[HeaderTensor]) {
    let matrix = |tensor: &HeaderTensor| split_part(&tensor.name).map(|(name, _)| name);
    let left: BTreeSet<String> = header.tensors.iter().filter_map(matrix).collect();
    for name in others.iter().filter_map(matrix) {
        if !left.contains(&name) {
            header.metadata.remove(&format!("{RECORD_PREFIX}{name}"));
        }
    }
}

/// Whether a header is that of a container, of any version.
pub(crate) fn is_container(header: &Header) -> bool {
    header.metadata.contains_key(VERSION_KEY)
}

/// The name under which a part is stored.
pub(crate) fn part_name(name: &str, part: &str) -> String {
    format!("{name}{INFIX}{part}")
}

/// Whether a tensor's name is that of a part.
pub(crate) fn is_part_name(name: &str) -> bool {
    split_part(name).is_some()
}

/// The name of a part as a static string. `part` must come from [`fold`].
pub(crate) fn static_part(part: &str) -> &'static str {
    let known = PARTS.into_iter().find(|known| *known == part);
    known.expect("fold lets no other part through")
}

/// The metadata entries for one matrix: its record, and the version if the matrix needs more than the first version.
pub(crate) fn record_metadata(name: &str, record: &TensorRecord) -> BTreeMap<String, String> {
    let json = serde_json::to_string(record).expect("a record is plain data");
    let mut metadata = BTreeMap::from([(format!("{RECORD_PREFIX}{name}"), json)]);
    if record.version() != FIRST_VERSION {
        metadata.insert(VERSION_KEY.to_owned(), record.version().to_string());
    }
    metadata
}

pub(super) fn bad(path: &str, tensor: &str, reason: impl Into<String>) -> TensorsError {
    TensorsError::BadContainer {
        path: path.to_owned(),
        tensor: tensor.to_owned(),
        reason: reason.into(),
    }
}

/// A tensor of the model, as it is stored in a file.
pub(crate) enum Folded {
    /// A plain tensor under its own name.
    Plain(HeaderTensor),
    /// The parts of a matrix, which fit its record.
    Packed {
        name: String,
        record: TensorRecord,
        parts: Vec<(&'static str, HeaderTensor)>,
    },
}

/// The tensors of the model in one file, in the order of their first bytes, and whether the file is a container. In a plain
/// safetensors file every tensor is plain.
pub(crate) fn fold(path: &str, header: Header) -> Result<(Vec<Folded>, bool), TensorsError> {
    let Some(version) = header.metadata.get(VERSION_KEY) else {
        let is_record = |key: &&String| key.starts_with(RECORD_PREFIX);
        if let Some(record) = header.metadata.keys().find(is_record) {
            return Err(TensorsError::BadHeader {
                path: path.to_owned(),
                reason: format!("it has the record {record}, but no {VERSION_KEY}"),
            });
        }
        let plain = header.tensors.into_iter().map(Folded::Plain).collect();
        return Ok((plain, false));
    };
    let mut known = FIRST_VERSION..=VERSION;
    let Some(number) = known.find(|known| *version == known.to_string()) else {
        return Err(TensorsError::ContainerVersion {
            path: path.to_owned(),
            version: version.clone(),
            supported: VERSION,
        });
    };
    let mut parts: BTreeMap<String, Vec<(&'static str, HeaderTensor)>> = BTreeMap::new();
    let mut folded = Vec::new();
    for tensor in header.tensors {
        match split_part(&tensor.name) {
            None => folded.push((tensor.offset, Folded::Plain(tensor))),
            Some((name, part)) => parts.entry(name).or_default().push((part, tensor)),
        }
    }
    for (key, json) in &header.metadata {
        let Some(name) = key.strip_prefix(RECORD_PREFIX) else {
            continue;
        };
        let parts = parts.remove(name).unwrap_or_default();
        let packed =
            fold_matrix(name, json, parts, number).map_err(|reason| bad(path, name, reason))?;
        folded.push(packed);
    }
    if let Some(name) = parts.keys().next() {
        return Err(bad(path, name, "there are parts of it, but no record"));
    }
    folded.sort_by_key(|(offset, _)| *offset);
    Ok((folded.into_iter().map(|(_, folded)| folded).collect(), true))
}

/// Splits the name of a part into the names of matrix and part. `None` for any other name.
fn split_part(tensor: &str) -> Option<(String, &'static str)> {
    let (name, part) = tensor.rsplit_once(INFIX)?;
    let part = PARTS.into_iter().find(|known| *known == part)?;
    Some((name.to_owned(), part))
}

/// Collects the parts of one matrix. Returns it with the offset of its first part.
fn fold_matrix(
    name: &str,
    json: &str,
    parts: Vec<(&'static str, HeaderTensor)>,
    version: u32,
) -> Result<(u64, Folded), String> {
    let record: TensorRecord =
        serde_json::from_str(json).map_err(|error| format!("its record is damaged: {error}"))?;
    if record.version() > version {
        let needed = record.version();
        return Err(format!(
            "its record needs version {needed}, the file is of version {version}"
        ));
    }
    let layout = Layout::new(&record)?;
    let described = parts.iter().map(|(part, tensor)| {
        (
            *part,
            tensor.dtype,
            tensor.shape.as_slice(),
            tensor.len_bytes,
        )
    });
    promises::check_parts(&layout, described)?;
    let offset = parts.iter().map(|(_, tensor)| tensor.offset).min();
    let packed = Folded::Packed {
        name: name.to_owned(),
        record,
        parts,
    };
    Ok((offset.unwrap_or(0), packed))
}

impl EncodedTensor {
    /// The plain tensors of the matrix, and its metadata entries.
    pub(crate) fn out_tensors(&self) -> (Vec<OutTensor>, BTreeMap<String, String>) {
        let out = |part: &EncodedPart| OutTensor {
            name: part_name(&self.name, part.part),
            dtype: part.dtype,
            shape: part.shape.clone(),
        };
        let tensors = self.parts.iter().map(out).collect();
        (tensors, record_metadata(&self.name, &self.record))
    }
}

/// The header of a file with this matrix alone, and the parts in the order in which they follow it.
pub(super) fn pieces(tensor: &EncodedTensor) -> (Vec<u8>, Vec<&EncodedPart>) {
    let unit = tensor.out_tensors();
    let mut plan = plan_files("unit", "kerf", &[unit], &metadata(), u64::MAX);
    let file = plan.files.remove(0);
    let part = |planned: &OutTensor| {
        let is_it = |part: &&EncodedPart| part_name(&tensor.name, part.part) == planned.name;
        tensor.parts.iter().find(is_it).expect("a planned part")
    };
    (file.header, file.tensors.iter().map(part).collect())
}
