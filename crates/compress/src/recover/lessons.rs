//! Which lessons a student learns from, and which are watched.

use crate::calibration::LESSON_TOKENS;
use kerf_model::{Batch, Kind, batches};

/// Most tokens of a sequence of a decoder, where text may be cut anywhere.
const WINDOW: usize = 256;

/// Lessons for a whole model.
pub(crate) fn lessons(sequences: &[Vec<u32>], kind: Kind) -> Vec<Batch> {
    let longest = match kind {
        Kind::Decoder => WINDOW,
        Kind::Encoder => usize::MAX,
    };
    let pieces = sequences.iter().flat_map(|ids| ids.chunks(longest));
    // A single token predicts nothing from anything.
    let pieces: Vec<&[u32]> = pieces.filter(|piece| piece.len() > 1).collect();
    batches(&pieces, LESSON_TOKENS)
}

/// Steps over lessons of these lengths for so many tokens.
pub(crate) fn steps(tokens: usize, lengths: &[usize]) -> u64 {
    let pass: usize = lengths.iter().sum();
    let passes = tokens as f64 / pass.max(1) as f64;
    ((passes * lengths.len() as f64).round() as u64).max(1)
}

/// Lessons to learn from, and those to watch: from the end, about an eighth of them. A single lesson is both.
pub(crate) fn split(count: usize) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
    if count < 2 {
        return (0..count, 0..count);
    }
    let held = (count / 8).max(1);
    (0..count - held, count - held..count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_lessons_are_not_learned() {
        assert_eq!(split(0), (0..0, 0..0));
        assert_eq!(split(1), (0..1, 0..1));
        assert_eq!(split(2), (0..1, 1..2));
        assert_eq!(split(16), (0..14, 14..16));
    }
}
