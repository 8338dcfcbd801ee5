//! Writing in two phases. The plan decides every file and header before any content exists. Then the content is streamed.

use super::limits;
use crate::{DType, OutFolder, Sink, TensorsError};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Largest size of an element. Every tensor starts at a multiple of its element size.
const ALIGN_BYTES: u64 = 8;

/// A tensor that will be written. Its size is known before its bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutTensor {
    /// Name in the file.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Shape.
    pub shape: Vec<usize>,
}

impl OutTensor {
    /// Bytes of the tensor's content.
    pub fn len_bytes(&self) -> u64 {
        self.shape.iter().map(|&dim| dim as u64).product::<u64>() * self.dtype.bits() / 8
    }
}

/// A file of a plan: its complete header, and the tensors whose bytes follow in this order.
#[derive(Clone, Debug)]
pub struct PlannedFile {
    /// File name.
    pub file: String,
    /// The length of the JSON header in eight bytes, then the JSON, padded to 8 bytes.
    pub header: Vec<u8>,
    /// Tensors in the order in which their bytes must be streamed.
    pub tensors: Vec<OutTensor>,
}

impl PlannedFile {
    /// Size of the file.
    pub fn len_bytes(&self) -> u64 {
        let content: u64 = self.tensors.iter().map(OutTensor::len_bytes).sum();
        self.header.len() as u64 + content
    }
}

/// All files of a model, planned before any content is written.
#[derive(Clone, Debug)]
pub struct WritePlan {
    /// Files in order.
    pub files: Vec<PlannedFile>,
    /// Name and content of the index file, if there is more than one file.
    pub index: Option<(String, String)>,
}

type Unit = (Vec<OutTensor>, BTreeMap<String, String>);

/// Plans the files of a model.
///
/// A unit is a list of tensors that must stay in one file (a matrix and its parts), with metadata entries for the header of that
/// file. If several units of a file have an entry under one key, the highest number wins. `metadata` goes into every header.
/// `stem` and `extension` "model" and "safetensors" give model.safetensors, or model-00001-of-00002.safetensors and so on with
/// model.safetensors.index.json. A unit with more than `max_file_bytes` of content gets a file of its own.
///
/// Every tensor starts at a multiple of its element size. Units whose size is not a multiple of eight bytes are therefore moved
/// behind the others in a file. The caller must stream the tensors in the order of [`PlannedFile::tensors`], not of `units`.
pub fn plan_files(
    stem: &str,
    extension: &str,
    units: &[(Vec<OutTensor>, BTreeMap<String, String>)],
    metadata: &BTreeMap<String, String>,
    max_file_bytes: u64,
) -> WritePlan {
    let groups = group_units(units, max_file_bytes);
    let count = groups.len();
    let name = |index: usize| match count {
        1 => format!("{stem}.{extension}"),
        _ => format!("{stem}-{:05}-of-{count:05}.{extension}", index + 1),
    };
    let groups = groups.into_iter().enumerate();
    let files: Vec<_> = groups
        .map(|(index, units)| plan_file(name(index), units, metadata))
        .collect();
    let index = (count > 1).then(|| (format!("{stem}.{extension}.index.json"), index_json(&files)));
    WritePlan { files, index }
}

fn unit_bytes(unit: &Unit) -> u64 {
    unit.0.iter().map(OutTensor::len_bytes).sum()
}

/// Distributes the units over files in order. There is always at least one file, even if it is empty.
fn group_units(units: &[Unit], max_file_bytes: u64) -> Vec<Vec<&Unit>> {
    let mut groups = vec![Vec::new()];
    let mut filled = 0u64;
    // A unit without tensors is left out.
    for unit in units.iter().filter(|unit| !unit.0.is_empty()) {
        let bytes = unit_bytes(unit);
        let group = groups.last_mut().expect("never empty");
        if !group.is_empty() && filled.saturating_add(bytes) > max_file_bytes {
            groups.push(vec![unit]);
            filled = bytes;
        } else {
            group.push(unit);
            filled += bytes;
        }
    }
    groups
}

