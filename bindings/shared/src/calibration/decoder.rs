//! Windows of text for a decoder.

use super::{Draw, Drawn, pieces};
use crate::Error;
use crate::open_model::Runnable;
use crate::text_file::{Text, without_mark};
use crate::text_tokens::{TextTokens, forced_note};
use kerf_compress::TextUse;
use kerf_compress::calibration::{Places, decoder_windows, held_tokens, places};
use kerf_text::{IdStream, Tokenizer};

/// A held-out piece of a decoder's text, in tokens.
const HELD_WINDOW: usize = 128;
/// A shorter text is not worth less than all of it.
const LEAST_TO_SHARE: usize = 1280;

/// Windows of a whole text.
pub(super) fn from_text(mut text: Text, model: &Runnable, draw: Draw) -> Result<Drawn, Error> {
    let network = &model.network;
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

/// Windows of all texts, one behind the other.
pub(super) fn from_texts(texts: &[String], model: &Runnable, draw: Draw) -> Result<Drawn, Error> {
    let texts = || texts.iter().map(|text| without_mark(text));
    let bytes: u64 = texts().map(|text| text.len() as u64).sum();
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

fn windows(ids: &[u32], model: &Runnable, draw: Draw) -> Vec<Vec<u32>> {
    decoder_windows(ids, model.network.max_context(), draw.tokens, draw.seed)
}
