//! Text of the user: UTF-8 and not empty, or an error that says which file and where.

use crate::Error;
use crate::storage::Storage;
use kerf_model::ModelError;

/// The whole of a text file.
pub fn read(storage: &dyn Storage, path: &str) -> Result<String, Error> {
    let bytes = storage.read(path)?;
    let text = String::from_utf8(bytes).map_err(|error| Error::NotUtf8 {
        path: path.into(),
        offset: error.utf8_error().valid_up_to() as u64,
    })?;
    if text.trim().is_empty() {
        return Err(empty(path));
    }
    Ok(text)
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
) -> Result<Option<String>, Error> {
    match (text, file) {
        (Some(_), Some(_)) => Err(Error::BadRequest {
            field: "text, textFile".into(),
            expected: "one of the two".into(),
            actual: "both".into(),
        }),
        (Some(text), None) if text.trim().is_empty() => Err(empty("text")),
        (Some(text), None) => Ok(Some(text.into())),
        (None, Some(file)) => read(storage, file).map(Some),
        (None, None) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::FileSystem;

    #[test]
    fn what_is_not_text_is_named() {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("x.txt");
        let path = file.to_str().expect("UTF-8");
        assert_eq!(
            read(&FileSystem, path).expect_err("missing").code(),
            "NOT_FOUND"
        );
        std::fs::write(&file, " \n\n").expect("write");
        let error = read(&FileSystem, path).expect_err("empty");
        assert_eq!(error.code(), "EMPTY");
        assert!(error.to_string().contains("x.txt"));
        std::fs::write(&file, b"abc\xffdef").expect("write");
        let data = read(&FileSystem, path).expect_err("not UTF-8").data();
        assert_eq!(
            (data.code, data.details["offset"].as_u64()),
            ("NOT_UTF8", Some(3))
        );
    }
}
