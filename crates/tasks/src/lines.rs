//! Lines of a text with their numbers.

/// A text without the byte order mark that it may begin with.
pub(crate) fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// The lines that are not blank, numbered from 1, without their ends (LF or CRLF).
pub(crate) fn numbered(text: &str) -> impl Iterator<Item = (u64, &str)> {
    let lines = without_mark(text).lines().zip(1..);
    lines
        .filter(|(line, _)| !line.trim().is_empty())
        .map(|(line, number)| (number, line))
}
