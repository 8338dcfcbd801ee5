//! Reading a header, which may be hostile: nothing is believed before it is checked against the file and the limits.

use super::value::types;
use super::{ALIGN, HEAD_ROWS, Kind, MAGIC, NAMES, PLUS_ONE, VERSION};
use crate::coded::Blocks;
use crate::folder::stand_in_of;
use crate::safetensors::limits;
use crate::{Source, TensorsError};
use std::collections::HashSet;

/// What is read from the file at a time.
const PIECE: usize = 1 << 16;

/// A tensor of a file that kerf wrote.
#[derive(Clone, Debug)]
pub(crate) struct GgufTensor {
    /// Name in the model.
    pub name: String,
    pub kind: Kind,
    pub shape: Vec<usize>,
    /// First byte, from the start of the file.
    pub offset: u64,
    pub len_bytes: u64,
    /// Rows of a head, if rows were moved; else 0.
    pub head_rows: usize,
    /// Whether 1 was added.
    pub plus_one: bool,
}

/// A checked header.
pub(crate) struct Gguf {
    /// Where the first tensor begins.
    pub header_bytes: u64,
    /// Tensors of the model in the order of their bytes.
    pub tensors: Vec<GgufTensor>,
}

/// What the values of kerf say of the tensors.
#[derive(Default)]
struct Origins {
    names: Option<Vec<String>>,
    head_rows: Vec<u32>,
    plus_one: Vec<bool>,
}

impl Gguf {
    /// `BAD_HEADER`, `TRUNCATED`; `NOT_A_MODEL` for a file that another program wrote.
    pub fn read(source: &dyn Source) -> Result<Self, TensorsError> {
        let mut cursor = Cursor {
            source,
            piece: Vec::new(),
            start: 0,
            at: 0,
        };
        if let Some(reason) = stand_in_of(source)? {
            return Err(cursor.bad(reason));
        }
        if cursor.take(4)? != MAGIC {
            return Err(cursor.bad("it does not begin with GGUF"));
        }
        let version = cursor.u32()?;
        if version != VERSION {
            return Err(cursor.bad(format!("version {version}, where {VERSION} is known")));
        }
        let tensors = cursor.count("tensors")?;
        let values = cursor.count("values")?;
        let mut origins = Origins::default();
        let mut keys = HashSet::new();
        for _ in 0..values {
            let key = cursor.text()?;
            origins.read(&mut cursor, &key)?;
            if keys.contains(&key) {
                return Err(cursor.bad(format!("{key} occurs twice")));
            }
            keys.insert(key);
        }
        let mut found: Vec<(usize, GgufTensor)> = Vec::new();
        for _ in 0..tensors {
            found.push((found.len(), cursor.tensor()?));
        }
        let header_bytes = cursor.at.next_multiple_of(ALIGN as u64);
        check_layout(&cursor, header_bytes, &mut found)?;
        let tensors = origins.apply(&cursor, found)?;
        Ok(Self {
            header_bytes,
            tensors,
        })
    }
}

impl Origins {
    /// Reads a value if it is one of kerf's, else steps over it.
    fn read(&mut self, cursor: &mut Cursor<'_>, key: &str) -> Result<(), TensorsError> {
        let kind = cursor.u32()?;
        if ![NAMES, HEAD_ROWS, PLUS_ONE].contains(&key) {
            return cursor.skip(kind);
        }
        let element = match kind {
            types::ARRAY => cursor.u32()?,
            other => other,
        };
        let is_it = [
            (NAMES, types::TEXT),
            (HEAD_ROWS, types::U32),
            (PLUS_ONE, types::BOOL),
        ]
        .contains(&(key, element));
        if kind != types::ARRAY || !is_it {
            return Err(cursor.bad(format!("{key} is of another type")));
        }
        for _ in 0..cursor.count(key)? {
            match key {
                NAMES => {
                    let name = cursor.text()?;
                    self.names.get_or_insert_default().push(name);
                }
                HEAD_ROWS => self.head_rows.push(cursor.u32()?),
                _ => self.plus_one.push(cursor.take(1)?[0] != 0),
            }
        }
        Ok(())
    }

