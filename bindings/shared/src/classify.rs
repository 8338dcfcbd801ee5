//! `classify`: what a classifier says of texts.

use crate::api::{Classes, ClassifyRequest};
use crate::held;
use crate::tasks::{Bench, classification};
use crate::{Error, Host, machine, text_file};
use kerf_run::Stage;

/// The probability of each label for each text: the softmax of the head's logits, as the pipeline `text-classification` of transformers
/// has it. A text longer than the model's maximum is cut, of a pair the longer text first.
///
/// `EMPTY` without texts; `BAD_REQUEST` for what is neither a text nor a pair; `WRONG_KIND` for a model without such a head, or whose head gives numbers or
/// several labels; `NO_TOKENIZER`, `NOT_FINITE`, `MEMORY_LIMIT`, `CANCELLED`, and those of opening a model.
pub fn classify(request: ClassifyRequest, host: &dyn Host) -> Result<Classes, Error> {
    if request.texts.is_empty() {
        return Err(text_file::empty("texts"));
    }
    let texts = request.texts.iter().enumerate();
    let texts = texts.map(|(index, texts)| match texts.as_slice() {
        [text] => Ok((text.as_str(), None)),
        [first, second] => Ok((first.as_str(), Some(second.as_str()))),
        other => Err(Error::BadRequest {
            field: format!("classify.texts[{index}]"),
            expected: "one text, or two that make a pair".into(),
            actual: format!("{} texts", other.len()),
        }),
    });
    let texts = texts.collect::<Result<Vec<_>, _>>()?;
    let compute = machine::compute(request.threads)?.with_stop(host.stop());
    let architecture = request.architecture.as_deref();
    let model = held::model(&request.model, &*host.storage(), architecture)?;
    let bench = Bench {
        model: &model,
        compute: &compute,
        limit_bytes: request.max_memory_bytes.unwrap_or(0),
        host,
        stage: Stage::Classify,
        router: None,
        routed: Default::default(),
    };
    let head = classification::head(&bench)?;
    let (mut logits, truncated) = classification::logits(&bench, &head, &texts)?;
    logits.iter_mut().for_each(|logits| softmax(logits));
    Ok(Classes {
        labels: head.labels().names.clone(),
        probabilities: logits,
        truncated,
    })
}

/// In f64, so that the sum is 1 to the last digit of f32.
fn softmax(logits: &mut [f32]) {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let power = |logit: f32| f64::from(logit - most).exp();
    let sum: f64 = logits.iter().map(|logit| power(*logit)).sum();
    for logit in logits {
        *logit = (power(*logit) / sum) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::softmax;

    #[test]
    fn probabilities_are_those_of_the_formula() {
        let mut values = [0.0, 2f32.ln(), 1000.0, 1000.0];
        softmax(&mut values);
        assert_eq!(values, [0.0, 0.0, 0.5, 0.5]);
        let mut values = [0.0, 2f32.ln()];
        softmax(&mut values);
        assert!((values[0] - 1.0 / 3.0).abs() < 1e-7 && (values[1] - 2.0 / 3.0).abs() < 1e-7);
    }
}
