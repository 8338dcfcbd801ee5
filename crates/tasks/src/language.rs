//! Language modelling: plain text. Blank lines stand between documents.

use crate::{DataError, lines::without_mark};

/// All documents of a file: what stands between blank lines, without the line ends around it. Line ends inside become LF.
pub fn read(path: &str, text: &str) -> Result<Vec<String>, DataError> {
    let mut documents = Vec::new();
    let mut lines: Vec<&str> = Vec::new();
    for line in without_mark(text).lines().chain([""]) {
        match line.trim().is_empty() {
            false => lines.push(line),
            true if lines.is_empty() => {}
            true => documents.push(std::mem::take(&mut lines).join("\n")),
        }
    }
    match documents.is_empty() {
        true => Err(DataError::empty(path, "text")),
        false => Ok(documents),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_part_documents() {
        let documents = read("f", "\u{feff}\r\na\r\nb\r\n\r\n \n\nc").expect("text");
        assert_eq!(documents, ["a\nb", "c"]);
    }
}
