//! Which text a calibration sees, as sequences of token ids.

use crate::api::Calibration;
use crate::encoding::Encoding;
use crate::open_model::Runnable;
use crate::reporter::Reporter;
use crate::running::Running;
use crate::storage::Storage;
use crate::text_file::{Lines, Text, without_mark};
use crate::text_tokens::{TextTokens, forced_note};
use crate::{Error, Host, sample};
use kerf_compress::calibration::{
    BYTES_OF_A_TOKEN, MAX_WINDOW, Places, decoder_windows, held_tokens, places,
};
use kerf_compress::measured::HeldOut;
use kerf_compress::{CompressError, TextUse};
use kerf_kernels::Compute;
use kerf_model::generate::{Sampling, generate};
use kerf_model::{Kind, ModelError, Network};
use kerf_run::Stage;
use kerf_tensors::TensorsError;
use kerf_text::{IdStream, Tokenizer};

/// Characters of the shortest line of the sample that an encoder sees.
const LEAST_LETTERS: usize = 20;
/// Most bytes of one text of an encoder that are encoded, and of several together. The library takes about 100 bytes for each.
const LONGEST_TEXT_BYTES: usize = 256 << 10;
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
            sequences: own(model, compute, draw, host)?,
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
    drawn.probe = probe(model, drawn.lengths().iter().sum())?;
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
fn from_text(
    mut text: Text,
    model: &Runnable,
    compute: &Compute,
    draw: Draw,
) -> Result<Drawn, Error> {
    let network = &model.network;
    if network.kind() == Kind::Encoder {
        let bytes = text.bytes();
        let mut texts = Texts::new(model, compute, draw, bytes)?;
        let mut lines = Lines::of(&mut text, LONGEST_TEXT_BYTES);
        while let Some(line) = lines.next()? {
            if !texts.add(&line.text, line.bytes)? {
                break;
            }
        }
        return texts.finish();
    }
    let tokenizer = model.opened.tokenizer("calibration")?;
    if let Some(places) = places(text.bytes(), network.max_context(), draw.tokens, draw.seed) {
        return from_places(&mut text, &places, &tokenizer);
    }
    let mut tokens = TextTokens::of(text, &tokenizer);
    let ids = tokens.all()?;
    let (ids, held) = hold_out(ids, model, draw);
    let sequences = windows(&ids, model, draw);
    let used: usize = sequences.iter().map(Vec::len).sum();
    Ok(Drawn {
        sequences,
        held,
        text: Some(tokens.use_of(used as u64)),
        notes: tokens.note().into_iter().collect(),
        ..Drawn::default()
    })
}

/// Windows at places of a text that is too long to be encoded. Each begins at a word and has no special tokens.
fn from_places(text: &mut Text, places: &Places, tokenizer: &Tokenizer) -> Result<Drawn, Error> {
    let (mut sequences, mut used_bytes, mut forced) = (Vec::new(), 0, 0);
    // What follows a window is held out, of each of them the same.
    let after = held_tokens(places.window * places.places.len()) / places.places.len();
    let after = after.min(places.window);
    let (wanted, mut held) = (places.window + after, Vec::new());
    for place in &places.places {
        text.go_to(*place)?;
        let mut stream = IdStream::new(tokenizer, false);
        let (mut ids, mut begun) = (Vec::new(), false);
        while ids.len() < wanted && text.done() < place + places.room {
            let Some(part) = text.part()? else { break };
            let part = match begun {
                true => part.as_str(),
                false => after_a_space(&part),
            };
            begun = true;
            // Not all of a part may be needed.
            for piece in pieces(part) {
                stream.push(piece, &mut ids)?;
                used_bytes += piece.len() as u64;
                if ids.len() >= wanted {
                    break;
                }
            }
        }
        if ids.len() < wanted {
            stream.finish(&mut ids)?;
        }
        forced += stream.forced();
        ids.truncate(wanted);
        let rest = ids.split_off(places.window.min(ids.len()));
        held.extend((rest.len() > 1).then_some(rest));
        sequences.push(ids);
    }
    let tokens: usize = sequences.iter().map(Vec::len).sum();
    let bytes = text.bytes();
    let mut notes = vec![format!(
        "the text is long: {} windows were drawn at places of it, each encoded by itself from a word on",
        sequences.len()
    )];
    notes.extend(forced_note(forced));
    Ok(Drawn {
        sequences,
        held,
        text: Some(TextUse {
            bytes,
            used_bytes: used_bytes.min(bytes),
            tokens: tokens as u64,
            cut: 0,
        }),
        notes,
        ..Drawn::default()
    })
}

