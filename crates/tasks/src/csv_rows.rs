//! Rows of a CSV file (RFC 4180) with their lines.

use crate::DataError;
use crate::lines::without_mark;

/// All rows with the line on which each begins. Rows may differ in their number of fields; blank lines are no rows.
pub(crate) fn rows(path: &str, text: &str) -> Result<Vec<(u64, csv::StringRecord)>, DataError> {
    let text = without_mark(text);
    let reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let blank = |record: &csv::StringRecord| record.iter().all(|field| field.trim().is_empty());
    let rows = reader.into_records().map(|record| {
        let record = record.map_err(|error| {
            DataError::at(path, line_of(text, error.position()), error.to_string())
        })?;
        Ok((line_of(text, record.position()), record))
    });
    rows.filter(|row| !matches!(row, Ok((_, record)) if record.len() == 1 && blank(record)))
        .collect()
}

/// Line of a row. A row's position is the end of the row before it, so blank lines in between are counted here.
fn line_of(text: &str, position: Option<&csv::Position>) -> u64 {
    let Some(position) = position else { return 1 };
    let rest = text
        .as_bytes()
        .get(position.byte() as usize..)
        .unwrap_or_default();
    let blank = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + blank.filter(|byte| **byte == b'\n').count() as u64
}