    /// The tensors under their names in the model; those without one are llama.cpp's alone.
    fn apply(
        self,
        cursor: &Cursor<'_>,
        found: Vec<(usize, GgufTensor)>,
    ) -> Result<Vec<GgufTensor>, TensorsError> {
        let count = found.len();
        let Some(names) = self.names else {
            return Err(TensorsError::NotAModel {
                path: cursor.source.name().to_owned(),
                reason: "it is a GGUF file that kerf did not write; use the model's safetensors"
                    .into(),
            });
        };
        if [names.len(), self.head_rows.len(), self.plus_one.len()] != [count; 3] {
            return Err(cursor.bad("kerf's values are not as many as the tensors"));
        }
        let mut tensors = Vec::new();
        for (index, tensor) in found {
            let head_rows = self.head_rows[index] as usize;
            let rows = tensor.shape[0];
            if !head_rows.is_multiple_of(2) || (head_rows > 0 && !rows.is_multiple_of(head_rows)) {
                let name = &names[index];
                return Err(cursor.bad(format!("{name} has {rows} rows, heads of {head_rows}")));
            }
            if !names[index].is_empty() {
                tensors.push(GgufTensor {
                    name: names[index].clone(),
                    head_rows,
                    plus_one: self.plus_one[index],
                    ..tensor
                });
            }
        }
        Ok(tensors)
    }
}

/// Tensors are in the file, one behind the other without overlaps, the padding short.
fn check_layout(
    cursor: &Cursor<'_>,
    header_bytes: u64,
    tensors: &mut [(usize, GgufTensor)],
) -> Result<(), TensorsError> {
    for (_, tensor) in tensors.iter_mut() {
        let offset = tensor.offset.checked_add(header_bytes);
        let end = offset.and_then(|offset| offset.checked_add(tensor.len_bytes));
        let (Some(offset), Some(_)) = (offset, end) else {
            return Err(cursor.bad(format!("{} is at an impossible offset", tensor.name)));
        };
        tensor.offset = offset;
    }
    tensors.sort_by_key(|(_, tensor)| (tensor.offset, tensor.len_bytes));
    let mut end = header_bytes;
    for (_, tensor) in tensors.iter() {
        if tensor.offset != end.next_multiple_of(ALIGN as u64) {
            let name = &tensor.name;
            return Err(cursor.bad(format!("{name} does not follow the tensor before it")));
        }
        end = tensor.offset + tensor.len_bytes;
    }
    if end > cursor.source.len_bytes() {
        return Err(cursor.truncated(end));
    }
    let last = end.next_multiple_of(ALIGN as u64);
    match cursor.source.len_bytes() > last.max(header_bytes) {
        true => Err(cursor.bad("there is something behind the last tensor")),
        false => Ok(()),
    }
}

/// Reads forward through the header.
struct Cursor<'a> {
    source: &'a dyn Source,
    /// What was read last, and where it starts.
    piece: Vec<u8>,
    start: u64,
    at: u64,
}

