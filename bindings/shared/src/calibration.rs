//! Which text a calibration sees, as sequences of token ids.

use crate::api::Calibration;
use crate::encoding::Encoding;
use crate::opened::Runnable;
use crate::reporter::Reporter;
use crate::storage::Storage;
use crate::{Error, Host, machine, text_file};
use kerf_compress::calibration::{MAX_WINDOW, decoder_windows, encoder_texts};
use kerf_compress::{CompressError, Stage};
use kerf_kernels::Compute;
use kerf_model::generate::{Sampling, generate};
use kerf_model::{Kind, ModelError};

/// The sample that ships with kerf; data/README.md says where it is from.
const BUILTIN: &str = include_str!("../data/calibration.txt");

/// How much of the text, and which part.
#[derive(Clone, Copy, Debug)]
pub struct Draw {
    /// Upper limit of tokens.
    pub tokens: usize,
    /// Seed of what is drawn.
    pub seed: u64,
}

/// The sequences that a compression calibrates on. `CALIBRATION_EMPTY` for a text without a token; `WRONG_KIND` for the own
/// text of an encoder.
pub fn sequences(
    calibration: &Calibration,
    model: &Runnable,
    compute: &Compute,
    draw: Draw,
    host: &dyn Host,
) -> Result<Vec<Vec<u32>>, Error> {
    let sequences = match calibration {
        Calibration::Own => own(model, compute, draw, host)?,
        Calibration::Builtin => from_text(BUILTIN, model, compute, draw)?,
        Calibration::File(path) => {
            let text = text_file::read(&*host.storage(), path).map_err(|error| match error {
                Error::Model(ModelError::Empty { .. }) => empty(calibration),
                other => other,
            })?;
            from_text(&text, model, compute, draw)?
        }
        Calibration::Texts(texts) => from_texts(texts, model, compute, draw)?,
    };
    if sequences.iter().all(Vec::is_empty) {
        return Err(empty(calibration));
    }
    Ok(sequences)
}

/// Bytes of the text, if it is there before the run.
pub fn text_bytes(storage: &dyn Storage, calibration: &Calibration) -> Option<u64> {
    match calibration {
        Calibration::Builtin => Some(BUILTIN.len() as u64),
        Calibration::File(path) => storage.len_bytes(path),
        Calibration::Texts(texts) => Some(texts.iter().map(|text| text.len() as u64).sum()),
        Calibration::Own => None,
    }
}

fn empty(calibration: &Calibration) -> Error {
    let calibration = match calibration {
        Calibration::File(path) => path.clone(),
        Calibration::Texts(texts) => format!("{} texts", texts.len()),
        Calibration::Builtin => "the sample that ships with kerf".into(),
        Calibration::Own => "what the model wrote".into(),
    };
    CompressError::CalibrationEmpty { calibration }.into()
}

/// A decoder sees windows of the whole text, an encoder one text a line.
fn from_text(
    text: &str,
    model: &Runnable,
    compute: &Compute,
    draw: Draw,
) -> Result<Vec<Vec<u32>>, Error> {
    match model.network.kind() {
        Kind::Decoder => {
            let ids = model.opened.tokenizer("calibration")?.encode(text, true)?;
            Ok(windows(&ids, model, draw))
        }
        Kind::Encoder => from_lines(text.lines(), model, compute, draw),
    }
}

fn from_texts(
    texts: &[String],
    model: &Runnable,
    compute: &Compute,
    draw: Draw,
) -> Result<Vec<Vec<u32>>, Error> {
    match model.network.kind() {
        Kind::Decoder => {
            let tokenizer = model.opened.tokenizer("calibration")?;
            let written = texts.iter().filter(|text| !text.trim().is_empty()).cloned();
            let ids = tokenizer.encode_all(&written.collect::<Vec<_>>(), true)?;
            Ok(windows(&ids.concat(), model, draw))
        }
        Kind::Encoder => from_lines(texts.iter().map(String::as_str), model, compute, draw),
    }
}

fn windows(ids: &[u32], model: &Runnable, draw: Draw) -> Vec<Vec<u32>> {
    decoder_windows(ids, model.network.max_context(), draw.tokens, draw.seed)
}

fn from_lines<'t>(
    lines: impl Iterator<Item = &'t str>,
    model: &Runnable,
    compute: &Compute,
    draw: Draw,
) -> Result<Vec<Vec<u32>>, Error> {
    // Without a prompt: it would be the same text again and again.
    let encoding = Encoding::of(model);
    let tokenizer = encoding.tokenizer(&model.opened, "calibration")?;
    // A line has at least one token, so more lines than tokens are never needed.
    let lines: Vec<&str> = lines
        .filter(|line| !line.trim().is_empty())
        .take(draw.tokens.saturating_add(1))
        .collect();
    let (ids, _) = encoding.encode(&tokenizer, compute, &lines)?;
    Ok(encoder_texts(ids, draw.tokens))
}

/// Text that the model writes itself, from its begin token, at temperature 1 (self-calibration, Williams et al. 2024,
/// arXiv:2410.17170). A text that ends is followed by another, until there are enough tokens. One token at a time, so this
/// takes longer than reading a text.
fn own(
    model: &Runnable,
    compute: &Compute,
    draw: Draw,
    host: &dyn Host,
) -> Result<Vec<Vec<u32>>, Error> {
    let network = &model.network;
    if network.kind() != Kind::Decoder {
        return Err(ModelError::WrongKind {
            operation: "calibration on the model's own text".into(),
            expected: "a decoder".into(),
            architecture: network.architecture().into(),
        }
        .into());
    }
    let Some(begin) = network.bos().or(network.eos().first().copied()) else {
        return Err(Error::BadConfig {
            file: "config.json".into(),
            expected: "bos_token_id or eos_token_id, from which the model can begin a text".into(),
            actual: "neither".into(),
        });
    };
    // Stage "calibrate" counts the tokens once more, when they are used.
    let reporter = Reporter::new(host, Stage::Generate, "tokens", "");
    let mut runner = model.runner(compute, machine::keep_bytes());
    let longest = network.max_context().min(MAX_WINDOW);
    let (mut sequences, mut total) = (Vec::new(), 0);
    while total < draw.tokens {
        let room = longest.min(draw.tokens - total);
        let sampling = Sampling {
            temperature: 1.0,
            seed: draw.seed.wrapping_add(sequences.len() as u64),
            ..Sampling::default()
        };
        let (mut written, mut go_on) = (1, true);
        let ids = generate(&mut runner, &[begin], room - 1, sampling, &mut |_| {
            written += 1;
            go_on = reporter.report((total + written) as u64, draw.tokens as u64);
            go_on
        })?;
        if !go_on {
            return Err(ModelError::Cancelled {}.into());
        }
        let mut sequence = vec![begin];
        sequence.extend(ids);
        total += sequence.len();
        sequences.push(sequence);
    }
    reporter.report(draw.tokens as u64, draw.tokens as u64);
    Ok(sequences)
}
