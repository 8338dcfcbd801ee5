//! Parses the bytes of a small file as JSON, in the dialect that Python writes.

use crate::TensorsError;
use serde_json::Value;
use std::borrow::Cow;

/// Numbers that Python writes although JSON does not have them.
const NOT_FINITE: [&str; 3] = ["-Infinity", "Infinity", "NaN"];

/// Parses a file as JSON. `NOT_A_MODEL` for bytes that are not JSON; `path` names the file in the error.
///
/// Python writes `Infinity`, `-Infinity` and `NaN` as bare words. They become objects such as `{"__float__": "Infinity"}`, which
/// is the form that transformers 5 writes and reads. A field with such an object is not a number to code that asks for one. A
/// byte order mark is skipped.
pub fn json(path: &str, bytes: &[u8]) -> Result<Value, TensorsError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    serde_json::from_slice(&tagged(bytes)).map_err(|error| TensorsError::NotAModel {
        path: path.to_owned(),
        reason: match (bytes.trim_ascii().is_empty(), error.is_eof()) {
            (true, _) => "it is empty; fetch it again".into(),
            (_, true) => format!("its JSON ends in the middle ({error}); fetch it again"),
            _ => format!("it is not valid JSON: {error}"),
        },
    })
}

/// The same text, with every bare number that is not finite replaced by a tagged object.
fn tagged(bytes: &[u8]) -> Cow<'_, [u8]> {
    let (mut out, mut copied) = (Vec::new(), 0);
    let (mut at, mut in_text) = (0, false);
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if in_text => at += 1, // The character after it belongs to the escape.
            b'"' => in_text = !in_text,
            b'-' | b'I' | b'N' if !in_text => {
                if let Some(word) = not_finite(&bytes[at..]) {
                    out.extend_from_slice(&bytes[copied..at]);
                    out.extend_from_slice(format!("{{\"__float__\":\"{word}\"}}").as_bytes());
                    at += word.len();
                    copied = at;
                    continue;
                }
            }
            _ => {}
        }
        at += 1;
    }
    if copied == 0 {
        return Cow::Borrowed(bytes);
    }
    out.extend_from_slice(&bytes[copied..]);
    Cow::Owned(out)
}

/// The word for a number that is not finite at the start of `bytes`, if it is a word of its own.
fn not_finite(bytes: &[u8]) -> Option<&'static str> {
    let is_it = |word: &&str| {
        let after = bytes.get(word.len());
        bytes.starts_with(word.as_bytes()) && !after.is_some_and(u8::is_ascii_alphanumeric)
    };
    NOT_FINITE.into_iter().find(is_it)
}

/// The word of a tagged object: `Infinity`, `-Infinity` or `NaN`. `None` for any other value.
pub fn not_finite_of(value: &Value) -> Option<&str> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    object.get("__float__")?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(text: &str) -> String {
        json("m/config.json", text.as_bytes())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn numbers_that_are_not_finite_are_tagged_as_transformers_does() {
        let text = r#"{"a": Infinity, "b":[-Infinity,NaN], "c": "NaN, \"Infinity\" \\", "d": -1, "e": NaN}"#;
        let value = json("x", text.as_bytes()).unwrap();
        assert_eq!(value["a"]["__float__"], "Infinity");
        assert_eq!(not_finite_of(&value["b"][0]), Some("-Infinity"));
        assert_eq!(not_finite_of(&value["b"][1]), Some("NaN"));
        assert_eq!(value["c"], r#"NaN, "Infinity" \"#);
        assert_eq!(
            (&value["d"], not_finite_of(&value["d"])),
            (&(-1).into(), None)
        );
        // A value that is written again reads as the same value.
        assert_eq!(json("x", value.to_string().as_bytes()).unwrap(), value);
    }

    #[test]
    fn other_words_are_no_json() {
        for text in [
            "{\"a\": Nan}",
            "{\"a\": NaNs}",
            "{Infinity: 1}",
            "{\"a\": --Infinity}",
        ] {
            assert!(reason(text).contains("not valid JSON"), "{text}");
        }
    }

    #[test]
    fn an_error_says_what_is_wrong_with_the_file() {
        assert!(reason("").contains("m/config.json") && reason(" \n").contains("empty"));
        assert!(reason("{\"a\": [1, ").contains("ends in the middle"));
        assert!(reason("{\"a\": 1}}").contains("not valid JSON"));
        assert!(json("x", "\u{feff}{\"a\": 1}".as_bytes()).is_ok());
    }
}
