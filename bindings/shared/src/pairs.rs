//! Pair files: RFC 4180 CSV of sentence, sentence, score, without a header.

use crate::storage::Storage;
use crate::{Error, text_file};

/// Two sentences and how alike people find them.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// First column.
    pub first: String,
    /// Second column.
    pub second: String,
    /// Third column.
    pub score: f64,
}

/// All pairs of a file. `BAD_PAIRS` with the line for a row that is not one; `EMPTY` for a file without rows.
pub fn read(storage: &dyn Storage, path: &str) -> Result<Vec<Pair>, Error> {
    let pairs = parse(path, &text_file::read(storage, path)?)?;
    if pairs.is_empty() {
        return Err(text_file::empty(path));
    }
    Ok(pairs)
}

fn parse(path: &str, text: &str) -> Result<Vec<Pair>, Error> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let bad = |line: u64, reason: String| Error::BadPairs {
        path: path.into(),
        line,
        reason,
    };
    reader
        .into_records()
        .map(|record| {
            let record =
                record.map_err(|error| bad(line_of(text, error.position()), error.to_string()))?;
            pair(&record).map_err(|reason| bad(line_of(text, record.position()), reason))
        })
        .collect()
}

/// Line of a row. A row's position is the end of the row before it, so blank lines in between are counted here.
fn line_of(text: &str, position: Option<&csv::Position>) -> u64 {
    let Some(position) = position else { return 0 };
    let rest = text
        .as_bytes()
        .get(position.byte() as usize..)
        .unwrap_or_default();
    let blank = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + blank.filter(|byte| **byte == b'\n').count() as u64
}

fn pair(record: &csv::StringRecord) -> Result<Pair, String> {
    if record.len() != 3 {
        return Err(format!(
            "expected 3 columns (sentence, sentence, score), found {}; sentences with a comma need quotes",
            record.len()
        ));
    }
    let score = record[2].trim();
    let score: f64 = score
        .parse()
        .ok()
        .filter(|value: &f64| value.is_finite())
        .ok_or_else(|| format!("the score is not a number: {score:?} (there is no header line)"))?;
    for column in 0..2 {
        if record[column].trim().is_empty() {
            return Err(format!("sentence {} is empty", column + 1));
        }
    }
    Ok(Pair {
        first: record[0].into(),
        second: record[1].into(),
        score,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_commas_line_breaks_and_both_line_ends() {
        let text = "\u{feff}a,b,1\r\n\"x, \"\"y\"\"\",\"two\nlines\",2.5\n\n c ,d,-3e0";
        let pairs = parse("f", text).expect("pairs");
        assert_eq!(pairs.len(), 3);
        assert_eq!(pairs[0].first, "a");
        assert_eq!(pairs[1].first, "x, \"y\"");
        assert_eq!(pairs[1].second, "two\nlines");
        assert_eq!((pairs[2].first.as_str(), pairs[2].score), (" c ", -3.0));
    }

    #[test]
    fn a_bad_row_is_named_by_its_line() {
        for (text, line) in [
            ("a,b,1\nc,d", 2),
            ("a,b,1\n\"c\nc\",d,2\ne,f,g,3", 4),
            ("sentence1,sentence2,score\na,b,1", 1),
            ("a,b,1\n\n\nc,d,NaN", 4),
            ("a,b,1\n,d,2", 2),
        ] {
            match parse("f", text) {
                Err(Error::BadPairs { line: at, .. }) => assert_eq!(at, line, "{text:?}"),
                other => panic!("{text:?}: {other:?}"),
            }
        }
    }
}
