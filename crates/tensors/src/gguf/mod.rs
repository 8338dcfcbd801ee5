//! GGUF, version 3: the file of llama.cpp. A header of typed values and tensor infos, then the tensors, each at a multiple of 32.
//!
//! What kerf writes says in values of its own which tensor of the model each is (`kerf.names`), how many rows a head has whose
//! rows were moved (`kerf.headRows`), and to which 1 was added (`kerf.plusOne`); by these it reads its files again. The element types of the
//! model are those of the file.

mod mark;
mod read;
mod value;
mod write;

pub(crate) use mark::is_marked;
pub(crate) use read::{Gguf, GgufTensor};
pub use value::Value;
pub(crate) use write::{Placed, header};

use crate::DType;
use crate::coded::Blocks;

const MAGIC: &[u8; 4] = b"GGUF";
const VERSION: u32 = 3;
/// Tensors start at multiples of this.
pub(crate) const ALIGN: usize = 32;

/// What wrote the file.
pub(crate) const PRODUCER: &str = "kerf.producer";
pub(crate) const NAMES: &str = "kerf.names";
pub(crate) const HEAD_ROWS: &str = "kerf.headRows";
pub(crate) const PLUS_ONE: &str = "kerf.plusOne";

/// Element type of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Float(DType),
    Blocks(Blocks),
}

impl Kind {
    const ALL: [(u32, Self); 5] = [
        (0, Self::Float(DType::F32)),
        (1, Self::Float(DType::F16)),
        (2, Self::Blocks(Blocks::Q4_0)),
        (8, Self::Blocks(Blocks::Q8_0)),
        (30, Self::Float(DType::BF16)),
    ];

    fn id(self) -> u32 {
        let row = Self::ALL.iter().find(|(_, kind)| *kind == self);
        row.expect("no other float type is written").0
    }

    fn from_id(id: u32) -> Option<Self> {
        let row = Self::ALL.iter().find(|row| row.0 == id);
        row.map(|row| row.1)
    }

    /// Bytes of `rows` rows of `cols` elements; `None` if there is no such row, or it is too large.
    pub fn bytes(self, rows: usize, cols: usize) -> Option<usize> {
        let row = match self {
            Self::Float(dtype) => cols.checked_mul((dtype.bits() / 8) as usize)?,
            Self::Blocks(blocks) if cols.is_multiple_of(32) => {
                (cols / 32).checked_mul(blocks.bytes())?
            }
            Self::Blocks(_) => return None,
        };
        row.checked_mul(rows)
            .filter(|bytes| *bytes <= isize::MAX as usize)
    }
}
