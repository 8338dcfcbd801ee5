//! The head that finds answers in a text (`...ForQuestionAnswering`): two logits a token, for the start and the end of the answer.

use super::dense::Dense;
use super::layer::{HeadLayer, MODERNBERT};
use crate::{ModelError, Network, WeightSource};
use kerf_kernels::Compute;
use serde_json::Value;

/// End of the name of a class with such a head.
pub(super) const CLASS_END: &str = "ForQuestionAnswering";

/// A span head, ready to run.
#[derive(Clone, Debug)]
pub struct SpanHead {
    pub(crate) before: Option<HeadLayer>,
    pub(crate) layer: Dense,
}

/// Logits of the tokens of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanLogits {
    /// That the answer begins with a token.
    pub start: Vec<f32>,
    /// That the answer ends with a token.
    pub end: Vec<f32>,
}

impl SpanHead {
    /// Reads `qa_outputs` of a model folder; of ModernBERT `classifier`, behind its prediction head. `config` is its config.json.
    ///
    /// `WRONG_KIND` for a class other than `...ForQuestionAnswering`, `TENSOR_MISSING`, `WRONG_SHAPE`, `BAD_CONFIG`.
    pub fn load(
        network: &Network,
        config: &Value,
        compute: &Compute,
        weights: &dyn WeightSource,
    ) -> Result<Self, ModelError> {
        need_class(network, "question answering", CLASS_END)?;
        let behind = format!("{}.weight", MODERNBERT.stem(network));
        let (before, name) = match weights.shape(&behind) {
            Some(_) => {
                let layer = MODERNBERT.load(network, config, compute, weights)?;
                (Some(layer), "classifier")
            }
            None => (None, "qa_outputs"),
        };
        let stem = format!("{}{name}", network.wrapper);
        let shape = (2, network.hidden());
        Ok(Self {
            before,
            layer: Dense::load(compute, weights, &stem, shape)?,
        })
    }

    /// Logits of the tokens of some last hidden states [tokens, hidden].
    pub fn logits(&self, compute: &Compute, states: &[f32]) -> SpanLogits {
        match &self.before {
            Some(before) => self.last_logits(compute, &before.apply(compute, states)),
            None => self.last_logits(compute, states),
        }
    }

    /// Logits of what the last layer sees [tokens, hidden].
    pub(crate) fn last_logits(&self, compute: &Compute, seen: &[f32]) -> SpanLogits {
        let both = self.layer.apply(compute, seen);
        SpanLogits {
            start: both.iter().step_by(2).copied().collect(),
            end: both.iter().skip(1).step_by(2).copied().collect(),
        }
    }
}

/// `WRONG_KIND` unless the class of the model ends so.
pub(super) fn need_class(network: &Network, what: &str, end: &str) -> Result<(), ModelError> {
    match network.labels() {
        Some(class) if class.ends_with(end) => Ok(()),
        other => Err(ModelError::WrongKind {
            operation: what.into(),
            expected: format!("a model of a class that ends with {end}"),
            architecture: other.unwrap_or(network.architecture()).into(),
        }),
    }
}
