//! A head that a model does not have yet: what transformers' `from_pretrained` of another class makes, names and configuration included.

use super::layer::{Before, MODERNBERT};
use super::{classifier, span};
use crate::{Kind, ModelError, Network, Use};
use kerf_tensors::Catalog;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use serde_json::{Map, Value, json};

/// The head that is wanted.
#[derive(Clone, Copy, Debug)]
pub enum FreshHead<'a> {
    /// One label of these for a text (`...ForSequenceClassification`).
    Labels(&'a [String]),
    /// The span of a text that answers a question (`...ForQuestionAnswering`). Encoders only.
    Span,
}

/// A model with a new head.
#[derive(Clone, Debug)]
pub struct Headed {
    /// Its config.json.
    pub config: Value,
    /// Tensors that are taken from the model: the new name, and the name that it has there.
    pub kept: Vec<(String, String)>,
    /// Tensors that are new.
    pub fresh: Vec<FreshTensor>,
}

/// A tensor of a new head.
#[derive(Clone, Debug, PartialEq)]
pub struct FreshTensor {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: Vec<f32>,
}

/// How the names of the tensors of a new head follow from the architecture.
struct Names {
    before: Option<Before>,
    last: &'static str,
    /// Whether the last layer has a bias.
    bias: bool,
}

impl FreshHead<'_> {
    fn class_end(&self) -> &'static str {
        match self {
            Self::Labels(_) => classifier::CLASS_END,
            Self::Span => span::CLASS_END,
        }
    }

    fn rows(&self) -> usize {
        match self {
            Self::Labels(names) => names.len(),
            Self::Span => 2,
        }
    }

    fn names(&self, network: &Network) -> Result<Names, ModelError> {
        let modern = network.architecture() == "modernbert";
        let names = match (self, network.kind()) {
            (Self::Span, Kind::Encoder) => Some(Names {
                before: modern.then_some(MODERNBERT),
                last: if modern { "classifier" } else { "qa_outputs" },
                bias: true,
            }),
            (Self::Span, Kind::Decoder) => None,
            (Self::Labels(_), _) => {
                let layout = classifier::usual_layout(network);
                layout.map(|(before, last)| Names {
                    before,
                    last,
                    bias: network.kind() == Kind::Encoder,
                })
            }
        };
        names.ok_or_else(|| ModelError::WrongKind {
            operation: format!("a new head (...{})", self.class_end()),
            expected: "an architecture for which transformers has such a class".into(),
            architecture: network.architecture().into(),
        })
    }
}

impl Network {
    /// This model with a new head in place of the head that it has. Names and config.json are those of the class of transformers, so
    /// that it loads the result. New matrices are normal with the deviation `initializer_range` of config.json (0.02 without it),
    /// biases zero, the same for the same seed.
    ///
    /// `WRONG_KIND` for an architecture without such a class, `BAD_CONFIG` where `architectures` does not name a class.
    pub fn with_fresh_head(
        &self,
        catalog: &Catalog,
        head: FreshHead<'_>,
        seed: u64,
    ) -> Result<Headed, ModelError> {
        let config = catalog.files.config.as_ref();
        let config = config.cloned().unwrap_or(Value::Null);
        let names = head.names(self)?;
        let prefix = self.arch.prefixes.iter().copied();
        let prefix = prefix.max_by_key(|prefix| prefix.len()).unwrap_or("");
        let renamed = |name: &str| {
            let body = name.strip_prefix(self.prefix.as_str());
            body.map(|body| format!("{prefix}{body}"))
        };
        let old_head = self.head().filter(|head| *head != self.token_embedding());
        let mut kept = Vec::new();
        for (entry, used) in catalog.tensors.iter().zip(self.uses(catalog)?) {
            let is_old = Some(entry.name.as_str()) == old_head
                || self.head_bias() == Some(entry.name.as_str());
            if used == Use::Read && !is_old {
                kept.extend(renamed(&entry.name).map(|name| (name, entry.name.clone())));
            }
        }
        let mut draw = Normal::new(&config, seed);
        let mut fresh = Vec::new();
        let hidden = self.hidden();
        if let Some(before) = names.before {
            // The pooler of BERT is part of its body, and often there.
            let own = format!("{}{}", self.prefix, before.name);
            let stem = match before.of_body {
                true => format!("{prefix}{}", before.name),
                false => before.name.to_owned(),
            };
            let parts = before.parts(hidden);
            let has = |part: &str| before.of_body && catalog.contains(&format!("{own}.{part}"));
            if parts.iter().all(|(part, _)| has(part)) {
                let both = parts
                    .iter()
                    .map(|(part, _)| (format!("{stem}.{part}"), format!("{own}.{part}")));
                kept.extend(both);
            } else {
                fresh.extend(
                    parts
                        .iter()
                        .map(|(part, shape)| draw.tensor(format!("{stem}.{part}"), shape)),
                );
            }
            if let Some(norm) = before.norm {
                fresh.push(FreshTensor {
                    name: format!("{norm}.weight"),
                    shape: vec![hidden],
                    values: vec![1.0; hidden],
                });
            }
        }
        let last = |part: &str| format!("{}.{part}", names.last);
        fresh.push(draw.tensor(last("weight"), &[head.rows(), hidden]));
        if names.bias {
            fresh.push(draw.tensor(last("bias"), &[head.rows()]));
        }
        Ok(Headed {
            config: with_class(config, head)?,
            kept,
            fresh,
        })
    }
}

