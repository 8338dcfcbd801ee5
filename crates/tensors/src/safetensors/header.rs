//! Reads a header, which may be hostile. Every number is checked against the file and the limits before it is used, and memory
//! stays within a small multiple of the header's size.

use super::limits;
use crate::folder::stand_in_of;
use crate::json::UniqueMap;
use crate::{DType, Source, TensorsError};
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use std::collections::{BTreeMap, HashSet};
use std::fmt;

/// A tensor in the header of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderTensor {
    /// Name.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Shape. Neither the number of elements nor that of bytes overflows.
    pub shape: Vec<usize>,
    /// First byte, from the start of the file.
    pub offset: u64,
    /// Number of bytes.
    pub len_bytes: u64,
}

/// A checked header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Offset of the content: the size of the header, including the eight bytes of its length.
    pub header_bytes: u64,
    /// The entries of `__metadata__`.
    pub metadata: BTreeMap<String, String>,
    /// Tensors in the order of their bytes. They have no gaps and do not overlap.
    pub tensors: Vec<HeaderTensor>,
}

impl Header {
    /// Reads and checks the header of a file. `TRUNCATED` if the file is shorter than its header says, `BAD_HEADER` for any other
    /// fault.
    pub fn read(source: &dyn Source) -> Result<Self, TensorsError> {
        let json = read_json(source)?;
        let header_bytes = json.len() as u64 + 8;
        let raw: RawHeader = serde_json::from_slice(&json)
            .map_err(|error| bad(source, format!("not a safetensors header: {error}")))?;
        let end_of_data = raw.tensors.iter().map(|(_, raw)| raw.data_offsets.1).max();
        let mut tensors = Vec::with_capacity(raw.tensors.len());
        for (name, raw) in raw.tensors {
            let checked = check_tensor(name, raw, header_bytes);
            tensors.push(checked.map_err(|reason| bad(source, reason))?);
        }
        tensors.sort_by_key(|tensor| (tensor.offset, tensor.len_bytes));
        let expected_bytes = header_bytes.saturating_add(end_of_data.unwrap_or(0));
        if expected_bytes > source.len_bytes() {
            return Err(truncated(source, expected_bytes));
        }
        check_layout(&tensors, header_bytes, source.len_bytes())
            .map_err(|reason| bad(source, reason))?;
        Ok(Self {
            header_bytes,
            metadata: raw.metadata,
            tensors,
        })
    }
}

fn bad(source: &dyn Source, reason: impl Into<String>) -> TensorsError {
    TensorsError::BadHeader {
        path: source.name().to_owned(),
        reason: reason.into(),
    }
}

fn truncated(source: &dyn Source, expected_bytes: u64) -> TensorsError {
    TensorsError::Truncated {
        path: source.name().to_owned(),
        expected_bytes,
        actual_bytes: source.len_bytes(),
    }
}

/// The JSON text of the header.
fn read_json(source: &dyn Source) -> Result<Vec<u8>, TensorsError> {
    if let Some(reason) = stand_in_of(source)? {
        return Err(bad(source, reason));
    }
    if source.len_bytes() < 8 {
        return Err(truncated(source, 8));
    }
    let mut start = [0; 8];
    source.read_at(0, &mut start)?;
    let len = u64::from_le_bytes(start);
    if len > limits::HEADER_BYTES {
        let limit = limits::HEADER_BYTES;
        let reason = format!("it claims a header of {len} bytes, the limit is {limit}");
        return Err(bad(source, reason));
    }
    if len + 8 > source.len_bytes() {
        return Err(truncated(source, len + 8));
    }
    let mut json = vec![0; len as usize];
    source.read_at(8, &mut json)?;
    if json.first() != Some(&b'{') {
        return Err(bad(source, "it does not begin with {"));
    }
    Ok(json)
}

/// Checks one tensor, without looking at the others.
fn check_tensor(name: String, raw: RawTensor, header_bytes: u64) -> Result<HeaderTensor, String> {
    let dtype = DType::from_name(&raw.dtype)
        .ok_or_else(|| format!("tensor {name} has unknown dtype {:?}", raw.dtype))?;
    let dims = raw.shape.len();
    if dims > limits::DIMS {
        let limit = limits::DIMS;
        return Err(format!(
            "tensor {name} has {dims} dimensions, the limit is {limit}"
        ));
    }
    let (begin, end) = raw.data_offsets;
    if begin > end {
        return Err(format!(
            "tensor {name} ends at {end}, before its begin {begin}"
        ));
    }
    let bits = raw
        .shape
        .iter()
        .try_fold(1, |product: u64, &dim| product.checked_mul(dim))
        .filter(|&elements| usize::try_from(elements).is_ok())
        .and_then(|elements| elements.checked_mul(dtype.bits()));
    let shape: Result<Vec<usize>, _> = raw.shape.iter().map(|&dim| dim.try_into()).collect();
    let (Some(bits), Ok(shape)) = (bits, shape) else {
        return Err(format!(
            "tensor {name} with shape {:?} is too large",
            raw.shape
        ));
    };
    let len_bytes = end - begin;
    if bits % 8 != 0 || bits / 8 != len_bytes {
        return Err(format!(
            "tensor {name} with shape {shape:?} of {dtype:?} takes {bits} bits, its offsets hold {len_bytes} bytes"
        ));
    }
    let offset = begin.checked_add(header_bytes);
    Ok(HeaderTensor {
        offset: offset.ok_or_else(|| format!("tensor {name} begins out of range"))?,
        name,
        dtype,
        shape,
        len_bytes,
    })
}

/// Checks that the tensors, which are in order, fill the file exactly.
fn check_layout(tensors: &[HeaderTensor], begin: u64, len_bytes: u64) -> Result<(), String> {
    let mut expected = begin;
    for tensor in tensors {
        if tensor.offset != expected {
            let what = if tensor.offset < expected {
                "overlaps"
            } else {
                "leaves a hole after"
            };
            let at = tensor.offset - begin;
            return Err(format!(
                "tensor {} at {at} {what} the tensor before it",
                tensor.name
            ));
        }
        expected = tensor.offset + tensor.len_bytes;
    }
    if expected != len_bytes {
        let extra = len_bytes - expected;
        return Err(format!("{extra} bytes follow the last tensor"));
    }
    Ok(())
}

/// The header as JSON has it. A map of serde would accept a name that occurs twice; this type refuses it, and limits the number
/// of tensors.
#[derive(Default)]
struct RawHeader {
    metadata: BTreeMap<String, String>,
    tensors: Vec<(String, RawTensor)>,
}

#[derive(serde::Deserialize)]
struct RawTensor {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

impl<'de> Deserialize<'de> for RawHeader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = RawHeader;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawHeader, A::Error> {
        let mut header = RawHeader::default();
        let mut seen = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if seen.contains(&name) {
                return Err(A::Error::custom(format!("{name} occurs twice")));
            }
            if name == "__metadata__" {
                // Some programs write null for no metadata.
                let metadata = map.next_value::<Option<UniqueMap>>()?;
                header.metadata = metadata.map_or_else(BTreeMap::new, |metadata| metadata.0);
            } else if header.tensors.len() == limits::TENSORS {
                map.next_value::<IgnoredAny>()?;
                let limit = limits::TENSORS;
                return Err(A::Error::custom(format!("more than {limit} tensors")));
            } else {
                let tensor = map.next_value::<RawTensor>();
                let tensor =
                    tensor.map_err(|error| A::Error::custom(format!("tensor {name}: {error}")))?;
                header.tensors.push((name.clone(), tensor));
            }
            seen.insert(name);
        }
        Ok(header)
    }
}
