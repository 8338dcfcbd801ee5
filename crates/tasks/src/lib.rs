//! Files of examples for tasks, read and checked: one file of this crate and one row of [`TASKS`] a kind. A reader takes the text of a
//! file and gives examples with their lines; it knows no model, so that evaluation and training read the same data.

mod answering;
mod classification;
mod completion;
mod csv_rows;
mod error;
mod language;
mod lines;
mod similarity;

pub use answering::{Answer, Asked};
pub use classification::{Labelled, label_index};
pub use completion::{Continued, Preference, Prompted};
pub use error::DataError;
pub use similarity::Pair;

/// The examples of a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Examples {
    /// Texts, or pairs of texts, with a label.
    Classification(Vec<Labelled>),
    /// Pairs of sentences with a score.
    Similarity(Vec<Pair>),
    /// Texts.
    Language(Vec<String>),
    /// Questions about contexts.
    Answering(Vec<Asked>),
    /// Prompts with what should follow.
    Completion(Prompted),
}

/// A kind of task.
pub struct Task {
    /// Its name.
    pub id: &'static str,
    /// What a file of it looks like, in words.
    pub form: &'static str,
    /// Reads the text of a file. `path` names the file in errors. A file without examples is an error.
    pub read: fn(path: &str, text: &str) -> Result<Examples, DataError>,
}

/// All kinds of tasks.
pub const TASKS: &[Task] = &[
    Task {
        id: "classification",
        form: "a line each: text, tab, label; or text, tab, text, tab, label",
        read: |path, text| classification(path, text).map(Examples::Classification),
    },
    Task {
        id: "similarity",
        form: "CSV without a header: sentence, sentence, score",
        read: |path, text| similarity(path, text).map(Examples::Similarity),
    },
    Task {
        id: "language",
        form: "text; an empty line ends a document",
        read: |path, text| language(path, text).map(Examples::Language),
    },
    Task {
        id: "answering",
        form: "JSON of SQuAD: data, paragraphs, context, qas, question, answers",
        read: |path, text| answering(path, text).map(Examples::Answering),
    },
    Task {
        id: "completion",
        form: "JSON lines or CSV with a header: prompt and completion, or good and bad",
        read: |path, text| completion(path, text).map(Examples::Completion),
    },
];

pub use answering::read as answering;
pub use classification::read as classification;
pub use completion::read as completion;
pub use language::read as language;
pub use similarity::read as similarity;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_refuses_a_file_without_examples_and_names_it() {
        for task in TASKS {
            for text in ["", "\u{feff}", "\n\r\n  \n"] {
                let error = (task.read)("here/f", text).expect_err(task.id);
                assert!(error.to_string().starts_with("here/f, line "), "{error}");
            }
        }
    }
}
