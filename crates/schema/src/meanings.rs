//! What each error code means: the doc comment of its variant. Doc comments are gone at run time, so the sources are read.

use std::collections::BTreeMap;
use syn::{Attribute, Expr, ExprLit, Item, Lit, Meta};

/// The files of the error enums that [`crate::values`] takes its codes from.
const SOURCES: [&str; 7] = [
    include_str!("../../tensors/src/error.rs"),
    include_str!("../../model/src/error.rs"),
    include_str!("../../run/src/error.rs"),
    include_str!("../../compress/src/error.rs"),
    include_str!("../../route/src/error.rs"),
    include_str!("../../train/src/error.rs"),
    include_str!("../../../bindings/shared/src/error.rs"),
];

/// The meaning of each of these codes, in their order. Panics for a code whose variant has no doc comment.
pub fn meanings(codes: &[&str]) -> Vec<String> {
    let docs = docs_of_variants();
    codes
        .iter()
        .map(|code| {
            docs.get(&key(code))
                .unwrap_or_else(|| panic!("the variant of {code} needs a doc comment"))
                .join(" ")
        })
        .collect()
}

/// A variant's name and its code, alike: `WrongDType` and `WRONG_DTYPE`.
fn key(name: &str) -> String {
    name.replace('_', "").to_lowercase()
}

/// Two enums may share a code: then both comments count, but for one that the other says too.
fn docs_of_variants() -> BTreeMap<String, Vec<String>> {
    let mut docs: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in SOURCES {
        let file = syn::parse_file(source).expect("the sources of this workspace parse");
        for item in file.items {
            let Item::Enum(errors) = item else { continue };
            for variant in errors.variants {
                let Some(doc) = doc_of(&variant.attrs) else {
                    continue;
                };
                let known = docs.entry(key(&variant.ident.to_string())).or_default();
                known.retain(|other| !doc.contains(other.as_str()));
                if !known.iter().any(|other| other.contains(&doc)) {
                    known.push(doc);
                }
            }
        }
    }
    docs
}

fn doc_of(attributes: &[Attribute]) -> Option<String> {
    let lines: Vec<String> = attributes.iter().filter_map(doc_line).collect();
    (!lines.is_empty()).then(|| lines.join(" "))
}

fn doc_line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else {
        return None;
    };
    match &pair.value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) if pair.path.is_ident("doc") => Some(text.value().trim().into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::meanings;

    #[test]
    fn names_and_codes_meet() {
        let [shape, dtype]: [String; 2] = meanings(&["WRONG_SHAPE", "WRONG_DTYPE"])
            .try_into()
            .unwrap();
        assert_eq!(
            shape,
            "A tensor has another shape than the configuration says."
        );
        assert_eq!(dtype, "A tensor's type is not one that can be computed on.");
    }

    #[test]
    fn a_code_of_two_enums_has_both_meanings() {
        let config = &meanings(&["BAD_CONFIG"])[0];
        assert_eq!(config.matches('.').count(), 3, "{config}"); // config.json, and two sentences
    }

    #[test]
    #[should_panic(expected = "NO_SUCH_CODE needs a doc comment")]
    fn a_code_without_a_comment_stops_the_program() {
        meanings(&["NO_SUCH_CODE"]);
    }
}
