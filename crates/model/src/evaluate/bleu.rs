//! BLEU of a corpus (Papineni et al. 2002), as sacrebleu computes it without options: tokens of 13a, n-grams up to 4, exponential
//! smoothing, case kept.

use std::collections::HashMap;

/// Longest n-grams that are counted.
const ORDER: usize = 4;

/// BLEU and what it is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bleu {
    /// 0 to 100.
    pub score: f64,
    /// Precisions of n-grams of 1 to 4 tokens, 0 to 100, after smoothing.
    pub precisions: [f64; ORDER],
    /// Factor for texts that are shorter than their references.
    pub brevity_penalty: f64,
    /// Tokens of the texts.
    pub tokens: usize,
    /// Tokens of the references that are nearest in length.
    pub reference_tokens: usize,
}

/// Adds up texts with their references.
#[derive(Clone, Debug, Default)]
pub struct BleuCounts {
    right: [usize; ORDER],
    all: [usize; ORDER],
    tokens: usize,
    reference_tokens: usize,
}

impl BleuCounts {
    /// Adds a text. Without references it is passed over.
    pub fn add<S: AsRef<str>>(&mut self, text: &str, references: &[S]) {
        let own = tokens(text);
        let references: Vec<Vec<String>> = references
            .iter()
            .map(|reference| tokens(reference.as_ref()))
            .collect();
        // The nearest length; of two the shorter.
        let nearest = references
            .iter()
            .map(Vec::len)
            .min_by_key(|length| (length.abs_diff(own.len()), *length));
        let Some(nearest) = nearest else { return };
        self.tokens += own.len();
        self.reference_tokens += nearest;
        for order in 1..=ORDER {
            let mut most: HashMap<&[String], usize> = HashMap::new();
            for reference in &references {
                for (gram, count) in counts(reference, order) {
                    let most = most.entry(gram).or_default();
                    *most = count.max(*most);
                }
            }
            for (gram, count) in counts(&own, order) {
                self.all[order - 1] += count;
                self.right[order - 1] += count.min(most.get(gram).copied().unwrap_or(0));
            }
        }
    }

    /// BLEU of what was added; 0 without a single right token.
    pub fn bleu(&self) -> Bleu {
        let brevity_penalty = match self.tokens < self.reference_tokens {
            false => 1.0,
            true if self.tokens == 0 => 0.0,
            true => (1.0 - self.reference_tokens as f64 / self.tokens as f64).exp(),
        };
        let mut found = Bleu {
            brevity_penalty,
            tokens: self.tokens,
            reference_tokens: self.reference_tokens,
            ..Bleu::default()
        };
        if self.right.iter().all(|right| *right == 0) {
            return found;
        }
        let mut smooth = 1.0;
        for order in 0..ORDER {
            let (right, all) = (self.right[order] as f64, self.all[order] as f64);
            if all == 0.0 {
                break;
            }
            found.precisions[order] = match right == 0.0 {
                false => 100.0 * right / all,
                true => {
                    smooth *= 2.0;
                    100.0 / (smooth * all)
                }
            };
        }
        let logs: f64 = found
            .precisions
            .iter()
            .map(|precision| precision.ln())
            .sum();
        found.score = brevity_penalty * (logs / ORDER as f64).exp();
        found
    }
}

fn counts(tokens: &[String], order: usize) -> HashMap<&[String], usize> {
    let mut counts = HashMap::new();
    for gram in tokens.windows(order) {
        *counts.entry(gram).or_default() += 1;
    }
    counts
}

/// Tokens of 13a, the tokenizer of mteval-v13a.
fn tokens(text: &str) -> Vec<String> {
    let mut line = text.trim_end().replace("<skipped>", "");
    line = line.replace("-\n", "").replace('\n', " ");
    for (name, char) in [
        ("&quot;", "\""),
        ("&amp;", "&"),
        ("&lt;", "<"),
        ("&gt;", ">"),
    ] {
        line = line.replace(name, char);
    }
    let mut chars: Vec<char> = format!(" {line} ").chars().collect();
    chars = chars
        .into_iter()
        .flat_map(|char| match stands_alone(char) {
            true => vec![' ', char, ' '],
            false => vec![char],
        })
        .collect();
    let is_digit = |char: char| char.is_ascii_digit();
    let is_mark = |char: char| char == '.' || char == ',';
    // A full stop or comma stands alone unless digits are on both sides.
    chars = spaced(
        &chars,
        |a, b| !is_digit(a) && is_mark(b),
        |a, b| vec![a, ' ', b, ' '],
    );
    chars = spaced(
        &chars,
        |a, b| is_mark(a) && !is_digit(b),
        |a, b| vec![' ', a, ' ', b],
    );
    // So does a dash after a digit.
    chars = spaced(
        &chars,
        |a, b| is_digit(a) && b == '-',
        |a, b| vec![a, ' ', b, ' '],
    );
    let line: String = chars.into_iter().collect();
    line.split_whitespace().map(str::to_string).collect()
}

/// ASCII punctuation but apostrophe, comma, full stop and dash.
fn stands_alone(char: char) -> bool {
    matches!(char, '{'..='~' | '['..='`' | ' '..='&' | '('..='+' | ':'..='@' | '/')
}

/// Replaces pairs of neighbours from left to right, as a regular expression does: a character is in one pair at most.
fn spaced(
    chars: &[char],
    is: impl Fn(char, char) -> bool,
    with: impl Fn(char, char) -> Vec<char>,
) -> Vec<char> {
    let mut out = Vec::with_capacity(chars.len() + 8);
    let mut place = 0;
    while place < chars.len() {
        match chars.get(place + 1) {
            Some(next) if is(chars[place], *next) => {
                out.extend(with(chars[place], *next));
                place += 2;
            }
            _ => {
                out.push(chars[place]);
                place += 1;
            }
        }
    }
    out
}
