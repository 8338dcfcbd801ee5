//! Texts and pairs of texts, with what a model and its reader need beside the ids: types, offsets, and where each text lies.

use crate::{TextError, Tokenizer};
use kerf_tensors::files::Side;
use std::ops::Range;

/// One text or two, as token ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoded {
    /// Token ids, with special tokens.
    pub ids: Vec<u32>,
    /// Type of each token, as the post-processor of the tokenizer says.
    pub types: Vec<usize>,
    /// The text that each token is of: 0 or 1; `None` for special tokens between the texts and around them.
    pub text: Vec<Option<usize>>,
    /// Where each token begins and ends in its text, in characters of the text as it was given.
    pub offsets: Vec<(usize, usize)>,
}

impl Encoded {
    /// Tokens of the first text (0) or the second (1). They lie together. Empty if there are none.
    pub fn tokens_of(&self, text: usize) -> Range<usize> {
        let own = |found: &Option<usize>| *found == Some(text);
        let first = self.text.iter().position(own);
        let last = self.text.iter().rposition(own);
        first
            .zip(last)
            .map_or(0..0, |(first, last)| first..last + 1)
    }

    /// These tokens, in order.
    fn picked(&self, places: impl Iterator<Item = usize> + Clone) -> Self {
        Self {
            ids: places.clone().map(|place| self.ids[place]).collect(),
            types: places.clone().map(|place| self.types[place]).collect(),
            text: places.clone().map(|place| self.text[place]).collect(),
            offsets: places.map(|place| self.offsets[place]).collect(),
        }
    }

    /// All special tokens, and of the tokens of each text those of a range.
    fn kept(&self, kept: [Range<usize>; 2]) -> Self {
        let stays = |place: &usize| match self.text[*place] {
            Some(text) => kept[text.min(1)].contains(place),
            None => true,
        };
        self.picked((0..self.ids.len()).filter(stays))
    }
}

/// `keep` tokens of a range: those at its start, or at its end if its start is cut off.
fn part(range: Range<usize>, keep: usize, cut_off: Side) -> Range<usize> {
    match cut_off {
        Side::Right => range.start..range.start + keep,
        Side::Left => range.end - keep..range.end,
    }
}

impl Tokenizer {
    /// The ids of one text, or of a pair, with special tokens; nothing is cut.
    pub fn encode_pair(&self, first: &str, second: Option<&str>) -> Result<Encoded, TextError> {
        let encoding = match second {
            Some(second) => self.library().encode_char_offsets((first, second), true),
            None => self.library().encode_char_offsets(first, true),
        };
        let encoding = encoding.map_err(crate::tokenizer::reason)?;
        // Of one text the library says nothing where a post-processor adds no token.
        let special = encoding.get_special_tokens_mask();
        let text = encoding.get_sequence_ids().into_iter().zip(special);
        Ok(Encoded {
            ids: encoding.get_ids().to_vec(),
            types: encoding
                .get_type_ids()
                .iter()
                .map(|id| *id as usize)
                .collect(),
            text: text
                .map(|(text, special)| text.filter(|_| *special == 0))
                .collect(),
            offsets: encoding.get_offsets().to_vec(),
        })
    }

    /// As [`Tokenizer::encode_pair`], with at most `max` tokens, and whether something was cut: of a pair the longer text first
    /// (`longest_first` of transformers), on the side that the files say. Special tokens stay.
    pub fn encode_pair_within(
        &self,
        first: &str,
        second: Option<&str>,
        max: usize,
    ) -> Result<(Encoded, bool), TextError> {
        let whole = self.encode_pair(first, second)?;
        if whole.ids.len() <= max {
            return Ok((whole, false));
        }
        let ranges = [whole.tokens_of(0), whole.tokens_of(1)];
        let lengths = [ranges[0].len(), ranges[1].len()];
        let special = whole.ids.len() - lengths[0] - lengths[1];
        let room = max.saturating_sub(special);
        let keep = match second {
            Some(_) => longest_first(lengths, room),
            None => [lengths[0].min(room), 0],
        };
        let [own, other] = ranges;
        let side = self.side();
        let kept = whole.kept([part(own, keep[0], side), part(other, keep[1], side)]);
        Ok((kept.picked(0..kept.ids.len().min(max)), true))
    }

    /// A pair whose second text may be too long: as many windows over it as it takes, each with all of the first text and at most
    /// `max` tokens; neighbours share `stride` tokens of the second text, and the last window has what is left. Of a first text that leaves no more room than `stride` the result is `None`.
    pub fn windows(
        &self,
        first: &str,
        second: &str,
        (max, stride): (usize, usize),
    ) -> Result<Option<Vec<Encoded>>, TextError> {
        let whole = self.encode_pair(first, Some(second))?;
        let (own, other) = (whole.tokens_of(0), whole.tokens_of(1));
        let room = max.saturating_sub(whole.ids.len() - other.len());
        if other.len() <= room {
            return Ok(Some(vec![whole]));
        }
        if room <= stride {
            return Ok(None);
        }
        let windows = turns(other, room, stride, self.side());
        let window = |turn| whole.kept([own.clone(), turn]);
        Ok(Some(windows.into_iter().map(window).collect()))
    }
}

/// Ranges of `room` places that cover a range, `stride` of them shared by neighbours; the last has what is left. They begin at the start
/// of the range, or at its end where a text is cut off at its start.
fn turns(range: Range<usize>, room: usize, stride: usize, cut_off: Side) -> Vec<Range<usize>> {
    let steps = (0..).map(|turn| turn * (room - stride));
    let turn = |step: usize| match cut_off {
        Side::Right => range.start + step..range.end.min(range.start + step + room),
        Side::Left => range.end.saturating_sub(step + room).max(range.start)..range.end - step,
    };
    let mut covered = false;
    steps
        .map(turn)
        .take_while(|turn| {
            let last = turn.start == range.start && cut_off == Side::Left
                || turn.end == range.end && cut_off == Side::Right;
            !std::mem::replace(&mut covered, last)
        })
        .collect()
}

/// Tokens that two texts keep when they have room for `most` together, as the tokenizers library shares it.
fn longest_first([first, second]: [usize; 2], most: usize) -> [usize; 2] {
    if first + second <= most {
        return [first, second];
    }
    let short = first.min(second);
    let long = match short > most {
        true => short,
        false => short.max(most - short),
    };
    let (short, long) = match short + long > most {
        true => (most / 2, most / 2 + most % 2),
        false => (short, long),
    };
    match first > second {
        true => [long, short],
        false => [short, long],
    }
}

/// The piece of a text between two characters.
pub fn characters(text: &str, range: Range<usize>) -> &str {
    let byte = |place: usize| {
        let found = text.char_indices().nth(place);
        found.map_or(text.len(), |(byte, _)| byte)
    };
    let start = byte(range.start);
    &text[start..byte(range.end.max(range.start))]
}
