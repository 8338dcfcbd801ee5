//! Sequences of token ids laid end to end, without padding.

/// A ragged batch: all tokens of all sequences in one row. Linear layers see [tokens, features]; attention sees each sequence alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Token ids of all sequences.
    pub ids: Vec<u32>,
    /// Start of each sequence in `ids`, and the end of the last: `sequences + 1` numbers, from 0, ascending.
    pub starts: Vec<usize>,
}

impl Batch {
    /// Lays sequences end to end.
    pub fn new<S: AsRef<[u32]>>(sequences: &[S]) -> Self {
        let mut ids = Vec::new();
        let mut starts = vec![0];
        for sequence in sequences {
            ids.extend_from_slice(sequence.as_ref());
            starts.push(ids.len());
        }
        Self { ids, starts }
    }

    /// Tokens in all.
    pub fn tokens(&self) -> usize {
        self.ids.len()
    }

    /// Number of sequences.
    pub fn sequences(&self) -> usize {
        self.starts.len() - 1
    }

    /// Place of each token in its own sequence, from 0.
    pub(crate) fn places(&self) -> Vec<usize> {
        let lengths = self.starts.windows(2).map(|pair| pair[1] - pair[0]);
        lengths.flat_map(|length| 0..length).collect()
    }

    /// Token ids of one sequence.
    pub fn sequence(&self, index: usize) -> &[u32] {
        &self.ids[self.starts[index]..self.starts[index + 1]]
    }
}