/// How the classes of a `model_type` begin, for a config.json that names none.
const CLASSES: &[(&str, &str)] = &[
    ("bert", "Bert"),
    ("roberta", "Roberta"),
    ("xlm-roberta", "XLMRoberta"),
    ("distilbert", "DistilBert"),
    ("mpnet", "MPNet"),
    ("modernbert", "ModernBert"),
    ("llama", "Llama"),
    ("mistral", "Mistral"),
    ("qwen2", "Qwen2"),
    ("qwen3", "Qwen3"),
    ("smollm3", "SmolLM3"),
    ("gemma", "Gemma"),
    ("gemma2", "Gemma2"),
    ("gpt2", "GPT2"),
    ("gpt_neox", "GPTNeoX"),
    ("opt", "OPT"),
    ("phi", "Phi"),
    ("phi3", "Phi3"),
];

/// config.json of the class with the head.
fn with_class(mut config: Value, head: FreshHead<'_>) -> Result<Value, ModelError> {
    let class = config["architectures"][0].as_str().and_then(class_stem);
    let by_type = || {
        let model_type = config["model_type"].as_str()?;
        let mut known = CLASSES.iter();
        known
            .find(|(of, _)| *of == model_type)
            .map(|(_, stem)| *stem)
    };
    let Some(stem) = class.or_else(by_type).map(str::to_owned) else {
        return Err(ModelError::BadConfig {
            field: "architectures".into(),
            expected: "the class of the model, such as [\"BertModel\"]".into(),
            actual: config["architectures"].to_string(),
        });
    };
    let fields = config.as_object_mut().ok_or_else(no_object)?;
    fields.insert(
        "architectures".into(),
        json!([format!("{stem}{}", head.class_end())]),
    );
    if let FreshHead::Labels(names) = head {
        let numbered = names.iter().enumerate();
        let by_number: Map<String, Value> = numbered
            .clone()
            .map(|(index, name)| (index.to_string(), json!(name)))
            .collect();
        let by_name: Map<String, Value> = numbered
            .map(|(index, name)| (name.clone(), json!(index)))
            .collect();
        fields.insert("id2label".into(), by_number.into());
        fields.insert("label2id".into(), by_name.into());
        fields.shift_remove("num_labels");
        let problem = "single_label_classification";
        fields.insert("problem_type".into(), json!(problem));
    }
    Ok(config)
}

fn no_object() -> ModelError {
    ModelError::BadConfig {
        field: "the file".into(),
        expected: "an object".into(),
        actual: "something else".into(),
    }
}

/// `Bert` of `BertModel`, `BertForMaskedLM` and others.
fn class_stem(class: &str) -> Option<&str> {
    let cut = ["For", "LMHeadModel", "DoubleHeadsModel", "Model"];
    cut.iter().find_map(|end| {
        let at = class.find(end)?;
        (at > 0).then(|| &class[..at])
    })
}

/// Draws from a normal distribution by the method of Box and Muller.
struct Normal {
    rng: Xoshiro256PlusPlus,
    deviation: f64,
}

impl Normal {
    fn new(config: &Value, seed: u64) -> Self {
        let said = config["initializer_range"].as_f64();
        Self {
            rng: Xoshiro256PlusPlus::seed_from_u64(seed),
            deviation: said
                .filter(|said| said.is_finite() && *said > 0.0)
                .unwrap_or(0.02),
        }
    }

    /// Above 0, at most 1.
    fn uniform(&mut self) -> f64 {
        ((self.rng.next_u64() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    fn next(&mut self) -> f32 {
        let radius = (-2.0 * libm::log(self.uniform())).sqrt();
        let angle = libm::cos(std::f64::consts::TAU * self.uniform());
        (self.deviation * radius * angle) as f32
    }

    /// A matrix of draws, or a bias of zeros.
    fn tensor(&mut self, name: String, shape: &[usize]) -> FreshTensor {
        let count = shape.iter().product();
        let values = match shape.len() {
            1 => vec![0.0; count],
            _ => (0..count).map(|_| self.next()).collect(),
        };
        FreshTensor {
            name,
            shape: shape.to_vec(),
            values,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_keeps_its_family() {
        for (class, stem) in [
            ("BertModel", Some("Bert")),
            ("RobertaForMaskedLM", Some("Roberta")),
            ("GPT2LMHeadModel", Some("GPT2")),
            ("LlamaForCausalLM", Some("Llama")),
            ("ModernBertForSequenceClassification", Some("ModernBert")),
            ("Model", None),
        ] {
            assert_eq!(class_stem(class), stem, "{class}");
        }
    }

    #[test]
    fn draws_have_the_deviation_that_the_configuration_says() {
        let mut draw = Normal::new(&json!({"initializer_range": 0.5}), 3);
        let own = draw.tensor("a".into(), &[100, 100]).values;
        let mean = own.iter().map(|x| f64::from(*x)).sum::<f64>() / 1e4;
        let square = own.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / 1e4;
        assert!(
            mean.abs() < 0.02 && (square.sqrt() - 0.5).abs() < 0.02,
            "{mean} {square}"
        );
        let mut again = Normal::new(&json!({"initializer_range": 0.5}), 3);
        assert_eq!(own, again.tensor("a".into(), &[100, 100]).values);
        assert_eq!(draw.tensor("b".into(), &[3]).values, [0.0; 3]);
    }
}
