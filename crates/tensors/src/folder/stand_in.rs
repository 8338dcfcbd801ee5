//! Stand-ins: small files that lie in the place of a file that was not really fetched, such as a Git LFS pointer.

use crate::{Source, TensorsError};

/// Number of bytes at the start of a file that are looked at.
const LOOK_BYTES: usize = 256;

const POINTER: &str =
    "it is a Git LFS pointer, not the file itself; run `git lfs pull` where the model was cloned";
const PAGE: &str = "it is an HTML page, not the file itself; download the file again (a model that asks for it needs you to sign in)";
const MESSAGE: &str = "it is an XML message of a server, not the file itself; download the file again (a model that asks for it needs you to sign in)";

/// For the start of a stand-in, a sentence that says what it is, with the fix. `None` for anything else. No file of a model
/// starts like a stand-in.
pub(crate) fn stand_in(start: &[u8]) -> Option<&'static str> {
    let start = &start[..start.len().min(LOOK_BYTES)];
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    let text = text.trim_ascii_start();
    let begins = |with: &str| {
        let same = text.get(..with.len());
        same.is_some_and(|same| same.eq_ignore_ascii_case(with.as_bytes()))
    };
    if text.starts_with(b"version https://git-lfs") || text.starts_with(b"version https://hawser") {
        return Some(POINTER);
    }
    if ["<!doctype", "<html", "<head"].into_iter().any(begins) {
        return Some(PAGE);
    }
    begins("<?xml").then_some(MESSAGE)
}

/// [`stand_in`] for an open file.
pub(crate) fn stand_in_of(source: &dyn Source) -> Result<Option<&'static str>, TensorsError> {
    let mut start = [0; LOOK_BYTES];
    let known = LOOK_BYTES.min(source.len_bytes() as usize);
    source.read_at(0, &mut start[..known])?;
    Ok(stand_in(&start[..known]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_and_pages_are_known_by_their_start() {
        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
        assert!(
            stand_in(pointer.as_bytes())
                .unwrap()
                .contains("git lfs pull")
        );
        for page in [
            "<!DOCTYPE html><html>",
            "\u{feff}\r\n <html lang=\"en\">",
            "<!doctype HTML>",
        ] {
            assert!(stand_in(page.as_bytes()).unwrap().contains("HTML page"));
        }
        let message = "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code>";
        assert!(stand_in(message.as_bytes()).unwrap().contains("XML"));
    }

    #[test]
    fn files_of_a_model_are_none() {
        for start in [
            "",
            "{}",
            "version",
            "[PAD]\n<html>",
            "#version: 0.2\n",
            "GGUF",
            "<s>\n",
        ] {
            assert_eq!(stand_in(start.as_bytes()), None, "{start}");
        }
    }
}
