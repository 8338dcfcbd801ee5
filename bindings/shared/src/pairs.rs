//! Pair files of sentence, sentence, score.

use crate::storage::Storage;
use crate::{Error, text_file};
use kerf_tasks::{DataError, Pair, similarity};

/// All pairs of a file. `BAD_PAIRS` with the line for a row that is not one; `EMPTY` for a file without text.
pub fn read(storage: &dyn Storage, path: &str) -> Result<Vec<Pair>, Error> {
    similarity(path, &text_file::read(storage, path)?).map_err(|error| {
        let DataError { path, line, reason } = error;
        Error::BadPairs { path, line, reason }
    })
}
