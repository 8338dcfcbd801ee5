//! Classification: a line each of text, tab, label; or of two texts and a label. There are no quotes: what stands between tabs is the
//! text.

use crate::{DataError, lines::numbered};

/// A text, or a pair of texts, and its label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelled {
    /// Its line in the file.
    pub line: u64,
    /// The text.
    pub text: String,
    /// The text that makes it a pair.
    pub second: Option<String>,
    /// The label as the file has it: a name or a number.
    pub label: String,
}

/// What the columns of a text are called in header lines.
const TEXT_NAMES: [&str; 7] = [
    "text",
    "text1",
    "sentence",
    "sentence1",
    "question",
    "question1",
    "premise",
];

/// All examples of a file. A first line that ends with `label` and begins with the usual name of a text (`sentence`, `premise`, ...)
/// is a header and left out. The error names the line of an example that is none, or that has more or fewer columns than the first.
pub fn read(path: &str, text: &str) -> Result<Vec<Labelled>, DataError> {
    let mut examples: Vec<Labelled> = Vec::new();
    let mut seen = false;
    for (line, row) in numbered(text) {
        let fields: Vec<&str> = row.split('\t').collect();
        if !std::mem::replace(&mut seen, true) && is_header(&fields) {
            continue;
        }
        let example = labelled(line, &fields).and_then(|example| match examples.first() {
            Some(first) if first.second.is_some() != example.second.is_some() => Err(format!(
                "{} columns, but line {} has {}",
                fields.len(),
                first.line,
                2 + usize::from(first.second.is_some())
            )),
            _ => Ok(example),
        });
        examples.push(example.map_err(|reason| DataError::at(path, line, reason))?);
    }
    match examples.is_empty() {
        true => Err(DataError::empty(path, "examples")),
        false => Ok(examples),
    }
}

fn is_header(fields: &[&str]) -> bool {
    let is = |field: &str, name: &str| field.trim().eq_ignore_ascii_case(name);
    let begins = |field: &&str| TEXT_NAMES.iter().any(|name| is(field, name));
    fields.first().is_some_and(begins) && fields.last().is_some_and(|last| is(last, "label"))
}

fn labelled(line: u64, fields: &[&str]) -> Result<Labelled, String> {
    let (text, second, label) = match fields {
        [text, label] => (*text, None, *label),
        [text, second, label] => (*text, Some(*second), *label),
        _ => {
            return Err(format!(
                "expected text, tab, label, or two texts and a label; columns found: {}",
                fields.len()
            ));
        }
    };
    let texts = [Some(text), second].into_iter().flatten();
    for (index, text) in texts.enumerate() {
        if text.trim().is_empty() {
            return Err(format!("text {} is empty", index + 1));
        }
    }
    if label.trim().is_empty() {
        return Err("the label is empty".into());
    }
    Ok(Labelled {
        line,
        text: text.into(),
        second: second.map(Into::into),
        label: label.trim().into(),
    })
}

/// The label of an example among the names of a model: one of the names, else a number from 0.
pub fn label_index(path: &str, example: &Labelled, names: &[String]) -> Result<usize, DataError> {
    let label = &example.label;
    let named = names.iter().position(|name| name == label);
    let number = || label.parse().ok().filter(|index| *index < names.len());
    named.or_else(number).ok_or_else(|| {
        let most = names.len().saturating_sub(1);
        let known = names.join(", ");
        let reason = format!(
            "the model has no label {label:?}: a label is a number from 0 to {most}, or one of {known}"
        );
        DataError::at(path, example.line, reason)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<(u64, String, Option<String>, String)> {
        let examples = read("f", text).expect(text);
        let parts = |example: Labelled| {
            let Labelled {
                line,
                text,
                second,
                label,
            } = example;
            (line, text, second, label)
        };
        examples.into_iter().map(parts).collect()
    }

    #[test]
    fn texts_pairs_headers_and_line_ends() {
        let good = ("good", None, "1");
        for text in [
            "good\t1",
            "\u{feff}good\t1\r\n",
            "sentence\tlabel\r\ngood\t 1 \n",
            "\n\ngood\t1\n\n",
        ] {
            let (_, first, second, label) = texts(text).remove(0);
            assert_eq!(
                (first.as_str(), second.as_deref(), label.as_str()),
                good,
                "{text:?}"
            );
        }
        let pairs = texts("premise\thypothesis\tlabel\n\"a\" b\tc\tno\n\nd\te\tyes\n");
        assert_eq!(
            pairs[0],
            (2, "\"a\" b".into(), Some("c".into()), "no".into())
        );
        assert_eq!(pairs[1].0, 4);
        // A text that is called like a column, but not in the first line, and one whose label is a word.
        assert_eq!(texts("a\t0\nsentence\tlabel").len(), 2);
        assert_eq!(texts("good\tlabel").len(), 1);
    }

    #[test]
    fn a_bad_line_is_named() {
        for (text, line, words) in [
            ("a\t1\nb", 2, "columns found: 1"),
            ("a\t1\r\n\r\nb\t\r\n", 3, "the label is empty"),
            ("a\t1\n \t1", 2, "text 1 is empty"),
            ("a\tb\t1\na\t\t1", 2, "text 2 is empty"),
            ("a\tb\tc\t1", 1, "columns found: 4"),
            ("a\t1\na\tb\t1", 2, "line 1 has 2"),
            ("sentence\tlabel\n", 1, "no examples"),
        ] {
            let error = read("f", text).expect_err(text);
            assert_eq!(error.line, line, "{text:?}");
            assert!(error.reason.contains(words), "{error}");
        }
    }

    #[test]
    fn labels_are_names_or_numbers() {
        let names = ["negative", "1", "positive"].map(String::from);
        let index = |label: &str| {
            let example = read("f", &format!("a\t{label}")).expect("one").remove(0);
            label_index("f", &example, &names)
        };
        assert_eq!(index("positive"), Ok(2));
        // A name is stronger than a number.
        assert_eq!(index("1"), Ok(1));
        assert_eq!(index("0"), Ok(0));
        for label in ["3", "-1", "Positive", "0.0"] {
            let error = index(label).expect_err(label);
            assert!(
                error
                    .reason
                    .contains("0 to 2, or one of negative, 1, positive")
            );
        }
    }
}
