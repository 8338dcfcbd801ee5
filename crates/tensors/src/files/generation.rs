//! generation_config.json: where a text ends, and how a token is drawn. Its values take precedence over those of config.json.

use super::fact::Fact;
use super::fields::{Fields, integer};
use crate::TensorsError;
use serde_json::Value;

/// Name of the file.
pub const FILE: &str = "generation_config.json";

/// Fields without effect in kerf: housekeeping of the library that wrote the file, and settings of its caches.
const NEUTRAL: [&str; 12] = [
    "_from_model_config",
    "transformers_version",
    "use_cache",
    "cache_implementation",
    "pad_token_id",
    "decoder_start_token_id",
    "max_length",
    "max_new_tokens",
    "output_attentions",
    "output_hidden_states",
    "return_dict_in_generate",
    "output_scores",
];

/// A model's settings for generating text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Generation {
    /// Token at the start of a text.
    pub bos: Option<u32>,
    /// Tokens that end a text; `None` if the file does not say.
    pub eos: Option<Vec<u32>>,
    /// Whether to draw tokens; otherwise the most likely one is taken.
    pub sample: Option<bool>,
    /// Divides logits before a token is drawn.
    pub temperature: Option<f64>,
    /// Smallest total probability of the tokens to draw from (nucleus sampling).
    pub top_p: Option<f64>,
    /// Number of most likely tokens to draw from. 0 for all tokens.
    pub top_k: Option<u64>,
    /// Divisor for the positive logits of tokens that occurred already. It multiplies negative logits.
    pub repetition_penalty: Option<f64>,
}

impl Generation {
    /// Reads generation_config.json. `BAD_CONFIG` names the field.
    pub(super) fn read(value: &Value, facts: &mut Vec<Fact>) -> Result<Self, TensorsError> {
        let fields = Fields::of(FILE, value)?;
        let generation = Self {
            bos: tokens(&fields, "bos_token_id")?.and_then(|ids| ids.first().copied()),
            eos: tokens(&fields, "eos_token_id")?,
            sample: fields.flag("do_sample")?,
            temperature: fields.number("temperature", 0.0..=1e4)?,
            top_p: fields.number("top_p", 0.0..=1.0)?,
            top_k: fields.size("top_k", 0..=u64::from(u32::MAX))?,
            repetition_penalty: fields.number("repetition_penalty", 1e-3..=1e3)?,
        };
        if let Some(eos) = &generation.eos {
            let says = "these tokens end a text; they go before those of config.json";
            facts.push(Fact::used(FILE, "eos_token_id", format!("{eos:?}"), says));
        }
        facts.extend(fields.unread(&NEUTRAL));
        Ok(generation)
    }
}

/// Token ids: a number, or a list of numbers.
fn tokens(fields: &Fields<'_>, field: &str) -> Result<Option<Vec<u32>>, TensorsError> {
    let id = |value: &Value| integer(value).and_then(|id| u32::try_from(id).ok());
    let ids = match fields.get(field) {
        None => return Ok(None),
        Some(Value::Array(values)) => values.iter().map(id).collect(),
        Some(value) => id(value).map(|id| vec![id]),
    };
    match ids {
        Some(ids) => Ok(Some(ids)),
        None => Err(fields.bad(field, "a token id or a list of them")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: Value) -> (Generation, Vec<Fact>) {
        let mut facts = Vec::new();
        let generation = Generation::read(&value, &mut facts).unwrap();
        (generation, facts)
    }

    #[test]
    fn one_end_token_or_several() {
        assert_eq!(read(json!({"eos_token_id": 2})).0.eos, Some(vec![2]));
        let (several, facts) = read(json!({"eos_token_id": [2, 32000.0], "top_k": 50}));
        assert_eq!(several.eos, Some(vec![2, 32000]));
        assert_eq!((several.top_k, facts.len()), (Some(50), 1));
        assert_eq!(
            read(json!({"use_cache": true})),
            (Generation::default(), vec![])
        );
        let error = Generation::read(&json!({"eos_token_id": "x"}), &mut Vec::new()).unwrap_err();
        assert_eq!(error.code(), "BAD_CONFIG");
    }

    #[test]
    fn a_setting_that_kerf_does_not_have_is_noted() {
        let (_, facts) = read(json!({"num_beams": 4}));
        assert_eq!(facts[0].field, "num_beams");
    }
}
