//! Writes the header of a GGUF file.

use super::value::{Value, put_text};
use super::{ALIGN, Kind, MAGIC, VERSION};

/// A tensor that will be in the file.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub name: String,
    pub kind: Kind,
    /// Number of rows. `None` for a vector.
    pub rows: Option<usize>,
    pub cols: usize,
}

impl Placed {
    /// Bytes of the tensor with the padding behind it.
    pub fn padded_bytes(&self) -> usize {
        let bytes = self.kind.bytes(self.rows.unwrap_or(1), self.cols);
        let bytes = bytes.expect("a size that was checked");
        bytes.next_multiple_of(ALIGN)
    }
}

/// All bytes before the first tensor.
pub(crate) fn header(values: &[(String, Value)], tensors: &[Placed]) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&(tensors.len() as u64).to_le_bytes());
    out.extend_from_slice(&(values.len() as u64).to_le_bytes());
    for (key, value) in values {
        put_text(&mut out, key);
        value.put(&mut out);
    }
    let mut offset = 0u64;
    for tensor in tensors {
        put_text(&mut out, &tensor.name);
        // GGUF lists the fastest dimension first.
        let dims = std::iter::once(tensor.cols).chain(tensor.rows);
        out.extend_from_slice(&(dims.clone().count() as u32).to_le_bytes());
        dims.for_each(|dim| out.extend_from_slice(&(dim as u64).to_le_bytes()));
        out.extend_from_slice(&tensor.kind.element().id.to_le_bytes());
        out.extend_from_slice(&offset.to_le_bytes());
        offset += tensor.padded_bytes() as u64;
    }
    out.resize(out.len().next_multiple_of(ALIGN), 0);
    out
}
