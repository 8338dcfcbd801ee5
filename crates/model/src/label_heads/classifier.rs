//! The head of a text classifier (`...ForSequenceClassification`): the state of one token or the mean of all, perhaps a layer, and one
//! logit a label.

use super::Labels;
use super::dense::Dense;
use super::layer::{Before, Bend, HeadLayer, MODERNBERT};
use crate::evaluate::{Pooling, pool};
use crate::reader::Reader;
use crate::{Batch, Kind, ModelError, Network, WeightSource};
use kerf_kernels::Compute;
use kerf_tensors::TensorsError;
use serde_json::Value;
use std::ops::Range;

/// End of the name of a class with such a head.
pub(super) const CLASS_END: &str = "ForSequenceClassification";

/// How the tensors of a head are called.
struct Layout {
    /// Architectures whose classes of transformers have this layout.
    #[cfg_attr(not(feature = "train"), allow(dead_code))]
    architectures: &'static [&'static str],
    kind: Kind,
    before: Option<Before>,
    last: &'static str,
    /// The field of config.json that says which state of a text is looked at, `cls` or `mean`.
    pooling: Option<&'static str>,
}

/// Encoders look at their first token where no field says otherwise, decoders, which all have the last layout, at the last that is no
/// padding. The first layout whose tensors are all there is taken.
const LAYOUTS: &[Layout] = &[
    Layout {
        architectures: &["roberta", "mpnet"],
        kind: Kind::Encoder,
        before: Some(Before::bare("classifier.dense", Bend::Tanh)),
        last: "classifier.out_proj",
        pooling: None,
    },
    Layout {
        architectures: &["distilbert"],
        kind: Kind::Encoder,
        before: Some(Before::bare("pre_classifier", Bend::Relu)),
        last: "classifier",
        pooling: None,
    },
    // The layer is the pooler.
    Layout {
        architectures: &["bert"],
        kind: Kind::Encoder,
        before: Some(Before {
            name: "pooler.dense",
            of_body: true,
            bend: Bend::Tanh,
            norm: None,
            activation: None,
        }),
        last: "classifier",
        pooling: None,
    },
    Layout {
        architectures: &["modernbert"],
        kind: Kind::Encoder,
        before: Some(MODERNBERT),
        last: "classifier",
        pooling: Some("classifier_pooling"),
    },
    Layout {
        architectures: &[],
        kind: Kind::Decoder,
        before: None,
        last: "score",
        pooling: None,
    },
];

/// The layer before the last one, and the name of the last one, that a classifier of this network has in transformers.
#[cfg(feature = "train")]
pub(super) fn usual_layout(network: &Network) -> Option<(Option<Before>, &'static str)> {
    let own = LAYOUTS.iter().find(|layout| match network.kind() {
        Kind::Decoder => layout.kind == Kind::Decoder,
        Kind::Encoder => layout.architectures.contains(&network.architecture()),
    });
    own.map(|layout| (layout.before, layout.last))
}

/// A classifier's head, ready to run.
#[derive(Clone, Debug)]
pub struct ClassifierHead {
    labels: Labels,
    pub(crate) before: Option<HeadLayer>,
    pub(crate) last: Dense,
    kind: Kind,
    /// Whether the mean of all states of a text is looked at.
    mean: bool,
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
        super::span::need_class(network, "classification", CLASS_END)?;
        let labels = Labels::read(config)?;
        let stem = |stem: &str| format!("{}{stem}", network.wrapper);
        let has = |stem: &str| weights.shape(&format!("{stem}.weight")).is_some();
        let mut own = LAYOUTS
            .iter()
            .filter(|layout| layout.kind == network.kind());
        let fits = |layout: &&Layout| {
            let before = layout.before.map(|layer| layer.stem(network));
            before.is_none_or(|name| has(&name)) && has(&stem(layout.last))
        };
        let Some(layout) = own.find(fits) else {
            let usual = match network.kind() {
                Kind::Decoder => "score",
                Kind::Encoder => "classifier",
            };
            return Err(TensorsError::TensorMissing {
                tensor: format!("{}.weight", stem(usual)),
            }
            .into());
        };
        let hidden = network.hidden();
        let load = |name: &str, rows| Dense::load(compute, weights, name, (rows, hidden));
        let before = match &layout.before {
            Some(layer) => Some(layer.load(network, config, compute, weights)?),
            None => None,
        };
        let reader = Reader::new(config);
        let pooling = layout.pooling.map(|field| (field, reader.text(field)));
        let mean = match pooling {
            None => false,
            Some((field, said)) => match said? {
                None | Some("cls") => false,
                Some("mean") => true,
                Some(_) => return Err(reader.bad(field, "cls or mean")),
            },
        };
        Ok(Self {
            before,
            last: load(&stem(layout.last), labels.names.len())?,
            labels,
            kind: network.kind(),
            mean,
            hidden,
            padding: reader.token("pad_token_id"),
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
        let mut seen = self.seen(states, &self.looked_at(batch)?);
        if let Some(layer) = &self.before {
            seen = layer.apply(compute, &seen);
        }
        Ok(self.last.apply(compute, &seen))
    }

    /// The tokens of each text of a batch whose mean state the head sees: one token, or all. `EMPTY` for a batch with an empty sequence.
    pub(crate) fn looked_at(&self, batch: &Batch) -> Result<Vec<Range<usize>>, ModelError> {
        let of_sequence = |sequence: usize| {
            let own = batch.starts[sequence]..batch.starts[sequence + 1];
            let place = own.start + self.place(batch.sequence(sequence))?;
            Ok(match self.mean {
                true => own,
                false => place..place + 1,
            })
        };
        (0..batch.sequences()).map(of_sequence).collect()
    }

    /// Mean of the states [tokens, hidden] of each text's tokens: [texts, hidden].
    pub(crate) fn seen(&self, states: &[f32], looked_at: &[Range<usize>]) -> Vec<f32> {
        let of_text = |tokens: &Range<usize>| {
            let own = &states[tokens.start * self.hidden..tokens.end * self.hidden];
            pool(Pooling::Mean, own, self.hidden, 0)
        };
        looked_at.iter().flat_map(of_text).collect()
    }

    /// The token of a text that is looked at.
    fn place(&self, ids: &[u32]) -> Result<usize, ModelError> {
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
