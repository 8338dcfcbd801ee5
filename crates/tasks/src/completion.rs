//! Completion: a prompt and what should follow, or a good and a bad text of which the good one should be more likely. JSON lines, or
//! CSV with a header.

use crate::DataError;
use crate::csv_rows::rows;
use crate::lines::{numbered, without_mark};
use serde_json::Value;

/// A prompt and its completion. They are joined as they are: whoever wants a space between them writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Continued {
    /// Its line in the file.
    pub line: u64,
    /// What is given.
    pub prompt: String,
    /// What should follow.
    pub completion: String,
}

/// Two texts of which the first should be preferred.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preference {
    /// Its line in the file.
    pub line: u64,
    /// What stands before both; may be empty.
    pub prompt: String,
    /// The text that should be more likely.
    pub good: String,
    /// The text that should be less likely.
    pub bad: String,
}

/// The examples of a file: all of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompted {
    /// Prompts with a completion.
    Continued(Vec<Continued>),
    /// Good and bad texts.
    Preferences(Vec<Preference>),
}

/// What a field is called: its own name first, then those of known data sets (E2E, BLiMP).
const PROMPT: [&str; 2] = ["prompt", "mr"];
const COMPLETION: [&str; 2] = ["completion", "ref"];
const GOOD: [&str; 2] = ["good", "sentence_good"];
const BAD: [&str; 2] = ["bad", "sentence_bad"];
const EXPECTED: &str = "expected prompt and completion, or good and bad (also mr and ref, sentence_good and sentence_bad)";

/// A field of a row by its names. `Ok(None)`: there is none.
type Field<'a> = &'a dyn Fn(&[&str]) -> Result<Option<String>, String>;

enum Row {
    Continued(Continued),
    Preference(Preference),
}

/// All examples of a file. It is JSON lines if it begins with `{`, else CSV with a header; other fields are passed over. The error names
/// the line of an example that is none, or of another kind than the first.
pub fn read(path: &str, text: &str) -> Result<Prompted, DataError> {
    let rows = match without_mark(text).trim_start().starts_with('{') {
        true => json_lines(path, text)?,
        false => table(path, text)?,
    };
    let (mut continued, mut preferences) = (Vec::new(), Vec::new());
    let mut of_first = None;
    for row in rows {
        let (line, kind) = match &row {
            Row::Continued(row) => (row.line, "prompt and completion"),
            Row::Preference(row) => (row.line, "good and bad"),
        };
        let first = *of_first.get_or_insert(kind);
        if first != kind {
            let reason = format!("it has {kind}, but the first example has {first}");
            return Err(DataError::at(path, line, reason));
        }
        match row {
            Row::Continued(row) => continued.push(row),
            Row::Preference(row) => preferences.push(row),
        }
    }
    match of_first {
        None => Err(DataError::empty(path, "examples")),
        Some(_) if continued.is_empty() => Ok(Prompted::Preferences(preferences)),
        Some(_) => Ok(Prompted::Continued(continued)),
    }
}

fn json_lines(path: &str, text: &str) -> Result<Vec<Row>, DataError> {
    let rows = numbered(text).map(|(line, text)| {
        let bad = |reason: String| DataError::at(path, line, reason);
        let value: Value = serde_json::from_str(text)
            .map_err(|error| bad(format!("it is no JSON object in one line: {error}")))?;
        let field = |names: &[&str]| {
            let found = names.iter().find_map(|name| Some((name, value.get(name)?)));
            match found {
                None => Ok(None),
                Some((_, Value::String(text))) => Ok(Some(text.clone())),
                Some((name, _)) => Err(format!("{name} is no string")),
            }
        };
        row(line, &field).map_err(bad)
    });
    rows.collect()
}

