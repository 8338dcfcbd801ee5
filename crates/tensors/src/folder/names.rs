//! Checks of the names of files inside a folder.

use crate::TensorsError;

/// Whether `name` stays inside its folder on every operating system. It must be relative, with `/` as separator, without `..` and
/// drive letters.
pub(crate) fn is_safe(name: &str) -> bool {
    let part_ok = |part: &str| !part.is_empty() && part != "." && part != "..";
    !name.contains(['\\', ':', '\0']) && name.split('/').all(part_ok)
}

/// The error for a name that does not stay inside its folder.
pub(super) fn check(folder: &str, name: &str) -> Result<(), TensorsError> {
    if is_safe(name) {
        return Ok(());
    }
    Err(TensorsError::Io {
        path: format!("{folder}/{name}"),
        kind: "InvalidFilename".into(),
        reason: "the file name leaves its folder or is not portable".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_escape_are_not_safe() {
        for good in ["a", "a.b", "1_Pooling/config.json", ".hidden", "a..b"] {
            assert!(is_safe(good), "{good}");
        }
        for bad in [
            "", "/", "/a", "a/", "..", "../a", "a/../b", "./a", "a//b", "a\\b", "C:x", "a\0",
        ] {
            assert!(!is_safe(bad), "{bad:?}");
        }
        assert_eq!(check("f", "../x").unwrap_err().code(), "IO");
    }
}
