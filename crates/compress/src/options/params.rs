//! Parameters of methods as options: what was given, and what holds.

use crate::CompressError;
use crate::methods::{self, Method};
use crate::options::{bad_option, conflict};
use crate::solve::param::{Kind, Param};
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;

/// Values of parameters of methods, under the names of their options. In JSON they stand among the other options.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GivenParams(BTreeMap<&'static str, f64>);

impl GivenParams {
    /// These values, 1 and 0 for a flag. Panics for a name that no method has.
    pub fn of<const N: usize>(values: [(&str, f64); N]) -> Self {
        let known = |name: &str| by_name(name).expect("a parameter of a method").name;
        Self(values.map(|(name, value)| (known(name), value)).into())
    }

    /// The value of the parameter of that name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }

    /// Fills in the defaults of the methods in use, and refuses what they may not be told. Gives the values of all parameters there are.
    pub(super) fn resolve(
        &mut self,
        used: &[&'static dyn Method],
        quality: usize,
    ) -> Result<Vec<(&'static str, f64)>, CompressError> {
        let in_use = |param: &Param| used.iter().any(|method| method.params().contains(param));
        for (name, value) in &self.0 {
            let param = by_name(name).expect("only known ones are read");
            let owners = owners(param);
            let said = said(param, *value);
            if !in_use(param) {
                let used: Vec<_> = used.iter().map(|method| method.id()).collect();
                let reason = format!(
                    "it is for method {}, and not for {}",
                    owners.join(", "),
                    used.join(", ")
                );
                return Err(conflict(name, said, reason));
            }
            if !param.has(*value) {
                let expected = format!("{} (method {})", param.expected(), owners.join(", "));
                return Err(bad_option(name, &expected, said));
            }
        }
        let mut values = Vec::new();
        for param in all() {
            let value = self.get(param.name).unwrap_or(param.defaults[quality]);
            values.push((param.name, value));
            if in_use(param) {
                self.0.insert(param.name, value);
            }
        }
        Ok(values)
    }
}

/// Parameters of all methods, each once, in the order of the table.
pub fn all() -> Vec<&'static Param> {
    let mut all: Vec<&'static Param> = Vec::new();
    for param in methods::table().iter().flat_map(|method| method.params()) {
        if !all.iter().any(|known| known.name == param.name) {
            all.push(param);
        }
    }
    all
}

/// Ids of the methods that have a parameter.
pub fn owners(param: &Param) -> Vec<&'static str> {
    let table = methods::table().iter();
    let owners = table.filter(|method| method.params().contains(param));
    owners.map(|method| method.id()).collect()
}

/// What it is, its range, its default and its methods, as docs and help have it.
pub fn sentences(param: &Param) -> String {
    let [fast, balanced, best] = param.defaults.map(|value| said(param, value));
    let default = match fast == balanced && balanced == best {
        true => balanced,
        false => format!("{balanced} ({fast} at quality `fast`, {best} at `best`)"),
    };
    let owners: Vec<_> = owners(param).iter().map(|id| format!("`{id}`")).collect();
    let range = match param.kind {
        Kind::Flag => String::new(),
        _ => format!(" From {} to {}.", param.least, param.most),
    };
    let (about, owners) = (param.about, owners.join(", "));
    format!("{about}.{range} For {owners}. Default {default}.")
}

/// A value in words.
fn said(param: &Param, value: f64) -> String {
    match param.kind {
        Kind::Flag => (value != 0.0).to_string(),
        Kind::Integer | Kind::Real => value.to_string(),
    }
}

fn by_name(name: &str) -> Option<&'static Param> {
    all().into_iter().find(|param| param.name == name)
}

/// A value as JSON has it: a whole number, a number, or true or false.
pub fn to_json(param: &Param, value: f64) -> serde_json::Value {
    match param.kind {
        Kind::Flag => (value != 0.0).into(),
        Kind::Integer if value >= 0.0 => (value as u64).into(),
        Kind::Integer | Kind::Real => value.into(),
    }
}

impl Serialize for GivenParams {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            let param = by_name(name).expect("only known ones are read");
            map.serialize_entry(name, &to_json(param, *value))?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for GivenParams {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

/// Reads what is left of the options when all others are taken: a name that no method has is none.
struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = GivenParams;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("options")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<GivenParams, A::Error> {
        let mut given = BTreeMap::new();
        while let Some(name) = map.next_key::<String>()? {
            let Some(param) = by_name(&name) else {
                return Err(A::Error::custom(format_args!("unknown field `{name}`")));
            };
            let value = match param.kind {
                Kind::Integer => map.next_value::<Option<u32>>()?.map(f64::from),
                Kind::Real => map.next_value()?,
                Kind::Flag => map.next_value::<Option<bool>>()?.map(f64::from),
            };
            if let Some(value) = value {
                given.insert(param.name, value);
            }
        }
        Ok(GivenParams(given))
    }
}
