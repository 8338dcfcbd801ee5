//! Whether there is enough to calibrate on. Second moments of few tokens, or of the same tokens again and again, are moments of little:
//! the solvers then trust directions that no text has asked for, and the result is worse than without calibration.

use crate::CompressError;
use crate::plan::Plan;
use std::collections::{HashMap, HashSet};

/// Tokens of a passage.
const PASSAGE: usize = 8;
/// Most passages of a calibration, in percent, that may be repetitions of others. Prose has one or two.
const MOST_REPEATED: usize = 25;
/// Most tokens, in percent, that may be one and the same. Of prose about 5 are the most common.
const MOST_ALIKE: usize = 50;

/// What is wrong with a calibration, with the number, and what helps.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Poor {
    pub reason: String,
    pub fix: String,
}

impl std::fmt::Display for Poor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}; {}", self.reason, self.fix)
    }
}

impl Plan {
    /// Adds a note for each thing that makes the calibration poor; `CALIBRATION_POOR` if there is one and repairs are errors.
    pub fn check_calibration(&mut self, sequences: &[Vec<u32>]) -> Result<(), CompressError> {
        if !self.calibrated() {
            return Ok(());
        }
        let widest = self.targets.iter().max_by_key(|matrix| matrix.cols);
        let widest = widest.map_or((0, ""), |matrix| (matrix.cols, matrix.name.as_str()));
        let found = poor(sequences, widest, self.settings.tokens);
        match found.first() {
            Some(poor) if self.settings.options.strict => Err(CompressError::CalibrationPoor {
                reason: poor.reason.clone(),
                fix: poor.fix.clone(),
            }),
            _ => {
                self.notes.extend(found.iter().map(Poor::to_string));
                Ok(())
            }
        }
    }
}

/// What is wrong with sequences of tokens, for matrices of at most `widest` inputs; `asked`: the tokens that the options allow.
pub(crate) fn poor(
    sequences: &[Vec<u32>],
    (widest, name): (usize, &str),
    asked: usize,
) -> Vec<Poor> {
    let tokens: usize = sequences.iter().map(Vec::len).sum();
    if tokens == 0 {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut add = |reason: String, fix: String| found.push(Poor { reason, fix });
    if tokens < widest {
        add(
            format!(
                "calibration has {tokens} tokens, fewer than the {widest} inputs of the widest matrix ({name})"
            ),
            match asked < widest {
                true => format!(
                    "raise `tokens` (now {asked}) to {widest} or more, with a text that has as many"
                ),
                false => format!("give a text of at least {widest} tokens"),
            },
        );
    }
    let mut counts: HashMap<u32, usize> = HashMap::new();
    for id in sequences.iter().flatten() {
        *counts.entry(*id).or_default() += 1;
    }
    let most = counts.values().copied().max().unwrap_or(0);
    let varied = "give text of the kind that the model will see, without repetitions".to_string();
    if percent(most, tokens) > MOST_ALIKE {
        let (alike, distinct) = (percent(most, tokens), counts.len());
        add(
            format!(
                "{alike} % of the {tokens} calibration tokens are one token, with {distinct} distinct ones in all"
            ),
            varied,
        );
        return found;
    }
    let passages = || sequences.iter().flat_map(|sequence| passages(sequence));
    let (all, distinct) = (passages().count(), passages().collect::<HashSet<_>>().len());
    let repeated = percent(all - distinct, all);
    if repeated > MOST_REPEATED {
        add(
            format!(
                "{repeated} % of the calibration text repeats what is in it already ({tokens} tokens, of {PASSAGE} in a row {distinct} different ones)"
            ),
            varied,
        );
    }
    found
}

/// All passages of a sequence; a short one is a passage.
fn passages(sequence: &[u32]) -> impl Iterator<Item = &[u32]> {
    sequence.windows(PASSAGE.min(sequence.len()).max(1))
}

fn percent(part: usize, whole: usize) -> usize {
    100 * part / whole.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(sequences: &[Vec<u32>], widest: usize) -> Vec<String> {
        let found = poor(sequences, (widest, "w"), 4096);
        found.iter().map(Poor::to_string).collect()
    }

    fn text(tokens: u32) -> Vec<u32> {
        (0..tokens).map(|i| (i * i * 31 + i / 7) % 997).collect()
    }

    #[test]
    fn enough_different_text_is_not_poor() {
        assert_eq!(reasons(&[text(500), text(100)[50..].to_vec()], 64), [""; 0]);
        assert_eq!(reasons(&[], 64), [""; 0]);
    }

    #[test]
    fn too_little_says_both_numbers_and_the_fix() {
        let found = reasons(&[text(40)], 64);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].contains("40 tokens") && found[0].contains("at least 64"),
            "{found:?}"
        );
        let capped = poor(&[text(40)], (64, "w"), 40)[0].to_string();
        assert!(capped.contains("raise `tokens` (now 40) to 64"), "{capped}");
    }

    #[test]
    fn one_token_again_and_again() {
        let mut sequence = vec![7; 300];
        sequence.insert(0, 1);
        let found = reasons(&[sequence], 64);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].contains("99 %") && found[0].contains("2 distinct"),
            "{found:?}"
        );
    }

    #[test]
    fn repeated_lines_in_one_text_or_as_texts() {
        let line = text(20);
        let one = reasons(&[line.repeat(30)], 64);
        assert!(
            one.len() == 1 && one[0].contains("% of the calibration text repeats"),
            "{one:?}"
        );
        let many: Vec<Vec<u32>> = (0..40).map(|i| text(10 + i % 4)[4..].to_vec()).collect();
        let many = reasons(&many, 64);
        assert!(many.len() == 1 && many[0].contains("repeats"), "{many:?}");
        let short: Vec<Vec<u32>> = vec![vec![1, 5, 9, 2]; 40];
        assert!(!reasons(&short, 64).is_empty());
    }
}
