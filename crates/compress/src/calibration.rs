//! Which tokens a calibration sees: drawn from the token ids of a text, or from the bytes of one that is too long to be encoded.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// Longest window of a decoder, in tokens.
pub const MAX_WINDOW: usize = 2048;

/// Most tokens of a step of recovery, if it has several sequences.
pub const LESSON_TOKENS: usize = 512;

/// Windows of a decoder's calibration: as many windows of min(`max_context`, 2048) tokens as fit in `limit` and in the text,
/// starts drawn without overlap by `seed`, in order of the text. A text shorter than a window is one short window; a limit
/// below a window gives one window of `limit` tokens.
pub fn decoder_windows(ids: &[u32], max_context: usize, limit: usize, seed: u64) -> Vec<Vec<u32>> {
    let window = max_context.min(MAX_WINDOW).min(limit).min(ids.len());
    if window == 0 {
        return Vec::new();
    }
    let count = (limit / window).min(ids.len() / window).max(1);
    // The text is `count` windows and `spare` single tokens in random order: sorted draws with repetition of the gaps' ends.
    let spare = ids.len() - count * window;
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut gaps: Vec<usize> = (0..count)
        .map(|_| below(&mut rng, spare as u64 + 1) as usize)
        .collect();
    gaps.sort_unstable();
    gaps.iter()
        .enumerate()
        .map(|(i, gap)| ids[gap + i * window..][..window].to_vec())
        .collect()
}

/// Most tokens that a run of `tokens` calibration tokens measures its result on, held-out text and probe together: so few that it takes
/// less than a twentieth of the run.
pub fn held_tokens(tokens: usize) -> usize {
    (tokens / 16).clamp(LEAST_HELD.min(tokens / 4), MOST_HELD)
}

/// Fewer tell too little, more take long.
const LEAST_HELD: usize = 256;
const MOST_HELD: usize = 4096;

/// A text of no more bytes is encoded whole.
const WHOLE_BYTES: u64 = 4 << 20;
/// So is one of no more bytes than this for each token that is wanted: all of it may be needed. A token of prose has four or five.
pub const BYTES_OF_A_TOKEN: u64 = 16;

/// Where the windows of a text begin that is too long to be encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// Bytes of the text, in order.
    pub places: Vec<u64>,
    /// Bytes from each place on that are its own.
    pub room: u64,
    /// Tokens of a window.
    pub window: usize,
}

/// Windows of a decoder's calibration from a text of so many bytes, if it is too long to be encoded whole for
/// [`decoder_windows`]: as many windows of min(`max_context`, 2048) tokens as fit in `limit`, at places drawn without overlap by
/// `seed`. Only the text at these places is ever encoded, so a text of any length costs the same.
pub fn places(bytes: u64, max_context: usize, limit: usize, seed: u64) -> Option<Places> {
    let whole = WHOLE_BYTES.max(BYTES_OF_A_TOKEN.saturating_mul(limit as u64));
    let window = max_context.min(MAX_WINDOW).min(limit);
    if bytes <= whole || window == 0 {
        return None;
    }
    let count = limit / window;
    let room = BYTES_OF_A_TOKEN * window as u64;
    let spare = bytes - count as u64 * room;
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut gaps: Vec<u64> = (0..count).map(|_| below(&mut rng, spare + 1)).collect();
    gaps.sort_unstable();
    let places = gaps.iter().enumerate();
    Some(Places {
        places: places.map(|(i, gap)| gap + i as u64 * room).collect(),
        room,
        window,
    })
}

/// A number below `n`, without the bias of a remainder.
fn below(rng: &mut Xoshiro256PlusPlus, n: u64) -> u64 {
    ((u128::from(rng.next_u64()) * u128::from(n)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_do_not_overlap_and_follow_the_seed() {
        let ids: Vec<u32> = (0..1000).collect();
        for seed in 0..20 {
            let windows = decoder_windows(&ids, 64, 640, seed);
            assert_eq!(windows.len(), 10);
            for pair in windows.windows(2) {
                assert!(pair[0][63] < pair[1][0]);
            }
            assert!(windows.iter().all(|w| w.len() == 64 && w[63] - w[0] == 63));
            assert_eq!(windows, decoder_windows(&ids, 64, 640, seed));
        }
        assert_ne!(
            decoder_windows(&ids, 64, 640, 1),
            decoder_windows(&ids, 64, 640, 2)
        );
    }

    #[test]
    fn places_are_apart_in_order_and_inside_and_follow_the_seed() {
        assert_eq!(places(WHOLE_BYTES, 512, 4096, 0), None);
        assert_eq!(places(10 << 20, 512, 1 << 20, 0), None);
        for (bytes, limit) in [
            (WHOLE_BYTES + 1, 4096),
            (100 << 20, 100_000),
            (1 << 40, 700),
        ] {
            let drawn = places(bytes, 512, limit, 3).unwrap();
            assert_eq!(drawn.places.len(), limit / 512);
            assert!(
                drawn
                    .places
                    .windows(2)
                    .all(|pair| pair[0] + drawn.room <= pair[1])
            );
            assert!(drawn.places.last().unwrap() + drawn.room <= bytes);
            assert_eq!(Some(&drawn), places(bytes, 512, limit, 3).as_ref());
            assert_ne!(Some(&drawn), places(bytes, 512, limit, 4).as_ref());
        }
    }

    #[test]
    fn short_texts_and_small_limits() {
        let ids: Vec<u32> = (0..100).collect();
        assert_eq!(decoder_windows(&ids, 512, 10_000, 0), vec![ids.clone()]);
        assert_eq!(decoder_windows(&ids, 512, 10, 0)[0].len(), 10);
        assert_eq!(decoder_windows(&ids, 50, 10_000, 0).concat(), ids);
        assert!(decoder_windows(&[], 50, 10, 0).is_empty());
    }
}
