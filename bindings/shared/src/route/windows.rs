//! The text that a router is searched on, and the text that is held out, in windows.

use crate::Error;
use crate::calibration::Drawn;
use crate::error::bad_option;
use crate::routed_text::{WINDOW, prompt_of};

/// Tokens of the shortest window.
const LEAST_WINDOW: usize = 16;
/// Of so many windows one is held out.
const HELD_EVERY: usize = 4;

/// Windows of one length.
pub struct RouteWindows {
    /// To search and to learn on.
    pub own: Vec<Vec<u32>>,
    /// Only to measure on.
    pub held: Vec<Vec<u32>>,
    /// Tokens of a window.
    pub window: usize,
}

impl RouteWindows {
    /// Cuts what was drawn into windows of 512 tokens, or as many as the model reads; where the text has fewer than four such windows, into
    /// shorter ones. Every fourth window is held out. `BAD_OPTION` for a text that has not four windows of 16 tokens.
    pub fn of(drawn: &Drawn, most: usize) -> Result<Self, Error> {
        let all = &drawn.sequences;
        let count = |window: usize| all.iter().map(|ids| ids.len() / window).sum::<usize>();
        let mut windows = (LEAST_WINDOW..=WINDOW.min(most)).rev();
        let Some(window) = windows.find(|window| count(*window) >= HELD_EVERY) else {
            let tokens: usize = all.iter().map(Vec::len).sum();
            let least = HELD_EVERY * LEAST_WINDOW;
            let expected = format!("a text of {least} tokens at least");
            return Err(bad_option(
                "calibration",
                &expected,
                format!("{tokens} tokens"),
            ));
        };
        let windows = all.iter().flat_map(|ids| ids.chunks_exact(window));
        let (mut own, mut held) = (Vec::new(), Vec::new());
        for (index, ids) in windows.enumerate() {
            let part = match index % HELD_EVERY {
                1 => &mut held,
                _ => &mut own,
            };
            part.push(ids.to_vec());
        }
        Ok(Self { own, held, window })
    }

    /// Tokens of the prompt of a window.
    pub fn prompt(&self) -> usize {
        prompt_of(self.window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(lengths: &[usize]) -> Result<RouteWindows, Error> {
        let drawn = Drawn {
            sequences: lengths.iter().map(|length| vec![0; *length]).collect(),
            ..Drawn::default()
        };
        RouteWindows::of(&drawn, 1000)
    }

    #[test]
    fn one_window_of_four_is_held_out_and_short_texts_have_short_windows() {
        for (lengths, own, held, window) in [
            (vec![2048, 2048], 6, 2, 512),
            (vec![2048, 500], 3, 1, 512),
            (vec![1024], 3, 1, 256),
            (vec![64], 3, 1, 16),
        ] {
            let found = windows(&lengths).unwrap();
            let counts = (found.own.len(), found.held.len(), found.window);
            assert_eq!(counts, (own, held, window), "{lengths:?}");
        }
        assert_eq!(windows(&[63]).err().unwrap().code(), "BAD_OPTION");
    }
}
