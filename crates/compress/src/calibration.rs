//! Which tokens a calibration sees. Text was made into token ids before; this only draws from them.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// Longest window of a decoder, in tokens.
pub const MAX_WINDOW: usize = 2048;

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
    let mut gaps: Vec<usize> = (0..count).map(|_| below(&mut rng, spare + 1)).collect();
    gaps.sort_unstable();
    gaps.iter()
        .enumerate()
        .map(|(i, gap)| ids[gap + i * window..][..window].to_vec())
        .collect()
}

/// Texts of an encoder's calibration: in the order of the file until the limit; the text that would cross it is left out,
/// unless it is the first, which is cut.
pub fn encoder_texts(texts: Vec<Vec<u32>>, limit: usize) -> Vec<Vec<u32>> {
    let mut total = 0;
    let mut taken: Vec<Vec<u32>> = Vec::new();
    for mut text in texts {
        if text.is_empty() {
            continue;
        }
        if total + text.len() > limit {
            if !taken.is_empty() {
                break;
            }
            text.truncate(limit);
        }
        total += text.len();
        taken.push(text);
    }
    taken
}

/// A number below `n`, without the bias of a remainder.
fn below(rng: &mut Xoshiro256PlusPlus, n: usize) -> usize {
    ((rng.next_u64() as u128 * n as u128) >> 64) as usize
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
    fn short_texts_and_small_limits() {
        let ids: Vec<u32> = (0..100).collect();
        assert_eq!(decoder_windows(&ids, 512, 10_000, 0), vec![ids.clone()]);
        assert_eq!(decoder_windows(&ids, 512, 10, 0)[0].len(), 10);
        assert_eq!(decoder_windows(&ids, 50, 10_000, 0).concat(), ids);
        assert!(decoder_windows(&[], 50, 10, 0).is_empty());
    }

    #[test]
    fn encoder_texts_stop_at_the_limit() {
        let texts = vec![vec![1; 4], vec![], vec![2; 4], vec![3; 4]];
        assert_eq!(
            encoder_texts(texts.clone(), 9),
            vec![vec![1; 4], vec![2; 4]]
        );
        assert_eq!(encoder_texts(texts.clone(), 3), vec![vec![1; 3]]);
        assert_eq!(encoder_texts(texts, 100).len(), 3);
    }
}
