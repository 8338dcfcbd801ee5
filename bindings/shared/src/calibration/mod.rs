//! Which text a calibration sees, as sequences of token ids.

mod decoder;
mod encoder;
mod own;
mod probe;

use crate::api::Calibration;
use crate::open_model::Runnable;
use crate::storage::Storage;
use crate::text_file::Text;
use crate::{Error, Host, sample};
use kerf_compress::calibration::{BYTES_OF_A_TOKEN, places};
use kerf_compress::measured::HeldOut;
use kerf_compress::{CompressError, TextUse};
use kerf_kernels::Compute;
use kerf_model::{Kind, ModelError, Network};

/// Characters of the shortest line of the sample that an encoder sees.
const LEAST_LETTERS: usize = 20;
/// Bytes that a window takes at a time.
const PIECE_BYTES: usize = 4 << 10;

/// How much of the text, and which part.
#[derive(Clone, Copy, Debug)]
pub struct Draw {
    /// Upper limit of tokens.
    pub tokens: usize,
    /// Seed of what is drawn.
    pub seed: u64,
    /// Memory that the process may use; 0 without a limit.
    pub limit_bytes: u64,
}

/// What a compression calibrates on.
#[derive(Default)]
pub struct Drawn {
    /// Token ids.
    pub sequences: Vec<Vec<u32>>,
    /// Token ids that a whole model is taught on; empty where nothing is.
    pub taught: Vec<Vec<u32>>,
    /// Token ids that are held out, to measure the result on.
    pub held: Vec<Vec<u32>>,
    /// Token ids of other text to measure on, which ships with kerf.
    pub probe: Vec<Vec<u32>>,
    /// How much of the text they are; `None` for what the model wrote.
    pub text: Option<TextUse>,
    /// Things a user should know.
    pub notes: Vec<String>,
}

impl Drawn {
    /// What the result is measured on. The first counts.
    pub fn texts_to_measure(&mut self) -> Vec<HeldOut> {
        let texts = [
            ("held-out calibration text", std::mem::take(&mut self.held)),
            ("other text", std::mem::take(&mut self.probe)),
        ];
        let texts = texts
            .into_iter()
            .filter(|(_, sequences)| !sequences.is_empty());
        let held = texts.map(|(text, sequences)| HeldOut {
            text: text.into(),
            sequences,
        });
        held.collect()
    }

    /// Tokens of each sequence.
    pub fn lengths(&self) -> Vec<usize> {
        self.sequences.iter().map(Vec::len).collect()
    }
}

/// The sequences that a compression calibrates on. A text is read and encoded a part at a time, and no further than is needed: its
/// length costs no memory. `CALIBRATION_EMPTY` for a text without a token; `WRONG_KIND` for the own text of an encoder.
pub fn draw(
    calibration: &Calibration,
    model: &Runnable,
    compute: &Compute,
    draw: Draw,
    host: &dyn Host,
) -> Result<Drawn, Error> {
    let storage = host.storage();
    let mut drawn = match calibration {
        Calibration::Own => Drawn {
            sequences: own::write(model, compute, draw, host)?,
            ..Drawn::default()
        },
        Calibration::Builtin => {
            from_text(Text::given(&builtin(&model.network)), model, compute, draw)?
        }
        Calibration::File(path) => {
            let text = Text::open(&*storage, path).map_err(|error| match error {
                Error::Model(ModelError::Empty { .. }) => empty(calibration),
                other => other,
            })?;
            from_text(text, model, compute, draw)?
        }
        Calibration::Texts(texts) => from_texts(texts, model, compute, draw)?,
    };
    if drawn.sequences.iter().all(Vec::is_empty) {
        return Err(empty(calibration));
    }
    drawn.probe = probe::draw(model, drawn.lengths().iter().sum())?;
    Ok(drawn)
}

/// Bytes that [`draw`] encodes, about, if the text is there before the run.
pub fn encoded_bytes(
    storage: &dyn Storage,
    calibration: &Calibration,
    network: &Network,
    draw: Draw,
) -> Option<u64> {
    let bytes = text_bytes(storage, calibration)?;
    let is_file = matches!(calibration, Calibration::File(_));
    let places = places(bytes, network.max_context(), draw.tokens, draw.seed);
    let stops = network.kind() == Kind::Encoder || is_file && places.is_some();
    let needed = BYTES_OF_A_TOKEN.saturating_mul(draw.tokens as u64);
    Some(if stops { bytes.min(needed) } else { bytes })
}

/// Bytes of the text, if it is there before the run.
fn text_bytes(storage: &dyn Storage, calibration: &Calibration) -> Option<u64> {
    match calibration {
        Calibration::Builtin => Some(
            sample::CALIBRATION
                .iter()
                .map(|kind| kind.text.len() as u64)
                .sum(),
        ),
        Calibration::File(path) => storage.len_bytes(path),
        Calibration::Texts(texts) => Some(texts.iter().map(|text| text.len() as u64).sum()),
        Calibration::Own => None,
    }
}

/// The sample that ships with kerf. An encoder reads one text a line, of which the shortest (a bracket of a program) tell nothing.
fn builtin(network: &Network) -> String {
    let text = sample::mixed(sample::CALIBRATION);
    match network.kind() {
        Kind::Decoder => text,
        Kind::Encoder => {
            let lines = text
                .lines()
                .filter(|line| line.chars().count() >= LEAST_LETTERS);
            lines.collect::<Vec<_>>().join("\n")
        }
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
fn from_text(text: Text, model: &Runnable, compute: &Compute, draw: Draw) -> Result<Drawn, Error> {
    match model.network.kind() {
        Kind::Decoder => decoder::from_text(text, model, draw),
        Kind::Encoder => encoder::from_text(text, model, compute, draw),
    }
}

fn from_texts(
    texts: &[String],
    model: &Runnable,
    compute: &Compute,
    draw: Draw,
) -> Result<Drawn, Error> {
    match model.network.kind() {
        Kind::Decoder => decoder::from_texts(texts, model, draw),
        Kind::Encoder => encoder::from_texts(texts, model, compute, draw),
    }
}

/// Pieces of a few kilobytes.
fn pieces(mut part: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let mut end = part.len().min(PIECE_BYTES);
        while !part.is_char_boundary(end) {
            end -= 1;
        }
        let (piece, rest) = part.split_at(end);
        part = rest;
        (!piece.is_empty()).then_some(piece)
    })
}
