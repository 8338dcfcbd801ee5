//! How close a result came to its original, in numbers and in words.

use kerf_model::Kind;
use serde::{Deserialize, Serialize};

/// Text that calibration does not see, as token ids.
#[derive(Clone, Debug)]
pub struct HeldOut {
    /// What it is: a word or two that stand after "on".
    pub text: String,
    /// Sequences of one token or more.
    pub sequences: Vec<Vec<u32>>,
}

impl HeldOut {
    /// Tokens of all sequences.
    pub fn tokens(&self) -> usize {
        self.sequences.iter().map(Vec::len).sum()
    }
}

/// What a run measured of its own result, on text that calibration did not see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    /// The first text's loss: the mean KL divergence of the next token in nats (decoders), or 1 minus the mean cosine of the vectors
    /// (encoders). 0 is the original itself; `maxLoss` is about this number.
    pub loss: f64,
    /// What the loss means: `same`, `close`, `worse`, `poor` or `broken`.
    pub grade: String,
    /// The grade and the numbers as one sentence.
    pub summary: String,
    /// Each text: first what was held out of the calibration text, where that was long enough; then other text that ships with kerf.
    pub on: Vec<MeasuredOn>,
}

/// What was measured on one text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct MeasuredOn {
    /// Which text.
    pub text: String,
    /// Its tokens that both models saw.
    pub tokens: usize,
    /// As `loss` of the whole.
    pub loss: f64,
    /// Mean KL(original || result) of the next token, in nats; of a decoder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kl: Option<f64>,
    /// Share of predictions whose most likely token is the same; of a decoder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_token_agreement: Option<f64>,
    /// Mean cosine of the vectors of both models; of an encoder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_cosine: Option<f64>,
}

/// A row of the table of grades.
struct Grade {
    id: &'static str,
    /// Largest KL of a decoder.
    kl: f64,
    /// Largest 1 - cosine of an encoder.
    cosine_loss: f64,
    decoder: &'static str,
    encoder: &'static str,
}

/// From the tables of docs/what-to-expect.md: the last of each is where greedy text repeats itself, and where rankings fall apart.
const GRADES: [Grade; 5] = [
    Grade {
        id: "same",
        kl: 0.05,
        cosine_loss: 0.01,
        decoder: "hard to tell from the original",
        encoder: "hard to tell from the original",
    },
    Grade {
        id: "close",
        kl: 0.15,
        cosine_loss: 0.03,
        decoder: "close to the original",
        encoder: "close to the original",
    },
    Grade {
        id: "worse",
        kl: 0.5,
        cosine_loss: 0.12,
        decoder: "noticeably worse than the original",
        encoder: "its vectors moved noticeably: never mix old and new ones in an index",
    },
    Grade {
        id: "poor",
        kl: 1.0,
        cosine_loss: 0.3,
        decoder: "much worse than the original: it makes mistakes in every paragraph",
        encoder: "its vectors are far from the original's: measure it on your task",
    },
    Grade {
        id: "broken",
        kl: f64::INFINITY,
        cosine_loss: f64::INFINITY,
        decoder: "broken: it will not write sense",
        encoder: "broken: its vectors say little of what the original's said",
    },
];

fn grade_of(kind: Kind, loss: f64) -> &'static Grade {
    let fits = |grade: &&Grade| match kind {
        Kind::Decoder => loss <= grade.kl,
        Kind::Encoder => loss <= grade.cosine_loss,
    };
    // What is no number is in no row.
    GRADES
        .iter()
        .find(fits)
        .unwrap_or(&GRADES[GRADES.len() - 1])
}

impl Measured {
    /// Of the texts, the one that counts first. `None` without a text.
    pub(crate) fn of(kind: Kind, on: Vec<MeasuredOn>) -> Option<Self> {
        let first = on.first()?;
        let grade = grade_of(kind, first.loss);
        let words = match kind {
            Kind::Decoder => grade.decoder,
            Kind::Encoder => grade.encoder,
        };
        let numbers: Vec<String> = on.iter().map(MeasuredOn::words).collect();
        Some(Self {
            loss: first.loss,
            grade: grade.id.into(),
            summary: format!("{words} ({})", numbers.join("; ")),
            on,
        })
    }
}

impl MeasuredOn {
    fn words(&self) -> String {
        let mut words = Vec::new();
        if let Some(kl) = self.kl {
            words.push(format!("KL {}", significant(kl)));
        }
        if let Some(share) = self.top_token_agreement {
            words.push(format!("same next token {:.0} %", 100.0 * share));
        }
        if let Some(cosine) = self.mean_cosine {
            words.push(format!("cosine {cosine:.3}"));
        }
        format!("{} on {}", words.join(", "), self.text)
    }
}

/// Two digits that count.
fn significant(value: f64) -> String {
    let digits = match value {
        _ if value < 0.0995 => 3,
        _ if value < 0.995 => 2,
        _ => 1,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(loss: f64) -> MeasuredOn {
        MeasuredOn {
            text: "held-out text".into(),
            tokens: 10,
            loss,
            kl: Some(loss),
            top_token_agreement: Some(0.5),
            mean_cosine: None,
        }
    }

    #[test]
    fn grades_rise_with_the_loss_and_say_the_numbers() {
        let grade = |loss| Measured::of(Kind::Decoder, vec![on(loss), on(9.0)]).unwrap();
        let grades: Vec<String> = [0.0, 0.1, 0.3, 0.9, 2.1]
            .map(|loss| grade(loss).grade)
            .to_vec();
        assert_eq!(grades, ["same", "close", "worse", "poor", "broken"]);
        assert_eq!(grade(f64::NAN).grade, "broken");
        assert_eq!(
            grade(2.1).summary,
            "broken: it will not write sense (KL 2.1, same next token 50 % on held-out text; KL 9.0, same next token 50 % on held-out text)"
        );
        assert_eq!(Measured::of(Kind::Encoder, Vec::new()), None);
        assert!(GRADES.is_sorted_by(|a, b| a.kl < b.kl && a.cosine_loss < b.cosine_loss));
    }
}
