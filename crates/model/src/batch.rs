//! Sequences of token ids laid end to end, without padding, each token with its position.

/// A ragged batch: all tokens of all sequences in one row. Linear layers see [tokens, features]; attention sees each sequence alone.
///
/// A token's position is stated, and is not its order in the batch. A sequence may thus have gaps, where tokens were left out
/// ([`Batch::gather`]), and it may go on where another batch ended ([`Batch::continued`]). Rotations, learned position embeddings,
/// causal masks, windows and distance biases all read the positions, of queries and of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Token ids of all sequences.
    pub ids: Vec<u32>,
    /// Start of each sequence in `ids`, and the end of the last: `sequences + 1` numbers, from 0, ascending.
    pub starts: Vec<usize>,
    /// Position of each token in its sequence, one for each id. Within a sequence each is larger than the one before it.
    pub positions: Vec<usize>,
    /// Type of each token, for models that tell the parts of a pair apart; `None`: type 0 for all.
    pub types: Option<Vec<usize>>,
}

impl Batch {
    /// Lays sequences end to end. Each begins at position 0 and has no gaps.
    pub fn new<S: AsRef<[u32]>>(sequences: &[S]) -> Self {
        let mut batch = Self {
            ids: Vec::new(),
            starts: vec![0],
            positions: Vec::new(),
            types: None,
        };
        for sequence in sequences {
            let sequence = sequence.as_ref();
            batch.ids.extend_from_slice(sequence);
            batch.positions.extend(0..sequence.len());
            batch.starts.push(batch.ids.len());
        }
        batch
    }

    /// One sequence without gaps, whose first token has position `first`.
    pub fn continued(ids: &[u32], first: usize) -> Self {
        Self {
            ids: ids.to_vec(),
            starts: vec![0, ids.len()],
            positions: (first..first + ids.len()).collect(),
            types: None,
        }
    }

    /// The same tokens with a type for each.
    ///
    /// # Panics
    /// If there are not as many types as tokens.
    #[must_use]
    pub fn with_types(mut self, types: Vec<usize>) -> Self {
        assert_eq!(types.len(), self.tokens(), "a type for each token");
        self.types = Some(types);
        self
    }

    /// The tokens at the places `kept` of this batch, which ascend. Each keeps its position and its sequence. There are as many
    /// sequences as before; a sequence without a kept token is empty.
    ///
    /// # Panics
    /// If a place is outside the batch.
    #[must_use]
    pub fn gather(&self, kept: &[usize]) -> Self {
        debug_assert!(kept.is_sorted_by(|a, b| a < b));
        let starts = self.starts.iter();
        Self {
            ids: kept.iter().map(|place| self.ids[*place]).collect(),
            starts: starts
                .map(|start| kept.partition_point(|place| place < start))
                .collect(),
            positions: kept.iter().map(|place| self.positions[*place]).collect(),
            types: self
                .types
                .as_ref()
                .map(|types| kept.iter().map(|place| types[*place]).collect()),
        }
    }

    /// Tokens in all.
    pub fn tokens(&self) -> usize {
        self.ids.len()
    }

    /// Number of sequences.
    pub fn sequences(&self) -> usize {
        self.starts.len() - 1
    }

    /// The smallest and one more than the largest position of the batch; an empty range for an empty batch.
    pub(crate) fn span(&self) -> std::ops::Range<usize> {
        let first = self.positions.iter().min().copied().unwrap_or(0);
        first..self.positions.iter().max().map_or(first, |last| last + 1)
    }

    /// Token ids of one sequence.
    pub fn sequence(&self, index: usize) -> &[u32] {
        &self.ids[self.starts[index]..self.starts[index + 1]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gathered_tokens_keep_position_and_sequence() {
        let batch = Batch::new(&[&[5, 6, 7][..], &[8][..], &[9, 4][..]]);
        let part = batch.gather(&[0, 2, 5]);
        assert_eq!(part.ids, [5, 7, 4]);
        assert_eq!(part.starts, [0, 2, 2, 3]);
        assert_eq!(part.positions, [0, 2, 1]);
        assert_eq!(part.span(), 0..3);
        assert_eq!(batch.gather(&[0, 1, 2, 3, 4, 5]), batch);
    }

    #[test]
    fn a_continued_sequence_begins_where_it_is_told() {
        let batch = Batch::continued(&[3, 4], 7);
        assert_eq!(batch.positions, [7, 8]);
        assert_eq!(batch.span(), 7..9);
        assert_eq!(Batch::continued(&[], 7).span(), 0..0);
    }
}
