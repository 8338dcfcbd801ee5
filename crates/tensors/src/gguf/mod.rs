//! GGUF, versions 2 and 3: the file of llama.cpp. A header of typed values and tensor infos, then the tensors, each at a multiple of 32
//! (or of what the header says).
//!
//! What kerf writes says in values of its own which tensor of the model each is (`kerf.names`), how many rows a head has whose
//! rows were moved (`kerf.headRows`), and to which 1 was added (`kerf.plusOne`); by these it reads its files again ([`origins`]). The
//! element types of the model are those of the file. What other programs write is seen as a model folder ([`foreign`]).

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
/// Tensors start at multiples of this.
pub(crate) const ALIGN: usize = 32;

/// What wrote the file.
pub(crate) const PRODUCER: &str = "kerf.producer";
pub(crate) const NAMES: &str = "kerf.names";
pub(crate) const HEAD_ROWS: &str = "kerf.headRows";
pub(crate) const PLUS_ONE: &str = "kerf.plusOne";

/// Element type of a tensor that kerf writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Float(DType),
    Blocks(Blocks),
}

impl Kind {
    /// Its row of the table.
    fn element(self) -> &'static Element {
        Element::named(match self {
            Self::Float(dtype) => dtype.name(),
            Self::Blocks(Blocks::Q4_0) => "Q4_0",
            Self::Blocks(Blocks::Q8_0) => "Q8_0",
        })
    }

    /// What a type of a file that kerf wrote is; `None` for a type that it does not write.
    pub fn of(element: &Element) -> Option<Self> {
        let blocks = [Blocks::Q4_0, Blocks::Q8_0].map(Self::Blocks);
        let mut kinds = blocks.into_iter().chain(element.float().map(Self::Float));
        kinds.find(|kind| kind.element() == element)
    }

    /// Bytes of `rows` rows of `cols` elements; `None` if there is no such row, or it is too large.
    pub fn bytes(self, rows: usize, cols: usize) -> Option<usize> {
        self.element().bytes_of(rows, cols)
    }
}
