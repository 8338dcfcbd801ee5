//! How good an answer is, as SQuAD v1.1 measures it (Rajpurkar et al., arXiv 1606.05250): by the words that are left when case,
//! punctuation and articles are gone.

use std::collections::BTreeMap;

/// Scores of an answer against those that people gave: the best of each.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AnswerScore {
    /// Whether it is one of them.
    pub exact: bool,
    /// Harmonic mean of precision and recall of its words.
    pub f1: f64,
}

/// Scores `answer` against `right` ones. Without right ones it has none.
pub fn answer_score<S: AsRef<str>>(answer: &str, right: &[S]) -> AnswerScore {
    let own = normalized(answer);
    let mut best = AnswerScore::default();
    for right in right {
        let right = normalized(right.as_ref());
        best.exact |= own == right;
        best.f1 = best.f1.max(f1(&own, &right));
    }
    best
}

/// Means over answers: exact matches and F1, from 0 to 1. `None` without answers.
pub fn mean_scores(scores: &[AnswerScore]) -> Option<(f64, f64)> {
    let count = scores.len() as f64;
    let exact = scores.iter().filter(|score| score.exact).count() as f64;
    let f1: f64 = scores.iter().map(|score| score.f1).sum();
    (!scores.is_empty()).then_some((exact / count, f1 / count))
}

/// Words in lower case, without ASCII punctuation, without a, an and the.
fn normalized(answer: &str) -> Vec<String> {
    let lower = answer.to_lowercase();
    let plain: String = lower
        .chars()
        .filter(|char| !char.is_ascii_punctuation())
        .collect();
    let mut text = String::with_capacity(plain.len());
    let mut word = String::new();
    // An article ends at anything that is no letter or digit: at a dash that is not ASCII, too.
    for char in plain.chars().chain([' ']) {
        if char.is_alphanumeric() {
            word.push(char);
            continue;
        }
        match word.as_str() {
            "a" | "an" | "the" => text.push(' '),
            other => text.push_str(other),
        }
        word.clear();
        text.push(char);
    }
    text.split_whitespace().map(str::to_string).collect()
}

fn f1(own: &[String], right: &[String]) -> f64 {
    let mut left: BTreeMap<&str, usize> = BTreeMap::new();
    for word in right {
        *left.entry(word).or_default() += 1;
    }
    let mut common = 0;
    for word in own {
        if let Some(count) = left.get_mut(word.as_str()).filter(|count| **count > 0) {
            *count -= 1;
            common += 1;
        }
    }
    if common == 0 {
        return 0.0;
    }
    let precision = common as f64 / own.len() as f64;
    let recall = common as f64 / right.len() as f64;
    2.0 * precision * recall / (precision + recall)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of `compute_exact` and `compute_f1` of the official script.
    #[test]
    fn scores_are_those_of_the_official_script() {
        for (answer, right, exact, f1) in [
            ("The Eiffel Tower!", "eiffel tower", true, 1.0),
            ("Southwest Fresno", "west side of Fresno", false, 1.0 / 3.0),
            ("a cat and a cat", "cat", false, 0.5),
            ("an apple\u{2014}the pear", "apple\u{2014} pear", true, 1.0),
            ("anthem", "the anthem", true, 1.0),
            ("don't", "dont", true, 1.0),
            ("", "x", false, 0.0),
            ("1,000 men", "1000 women", false, 0.5),
        ] {
            let score = answer_score(answer, &[right]);
            assert_eq!(score.exact, exact, "{answer}");
            assert!((score.f1 - f1).abs() < 1e-12, "{answer}: {}", score.f1);
        }
    }

    #[test]
    fn the_best_of_several_right_answers_counts() {
        let score = answer_score("west side", &["southwest", "the west", "West Side."]);
        assert_eq!(
            score,
            AnswerScore {
                exact: true,
                f1: 1.0
            }
        );
        assert_eq!(answer_score::<&str>("x", &[]), AnswerScore::default());
        let half = AnswerScore {
            exact: false,
            f1: 0.5,
        };
        assert_eq!(mean_scores(&[score, half]), Some((0.5, 0.75)));
        assert_eq!(mean_scores(&[]), None);
    }
}
