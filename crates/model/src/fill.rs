//! Sequences into batches.

use crate::Batch;
use std::ops::Range;

/// Whole sequences of these lengths, in order, as many to a batch as fit in `limit` tokens. A sequence that is longer than that is a
/// batch of its own.
pub fn fill(lengths: impl IntoIterator<Item = usize>, limit: usize) -> Vec<Range<usize>> {
    let mut batches: Vec<Range<usize>> = Vec::new();
    let mut tokens = 0;
    for (index, length) in lengths.into_iter().enumerate() {
        tokens += length;
        match batches.last_mut() {
            Some(batch) if tokens <= limit => batch.end = index + 1,
            _ => {
                batches.push(index..index + 1);
                tokens = length;
            }
        }
    }
    batches
}

/// The batches that [`fill`] makes of sequences.
pub fn batches<S: AsRef<[u32]>>(sequences: &[S], limit: usize) -> Vec<Batch> {
    let lengths = sequences.iter().map(|sequence| sequence.as_ref().len());
    let ranges = fill(lengths, limit).into_iter();
    ranges.map(|range| Batch::new(&sequences[range])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_full_and_in_order_and_a_long_sequence_is_alone() {
        let of = |lengths: &[usize], limit| fill(lengths.iter().copied(), limit);
        assert!(of(&[], 10).is_empty());
        assert_eq!(of(&[4, 6, 1], 10), [0..2, 2..3]);
        assert_eq!(of(&[4, 7, 3], 10), [0..1, 1..3]);
        assert_eq!(of(&[30, 1, 30], 10), [0..1, 1..2, 2..3]);
        assert_eq!(of(&[0, 0, 5, 5, 0, 1], 10), [0..5, 5..6]);
        assert_eq!(of(&[1, 1], 0), [0..1, 1..2]);
    }

    #[test]
    fn a_batch_holds_the_ids_of_its_sequences() {
        let sequences = [vec![1, 2], vec![3], vec![4, 5, 6]];
        let batches = batches(&sequences, 3);
        assert_eq!(batches.len(), 2);
        assert_eq!(batches[0].ids, [1, 2, 3]);
        assert_eq!(batches[1].sequence(0), [4, 5, 6]);
    }
}