/// What follows the first white space, if that is near.
fn after_a_space(part: &str) -> &str {
    let near = part.char_indices().take(256);
    let mut space = near.filter(|(_, letter)| letter.is_whitespace());
    space.next().map_or(part, |(at, _)| &part[at..])
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

fn from_texts(
    texts: &[String],
    model: &Runnable,
    compute: &Compute,
    draw: Draw,
) -> Result<Drawn, Error> {
    let texts = || texts.iter().map(|text| without_mark(text));
    let bytes: u64 = texts().map(|text| text.len() as u64).sum();
    if model.network.kind() == Kind::Encoder {
        let mut drawn = Texts::new(model, compute, draw, bytes)?;
        for text in texts() {
            let mut end = text.len().min(LONGEST_TEXT_BYTES);
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            if !drawn.add(&text[..end], text.len() as u64)? {
                break;
            }
        }
        return drawn.finish();
    }
    let tokenizer = model.opened.tokenizer("calibration")?;
    let (mut ids, mut forced) = (Vec::new(), 0);
    for text in texts().filter(|text| !text.trim().is_empty()) {
        let mut stream = IdStream::new(&tokenizer, true);
        for piece in pieces(text) {
            stream.push(piece, &mut ids)?;
        }
        stream.finish(&mut ids)?;
        forced += stream.forced();
    }
    let all = ids.len();
    let (ids, held) = hold_out(ids, model, draw);
    let sequences = windows(&ids, model, draw);
    let used: usize = sequences.iter().map(Vec::len).sum();
    let share = used as f64 / all.max(1) as f64;
    Ok(Drawn {
        sequences,
        held,
        text: Some(TextUse {
            bytes,
            used_bytes: (bytes as f64 * share).round() as u64,
            tokens: used as u64,
            cut: 0,
        }),
        notes: forced_note(forced).into_iter().collect(),
        ..Drawn::default()
    })
}

/// A held-out piece of a decoder's text, in tokens.
const HELD_WINDOW: usize = 128;
/// A shorter text is not worth less than all of it.
const LEAST_TO_SHARE: usize = 1280;

/// Pieces from all over the text, a tenth of it at most, and the text without them.
fn hold_out(mut ids: Vec<u32>, model: &Runnable, draw: Draw) -> (Vec<u32>, Vec<Vec<u32>>) {
    if ids.len() < LEAST_TO_SHARE {
        return (ids, Vec::new());
    }
    let window = HELD_WINDOW.min(model.network.max_context());
    let count = (ids.len() / 10).min(held_tokens(draw.tokens)) / window;
    let part = ids.len() / count.max(1);
    // The last piece goes first, so that the places of the others stay.
    let places = (0..count)
        .rev()
        .map(|index| index * part + (part - window) / 2);
    let mut held: Vec<Vec<u32>> = places
        .map(|at| ids.drain(at..at + window).collect())
        .collect();
    held.reverse();
    (ids, held)
}

/// The text that ships with kerf to measure on, for a run of so many calibration tokens: the beginning of each kind.
fn probe(model: &Runnable, tokens: usize) -> Result<Vec<Vec<u32>>, Error> {
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

fn windows(ids: &[u32], model: &Runnable, draw: Draw) -> Vec<Vec<u32>> {
    decoder_windows(ids, model.network.max_context(), draw.tokens, draw.seed)
}

/// Texts of an encoder, encoded some at a time until there are enough.
struct Texts<'a> {
    compute: &'a Compute,
    tokenizer: Tokenizer,
    encoding: Encoding,
    most: usize,
    /// Not encoded yet: the text as far as it was kept, and the bytes of all of it.
    waiting: Vec<(String, u64)>,
    waiting_bytes: usize,
    drawn: Vec<Vec<u32>>,
    tokens: usize,
    /// Every tenth text is held out, until there are enough.
    held: Vec<Vec<u32>>,
    held_tokens: usize,
    seen: usize,
    full: bool,
    text: TextUse,
}

impl<'a> Texts<'a> {
    fn new(model: &Runnable, compute: &'a Compute, draw: Draw, bytes: u64) -> Result<Self, Error> {
        // Without a prompt: it would be the same text again and again.
        let encoding = Encoding::of(model);
        let tokenizer = encoding.tokenizer(&model.opened, "calibration")?;
        Ok(Self {
            compute,
            tokenizer,
            encoding,
            most: draw.tokens,
            waiting: Vec::new(),
            waiting_bytes: 0,
            drawn: Vec::new(),
            tokens: 0,
            held: Vec::new(),
            held_tokens: 0,
            seen: 0,
            full: false,
            text: TextUse {
                bytes,
                ..TextUse::default()
            },
        })
    }

    /// Takes a text, of which `text` is the beginning or all; returns whether more are wanted.
    fn add(&mut self, text: &str, bytes: u64) -> Result<bool, Error> {
        if !text.trim().is_empty() {
            self.waiting.push((text.into(), bytes));
            self.waiting_bytes += text.len();
            if self.waiting_bytes >= LONGEST_TEXT_BYTES {
                self.encode()?;
            }
        }
        Ok(!self.full)
    }

    /// In the order of the texts until the limit; the text that would cross it is left out, unless it is the first, which is cut.
    fn encode(&mut self) -> Result<(), Error> {
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        let texts: Vec<&str> = waiting.iter().map(|(text, _)| text.as_str()).collect();
        let (encoded, _) = self
            .encoding
            .encode(&self.tokenizer, self.compute, &texts)?;
        for ((text, bytes), mut ids) in waiting.iter().zip(encoded) {
            let is_full = self.tokens + ids.len() > self.most && !self.drawn.is_empty();
            self.full = self.full || is_full;
            if self.full || ids.is_empty() {
                continue;
            }
            self.seen += 1;
            if self.seen.is_multiple_of(10)
                && self.held_tokens + ids.len() <= held_tokens(self.most)
            {
                self.held_tokens += ids.len();
                self.held.push(ids);
                continue;
            }
            let longest = self.encoding.max_tokens.min(self.most);
            let is_cut = ids.len() >= longest || (text.len() as u64) < *bytes;
            ids.truncate(self.most);
            self.tokens += ids.len();
            self.text.cut += u64::from(is_cut && self.is_longer(text, *bytes, ids.len())?);
            self.text.used_bytes += text.len() as u64;
            self.drawn.push(ids);
        }
        Ok(())
    }

    /// Whether a text has more tokens than were taken of it.
    fn is_longer(&self, text: &str, bytes: u64, taken: usize) -> Result<bool, Error> {
        if (text.len() as u64) < bytes {
            return Ok(true);
        }
        let (_, cut) = self.tokenizer.encode_truncated(text, taken)?;
        Ok(cut)
    }

    fn finish(mut self) -> Result<Drawn, Error> {
        self.encode()?;
        self.text.tokens = self.tokens as u64;
        Ok(Drawn {
            sequences: self.drawn,
            held: self.held,
            text: Some(self.text),
            ..Drawn::default()
        })
    }
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
        return Err(TensorsError::BadConfig {
            file: "config.json".into(),
            field: "bos_token_id".into(),
            expected: "it or eos_token_id, from which the model can begin a text".into(),
            actual: "neither".into(),
        }
        .into());
    };
    // Stage "calibrate" counts the tokens once more, when they are used.
    let reporter = Reporter::new(host, Stage::Generate, "tokens", "");
    let longest = network.max_context().min(MAX_WINDOW);
    let running = Running::writing(draw.limit_bytes, model, compute, 1, longest)?;
    let mut runner = running.runner(model, compute);
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
