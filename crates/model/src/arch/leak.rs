//! Texts and lists of a description that live as long as the program, as those of the built-in rows do. [`super::json`] keeps each
//! description once, so what is given up here is as much as there are different descriptions.

use super::{List, Name};
use serde::de::{Deserialize, DeserializeOwned, Deserializer};

fn kept(text: String) -> Name {
    Box::leak(text.into_boxed_str())
}

pub(super) fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Name, D::Error> {
    String::deserialize(deserializer).map(kept)
}

pub(super) fn optional<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Name>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(kept))
}

pub(super) fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<List<Name>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    Ok(Vec::leak(texts.into_iter().map(kept).collect()))
}

pub(super) fn list<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<List<T>, D::Error> {
    Ok(Vec::leak(Vec::<T>::deserialize(deserializer)?))
}
