//! The module Pooling: its modes and their order, and whether the tokens of a prompt are pooled.

use crate::TensorsError;
use crate::files::Reader;
use crate::files::fact::Fact;
use crate::files::fields::Fields;
use serde_json::Value;

/// How the hidden states of a text become one vector. It pools all tokens of the text, or only the tokens after its prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// First token.
    Cls,
    /// Maximum over tokens.
    Max,
    /// Mean over tokens.
    Mean,
    /// Sum over tokens, divided by the square root of their number.
    MeanSqrtLen,
    /// Mean over tokens, weighted by their positions in the text: 1, 2, 3, .... Tokens of the prompt count as positions.
    WeightedMean,
    /// Last token.
    LastToken,
}

/// Each mode with its name, and with the name of its flag in files before version 5.4. Their order is that in which the vectors
/// of several flags are concatenated.
const MODES: [(Pooling, &str, &str); 6] = [
    (Pooling::Cls, "cls", "pooling_mode_cls_token"),
    (Pooling::Max, "max", "pooling_mode_max_tokens"),
    (Pooling::Mean, "mean", "pooling_mode_mean_tokens"),
    (
        Pooling::MeanSqrtLen,
        "mean_sqrt_len_tokens",
        "pooling_mode_mean_sqrt_len_tokens",
    ),
    (
        Pooling::WeightedMean,
        "weightedmean",
        "pooling_mode_weightedmean_tokens",
    ),
    (Pooling::LastToken, "lasttoken", "pooling_mode_lasttoken"),
];

/// Pooling with one or more modes. Their vectors are concatenated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolingModule {
    /// The modes, in order. There is at least one.
    pub modes: Vec<Pooling>,
    /// Whether the tokens of a prompt are pooled too.
    pub include_prompt: bool,
    /// Width of the hidden states, if the file gives it.
    pub dimension: Option<usize>,
}

impl PoolingModule {
    /// Reads `path`/config.json.
    pub(super) fn read(
        path: &str,
        reader: &Reader<'_>,
        facts: &mut Vec<Fact>,
    ) -> Result<Self, TensorsError> {
        let (file, value) = reader.module_config(path)?;
        let fields = Fields::of(&file, &value)?;
        // The flags have an effect only without a list of modes.
        let flags = flags(&fields)?;
        let modes = match fields.get("pooling_mode") {
            Some(value) => listed(&fields, value)?,
            None => flags,
        };
        let width = 1..=1 << 24;
        let old = fields.size("word_embedding_dimension", width.clone())?;
        let dimension = fields.size("embedding_dimension", width)?.or(old);
        let module = Self {
            modes,
            include_prompt: fields.flag("include_prompt")?.unwrap_or(true),
            dimension: dimension.map(|width| width as usize),
        };
        let names: Vec<&str> = module.modes.iter().map(|mode| mode.name()).collect();
        let says = "hidden states are pooled so, one mode behind the other";
        facts.push(Fact::used(&file, "pooling_mode", names.join(", "), says));
        if !module.include_prompt {
            let says = "the tokens of a prompt are left out when hidden states are pooled";
            facts.push(Fact::used(&file, "include_prompt", false, says));
        }
        facts.extend(fields.unread(&[]));
        Ok(module)
    }
}

impl Pooling {
    /// Name of the mode in the file.
    pub fn name(self) -> &'static str {
        let row = MODES.iter().find(|(mode, ..)| *mode == self);
        row.map_or("", |(_, name, _)| name)
    }
}

/// The modes whose flags are set. The mean if none is set.
fn flags(fields: &Fields<'_>) -> Result<Vec<Pooling>, TensorsError> {
    let mut modes = Vec::new();
    for (mode, _, flag) in MODES {
        if fields.flag(flag)? == Some(true) {
            modes.push(mode);
        }
    }
    if modes.is_empty() {
        modes.push(Pooling::Mean);
    }
    Ok(modes)
}

/// One name or a list of names.
fn listed(fields: &Fields<'_>, value: &Value) -> Result<Vec<Pooling>, TensorsError> {
    let mode = |value: &Value| {
        let name = value.as_str()?;
        let row = MODES.iter().find(|(_, known, _)| *known == name);
        row.map(|(mode, ..)| *mode)
    };
    let modes: Option<Vec<Pooling>> = match value {
        Value::Array(values) => values.iter().map(mode).collect(),
        value => mode(value).map(|mode| vec![mode]),
    };
    match modes.filter(|modes| !modes.is_empty()) {
        Some(modes) => Ok(modes),
        None => {
            let names = MODES.map(|(_, name, _)| name).join(", ");
            Err(fields.bad("pooling_mode", format!("one or more of {names}")))
        }
    }
}
