//! The option `recover`.

use super::checks::{check, lookup};
use super::{Options, bad_option, conflict, presets};
use crate::CompressError;
use serde::{Deserialize, Serialize};

/// Whether and how what survived is taught to do what the dense model does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(untagged)]
pub enum RecoverOption {
    /// `false`: not at all. (`true` says too little: it is refused.)
    Off(#[cfg_attr(feature = "ts", ts(type = "false"))] bool),
    /// So.
    On(Recover),
}

/// How what survived is taught.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Recover {
    /// `block`: each block learns the outputs of the dense block, with one block in memory. `whole`: the whole model learns the
    /// predictions (decoders) or vectors (encoders) of the dense one, with all weights in memory, six times over. `auto`: `whole` where
    /// `maxMemoryBytes` allows it (without a limit: 16 GiB), else `block`. Default `auto`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Tokens that are taught in all; the text is repeated as often as it takes. A whole model is taught on up to so many tokens of the
    /// calibration text, a block on the calibration itself (`tokens` of the options), and each block sees so many.
    pub tokens: usize,
    /// Highest learning rate, as a share of the root mean square of each tensor's values, 0 to 1. Default 0.03.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// What a whole model reads: `calibration`, the calibration text; `self`, what the dense model itself writes (decoders); `both`, half
    /// of each. Default `calibration`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What is taught at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A block.
    Block,
    /// The whole model.
    Whole,
    /// The whole model where memory allows it.
    Auto,
}

impl By {
    const IDS: [&str; 3] = ["block", "whole", "auto"];

    fn by_id(id: &str) -> Option<Self> {
        let all = [Self::Block, Self::Whole, Self::Auto];
        let found = Self::IDS.iter().position(|known| *known == id);
        found.map(|at| all[at])
    }

    /// Its id.
    pub fn id(self) -> &'static str {
        Self::IDS[self as usize]
    }
}

/// What a whole model reads while it is taught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// The calibration text.
    Calibration,
    /// What the dense model writes.
    Own,
    /// Half of each.
    Both,
}

impl Text {
    const IDS: [&str; 3] = ["calibration", "self", "both"];

    fn by_id(id: &str) -> Option<Self> {
        let all = [Self::Calibration, Self::Own, Self::Both];
        let found = Self::IDS.iter().position(|known| *known == id);
        found.map(|at| all[at])
    }

    /// Its id.
    pub fn id(self) -> &'static str {
        Self::IDS[self as usize]
    }
}

/// The option with defaults filled in and names looked up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recovery {
    /// What is taught at once.
    pub by: By,
    /// Tokens in all.
    pub tokens: usize,
    /// Highest learning rate, if it is given.
    pub learning_rate: Option<f64>,
    /// What is read.
    pub text: Text,
}

impl Recovery {
    /// The learning rate where none is given.
    pub fn rate(&self) -> f64 {
        self.learning_rate.unwrap_or(USUAL_RATE)
    }
}

/// Whether this build has a backward pass.
const CAN_TEACH: bool = cfg!(feature = "train");

/// Tried on stories260K, classics-6M and MiniLM at 70 % and 4 bits: 0.01 learns less in the same tokens.
const USUAL_RATE: f64 = 0.03;

impl Options {
    /// Checks `recover`, which a quality may ask for. `calibrates`: whether the run does.
    pub(super) fn resolve_recover(
        &self,
        calibrates: bool,
    ) -> Result<Option<Recovery>, CompressError> {
        let option = match &self.recover {
            None => return Ok(self.recovery_of_quality(calibrates)),
            Some(RecoverOption::Off(false)) => return Ok(None),
            Some(RecoverOption::Off(true)) => {
                let expected = "false, or how much is taught, such as { tokens: 100000 }";
                return Err(bad_option("recover", expected, true));
            }
            Some(RecoverOption::On(option)) => option,
        };
        let asked = serde_json::to_string(option).unwrap_or_default();
        if !CAN_TEACH {
            let reason = "this build of kerf cannot teach (that of pages); leave it out, or compress on the command line";
            return Err(conflict("recover", asked, reason));
        }
        if !calibrates {
            let reason = "nothing is calibrated, so there is no text to learn from; choose a `method` that calibrates";
            return Err(conflict("recover", asked, reason));
        }
        let by = option.by.as_deref().unwrap_or("auto");
        let by = lookup(By::by_id(by), "recover.by", By::IDS.to_vec(), by)?;
        let text = option.text.as_deref().unwrap_or(Text::IDS[0]);
        let text = lookup(Text::by_id(text), "recover.text", Text::IDS.to_vec(), text)?;
        let by = match (text, by) {
            (Text::Calibration, by) => by,
            (_, By::Auto | By::Whole) => By::Whole,
            (_, By::Block) => {
                let reason = "a block is taught on the calibration itself; leave it out, or calibrate on what the model writes (`calibration: 'self'`)";
                return Err(conflict("recover.text", text.id(), reason));
            }
        };
        check(option.tokens > 0, "recover.tokens", "at least 1", 0)?;
        let rate = option.learning_rate.unwrap_or(USUAL_RATE);
        check(
            rate > 0.0 && rate <= 1.0,
            "recover.learningRate",
            "a positive number, at most 1",
            rate,
        )?;
        Ok(Some(Recovery {
            by,
            tokens: option.tokens,
            learning_rate: option.learning_rate,
            text,
        }))
    }

    /// What a quality brings where the option says nothing: a pass over the calibration tokens.
    fn recovery_of_quality(&self, calibrates: bool) -> Option<Recovery> {
        let quality = &presets::qualities()[presets::quality_index(self.quality.as_deref())];
        let recovers = CAN_TEACH && calibrates && quality.recovers;
        recovers.then(|| Recovery {
            by: By::Auto,
            tokens: self.tokens.unwrap_or_default().max(1),
            learning_rate: None,
            text: Text::Calibration,
        })
    }
}
