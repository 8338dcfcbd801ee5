//! config_sentence_transformers.json: prompts, and the number of values of a vector that are kept.

use crate::TensorsError;
use crate::files::Reader;
use crate::files::fact::Fact;
use crate::files::fields::Fields;
use serde_json::Value;
use std::collections::BTreeMap;

const FILE: &str = "config_sentence_transformers.json";

/// Fields about the program that wrote the file and the Python packages that it needs.
const NEUTRAL: [&str; 2] = ["__version__", "requirements"];

/// Texts that are put before a text, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompts {
    /// Texts by name. `query` and `document` always exist; they are empty if the model does not define them.
    pub named: BTreeMap<String, String>,
    /// Name of the prompt that is used when the caller names none. It is a key of `named`.
    pub default: Option<String>,
}

impl Default for Prompts {
    fn default() -> Self {
        let empty = |name: &str| (name.to_owned(), String::new());
        Self {
            named: BTreeMap::from([empty("query"), empty("document")]),
            default: None,
        }
    }
}

/// The content of the file.
#[derive(Default)]
pub(super) struct Settings {
    pub prompts: Prompts,
    pub truncate_dim: Option<usize>,
}

impl Settings {
    pub fn read(reader: &Reader<'_>, facts: &mut Vec<Fact>) -> Result<Self, TensorsError> {
        let Some(value) = reader.json(FILE)? else {
            return Ok(Self::default());
        };
        let fields = Fields::of(FILE, &value)?;
        if !matches!(
            fields.text("model_type")?,
            None | Some("SentenceTransformer")
        ) {
            return Err(fields.bad(
                "model_type",
                "SentenceTransformer, whose vectors kerf computes",
            ));
        }
        let settings = Self {
            prompts: prompts(&fields, facts)?,
            truncate_dim: fields
                .size("truncate_dim", 1..=1 << 24)?
                .map(|width| width as usize),
        };
        if let Some(width) = settings.truncate_dim {
            let says = "so many numbers of each vector are kept; `dimensions` replaces it";
            facts.push(Fact::used(FILE, "truncate_dim", width, says));
        }
        let similarity = fields.text("similarity_fn_name")?;
        if let Some(name) = similarity.filter(|name| *name != "cosine") {
            let says = "vectors are as the model makes them; where kerf compares two, it takes their cosine";
            facts.push(Fact::noted(FILE, "similarity_fn_name", name, says));
        }
        facts.extend(fields.unread(&NEUTRAL));
        Ok(settings)
    }
}

fn prompts(fields: &Fields<'_>, facts: &mut Vec<Fact>) -> Result<Prompts, TensorsError> {
    let mut prompts = Prompts::default();
    match fields.get("prompts") {
        None => {}
        Some(Value::Object(named)) => {
            for (name, text) in named {
                let text = match text {
                    Value::Null => "",
                    Value::String(text) => text,
                    _ => return Err(fields.bad("prompts", "texts by name")),
                };
                prompts.named.insert(name.clone(), text.to_owned());
            }
        }
        Some(_) => return Err(fields.bad("prompts", "texts by name")),
    }
    if let Some(name) = fields.text("default_prompt_name")? {
        let Some(text) = prompts.named.get(name) else {
            let known: Vec<&str> = prompts.named.keys().map(String::as_str).collect();
            let expected = format!("one of the prompts {}", known.join(", "));
            return Err(fields.bad("default_prompt_name", expected));
        };
        let says = format!(
            "{text:?} goes before each text that is embedded; `prompt` and `promptName` replace it"
        );
        facts.push(Fact::used(FILE, "default_prompt_name", name, says));
        prompts.default = Some(name.to_owned());
    }
    Ok(prompts)
}
