//! Names of tensors in an adapter's file, and the tensors of the model that they mean.

use crate::TensorsError;
use crate::files::adapter::{MERGE, WEIGHTS, bad_adapter};
use std::collections::HashMap;

/// What a tensor of an adapter is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The first factor of a module, A.
    A { module: String, embedding: bool },
    /// The second factor of a module, B.
    B { module: String, embedding: bool },
    /// Values that replace a tensor of the model. The list holds the names that this tensor may have in the model.
    Whole(Vec<String>),
    /// A copy of a tensor of the model. It changes nothing.
    Copy,
}

/// Prefix that PEFT puts before every name.
const OUTER: &str = "base_model.model.";
/// Name that PEFT puts between a module that it changes and the module's own weights.
const BASE_LAYER: &str = "base_layer";
const SAVED: &str = "modules_to_save";

/// Parses a name. `BAD_ADAPTER` for a kind of tensor that cannot be merged.
pub(super) fn part(name: &str) -> Result<Part, TensorsError> {
    let inner = name.strip_prefix(OUTER).unwrap_or(name);
    let mut pieces: Vec<&str> = inner.split('.').collect();
    pieces.retain(|piece| *piece != BASE_LAYER);
    let unknown = || {
        let reason = "kerf does not know how to merge such a tensor";
        bad_adapter(WEIGHTS, name, reason, MERGE)
    };
    if pieces.contains(&"original_module") {
        return Ok(Part::Copy);
    }
    if let Some(at) = pieces.iter().position(|piece| *piece == SAVED) {
        let (module, rest) = (&pieces[..at], &pieces[at + 1..]);
        // The next piece may be the name of the adapter.
        let names = [rest, rest.get(1..).unwrap_or_default()].into_iter();
        let names = names.filter(|rest| !rest.is_empty());
        let whole = names.map(|rest| [module, rest].concat().join("."));
        return Ok(Part::Whole(whole.collect()));
    }
    let Some(at) = pieces.iter().position(|piece| piece.starts_with("lora_")) else {
        return Ok(Part::Whole(vec![pieces.join(".")]));
    };
    let module = pieces[..at].join(".");
    if module.is_empty() {
        return Err(unknown());
    }
    let embedding = pieces[at].starts_with("lora_embedding_");
    let fits = matches!(
        (embedding, &pieces[at + 1..]),
        (false, ["weight"] | [_, "weight"]) | (true, [] | [_])
    );
    match pieces[at] {
        "lora_A" | "lora_embedding_A" if fits => Ok(Part::A { module, embedding }),
        "lora_B" | "lora_embedding_B" if fits => Ok(Part::B { module, embedding }),
        _ => Err(unknown()),
    }
}

/// Number of leading pieces that a name in the model may have and a name in the adapter may lack, such as `0.auto_model.` or
/// `model.`.
const MOST_BEFORE: usize = 3;

/// Indices of the tensors of a model by the names that an adapter may use for them.
pub(super) struct Names {
    exact: HashMap<String, usize>,
    /// By the end of the name. `None` where several names have this end.
    ends: HashMap<String, Option<usize>>,
}

impl Names {
    pub(super) fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let (mut exact, mut ends) = (HashMap::new(), HashMap::new());
        for (index, name) in names.enumerate() {
            exact.insert(name.to_owned(), index);
            let mut end = name;
            for _ in 0..MOST_BEFORE {
                let Some((_, after)) = end.split_once('.') else {
                    break;
                };
                end = after;
                let several = |place: &mut Option<usize>| *place = None;
                ends.entry(end.to_owned())
                    .and_modify(several)
                    .or_insert(Some(index));
            }
        }
        Self { exact, ends }
    }

    /// Index of the tensor that an adapter means by `name`. First choice is the tensor of exactly that name. Next is the only
    /// tensor whose name ends with it: an adapter of a network without its head leaves out `model.`. Last is the tensor whose
    /// name is `name` without its first piece.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        let exact = |name: &str| self.exact.get(name).copied();
        let end = || self.ends.get(name).copied().flatten();
        let inner = || exact(name.split_once('.')?.1);
        // A name must have at least one module before the parameter; `weight` alone would match any tensor.
        name.contains('.')
            .then(|| exact(name).or_else(end).or_else(inner))
            .flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_all_versions_of_peft() {
        let module = "model.layers.0.q_proj".to_owned();
        let a = |embedding| Part::A {
            module: module.clone(),
            embedding,
        };
        for (end, expected) in [
            ("lora_A.weight", a(false)),
            ("lora_A.default.weight", a(false)),
            ("lora_embedding_A", a(true)),
            ("lora_embedding_A.default", a(true)),
            ("original_module.weight", Part::Copy),
            (
                "base_layer.bias",
                Part::Whole(vec![format!("{module}.bias")]),
            ),
            ("weight", Part::Whole(vec![format!("{module}.weight")])),
            (
                "modules_to_save.weight",
                Part::Whole(vec![format!("{module}.weight")]),
            ),
            (
                "modules_to_save.default.weight",
                Part::Whole(vec![
                    format!("{module}.default.weight"),
                    format!("{module}.weight"),
                ]),
            ),
        ] {
            for outer in ["base_model.model.", ""] {
                let name = format!("{outer}{module}.{end}");
                assert_eq!(part(&name).unwrap(), expected, "{name}");
            }
        }
        for end in [
            "lora_magnitude_vector",
            "lora_B.bias",
            "lora_E",
            "lora_A",
            "lora_A.x.y.weight",
        ] {
            let error = part(&format!("base_model.model.{module}.{end}")).unwrap_err();
            assert_eq!(error.code(), "BAD_ADAPTER");
        }
        assert!(part("lora_A.weight").is_err());
    }

    #[test]
    fn a_tensor_is_found_with_and_without_what_stands_before_it() {
        let names = ["model.h.0.w", "model.h.1.w", "a.x.w", "b.x.w", "x.v"];
        let names = Names::of(names.into_iter());
        assert_eq!(names.find("model.h.1.w"), Some(1));
        assert_eq!(names.find("h.1.w"), Some(1));
        assert_eq!(names.find("transformer.x.v"), Some(4));
        // Two names end with it, and neither is exactly it.
        assert_eq!(names.find("x.w"), None);
        assert_eq!(names.find("w"), None);
        assert_eq!(names.find("other.h.1.w"), None);
    }
}
