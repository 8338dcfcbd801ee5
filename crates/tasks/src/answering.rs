//! Extractive question answering: the JSON of SQuAD v1.1 (data, paragraphs, context, qas).

use crate::{DataError, lines::without_mark};
use serde::Deserialize;

/// A question about a context, with the answers that people gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its `id`, or empty.
    pub id: String,
    /// The question.
    pub question: String,
    /// The text that holds the answer.
    pub context: String,
    /// Right answers, one at least.
    pub answers: Vec<Answer>,
}

/// An answer: a piece of its context.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Answer {
    /// Its words.
    pub text: String,
    /// Where it begins in the context, in characters (not bytes).
    #[serde(rename = "answer_start")]
    pub start: usize,
}

#[derive(Deserialize)]
struct File {
    data: Vec<Article>,
}

#[derive(Deserialize)]
struct Article {
    paragraphs: Vec<Paragraph>,
}

/// What a file holds before it is checked.
#[derive(Deserialize)]
struct RawParagraph {
    context: String,
    qas: Vec<RawQuestion>,
}

#[derive(Deserialize)]
struct RawQuestion {
    #[serde(default)]
    id: String,
    question: String,
    answers: Vec<Answer>,
    #[serde(default)]
    is_impossible: bool,
}

/// Questions of a context. They are checked while the file is parsed, so that an error has a line.
#[derive(Deserialize)]
#[serde(try_from = "RawParagraph")]
struct Paragraph(Vec<Asked>);

impl TryFrom<RawParagraph> for Paragraph {
    type Error = String;

    fn try_from(raw: RawParagraph) -> Result<Self, String> {
        let RawParagraph { context, qas } = raw;
        let asked = qas.into_iter().enumerate().map(|(index, raw)| {
            check(&context, &raw).map_err(|reason| format!("qas[{index}]: {reason}"))?;
            Ok(Asked {
                id: raw.id,
                question: raw.question,
                context: context.clone(),
                answers: raw.answers,
            })
        });
        asked.collect::<Result<_, String>>().map(Self)
    }
}

fn check(context: &str, raw: &RawQuestion) -> Result<(), String> {
    if raw.question.trim().is_empty() {
        return Err("the question is empty".into());
    }
    if raw.is_impossible || raw.answers.is_empty() {
        return Err(
            "it has no answer; questions without one (SQuAD 2) are not read: leave them out".into(),
        );
    }
    for (index, Answer { text, start }) in raw.answers.iter().enumerate() {
        if text.trim().is_empty() {
            return Err(format!("answers[{index}] is empty"));
        }
        let rest = context.char_indices().nth(*start);
        let rest = rest.map_or("", |(byte, _)| &context[byte..]);
        if !rest.starts_with(text.as_str()) {
            return Err(format!(
                "answers[{index}]: {text:?} does not stand at character {start} of the context (answer_start)"
            ));
        }
    }
    Ok(())
}

/// All questions of a file. The error names the line, and the place in the JSON, of what breaks the rules.
pub fn read(path: &str, text: &str) -> Result<Vec<Asked>, DataError> {
    let mut json = serde_json::Deserializer::from_str(without_mark(text));
    let file: File = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let place = match error.path().to_string().as_str() {
            "." => String::new(),
            place => format!("{place}: "),
        };
        of_json(path, &place, error.inner())
    })?;
    json.end().map_err(|error| of_json(path, "", &error))?;
    let paragraphs = file.data.into_iter().flat_map(|article| article.paragraphs);
    let asked: Vec<Asked> = paragraphs.flat_map(|Paragraph(asked)| asked).collect();
    match asked.is_empty() {
        true => Err(DataError::empty(path, "questions")),
        false => Ok(asked),
    }
}

/// The sentence of an error of serde_json ends with the place, which is told apart here.
fn of_json(path: &str, place: &str, error: &serde_json::Error) -> DataError {
    let sentence = error.to_string();
    let end = format!(" at line {} column {}", error.line(), error.column());
    let reason = sentence.strip_suffix(&end).unwrap_or(&sentence);
    DataError::at(path, error.line().max(1) as u64, format!("{place}{reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(qas: &str) -> String {
        format!(
            "\u{feff}{{\"version\": \"1.1\", \"data\": [{{\"title\": \"t\", \"paragraphs\": [\r\n{{\"context\": \"Über the sea\", \"qas\": [{qas}]}}\r\n]}}]}}\n"
        )
    }

    #[test]
    fn answers_are_counted_in_characters() {
        let asked = read(
            "f",
            &file(r#"{"id": "1", "question": "where?", "answers": [{"text": "the sea", "answer_start": 5}]}"#),
        )
        .expect("a question");
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0].context, "Über the sea");
        assert_eq!(asked[0].answers[0].start, 5);
    }

    #[test]
    fn what_breaks_the_rules_is_named_by_line_and_place() {
        for (qas, words) in [
            (
                r#"{"question": "a", "answers": [{"text": "the", "answer_start": 6}]}"#,
                "qas[0]: answers[0]: \"the\" does not stand at character 6",
            ),
            (
                r#"{"question": "a", "answers": [{"text": "the", "answer_start": 600}]}"#,
                "character 600",
            ),
            (r#"{"question": "a", "answers": []}"#, "SQuAD 2"),
            (
                r#"{"question": " ", "answers": [{"text": "the", "answer_start": 5}]}"#,
                "the question is empty",
            ),
            (
                r#"{"question": "a", "answers": [{"text": "", "answer_start": 5}]}"#,
                "answers[0] is empty",
            ),
            (r#"{"answers": []}"#, "missing field `question`"),
            (r#"{"question": 3}"#, "expected a string"),
            ("{", "data[0].paragraphs[0]"),
        ] {
            let error = read("f", &file(qas)).expect_err(qas);
            assert!((2..=3).contains(&error.line), "{error}");
            assert!(error.reason.contains(words), "{error}");
            assert!(!error.reason.contains(" at line "), "{error}");
        }
        assert!(read("f", "{\"data\": []} x").is_err());
        assert!(
            read("f", "{\"data\": []}")
                .unwrap_err()
                .reason
                .contains("no questions")
        );
        assert!(read("f", "[]").unwrap_err().line == 1);
    }
}
