//! Halves of surrogate pairs in JSON. JavaScript's strings may hold them (`"\ud83d"` alone), text cannot: each becomes U+FFFD.

use std::borrow::Cow;

/// JSON without halves: `\ud83d` that is no part of a pair becomes `\ufffd`.
pub fn mended(json: &str) -> Cow<'_, str> {
    if !json.contains("\\ud") && !json.contains("\\uD") {
        return Cow::Borrowed(json);
    }
    let mut mended = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        mended.push_str(before);
        let (text, length) = match (unit(escape), escape.get(6..).and_then(unit)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => (&escape[..12], 12),
            (Some(0xD800..=0xDFFF), _) => ("\\ufffd", 6),
            (Some(_), _) => (&escape[..6], 6),
            // The character behind a backslash may be a backslash.
            (None, _) => {
                let length = 1 + escape[1..].chars().next().map_or(0, char::len_utf8);
                (&escape[..length], length)
            }
        };
        mended.push_str(text);
        rest = &escape[length..];
    }
    mended.push_str(rest);
    Cow::Owned(mended)
}

/// The code unit of an escape `\uXXXX` that begins a text.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    hexadecimal.then(|| u16::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_become_replacement_characters_and_nothing_else_changes() {
        for (json, text) in [
            (r#""I like \ud83d""#, "I like \u{fffd}"),
            (
                r#""\uDE00 \ud83d\ud83d\ude00 \ud83dx""#,
                "\u{fffd} \u{fffd}\u{1f642} \u{fffd}x",
            ),
            (r#""\\ud83d \\\ud83d\\""#, "\\ud83d \\\u{fffd}\\"),
            (r#""a\ud7ff\ue000é\n""#, "a\u{d7ff}\u{e000}é\n"),
        ] {
            let json = json.replace("ude00", "ude42");
            let read: String = serde_json::from_str(&mended(&json)).expect("JSON");
            assert_eq!(read, text, "{json}");
        }
        for broken in [r#"\ud8"#, r#"\"#, r#"\ud83dé\u12"#, r#""\ud83"#] {
            let _ = mended(broken);
        }
        assert!(matches!(mended("{}"), Cow::Borrowed(_)));
    }
}
