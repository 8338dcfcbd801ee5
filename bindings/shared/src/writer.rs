//! From new tokens to text and events, up to a stop string.

use crate::{Error, Host};
use kerf_run::{Event, Stage};
use kerf_text::{TextError, TextStream};

/// Turns new tokens into text and events.
pub struct Writer<'a> {
    stream: TextStream<'a>,
    host: &'a dyn Host,
    limit: u64,
    tokens: u64,
    text: String,
    stop: StopStrings<'a>,
    /// Whether the host cancelled.
    pub cancelled: bool,
    failed: Option<TextError>,
}

/// What was written.
pub struct Written {
    /// All of it, without the stop string and what stood behind it.
    pub text: String,
    /// Tokens that were drawn.
    pub tokens: usize,
    /// Why it ended: `length`, `end`, `stop` or `cancelled`.
    pub finish: &'static str,
}

impl<'a> Writer<'a> {
    /// Before the first token. `limit`: most tokens.
    pub fn new(
        stream: TextStream<'a>,
        host: &'a dyn Host,
        limit: u64,
        stop: StopStrings<'a>,
    ) -> Self {
        Self {
            stream,
            host,
            limit,
            tokens: 0,
            text: String::new(),
            stop,
            cancelled: false,
            failed: None,
        }
    }

    /// Takes one token; returns whether to go on.
    pub fn take(&mut self, id: u32) -> bool {
        self.tokens += 1;
        match self.stream.push(id) {
            Ok(piece) => {
                let piece = self.stop.pass(&piece);
                self.tell(piece, self.limit);
            }
            Err(error) => self.failed = Some(error),
        }
        self.cancelled = self.host.cancelled();
        !self.cancelled && self.failed.is_none() && !self.stop.found
    }

    /// The last piece, and the end of the stage: `total` is what was done.
    pub fn finish(mut self) -> Result<Written, Error> {
        if let Some(error) = self.failed.take() {
            return Err(error.into());
        }
        let rest = self.stream.finish()?;
        let mut rest = self.stop.pass(&rest);
        rest.push_str(&self.stop.rest());
        if !rest.is_empty() || self.tokens < self.limit {
            self.tell(rest, self.tokens);
        }
        Ok(Written {
            finish: match () {
                () if self.cancelled => "cancelled",
                () if self.stop.found => "stop",
                () if self.tokens < self.limit => "end",
                () => "length",
            },
            text: self.text,
            tokens: self.tokens as usize,
        })
    }

    fn tell(&mut self, piece: String, total: u64) {
        self.text.push_str(&piece);
        self.host.event(Event {
            stage: Stage::Generate,
            done: self.tokens,
            total,
            unit: "tokens".into(),
            name: piece,
            overall: self.tokens as f64 / total.max(1) as f64,
        });
    }
}

/// Strings that end a text. What may be the beginning of one waits until it is known.
pub struct StopStrings<'a> {
    stops: &'a [String],
    waiting: String,
    /// Whether one was there.
    pub found: bool,
}

impl<'a> StopStrings<'a> {
    /// Of these; without any, nothing waits.
    pub fn new(stops: &'a [String]) -> Self {
        Self {
            stops,
            waiting: String::new(),
            found: false,
        }
    }

    /// Takes the next piece; gives what is certainly before a stop string.
    pub fn pass(&mut self, piece: &str) -> String {
        if self.found {
            return String::new();
        }
        self.waiting.push_str(piece);
        let first = self.stops.iter().filter_map(|stop| self.waiting.find(stop));
        if let Some(at) = first.min() {
            self.found = true;
            self.waiting.truncate(at);
            return std::mem::take(&mut self.waiting);
        }
        let keep = self.waiting.len() - self.longest_beginning();
        let rest = self.waiting.split_off(keep);
        std::mem::replace(&mut self.waiting, rest)
    }

    /// What waited in vain.
    pub fn rest(&mut self) -> String {
        match self.found {
            true => String::new(),
            false => std::mem::take(&mut self.waiting),
        }
    }

    /// Bytes at the end of what waits that may begin a stop string.
    fn longest_beginning(&self) -> usize {
        let begins = |from: &usize| {
            let end = &self.waiting[*from..];
            self.stops.iter().any(|stop| stop.starts_with(end))
        };
        let mut places = self.waiting.char_indices().map(|(place, _)| place);
        places
            .find(begins)
            .map_or(0, |from| self.waiting.len() - from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(stops: &[&str], pieces: &[&str]) -> (Vec<String>, String, bool) {
        let stops: Vec<String> = stops.iter().map(|stop| (*stop).to_string()).collect();
        let mut strings = StopStrings::new(&stops);
        let told = pieces.iter().map(|piece| strings.pass(piece)).collect();
        (told, strings.rest(), strings.found)
    }

    #[test]
    fn text_ends_before_the_first_stop_string_also_across_pieces() {
        let (told, rest, found) = passed(&["</s>", "END"], &["one <", "/", "s> two", "more"]);
        assert_eq!(told, ["one ", "", "", ""]);
        assert_eq!((rest.as_str(), found), ("", true));
        let (told, _, found) = passed(&["b", "ab"], &["xab"]);
        assert_eq!((told[0].as_str(), found), ("x", true));
    }

    #[test]
    fn what_only_began_like_one_is_told_later() {
        let (told, rest, found) = passed(&["\n\nUser:"], &["a\n", "\nUs", "é b", "\n\nUse"]);
        assert_eq!(told, ["a", "", "\n\nUsé b", ""]);
        assert_eq!((rest.as_str(), found), ("\n\nUse", false));
    }

    #[test]
    fn without_stop_strings_nothing_waits() {
        let (told, rest, found) = passed(&[], &["a", "", "b"]);
        assert_eq!(told, ["a", "", "b"]);
        assert_eq!((rest.as_str(), found), ("", false));
    }
}
