//! The list in modules.json, with one entry for each module.

use super::FILE;
use crate::TensorsError;
use crate::files::fact::shortened;
use crate::folder::is_safe;
use serde_json::Value;

/// Kinds of modules, by their class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Transformer,
    Pooling,
    Dense,
    LayerNorm,
    Dropout,
    Normalize,
    /// A module that kerf does not compute.
    Other,
}

/// Classes of sentence-transformers that kerf computes. Versions moved them between packages, but kept their names.
const KINDS: [(&str, Kind); 6] = [
    ("Transformer", Kind::Transformer),
    ("Pooling", Kind::Pooling),
    ("Dense", Kind::Dense),
    ("LayerNorm", Kind::LayerNorm),
    ("Dropout", Kind::Dropout),
    ("Normalize", Kind::Normalize),
];

/// One module of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub kind: Kind,
    /// Full name of the module's class.
    pub class: String,
    /// Folder of the module's files. Empty for the folder of the model itself.
    pub path: String,
}

/// The entries in the order of the file. `BAD_CONFIG` if the file is not a list of modules, or if a path leaves the folder.
pub(super) fn entries(value: &Value) -> Result<Vec<Entry>, TensorsError> {
    let list = value.as_array().filter(|list| !list.is_empty());
    let Some(list) = list else {
        return Err(bad(
            "the file",
            "a list of at least one module",
            &value.to_string(),
        ));
    };
    list.iter()
        .enumerate()
        .map(|(at, value)| entry(at, value))
        .collect()
}

fn entry(at: usize, value: &Value) -> Result<Entry, TensorsError> {
    let text = |field: &str| match value[field].as_str() {
        Some(text) => Ok(text.to_owned()),
        None => Err(bad(
            &format!("{at}.{field}"),
            "a text",
            &value[field].to_string(),
        )),
    };
    let class = text("type")?;
    let path = text("path")?;
    let path = path.trim_end_matches('/').to_owned();
    if !path.is_empty() && !is_safe(&path) {
        return Err(bad(
            &format!("{at}.path"),
            "a folder inside the model's folder",
            &path,
        ));
    }
    Ok(Entry {
        kind: kind(&class),
        class,
        path,
    })
}

/// Kind of a class. A class in a package other than sentence-transformers is `Other`, whatever its name.
fn kind(class: &str) -> Kind {
    let name = class.rsplit('.').next().unwrap_or_default();
    let known = KINDS.iter().find(|(known, _)| *known == name);
    match known {
        Some((_, kind)) if class.starts_with("sentence_transformers.") => *kind,
        _ => Kind::Other,
    }
}

/// The error about a module that kerf does not compute.
pub(super) fn unknown(at: usize, entry: &Entry) -> TensorsError {
    let names: Vec<&str> = KINDS.iter().map(|(name, _)| *name).collect();
    bad(
        &format!("{at}.type"),
        &format!(
            "one of {} of sentence_transformers (for other modules, embed with sentence-transformers)",
            names.join(", ")
        ),
        &entry.class,
    )
}

/// The error `BAD_CONFIG` about modules.json.
pub(super) fn bad(field: &str, expected: &str, actual: &str) -> TensorsError {
    TensorsError::BadConfig {
        file: FILE.into(),
        field: field.into(),
        expected: expected.into(),
        actual: shortened(actual),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_module_is_what_its_class_says_in_every_version() {
        for (class, expected) in [
            ("sentence_transformers.models.Pooling", Kind::Pooling),
            (
                "sentence_transformers.sentence_transformer.modules.pooling.Pooling",
                Kind::Pooling,
            ),
            (
                "sentence_transformers.base.modules.dense.Dense",
                Kind::Dense,
            ),
            ("sentence_transformers.models.CNN", Kind::Other),
            ("custom_st.Transformer", Kind::Other),
            ("pylate.models.Dense.Dense", Kind::Other),
            ("", Kind::Other),
        ] {
            assert_eq!(kind(class), expected, "{class}");
        }
    }

    #[test]
    fn a_list_that_is_none_and_a_path_that_leaves_are_refused() {
        let module =
            |path: Value| json!([{ "type": "sentence_transformers.models.Pooling", "path": path }]);
        assert_eq!(entries(&module(json!("a/"))).unwrap()[0].path, "a");
        for value in [
            json!({}),
            json!([]),
            json!([1]),
            module(json!("../x")),
            module(json!("/x")),
            module(json!(1)),
        ] {
            assert_eq!(entries(&value).unwrap_err().code(), "BAD_CONFIG", "{value}");
        }
    }
}
