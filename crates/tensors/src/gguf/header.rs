//! The header of a file: its values, and its tensors with their places. It is checked against the file and for contradictions.

use super::cursor::Cursor;
use super::metadata::{Found, Metadata};
use super::types::Element;
use super::{ALIGN, MAGIC, VERSION};
use crate::folder::stand_in_of;
use crate::{Source, TensorsError};

/// Most dimensions of a tensor in GGUF.
const DIMS: u32 = 4;
/// The oldest version with the layout of the newest one.
const OLDEST: u32 = 2;

/// A tensor in a GGUF file.
#[derive(Clone, Debug)]
pub(crate) struct GgufTensor {
    /// Name in the file.
    pub name: String,
    pub element: &'static Element,
    /// Shape in the order of the model, rows first.
    pub shape: Vec<usize>,
    /// First byte, from the start of the file.
    pub offset: u64,
    pub len_bytes: u64,
}

/// A checked header.
pub(crate) struct Header {
    /// Offset of the first tensor.
    pub header_bytes: u64,
    pub values: Metadata,
    /// Tensors in the order of the header.
    pub tensors: Vec<GgufTensor>,
}

impl Header {
    /// Reads and checks a header. `BAD_HEADER` or `TRUNCATED` if it is not valid.
    pub fn read(source: &dyn Source) -> Result<Self, TensorsError> {
        let mut cursor = Cursor::new(source);
        if let Some(reason) = stand_in_of(source)? {
            return Err(cursor.bad(reason));
        }
        if cursor.take(4)? != MAGIC {
            return Err(cursor.bad("it does not begin with GGUF"));
        }
        check_version(&mut cursor)?;
        let tensors = cursor.count("tensors")?;
        let values = read_values(&mut cursor)?;
        let align = alignment(&cursor, &values)?;
        let tensors: Vec<GgufTensor> = (0..tensors)
            .map(|_| tensor(&mut cursor))
            .collect::<Result<_, _>>()?;
        let mut header = Self {
            header_bytes: cursor.at.next_multiple_of(align),
            values,
            tensors,
        };
        header.place(&cursor, align)?;
        Ok(header)
    }

    /// Checks that the tensors fill the rest of the file one after the other, with no more padding than the alignment needs.
    /// Offsets become relative to the file.
    fn place(&mut self, cursor: &Cursor<'_>, align: u64) -> Result<(), TensorsError> {
        for tensor in &mut self.tensors {
            let offset = tensor.offset.checked_add(self.header_bytes);
            let end = offset.and_then(|offset| offset.checked_add(tensor.len_bytes));
            let (Some(offset), Some(_)) = (offset, end) else {
                return Err(cursor.bad(format!("{} is at an impossible offset", tensor.name)));
            };
            tensor.offset = offset;
        }
        let mut in_order: Vec<&GgufTensor> = self.tensors.iter().collect();
        in_order.sort_by_key(|tensor| (tensor.offset, tensor.len_bytes));
        let mut end = self.header_bytes;
        for tensor in in_order {
            if tensor.offset != end.next_multiple_of(align) {
                let name = &tensor.name;
                return Err(cursor.bad(format!("{name} does not follow the tensor before it")));
            }
            end = tensor.offset + tensor.len_bytes;
            // The check is inside the loop, so that no sum exceeds the size of the file.
            if end > cursor.source.len_bytes() {
                return Err(cursor.truncated(end));
            }
        }
        if end > cursor.source.len_bytes() {
            return Err(cursor.truncated(end));
        }
        let last = end.next_multiple_of(align);
        match cursor.source.len_bytes() > last.max(self.header_bytes) {
            true => Err(cursor.bad("there is something behind the last tensor")),
            false => Ok(()),
        }
    }
}

fn check_version(cursor: &mut Cursor<'_>) -> Result<(), TensorsError> {
    let version = cursor.u32()?;
    match version {
        OLDEST..=VERSION => Ok(()),
        _ if (OLDEST..=VERSION).contains(&version.swap_bytes()) => {
            Err(cursor.bad("it is a file for big-endian machines; fetch the usual one"))
        }
        _ => Err(cursor.bad(format!(
            "version {version}, where {OLDEST} to {VERSION} are known; convert the model again with a current llama.cpp"
        ))),
    }
}

fn read_values(cursor: &mut Cursor<'_>) -> Result<Metadata, TensorsError> {
    let count = cursor.count("values")?;
    let mut values = Metadata::new();
    for _ in 0..count {
        let key = cursor.text()?;
        let value = cursor.value()?;
        if values.contains_key(&key) {
            return Err(cursor.bad(format!("{key} occurs twice")));
        }
        values.insert(key, value);
    }
    Ok(values)
}

/// The alignment of tensors in bytes.
fn alignment(cursor: &Cursor<'_>, values: &Metadata) -> Result<u64, TensorsError> {
    const KEY: &str = "general.alignment";
    match values.get(KEY) {
        None => Ok(ALIGN as u64),
        Some(Found::Whole(align)) if (1..=1 << 20).contains(align) => Ok(*align as u64),
        Some(other) => Err(cursor.bad(format!("{KEY} is {}", other.told()))),
    }
}

/// Reads the entry of one tensor. Its offset is relative to the end of the header.
fn tensor(cursor: &mut Cursor<'_>) -> Result<GgufTensor, TensorsError> {
    let name = cursor.text()?;
    let dims = cursor.u32()?;
    if !(1..=DIMS).contains(&dims) {
        return Err(cursor.bad(format!("tensor {name} has {dims} dimensions")));
    }
    let mut shape = Vec::with_capacity(dims as usize);
    for _ in 0..dims {
        shape.push(cursor.u64()?);
    }
    shape.reverse();
    let id = cursor.u32()?;
    let offset = cursor.u64()?;
    let Some(element) = Element::of_id(id) else {
        return Err(cursor.bad(format!(
            "tensor {name} is of type {id}, which is none that kerf knows (it reads {})",
            Element::read_names()
        )));
    };
    let shape: Result<Vec<usize>, _> = shape.into_iter().map(usize::try_from).collect();
    let shape = shape.map_err(|_| cursor.bad(format!("tensor {name} is too large")))?;
    let (cols, outer) = shape.split_last().expect("at least one dimension");
    let rows = outer
        .iter()
        .try_fold(1usize, |rows, dim| rows.checked_mul(*dim));
    // The limit of eight bytes for each weight leaves room for conversion to f32.
    let fits = rows.and_then(|rows| rows.checked_mul(*cols)?.checked_mul(8));
    let fits = fits.filter(|bytes| *bytes <= isize::MAX as usize);
    let len_bytes = rows.and_then(|rows| element.bytes_of(rows, *cols));
    let (Some(_), Some(len_bytes)) = (fits, len_bytes) else {
        return Err(cursor.bad(format!(
            "tensor {name} of {} has impossible shape {shape:?}",
            element.name
        )));
    };
    Ok(GgufTensor {
        name,
        element,
        shape,
        offset,
        len_bytes: len_bytes as u64,
    })
}
