//! How a text is cut for perplexity: windows without overlap, several to a batch.

use crate::{Batch, ModelError, Network};

/// Tokens of a batch: each block is read once for this many.
const BATCH_TOKENS: usize = 8192;

/// The windows of a text.
pub(super) struct Windows<'a> {
    ids: &'a [u32],
    context: usize,
}

impl<'a> Windows<'a> {
    /// Windows of `context` tokens; the last partial one is dropped unless it is the only one.
    pub fn new(network: &Network, ids: &'a [u32], context: usize) -> Result<Self, ModelError> {
        let maximum = network.max_context();
        if context > maximum {
            return Err(ModelError::TooLong {
                actual: context,
                maximum,
            });
        }
        let empty = |what: &str, fix: &str| ModelError::Empty {
            what: what.to_string(),
            fix: fix.to_string(),
        };
        if context < 2 {
            return Err(empty(
                "a window of fewer than 2 tokens",
                "choose a context of at least 2",
            ));
        }
        if ids.len() < 2 {
            return Err(empty(
                "the text",
                "perplexity needs a text of at least 2 tokens",
            ));
        }
        let whole = ids.len() - ids.len() % context;
        let used = if whole == 0 { ids.len() } else { whole };
        Ok(Self {
            ids: &ids[..used],
            context,
        })
    }

    /// Tokens in all windows.
    pub fn tokens(&self) -> u64 {
        self.ids.len() as u64
    }

    /// Batches of whole windows.
    pub fn batches(&self) -> impl Iterator<Item = Batch> + '_ {
        let windows = (BATCH_TOKENS / self.context).max(1);
        self.ids.chunks(windows * self.context).map(|ids| {
            let windows: Vec<&[u32]> = ids.chunks(self.context).collect();
            Batch::new(&windows)
        })
    }
}

/// For each token of a batch the token to predict after it; `None` for the last of each window.
pub(super) fn targets(batch: &Batch) -> Vec<Option<u32>> {
    let windows = (0..batch.sequences()).map(|index| batch.sequence(index));
    windows
        .flat_map(|window| {
            let next = window.iter().skip(1).map(|id| Some(*id));
            next.chain(std::iter::once(None))
        })
        .collect()
}
