//! The head of a text classifier (`...ForSequenceClassification`): the state of one token, perhaps a layer, and one logit a label.

use super::Labels;
use super::dense::Dense;
use crate::{Batch, Kind, ModelError, Network, WeightSource};
use kerf_kernels::Compute;
use kerf_tensors::TensorsError;
use serde_json::Value;

/// What is done to the layer before the last.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bend {
    Tanh,
    Relu,
}

/// How the tensors of a head are called.
struct Layout {
    kind: Kind,
    /// The layer before the last, whether its name has the prefix of the body, and what bends it.
    before: Option<(&'static str, bool, Bend)>,
    last: &'static str,
}

/// Encoders look at their first token, decoders at the last that is no padding. The first layout whose tensors are all there is taken.
const LAYOUTS: &[Layout] = &[
    // RoBERTa, MPNet.
    Layout {
        kind: Kind::Encoder,
        before: Some(("classifier.dense", false, Bend::Tanh)),
        last: "classifier.out_proj",
    },
    // DistilBERT.
    Layout {
        kind: Kind::Encoder,
        before: Some(("pre_classifier", false, Bend::Relu)),
        last: "classifier",
    },
    // BERT: the layer is its pooler.
    Layout {
        kind: Kind::Encoder,
        before: Some(("pooler.dense", true, Bend::Tanh)),
        last: "classifier",
    },
    // Decoders.
    Layout {
        kind: Kind::Decoder,
        before: None,
        last: "score",
    },
];

/// A classifier's head, ready to run.
#[derive(Clone, Debug)]
pub struct ClassifierHead {
    labels: Labels,
    pub(crate) before: Option<(Dense, Bend)>,
    pub(crate) last: Dense,
    kind: Kind,
    pub(crate) hidden: usize,
    /// Token that a decoder's text may end with without it being looked at.
    padding: Option<u32>,
}

impl ClassifierHead {
    /// Reads the head of a model folder. `config` is its config.json.
    ///
    /// `WRONG_KIND` for a class other than `...ForSequenceClassification`, `TENSOR_MISSING` where no layout of tensors is there that
    /// kerf knows, `WRONG_SHAPE`, `BAD_CONFIG`.
    pub fn load(
        network: &Network,
        config: &Value,
        compute: &Compute,
        weights: &dyn WeightSource,
    ) -> Result<Self, ModelError> {
        super::span::need_class(network, "classification", "ForSequenceClassification")?;
        let labels = Labels::read(config)?;
        let stem = |stem: &str, of_body: bool| match of_body {
            true => network.name(stem, 0),
            false => format!("{}{stem}", network.wrapper),
        };
        let has = |stem: &str| weights.shape(&format!("{stem}.weight")).is_some();
        let mut own = LAYOUTS
            .iter()
            .filter(|layout| layout.kind == network.kind());
        let fits = |layout: &&Layout| {
            let before = layout.before.map(|(name, of_body, _)| stem(name, of_body));
            before.is_none_or(|name| has(&name)) && has(&stem(layout.last, false))
        };
        let Some(layout) = own.find(fits) else {
            let usual = match network.kind() {
                Kind::Decoder => "score",
                Kind::Encoder => "classifier",
            };
            return Err(TensorsError::TensorMissing {
                tensor: format!("{}.weight", stem(usual, false)),
            }
            .into());
        };
        let hidden = network.hidden();
        let load = |name: &str, rows| Dense::load(compute, weights, name, (rows, hidden));
        let before = match layout.before {
            Some((name, of_body, bend)) => Some((load(&stem(name, of_body), hidden)?, bend)),
            None => None,
        };
        Ok(Self {
            before,
            last: load(&stem(layout.last, false), labels.names.len())?,
            labels,
            kind: network.kind(),
            hidden,
            padding: crate::reader::Reader::new(config).token("pad_token_id"),
        })
    }

    /// The labels.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Logits [sequences, labels] of a batch from its last hidden states [tokens, hidden], after the final norm. `EMPTY` for a batch
    /// with an empty sequence.
    pub fn logits(
        &self,
        compute: &Compute,
        batch: &Batch,
        states: &[f32],
    ) -> Result<Vec<f32>, ModelError> {
        let mut seen = Vec::with_capacity(batch.sequences() * self.hidden);
        for sequence in 0..batch.sequences() {
            let place = batch.starts[sequence] + self.place(batch.sequence(sequence))?;
            seen.extend_from_slice(&states[place * self.hidden..][..self.hidden]);
        }
        if let Some((layer, bend)) = &self.before {
            seen = layer.apply(compute, &seen);
            match bend {
                Bend::Tanh => compute.kernels.tanh(&mut seen),
                Bend::Relu => compute.kernels.relu(&mut seen),
            }
        }
        Ok(self.last.apply(compute, &seen))
    }

    /// The token of a text that is looked at.
    pub(crate) fn place(&self, ids: &[u32]) -> Result<usize, ModelError> {
        if ids.is_empty() {
            return Err(ModelError::Empty {
                what: "a text".into(),
                fix: "give one with a token at least".into(),
            });
        }
        Ok(match (self.kind, self.padding) {
            (Kind::Encoder, _) => 0,
            (Kind::Decoder, None) => ids.len() - 1,
            // A text of padding alone has its first token, as in transformers.
            (Kind::Decoder, Some(padding)) => {
                ids.iter().rposition(|id| *id != padding).unwrap_or(0)
            }
        })
    }
}
