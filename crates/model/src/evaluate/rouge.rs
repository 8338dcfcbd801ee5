//! ROUGE-L (Lin 2004): how much of a text stands in another in the same order, as the package rouge_score computes it, without stemming.

/// Scores of a text against a reference, each 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RougeL {
    /// Share of the text's words that are in the longest common subsequence.
    pub precision: f64,
    /// Share of the reference's words that are in it.
    pub recall: f64,
    /// Harmonic mean of both.
    pub f1: f64,
}

/// Scores `text` against `references`: those of the reference with the largest F1, the first of equals. Without references they are 0.
pub fn rouge_l<S: AsRef<str>>(text: &str, references: &[S]) -> RougeL {
    let own = words(text);
    let scores = references
        .iter()
        .map(|reference| score(&own, &words(reference.as_ref())));
    scores.fold(RougeL::default(), |best, score| match score.f1 > best.f1 {
        true => score,
        false => best,
    })
}

fn score(own: &[String], right: &[String]) -> RougeL {
    let common = common_subsequence(own, right);
    if common == 0 {
        return RougeL::default();
    }
    let precision = common as f64 / own.len() as f64;
    let recall = common as f64 / right.len() as f64;
    RougeL {
        precision,
        recall,
        f1: 2.0 * precision * recall / (precision + recall),
    }
}

/// Runs of ASCII letters and digits, in lower case. Whatever else there is stands between words.
fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let words = lower.split(|char: char| !char.is_ascii_alphanumeric());
    words
        .filter(|word| !word.is_empty())
        .map(str::to_string)
        .collect()
}

/// Length of the longest common subsequence.
fn common_subsequence(a: &[String], b: &[String]) -> usize {
    let mut row = vec![0; b.len() + 1];
    for a in a {
        let mut diagonal = 0;
        for (place, b) in b.iter().enumerate() {
            let above = row[place + 1];
            row[place + 1] = match a == b {
                true => diagonal + 1,
                false => above.max(row[place]),
            };
            diagonal = above;
        }
    }
    row[b.len()]
}