fn plan_file(file: String, units: Vec<&Unit>, metadata: &BTreeMap<String, String>) -> PlannedFile {
    let mut all = metadata.clone();
    for (key, value) in units.iter().flat_map(|unit| &unit.1) {
        // The version of the container is the one key that several units have. The file needs the highest version.
        let said = all.entry(key.clone()).or_default();
        if (said.len(), said.as_str()) < (value.len(), value) {
            said.clone_from(value);
        }
    }
    let tensors = aligned(units);
    PlannedFile {
        file,
        header: header(&tensors, &all),
        tensors,
    }
}

/// The tensors in an order in which each starts at a multiple of its element size. Units whose size is a multiple of eight bytes
/// come first, each with its widest elements first. The tensors of the other units follow, widest elements first.
fn aligned(units: Vec<&Unit>) -> Vec<OutTensor> {
    let is_whole = |unit: &&Unit| unit_bytes(unit).is_multiple_of(ALIGN_BYTES);
    let (whole, odd): (Vec<&Unit>, Vec<&Unit>) = units.into_iter().partition(is_whole);
    let widest_first = |units: &[&Unit]| {
        let mut tensors: Vec<_> = units.iter().flat_map(|unit| unit.0.clone()).collect();
        tensors.sort_by_key(|tensor| std::cmp::Reverse((tensor.dtype.bits() / 8).max(1)));
        tensors
    };
    let mut tensors: Vec<_> = whole
        .iter()
        .flat_map(|unit| widest_first(&[unit]))
        .collect();
    tensors.extend(widest_first(&odd));
    tensors
}

fn header(tensors: &[OutTensor], metadata: &BTreeMap<String, String>) -> Vec<u8> {
    let mut entries = Map::new();
    if !metadata.is_empty() {
        entries.insert("__metadata__".into(), json!(metadata));
    }
    let mut end = 0;
    for tensor in tensors {
        let begin = end;
        end += tensor.len_bytes();
        let entry = json!({
            "dtype": tensor.dtype.name(),
            "shape": tensor.shape,
            "data_offsets": [begin, end],
        });
        let twice = entries.insert(tensor.name.clone(), entry);
        assert!(twice.is_none(), "tensor {} is planned twice", tensor.name);
    }
    let mut json = Value::Object(entries).to_string().into_bytes();
    json.resize(json.len().next_multiple_of(ALIGN_BYTES as usize), b' ');
    debug_assert!(json.len() as u64 <= limits::HEADER_BYTES);
    let mut header = (json.len() as u64).to_le_bytes().to_vec();
    header.append(&mut json);
    header
}

fn index_json(files: &[PlannedFile]) -> String {
    let mut weight_map = BTreeMap::new();
    let mut total_size = 0;
    for file in files {
        for tensor in &file.tensors {
            weight_map.insert(&tensor.name, &file.file);
            total_size += tensor.len_bytes();
        }
    }
    let index = json!({ "metadata": { "total_size": total_size }, "weight_map": weight_map });
    format!("{index:#}\n")
}

/// Streams one planned file. `next` gives the bytes of each tensor in turn. Panics if their length is wrong, which is a bug.
pub fn stream_file<E: From<TensorsError>>(
    out: &mut dyn OutFolder,
    file: &PlannedFile,
    next: &mut dyn FnMut(&OutTensor, &mut dyn Sink) -> Result<(), E>,
) -> Result<(), E> {
    let mut sink = out.create(&file.file)?;
    sink.write(&file.header)?;
    for tensor in &file.tensors {
        let mut counted = Counted {
            sink: sink.as_mut(),
            written: 0,
        };
        next(tensor, &mut counted)?;
        let (written, planned) = (counted.written, tensor.len_bytes());
        assert_eq!(written, planned, "bytes of {}", tensor.name);
    }
    Ok(sink.finish()?)
}

/// A sink that counts the bytes written through it.
struct Counted<'a> {
    sink: &'a mut dyn Sink,
    written: u64,
}

impl Sink for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), TensorsError> {
        self.written += bytes.len() as u64;
        self.sink.write(bytes)
    }

    /// Nothing to do: the file is finished as a whole.
    fn finish(self: Box<Self>) -> Result<(), TensorsError> {
        Ok(())
    }
}
