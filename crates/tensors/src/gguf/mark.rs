//! Recognizes files that kerf wrote.

use super::PRODUCER;
use crate::{Source, TensorsError};

/// Number of bytes to search. Kerf writes its key before any long value.
const LOOK_BYTES: u64 = 4096;

/// Whether the header names kerf as the program that wrote the file.
pub(crate) fn is_marked(source: &dyn Source) -> Result<bool, TensorsError> {
    let mut start = vec![0; source.len_bytes().min(LOOK_BYTES) as usize];
    source.read_at(0, &mut start)?;
    // A string is stored as its length, then its bytes.
    let key = [&(PRODUCER.len() as u64).to_le_bytes(), PRODUCER.as_bytes()].concat();
    Ok(start.windows(key.len()).any(|piece| piece == key))
}
