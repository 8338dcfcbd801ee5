//! Text of the user, read a part at a time: UTF-8 and not empty, or an error that says which file and where. A byte order mark at
//! the start is no part of the text.

use crate::Error;
use crate::storage::Storage;
use kerf_model::ModelError;
use kerf_tensors::Source;
use kerf_tensors::folder::MemSource;

/// Bytes that are read at once.
const PART_BYTES: u64 = 64 << 10;
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A text that is read from its start to its end, or from places in it. It is never in memory whole, unless the user gave it so.
pub struct Text {
    /// What to call it in errors.
    path: String,
    source: Box<dyn Source>,
    /// Where the text begins.
    begin: u64,
    /// The next byte.
    at: u64,
}

impl Text {
    /// A text file. Reads all of it once, to check it: `NOT_FOUND`, `NOT_UTF8`, `EMPTY`.
    pub fn open(storage: &dyn Storage, path: &str) -> Result<Self, Error> {
        let mut text = Self {
            path: path.into(),
            source: storage.open(path)?,
            begin: 0,
            at: 0,
        };
        let mut blank = true;
        while let Some(part) = text.part()? {
            if text.begin == 0 && part.starts_with(BYTE_ORDER_MARK) && text.at == part.len() as u64
            {
                text.begin = BYTE_ORDER_MARK.len() as u64;
            }
            blank = blank && without_mark(&part).trim().is_empty();
        }
        text.at = text.begin;
        match blank {
            true => Err(empty(path)),
            false => Ok(text),
        }
    }

    /// A text that a request holds.
    pub fn given(text: &str) -> Self {
        let path = "text";
        let bytes = without_mark(text).as_bytes().to_vec();
        Self {
            path: path.into(),
            source: Box::new(MemSource::new(path, bytes)),
            begin: 0,
            at: 0,
        }
    }

    /// Bytes of the text.
    pub fn bytes(&self) -> u64 {
        self.source.len_bytes().saturating_sub(self.begin)
    }

    /// Bytes of the text before the next part.
    pub fn done(&self) -> u64 {
        self.at - self.begin
    }

    /// Goes on at the first character at or after a byte of the text.
    pub fn go_to(&mut self, place: u64) -> Result<(), Error> {
        self.at = (self.begin + place).min(self.source.len_bytes());
        let mut few = vec![0; (self.source.len_bytes() - self.at).min(4) as usize];
        self.source.read_at(self.at, &mut few)?;
        let inside = |byte: &&u8| (**byte & 0b1100_0000) == 0b1000_0000;
        self.at += few.iter().take_while(inside).count() as u64;
        Ok(())
    }

    /// The next part, of whole characters; `None` at the end. `NOT_UTF8`.
    pub fn part(&mut self) -> Result<Option<String>, Error> {
        let len = (self.source.len_bytes() - self.at).min(PART_BYTES);
        if len == 0 {
            return Ok(None);
        }
        let mut bytes = vec![0; len as usize];
        self.source.read_at(self.at, &mut bytes)?;
        let ends = self.at + len == self.source.len_bytes();
        if let Err(error) = std::str::from_utf8(&bytes) {
            let valid = error.valid_up_to();
            // A character may go on in the next part.
            if error.error_len().is_some() || ends {
                return Err(self.not_utf8(valid));
            }
            bytes.truncate(valid);
        }
        let part = String::from_utf8(bytes).map_err(|_| self.not_utf8(0))?;
        self.at += part.len() as u64;
        Ok(Some(part))
    }

    fn not_utf8(&self, valid: usize) -> Error {
        Error::NotUtf8 {
            path: self.path.clone(),
            offset: self.at + valid as u64,
        }
    }
}

/// A line of a text.
#[derive(Debug, PartialEq)]
pub struct Line {
    /// Without its end, and no longer than what was asked for.
    pub text: String,
    /// Bytes of the whole line.
    pub bytes: u64,
}

/// The lines of a text. Of a long line only the beginning is kept.
pub struct Lines<'t> {
    text: &'t mut Text,
    /// What was read and is in no line yet.
    part: String,
    most: usize,
    ended: bool,
}

impl<'t> Lines<'t> {
    /// `most`: bytes of a line that are kept, about.
    pub fn of(text: &'t mut Text, most: usize) -> Self {
        Self {
            text,
            part: String::new(),
            most,
            ended: false,
        }
    }

    /// The next line.
    pub fn next(&mut self) -> Result<Option<Line>, Error> {
        let mut line = Line {
            text: String::new(),
            bytes: 0,
        };
        loop {
            let end = self.part.find('\n');
            let piece: String = self.part.drain(..end.unwrap_or(self.part.len())).collect();
            line.bytes += piece.len() as u64;
            if line.text.len() < self.most {
                line.text.push_str(&piece);
            }
            if end.is_some() {
                self.part.drain(..1);
                if line.text.len() as u64 == line.bytes && line.text.ends_with('\r') {
                    line.text.pop();
                }
                return Ok(Some(line));
            }
            match self.text.part()? {
                Some(part) => self.part = part,
                None => {
                    let last = !std::mem::replace(&mut self.ended, true) && line.bytes > 0;
                    return Ok(last.then_some(line));
                }
            }
        }
    }
}

