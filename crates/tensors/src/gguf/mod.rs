//! GGUF, versions 2 and 3: the file format of llama.cpp. A header with typed values and tensor infos comes first. The tensors
//! follow, each at a multiple of 32 bytes, or of the alignment that the header gives.
//!
//! Kerf writes three values of its own, by which it reads its files again ([`origins`]). `kerf.names` has the name of each tensor
//! in the model. `kerf.headRows` has the number of rows of a head if rows were moved. `kerf.plusOne` says whether 1 was added to
//! the values. The element types of the model are those of the file. Files of other programs are seen as model folders
//! ([`foreign`]).

mod cursor;
pub(crate) mod foreign;
mod header;
mod mark;
mod metadata;
mod origins;
pub(crate) mod split;
mod types;
mod value;
mod write;

pub(crate) use header::{GgufTensor, Header};
pub(crate) use mark::is_marked;
pub(crate) use metadata::{Found, Metadata};
pub(crate) use origins::own_tensors;
pub(crate) use types::{Element, Reading};
pub use value::Value;
pub(crate) use write::{Placed, header};

use crate::DType;
use crate::foreign::Blocks;

const MAGIC: &[u8; 4] = b"GGUF";
const VERSION: u32 = 3;
/// Default alignment of tensors in bytes.
pub(crate) const ALIGN: usize = 32;

/// Key of the name of the program that wrote the file.
pub(crate) const PRODUCER: &str = "kerf.producer";
pub(crate) const NAMES: &str = "kerf.names";
pub(crate) const HEAD_ROWS: &str = "kerf.headRows";
pub(crate) const PLUS_ONE: &str = "kerf.plusOne";

/// Element type of a tensor in a file that kerf writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Float(DType),
    Blocks(Blocks),
}

impl Kind {
    /// The row of this type in the table of element types.
    fn element(self) -> &'static Element {
        Element::named(match self {
            Self::Float(dtype) => dtype.name(),
            Self::Blocks(Blocks::Q4_0) => "Q4_0",
            Self::Blocks(Blocks::Q8_0) => "Q8_0",
        })
    }

    /// The inverse of `element`. `None` for a type that kerf does not write.
    pub fn of(element: &Element) -> Option<Self> {
        let blocks = [Blocks::Q4_0, Blocks::Q8_0].map(Self::Blocks);
        let mut kinds = blocks.into_iter().chain(element.float().map(Self::Float));
        kinds.find(|kind| kind.element() == element)
    }

    /// Bytes of `rows` rows of `cols` elements. `None` if a row cannot have `cols` elements, or if the size overflows.
    pub fn bytes(self, rows: usize, cols: usize) -> Option<usize> {
        self.element().bytes_of(rows, cols)
    }
}
