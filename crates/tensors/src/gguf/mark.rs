//! Whether a file is from kerf.

use super::PRODUCER;
use crate::{Source, TensorsError};

/// kerf writes the key before everything that may be long.
const LOOK_BYTES: u64 = 4096;

/// Whether the file names kerf as what wrote it.
pub(crate) fn is_marked(source: &dyn Source) -> Result<bool, TensorsError> {
    let mut start = vec![0; source.len_bytes().min(LOOK_BYTES) as usize];
    source.read_at(0, &mut start)?;
    // A text is its length and its bytes.
    let key = [&(PRODUCER.len() as u64).to_le_bytes(), PRODUCER.as_bytes()].concat();
    Ok(start.windows(key.len()).any(|piece| piece == key))
}
