//! Similarity: RFC 4180 CSV of sentence, sentence, score, without a header.

use crate::{DataError, csv_rows::rows};

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

/// All pairs of a file. The error names the line of a row that is none.
pub fn read(path: &str, text: &str) -> Result<Vec<Pair>, DataError> {
    let pairs: Vec<Pair> = rows(path, text)?
        .iter()
        .map(|(line, record)| pair(record).map_err(|reason| DataError::at(path, *line, reason)))
        .collect::<Result<_, _>>()?;
    match pairs.is_empty() {
        true => Err(DataError::empty(path, "pairs")),
        false => Ok(pairs),
    }
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
        let pairs = read("f", text).expect("pairs");
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
            let error = read("f", text).expect_err(text);
            assert_eq!(error.line, line, "{text:?}");
        }
    }
}