fn table(path: &str, text: &str) -> Result<Vec<Row>, DataError> {
    let mut rows = rows(path, text)?.into_iter();
    let Some((first, header)) = rows.next() else {
        return Ok(Vec::new());
    };
    let column = |names: &[&str]| {
        let is = |field: &str| names.iter().any(|name| field.trim() == *name);
        header.iter().position(is)
    };
    let has = |a: &[&str], b: &[&str]| column(a).is_some() && column(b).is_some();
    if !has(&PROMPT, &COMPLETION) && !has(&GOOD, &BAD) {
        let reason = format!("the header has other columns: {EXPECTED}");
        return Err(DataError::at(path, first, reason));
    }
    let rows = rows.map(|(line, record)| {
        let bad = |reason: String| DataError::at(path, line, reason);
        if record.len() != header.len() {
            return Err(bad(format!(
                "{} columns, but the header has {}; a field with a comma needs quotes",
                record.len(),
                header.len()
            )));
        }
        let field = |names: &[&str]| Ok(column(names).map(|column| record[column].to_string()));
        row(line, &field).map_err(bad)
    });
    rows.collect()
}

fn row(line: u64, field: Field<'_>) -> Result<Row, String> {
    let filled = |names: &[&str], text: String| match text.is_empty() {
        true => Err(format!("{} is empty", names[0])),
        false => Ok(text),
    };
    let prompt = field(&PROMPT)?;
    if let (Some(good), Some(bad)) = (field(&GOOD)?, field(&BAD)?) {
        return Ok(Row::Preference(Preference {
            line,
            prompt: prompt.unwrap_or_default(),
            good: filled(&GOOD, good)?,
            bad: filled(&BAD, bad)?,
        }));
    }
    match (prompt, field(&COMPLETION)?) {
        (Some(prompt), Some(completion)) => Ok(Row::Continued(Continued {
            line,
            prompt,
            completion: filled(&COMPLETION, completion)?,
        })),
        _ => Err(EXPECTED.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn continued(text: &str) -> Vec<(u64, String, String)> {
        match read("f", text).expect(text) {
            Prompted::Continued(rows) => rows
                .into_iter()
                .map(|row| (row.line, row.prompt, row.completion))
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn json_lines_and_csv_say_the_same() {
        let expected = [
            (2, "a, b".into(), " c".into()),
            (4, "\"d\"\ne".into(), "f".into()),
        ];
        let csv = "\u{feff}mr,ref\r\n\"a, b\", c\r\n\r\n\"\"\"d\"\"\ne\",f\r\n";
        assert_eq!(continued(csv), expected);
        let json = "\u{feff}\r\n{\"prompt\":\"a, b\",\"completion\":\" c\",\"x\":1}\r\n\n{\"prompt\":\"\\\"d\\\"\\ne\",\"completion\":\"f\"}";
        assert_eq!(continued(json), expected);
    }

    #[test]
    fn good_and_bad_may_have_a_prompt() {
        for (text, prompt) in [
            ("good,bad\nx,y", ""),
            (
                "{\"sentence_good\":\"x\",\"sentence_bad\":\"y\",\"field\":3}",
                "",
            ),
            ("bad,prompt,good\ny,p ,x", "p "),
        ] {
            let Ok(Prompted::Preferences(rows)) = read("f", text) else {
                panic!("{text}");
            };
            assert_eq!((rows[0].good.as_str(), rows[0].bad.as_str()), ("x", "y"));
            assert_eq!(rows[0].prompt, prompt);
        }
    }

    #[test]
    fn a_bad_line_is_named() {
        for (text, line, words) in [
            ("a,b\nc,d", 1, "the header has other columns"),
            ("prompt,completion\na,b\nc", 3, "1 columns"),
            ("prompt,completion\n\na,", 3, "completion is empty"),
            ("good,bad\na,\"\"", 2, "bad is empty"),
            (
                "{\"prompt\":\"a\",\"completion\":\"b\"}\n{\"prompt\":\"a\"}",
                2,
                "expected prompt",
            ),
            (
                "{\"prompt\":\"a\",\"completion\":\"b\"}\n\n{\"prompt\":",
                3,
                "no JSON object",
            ),
            (
                "{\"prompt\":\"a\",\"completion\":7}",
                1,
                "completion is no string",
            ),
            (
                "{\"prompt\":\"a\",\"completion\":\"b\"}\n{\"good\":\"a\",\"bad\":\"b\"}",
                2,
                "the first example has",
            ),
            ("prompt,completion\n", 1, "no examples"),
        ] {
            let error = read("f", text).expect_err(text);
            assert_eq!(error.line, line, "{error}");
            assert!(error.reason.contains(words), "{error}");
        }
    }
}
