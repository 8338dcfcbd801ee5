//! Which tensor is looked up by token ids, and which turns hidden states into logits: what the configuration says of ties, against
//! what is stored. The rules are those of transformers 5 (`PreTrainedModel.tie_weights`).

use crate::reader::Reader;
use crate::{ModelError, Network, WeightSource};
use kerf_tensors::files::Fact;
use serde_json::Value;

/// The usual stem of a head, whatever the architecture calls it.
const USUAL: &str = "lm_head";
/// Ends of the names of classes whose head gives labels, not words.
const LABELS: [&str; 4] = [
    "ForSequenceClassification",
    "ForTokenClassification",
    "ForQuestionAnswering",
    "ForMultipleChoice",
];
/// Ends of the names of classes whose head gives words.
const WORDS: [&str; 2] = ["ForCausalLM", "LMHeadModel"];

/// What the class of a model computes after its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Logits of words.
    Words,
    /// Logits of labels: kerf computes the body, and the head stays as it is.
    Labels,
    /// Nothing, or nobody says.
    Open,
}

impl Purpose {
    /// By the class in `architectures`, and its name.
    pub fn of<'a>(reader: &Reader<'a>) -> (Self, &'a str) {
        let classes = reader.get("architectures").and_then(Value::as_array);
        let class = classes
            .and_then(|list| list.first())
            .and_then(Value::as_str);
        let class = class.unwrap_or_default();
        let ends = |list: &[&str]| list.iter().any(|end| class.ends_with(end));
        let purpose = match () {
            () if ends(&LABELS) => Self::Labels,
            () if ends(&WORDS) => Self::Words,
            () => Self::Open,
        };
        (purpose, class)
    }
}

impl Network {
    /// Chooses the token embedding, the head and its bias. `TENSOR_MISSING` for a decoder that says that its head is stored, where it
    /// is not. `body`: whether only hidden states are wanted of the model, so that it needs none.
    pub(crate) fn find_head(
        &mut self,
        reader: &Reader<'_>,
        weights: &dyn WeightSource,
        body: bool,
    ) -> Result<(), ModelError> {
        let (purpose, class) = Purpose::of(reader);
        if purpose == Purpose::Labels {
            self.labels = Some(class.to_string());
            let says = format!("kerf computes the body of {class}; its head stays as it is");
            self.facts
                .push(Fact::noted("config.json", "architectures", class, says));
        }
        let Some(head) = self.arch.head.filter(|_| purpose != Purpose::Labels) else {
            return Ok(());
        };
        let has = |name: &String| weights.shape(name).is_some();
        let stems = [head.stem, USUAL].map(|stem| format!("{}{stem}", self.wrapper));
        let weight = |stem: &String| format!("{stem}.weight");
        let stored = stems.iter().find(|stem| has(&weight(stem)));
        let token = self.token.clone();
        let chosen = match (stored.map(weight), self.settings.tied) {
            (None, true) => Some(token),
            (Some(stored), true) if !has(&token) => {
                self.token.clone_from(&stored);
                Some(stored)
            }
            (Some(stored), true) if weights.same(&token, &stored)? => Some(token),
            (Some(stored), true) => {
                let says = format!(
                    "{stored} is stored and differs from the token embedding, so it is the head"
                );
                let field = head.tied.field;
                self.facts
                    .push(Fact::noted("config.json", field, true, says));
                Some(stored)
            }
            (Some(stored), false) => Some(stored),
            (None, false) => {
                let bare = self.prefix == self.wrapper;
                if !bare || (purpose == Purpose::Words && !body) {
                    return Err(ModelError::HeadMissing {
                        tensor: weight(&stems[0]),
                        field: head.tied.field.into(),
                    });
                }
                None
            }
        };
        let stem = stored.unwrap_or(&stems[0]);
        let bias = format!("{stem}.bias");
        self.head_bias = has(&bias).then_some(bias);
        self.head = chosen;
        Ok(())
    }
}
