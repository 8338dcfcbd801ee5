//! How a text is cut for perplexity: windows without overlap, several to a batch, while the text comes.

use crate::{Batch, ModelError, Network};

/// Token ids of a text, which come a part at a time.
pub trait Tokens {
    /// What may go wrong.
    type Error: From<ModelError>;

    /// Appends some of the ids that follow, at least one; false at the end of the text.
    fn more(&mut self, ids: &mut Vec<u32>) -> Result<bool, Self::Error>;

    /// Ids that the text has in all, as far as can be told after `seen` of them: for progress.
    fn expected(&self, seen: u64) -> u64;
}

/// Ids that are all at hand.
pub(super) struct AtHand<'a> {
    ids: &'a [u32],
    total: u64,
}

impl<'a> AtHand<'a> {
    pub fn new(ids: &'a [u32]) -> Self {
        let total = ids.len() as u64;
        Self { ids, total }
    }
}

impl Tokens for AtHand<'_> {
    type Error = ModelError;

    fn more(&mut self, ids: &mut Vec<u32>) -> Result<bool, ModelError> {
        let some = !self.ids.is_empty();
        ids.extend_from_slice(std::mem::take(&mut self.ids));
        Ok(some)
    }

    fn expected(&self, _seen: u64) -> u64 {
        self.total
    }
}

/// The windows of a text.
pub(super) struct Windows<'t, E> {
    text: &'t mut dyn Tokens<Error = E>,
    context: usize,
    /// Windows of a batch.
    at_once: usize,
    /// What came and is in no window yet.
    ids: Vec<u32>,
    /// Tokens that came, and those in windows.
    seen: u64,
    given: u64,
    ended: bool,
}

impl<'t, E: From<ModelError>> Windows<'t, E> {
    /// Windows of `context` tokens, in batches of about `batch_tokens`; the last partial window is dropped unless it is the only one.
    /// `TOO_LONG`, `EMPTY`.
    pub fn new(
        network: &Network,
        text: &'t mut dyn Tokens<Error = E>,
        context: usize,
        batch_tokens: usize,
    ) -> Result<Self, ModelError> {
        check(network, context)?;
        Ok(Self {
            text,
            context,
            at_once: (batch_tokens / context).max(1),
            ids: Vec::new(),
            seen: 0,
            given: 0,
            ended: false,
        })
    }

    /// The next batch; `None` after the last. `EMPTY` for a text of fewer than two tokens.
    pub fn next(&mut self) -> Result<Option<Batch>, E> {
        let wanted = self.at_once * self.context;
        while !self.ended && self.ids.len() < wanted {
            let before = self.ids.len();
            self.ended = !self.text.more(&mut self.ids)?;
            self.seen += (self.ids.len() - before) as u64;
        }
        if self.seen < 2 {
            return Err(empty("the text", "perplexity needs a text of at least 2 tokens").into());
        }
        let whole = self.ids.len() / self.context;
        let used = match (whole, self.given) {
            (0, 0) => self.ids.len(),
            _ => whole.min(self.at_once) * self.context,
        };
        if used == 0 {
            return Ok(None);
        }
        let windows: Vec<&[u32]> = self.ids[..used].chunks(self.context).collect();
        let batch = Batch::new(&windows);
        self.ids.drain(..used);
        self.given += used as u64;
        Ok(Some(batch))
    }

    /// Tokens that all windows will have, as far as can be told.
    pub fn tokens(&self) -> u64 {
        let all = match self.ended {
            true => self.seen,
            false => self.text.expected(self.seen).max(self.seen),
        };
        let context = self.context as u64;
        match all / context {
            0 => all,
            whole => whole * context,
        }
        .max(self.given)
    }
}

/// Whether windows of so many tokens can be had of the network.
pub(super) fn check(network: &Network, context: usize) -> Result<(), ModelError> {
    let maximum = network.max_context();
    if context > maximum {
        return Err(ModelError::TooLong {
            actual: context,
            maximum,
        });
    }
    if context < 2 {
        return Err(empty(
            "a window of fewer than 2 tokens",
            "choose a context of at least 2",
        ));
    }
    Ok(())
}

fn empty(what: &str, fix: &str) -> ModelError {
    ModelError::Empty {
        what: what.to_string(),
        fix: fix.to_string(),
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
