//! The text that ships with kerf to measure a result on.

use super::{LEAST_LETTERS, pieces};
use crate::encoding::Encoding;
use crate::open_model::Runnable;
use crate::{Error, sample};
use kerf_compress::calibration::held_tokens;
use kerf_model::Kind;

/// The text that ships with kerf to measure on, for a run of so many calibration tokens: the beginning of each kind.
pub(super) fn draw(model: &Runnable, tokens: usize) -> Result<Vec<Vec<u32>>, Error> {
    let each = held_tokens(tokens) / 2 / sample::PROBE.len();
    let mut sequences = Vec::new();
    if model.network.kind() == Kind::Decoder {
        let tokenizer = model.opened.tokenizer("calibration")?;
        for kind in sample::PROBE {
            let text = pieces(kind.text).next().unwrap_or_default();
            let mut ids = tokenizer.encode(text, true)?;
            ids.truncate(each.min(model.network.max_context()));
            sequences.push(ids);
        }
        sequences.retain(|ids| ids.len() > 1);
        return Ok(sequences);
    }
    let encoding = Encoding::of(model);
    let tokenizer = encoding.tokenizer(&model.opened, "calibration")?;
    for kind in sample::PROBE {
        let lines = kind.text.lines();
        let mut taken = 0;
        for line in lines.filter(|line| line.chars().count() >= LEAST_LETTERS) {
            if taken >= each {
                break;
            }
            let longest = encoding.max_tokens.min(each - taken);
            let (ids, _) = tokenizer.encode_truncated(line, longest)?;
            taken += ids.len();
            sequences.push(ids);
        }
    }
    Ok(sequences)
}
