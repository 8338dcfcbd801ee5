//! Patterns of sparsity: which weights may be removed together.

/// The pattern of the removed weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Any weights of the matrix may be removed.
    Unstructured,
    /// Every row loses the same number of weights.
    Row,
    /// Of every `m` neighbouring weights in a row, `n` stay.
    Nm {
        /// Weights that stay.
        n: usize,
        /// Size of a group of neighbours.
        m: usize,
    },
}

impl Pattern {
    /// The allowed texts, for error messages.
    pub const EXPECTED: &'static str =
        "unstructured, row, or N:M with 1 <= N < M and M one of 2, 4, 8, 16, 32 (such as 2:4)";

    /// Reads `unstructured`, `row` or `N:M`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "unstructured" => Some(Self::Unstructured),
            "row" => Some(Self::Row),
            _ => {
                let (n, m) = text.split_once(':')?;
                let (n, m) = (n.parse().ok()?, m.parse().ok()?);
                (n >= 1 && n < m && [2, 4, 8, 16, 32].contains(&m)).then_some(Self::Nm { n, m })
            }
        }
    }

    /// The share of removed weights, if the pattern fixes it.
    pub fn sparsity(self) -> Option<f64> {
        match self {
            Self::Nm { n, m } => Some(1.0 - n as f64 / m as f64),
            _ => None,
        }
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unstructured => f.write_str("unstructured"),
            Self::Row => f.write_str("row"),
            Self::Nm { n, m } => write!(f, "{n}:{m}"),
        }
    }
}

/// Number of weights to remove between columns `start` and `end`: the rounded count up to `end` minus the rounded count up to
/// `start`. The numbers for consecutive pieces therefore sum to the exact total.
pub fn removed_between(sparsity: f64, scale: usize, start: usize, end: usize) -> usize {
    let up_to = |columns: usize| (sparsity * (scale * columns) as f64).round() as usize;
    up_to(end) - up_to(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for text in ["unstructured", "row", "2:4", "1:2", "4:8", "5:16"] {
            assert_eq!(Pattern::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "2:3", "4:4", "0:4", "a:b", "2:4:8", "-1:4", "Row"] {
            assert_eq!(Pattern::parse(text), None, "{text}");
        }
        assert_eq!(Pattern::parse("2:4").unwrap().sparsity(), Some(0.5));
    }

    #[test]
    fn pieces_sum_to_the_whole() {
        for sparsity in [0.0, 0.3, 0.5, 0.7, 0.99] {
            let pieces: usize = (0..13)
                .map(|i| removed_between(sparsity, 7, i * 11, (i + 1) * 11))
                .sum();
            assert_eq!(pieces, removed_between(sparsity, 7, 0, 143));
        }
    }
}