impl Cursor<'_> {
    fn bad(&self, reason: impl Into<String>) -> TensorsError {
        TensorsError::BadHeader {
            path: self.source.name().to_owned(),
            reason: reason.into(),
        }
    }

    fn truncated(&self, expected_bytes: u64) -> TensorsError {
        TensorsError::Truncated {
            path: self.source.name().to_owned(),
            expected_bytes,
            actual_bytes: self.source.len_bytes(),
        }
    }

    /// The next bytes.
    fn take(&mut self, len: usize) -> Result<&[u8], TensorsError> {
        let end = self.at.saturating_add(len as u64);
        if end > limits::HEADER_BYTES {
            let limit = limits::HEADER_BYTES;
            return Err(self.bad(format!("a header of more than {limit} bytes")));
        }
        if end > self.source.len_bytes() {
            return Err(self.truncated(end));
        }
        if end > self.start + self.piece.len() as u64 {
            let rest = self.source.len_bytes() - self.at;
            let size = (len.max(PIECE) as u64).min(rest) as usize;
            self.piece.resize(size, 0);
            self.source.read_at(self.at, &mut self.piece)?;
            self.start = self.at;
        }
        let from = (self.at - self.start) as usize;
        self.at = end;
        Ok(&self.piece[from..from + len])
    }

    fn u32(&mut self) -> Result<u32, TensorsError> {
        let bytes = self.take(4)?;
        Ok(u32::from_le_bytes(bytes.try_into().expect("four bytes")))
    }

    fn u64(&mut self) -> Result<u64, TensorsError> {
        let bytes = self.take(8)?;
        Ok(u64::from_le_bytes(bytes.try_into().expect("eight bytes")))
    }

    /// A number of things, each of at least a byte.
    fn count(&mut self, what: &str) -> Result<u64, TensorsError> {
        let count = self.u64()?;
        match count > limits::HEADER_BYTES {
            true => Err(self.bad(format!("{count} {what}"))),
            false => Ok(count),
        }
    }

    fn text(&mut self) -> Result<String, TensorsError> {
        let len = self.count("bytes of a text")? as usize;
        let text = std::str::from_utf8(self.take(len)?).map(str::to_owned);
        text.map_err(|_| self.bad("a text is not UTF-8"))
    }

    /// Steps over a value. Arrays of arrays are in no file.
    fn skip(&mut self, kind: u32) -> Result<(), TensorsError> {
        if kind != types::ARRAY {
            return self.skip_elements(kind, 1);
        }
        let element = self.u32()?;
        let count = self.count("elements")?;
        self.skip_elements(element, count)
    }

    fn skip_elements(&mut self, kind: u32, count: u64) -> Result<(), TensorsError> {
        if kind == types::TEXT {
            for _ in 0..count {
                let len = self.count("bytes of a text")? as usize;
                self.take(len)?;
            }
            return Ok(());
        }
        let bytes = types::BYTES.get(kind as usize).copied().unwrap_or(0);
        if bytes == 0 {
            return Err(self.bad(format!("a value of type {kind}")));
        }
        self.take(bytes * count as usize).map(|_| ())
    }

    /// A tensor under its name in the file, at its offset behind the header.
    fn tensor(&mut self) -> Result<GgufTensor, TensorsError> {
        let name = self.text()?;
        let dims = self.u32()? as usize;
        if !(1..=2).contains(&dims) {
            return Err(self.bad(format!("tensor {name} has {dims} dimensions")));
        }
        let mut shape = Vec::with_capacity(2);
        for _ in 0..dims {
            shape.push(self.u64()?);
        }
        shape.reverse();
        let id = self.u32()?;
        let offset = self.u64()?;
        let Some(kind) = Kind::from_id(id) else {
            return Err(self.bad(format!(
                "tensor {name} is of type {id}, which kerf does not write"
            )));
        };
        let shape: Result<Vec<usize>, _> = shape.into_iter().map(usize::try_from).collect();
        let shape = shape.map_err(|_| self.bad(format!("tensor {name} is too large")))?;
        let (rows, cols) = match shape[..] {
            [rows, cols] => (rows, cols),
            _ => (1, shape[0]),
        };
        // Four bytes a weight is what it becomes.
        let fits = rows.checked_mul(cols).and_then(|n| n.checked_mul(8));
        let len_bytes = fits.and(kind.bytes(rows, cols));
        let Some(len_bytes) = len_bytes.filter(|_| fits.is_some_and(|n| n <= isize::MAX as usize))
        else {
            return Err(self.bad(format!("tensor {name} has impossible shape {shape:?}")));
        };
        if dims == 1 && matches!(kind, Kind::Blocks(Blocks::Q4_0 | Blocks::Q8_0)) {
            return Err(self.bad(format!("tensor {name} is a vector of blocks")));
        }
        Ok(GgufTensor {
            name,
            kind,
            shape,
            offset,
            len_bytes: len_bytes as u64,
            head_rows: 0,
            plus_one: false,
        })
    }
}
