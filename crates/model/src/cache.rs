//! Keys and values of a sequence while it is decoded.

use crate::Batch;

/// Keys and values of all blocks for one sequence, and how long that sequence is. A block may have seen fewer tokens than the
/// sequence has, where a token was skipped.
#[derive(Clone, Debug)]
pub struct Cache {
    /// One for each block.
    pub blocks: Vec<BlockCache>,
    /// Tokens of the sequence so far, those that a block skipped included.
    length: usize,
}

impl Cache {
    /// An empty cache for a network of so many blocks.
    pub fn new(blocks: usize) -> Self {
        Self {
            blocks: vec![BlockCache::new(); blocks],
            length: 0,
        }
    }

    /// Tokens of the sequence so far. The next token has this position.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The next tokens of the sequence as a batch, with the positions that they have.
    pub fn next(&self, ids: &[u32]) -> Batch {
        Batch::continued(ids, self.length)
    }

    /// The next tokens of some sequences as a batch, with the positions that they have.
    pub fn next_of(caches: &[Self], ids: &[&[u32]]) -> Batch {
        let mut batch = Batch::new(ids);
        for (cache, pair) in caches.iter().zip(batch.starts.windows(2)) {
            let own = &mut batch.positions[pair[0]..pair[1]];
            own.iter_mut()
                .for_each(|position| *position += cache.length);
        }
        batch
    }

    /// Counts tokens that have gone through all blocks, or past them.
    pub fn advance(&mut self, tokens: usize) {
        self.length += tokens;
    }
}

/// Keys and values of one block, [tokens, kv width] each, with the position of each token. Keys are rotated already.
#[derive(Clone, Debug, Default)]
pub struct BlockCache {
    pub(crate) keys: Vec<f32>,
    pub(crate) values: Vec<f32>,
    pub(crate) positions: Vec<usize>,
    /// Of each token of the sequence, skipped ones included, its score when it came to this block, where a gate watches attention:
    /// see [`crate::gate::Standing`].
    pub(crate) scores: Vec<f32>,
}

impl BlockCache {
    /// An empty cache.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tokens it holds: those that this block has seen.
    pub fn tokens(&self) -> usize {
        self.positions.len()
    }

    /// Positions of the tokens that it holds, ascending.
    pub fn positions(&self) -> &[usize] {
        &self.positions
    }

    /// Appends keys and values from rows of `qkv` [tokens, query + 2 * kv], with their positions.
    ///
    /// # Panics
    /// If a position is not larger than those that the cache holds: such a token would be seen by queries before it.
    pub(crate) fn append(
        &mut self,
        qkv: &[f32],
        query_width: usize,
        kv_width: usize,
        positions: &[usize],
    ) {
        let goes_on = match (self.positions.last(), positions.first()) {
            (Some(last), Some(first)) => first > last,
            _ => true,
        };
        assert!(goes_on, "a token before those that the cache holds");
        for row in qkv.chunks_exact(query_width + 2 * kv_width) {
            let (keys, values) = row[query_width..].split_at(kv_width);
            self.keys.extend_from_slice(keys);
            self.values.extend_from_slice(values);
        }
        self.positions.extend_from_slice(positions);
    }
}
