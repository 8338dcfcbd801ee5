//! What config.json says of labels.

use crate::ModelError;
use crate::reader::Reader;
use serde_json::Value;

/// What the logits of a classifier mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The logits are numbers to predict.
    Regression,
    /// One label is right: softmax.
    SingleLabel,
    /// Any labels may be right: a sigmoid for each.
    MultiLabel,
}

/// Labels of a classifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// Name of each, in the order of the logits.
    pub names: Vec<String>,
    /// What the logits mean: `problem_type`, or without it regression for one label and one right label for more, as transformers
    /// decides.
    pub problem: Problem,
}

/// Most labels that a configuration may say.
const MOST: usize = 1 << 16;

impl Labels {
    /// Reads `id2label`, `num_labels` and `problem_type`. Without the first two there are two labels, as in transformers.
    /// `BAD_CONFIG`.
    pub fn read(config: &Value) -> Result<Self, ModelError> {
        let reader = Reader::new(config);
        let named = match reader.get("id2label") {
            None => None,
            Some(Value::Object(map)) => Some(map),
            Some(_) => return Err(reader.bad("id2label", "an object")),
        };
        let count = match named {
            Some(map) if !map.is_empty() && map.len() <= MOST => map.len(),
            _ => reader.size_or("num_labels", MOST, 2)?,
        };
        let name = |index: usize| {
            let given = named.and_then(|map| map.get(&index.to_string()));
            let given = given.and_then(Value::as_str).map(str::to_string);
            given.unwrap_or_else(|| format!("LABEL_{index}"))
        };
        let problem = match reader.text("problem_type")? {
            None if count == 1 => Problem::Regression,
            None | Some("single_label_classification") => Problem::SingleLabel,
            Some("regression") => Problem::Regression,
            Some("multi_label_classification") => Problem::MultiLabel,
            Some(_) => {
                let expected = "regression, single_label_classification or \
                                multi_label_classification";
                return Err(reader.bad("problem_type", expected));
            }
        };
        Ok(Self {
            names: (0..count).map(name).collect(),
            problem,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_said_is_as_transformers_has_it() {
        let labels = Labels::read(&json!({})).unwrap();
        assert_eq!(labels.names, ["LABEL_0", "LABEL_1"]);
        assert_eq!(labels.problem, Problem::SingleLabel);
        let labels = Labels::read(&json!({"num_labels": 1})).unwrap();
        assert_eq!(labels.problem, Problem::Regression);
        let labels = Labels::read(&json!({"id2label": {"1": "b", "0": "a"},
            "problem_type": "multi_label_classification"}));
        let labels = labels.unwrap();
        assert_eq!(labels.names, ["a", "b"]);
        assert_eq!(labels.problem, Problem::MultiLabel);
    }

    #[test]
    fn nonsense_is_an_error() {
        for config in [json!({"id2label": 3}), json!({"problem_type": "guess"})] {
            assert_eq!(Labels::read(&config).unwrap_err().code(), "BAD_CONFIG");
        }
    }
}