/// A text without the byte order mark that it may begin with.
pub fn without_mark(text: &str) -> &str {
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
}

/// The whole of a small text file.
pub fn read(storage: &dyn Storage, path: &str) -> Result<String, Error> {
    let mut text = Text::open(storage, path)?;
    let mut whole = String::new();
    while let Some(part) = text.part()? {
        whole.push_str(&part);
    }
    Ok(whole)
}

/// `EMPTY`, naming what has no text.
pub fn empty(what: &str) -> Error {
    ModelError::Empty {
        what: what.into(),
        fix: "give a text with at least a few words".into(),
    }
    .into()
}

/// The one text of a request that may give it or a file; `None` if it gives neither.
pub fn one_of(
    storage: &dyn Storage,
    text: Option<&str>,
    file: Option<&str>,
) -> Result<Option<Text>, Error> {
    match (text, file) {
        (Some(_), Some(_)) => Err(Error::BadRequest {
            field: "textFile".into(),
            expected: "nothing beside `text`".into(),
            actual: "both".into(),
        }),
        (Some(text), None) if without_mark(text).trim().is_empty() => Err(empty("text")),
        (Some(text), None) => Ok(Some(Text::given(text))),
        (None, Some(file)) => Text::open(storage, file).map(Some),
        (None, None) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::FileSystem;

    fn file(content: &[u8]) -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("x.txt");
        std::fs::write(&file, content).expect("write");
        let path = file.to_str().expect("UTF-8").to_owned();
        (folder, path)
    }

    #[test]
    fn what_is_not_text_is_named() {
        assert_eq!(
            read(&FileSystem, "/nowhere/x.txt")
                .expect_err("missing")
                .code(),
            "NOT_FOUND"
        );
        for blank in [" \n\n", "", "\u{feff}", "\u{feff} \n"] {
            let (_folder, path) = file(blank.as_bytes());
            let error = read(&FileSystem, &path).expect_err("empty");
            assert_eq!(error.code(), "EMPTY", "{blank:?}");
            assert!(error.to_string().contains("x.txt"));
        }
    }

    #[test]
    fn a_bad_byte_is_found_wherever_it_is() {
        let part = PART_BYTES as usize;
        for place in [0, 3, part - 1, part, part + 1, 3 * part + 7] {
            for bad in [&b"\xff"[..], &b"\xc3"[..], &b"\xed\xa0\x80"[..]] {
                let mut content = vec![b'a'; place];
                content.extend_from_slice(bad);
                content.extend_from_slice(b"(rest");
                let (_folder, path) = file(&content);
                let data = read(&FileSystem, &path).expect_err("not UTF-8").data();
                assert_eq!(data.code, "NOT_UTF8");
                assert_eq!(data.details["offset"].as_u64(), Some(place as u64));
            }
        }
        // A character that the file ends in.
        let (_folder, path) = file(b"abc\xe2\x82");
        let data = read(&FileSystem, &path).expect_err("cut").data();
        assert_eq!(data.details["offset"].as_u64(), Some(3));
    }

    #[test]
    fn parts_are_the_text_without_its_mark_from_any_place() {
        let text = "a\u{e9}\u{20ac}\u{1f600}".repeat(20_000);
        for mark in ["", BYTE_ORDER_MARK] {
            let (_folder, path) = file(format!("{mark}{text}").as_bytes());
            assert_eq!(read(&FileSystem, &path).expect("text"), text);
            let mut opened = Text::open(&FileSystem, &path).expect("text");
            assert_eq!(opened.bytes(), text.len() as u64);
            for place in [0, 1, 2, 3, 4, 5, 6, 7, 70_001, text.len() - 1, text.len()] {
                opened.go_to(place as u64).expect("place");
                let at = opened.done() as usize;
                assert!(text.is_char_boundary(at) && at >= place && at < place + 4);
                let part = opened.part().expect("part").unwrap_or_default();
                assert!(text[at..].starts_with(&part));
            }
        }
        assert_eq!(Text::given("\u{feff}x").bytes(), 1);
    }

    #[test]
    fn lines_are_those_of_a_text_and_long_ones_are_cut() {
        let long = "word ".repeat(50_000);
        for text in ["", "a", "a\n", "\na\r\n\r\nb", &format!("x\n{long}\ny\r\n")] {
            let mut opened = Text::given(text);
            let mut lines = Lines::of(&mut opened, 1000);
            let mut found = Vec::new();
            while let Some(line) = lines.next().expect("line") {
                found.push(line);
            }
            let expected: Vec<&str> = text.lines().collect();
            assert_eq!(found.len(), expected.len(), "{}", text.len());
            for (line, expected) in found.iter().zip(expected) {
                assert!(expected.starts_with(&line.text));
                assert!(line.text.len() >= expected.len().min(1000));
                assert!(line.text.len() <= 1000 + PART_BYTES as usize);
                assert!(line.bytes as usize >= expected.len());
            }
        }
    }
}
