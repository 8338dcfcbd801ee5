//! A model ready to run many batches, its weights read block by block.

use super::head::Head;
use crate::gate::{Gate, Pairs, Phase, Router};
use crate::{
    Batch, BlockCache, BlockWeights, Cache, Kind, ModelError, Network, Part, WeightSource, finite,
};
use kerf_kernels::Compute;

/// Tokens of a batch: each block is read once for this many.
pub const BATCH_TOKENS: usize = 8192;

/// Called between units of work with (done, total); returns false to cancel.
pub type Progress<'a> = dyn FnMut(u64, u64) -> bool + 'a;

/// A model ready to run many batches: a network, its weights, and decoded blocks kept up to a limit in bytes.
pub struct Runner<'a> {
    /// The network.
    pub network: &'a Network,
    /// Where weights come from.
    pub weights: &'a dyn WeightSource,
    /// The machine.
    pub compute: &'a Compute,
    /// Tokens that run together where a text has many.
    pub(crate) batch_tokens: usize,
    keep_bytes: u64,
    kept_bytes: u64,
    blocks: Vec<Option<BlockWeights>>,
    head: Option<Head>,
    gate: Option<&'a dyn Gate>,
    /// Of prompts, and of what was decoded.
    pairs: [Pairs; 2],
    form: Form,
}

/// In which form the weights of a block run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Dense, or sparse where most weights are zero.
    Usual,
    /// Dense, however many are zero.
    Dense,
    /// As they are stored, where that form runs.
    Compact,
}

/// Weights that a runner has decoded. A gate is borrowed by its runner; with this the next runner, with another gate, need not decode
/// them again.
#[derive(Default)]
pub struct Decoded {
    blocks: Vec<Option<BlockWeights>>,
    head: Option<Head>,
    bytes: u64,
}

impl Decoded {
    /// Bytes of all of them.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl<'a> Runner<'a> {
    /// Keeps up to `keep_bytes` of decoded blocks (and the head) between batches.
    pub fn new(
        network: &'a Network,
        weights: &'a dyn WeightSource,
        compute: &'a Compute,
        keep_bytes: u64,
    ) -> Self {
        Self {
            network,
            weights,
            compute,
            batch_tokens: BATCH_TOKENS,
            keep_bytes,
            kept_bytes: 0,
            blocks: vec![None; network.blocks()],
            head: None,
            gate: None,
            pairs: [Pairs::default(); 2],
            form: Form::Usual,
        }
    }

    /// The same with a gate before each block, which chooses the tokens that go through it.
    #[must_use]
    pub fn with_gate(mut self, gate: &'a dyn Gate) -> Self {
        self.gate = Some(gate);
        self
    }

    /// The same with weights as they are stored, where that form runs ([`Network::load_block_compact`]): faster for a few tokens and in the
    /// memory of the file. Results differ by rounding alone.
    #[must_use]
    pub fn with_compact(mut self) -> Self {
        self.form = Form::Compact;
        self
    }

    /// The same with all weights dense, as a backward pass needs them.
    #[must_use]
    pub fn with_dense_blocks(mut self) -> Self {
        self.form = Form::Dense;
        self
    }

    /// The weights that were decoded and kept, for the next runner of the same weights.
    pub fn into_decoded(self) -> Decoded {
        Decoded {
            bytes: self.kept_bytes,
            blocks: self.blocks,
            head: self.head,
        }
    }

    /// The same with what an earlier runner of the same network and weights had decoded, in the same form.
    #[must_use]
    pub fn with_decoded(mut self, decoded: Decoded) -> Self {
        if decoded.bytes <= self.keep_bytes && decoded.blocks.len() == self.blocks.len() {
            self.kept_bytes = decoded.bytes;
            self.blocks = decoded.blocks;
            self.head = decoded.head;
        }
        self
    }

    /// Pairs of a token and a block so far, in a phase; none without a gate.
    pub fn pairs(&self, phase: Phase) -> Pairs {
        self.pairs[phase as usize]
    }

    /// Pairs of a token and a block so far, in both phases.
    pub fn all_pairs(&self) -> Pairs {
        let [mut all, decoding] = self.pairs;
        all += decoding;
        all
    }

    /// The same with other batches: fewer tokens take less memory, and each block is read once for so many.
    #[must_use]
    pub fn with_batch_tokens(mut self, tokens: usize) -> Self {
        self.batch_tokens = tokens.max(1);
        self
    }

    /// Bytes of weights that are kept at the moment.
    pub fn kept_bytes(&self) -> u64 {
        self.kept_bytes
    }

    /// Logits [tokens, vocab] of one sequence; for tests and small inputs.
    pub fn logits(&mut self, ids: &[u32]) -> Result<Vec<f32>, ModelError> {
        let hidden = self.hidden_states(ids)?;
        let head = self.take_head()?;
        let logits = head.logits(self.compute, self.weights, &hidden);
        self.keep_head(head);
        logits
    }

    /// Last hidden states [tokens, hidden] of one sequence.
    pub fn hidden_states(&mut self, ids: &[u32]) -> Result<Vec<f32>, ModelError> {
        self.hidden(&Batch::new(&[ids]), &mut |_| true)
    }

    /// Last hidden states of a batch, after the final norm. `between` gets the number of blocks done and returns false to
    /// cancel.
    pub(crate) fn hidden(
        &mut self,
        batch: &Batch,
        between: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Vec<f32>, ModelError> {
        let mut x = self.through_blocks(Phase::Prompt, batch, None, between)?;
        self.finish(&mut x)?;
        Ok(x)
    }

    /// Continues the sequence in `cache` by `ids`; last hidden state [hidden] of the last of them. What an empty cache gets is the
    /// prompt.
    pub(crate) fn continue_hidden(
        &mut self,
        ids: &[u32],
        cache: &mut Cache,
    ) -> Result<Vec<f32>, ModelError> {
        let phase = match cache.length() {
            0 => Phase::Prompt,
            _ => Phase::Decoding,
        };
        let caches = std::slice::from_mut(cache);
        let mut x = self.advance(phase, &[ids], caches)?;
        let mut last = x.split_off(x.len() - self.network.hidden());
        self.finish(&mut last)?;
        Ok(last)
    }

    /// Continues the sequences in `caches`, each by its ids; last hidden states [tokens, hidden] of all of them, after the final norm.
    ///
    /// Without a gate the phase does not matter. Errors are those of running the model.
    pub fn continue_states(
        &mut self,
        phase: Phase,
        ids: &[&[u32]],
        caches: &mut [Cache],
    ) -> Result<Vec<f32>, ModelError> {
        let mut x = self.advance(phase, ids, caches)?;
        self.finish(&mut x)?;
        Ok(x)
    }

    /// [`Runner::continue_states`] without the final norm: hidden states as the last block leaves them.
    pub fn advance(
        &mut self,
        phase: Phase,
        ids: &[&[u32]],
        caches: &mut [Cache],
    ) -> Result<Vec<f32>, ModelError> {
        let batch = Cache::next_of(caches, ids);
        let x = self.through_blocks(phase, &batch, Some(caches), &mut |_| true)?;
        for (cache, ids) in caches.iter_mut().zip(ids) {
            cache.advance(ids.len());
        }
        Ok(x)
    }

    /// The final norm. `NOT_FINITE` for states that are no numbers.
    pub fn finish(&self, x: &mut [f32]) -> Result<(), ModelError> {
        self.network.finish(self.compute, self.weights, x)?;
        self.check(x)
    }

    /// From the token ids to the last block. `between` gets the number of blocks done and returns false to cancel.
    fn through_blocks(
        &mut self,
        phase: Phase,
        batch: &Batch,
        mut caches: Option<&mut [Cache]>,
        between: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Vec<f32>, ModelError> {
        let mut x = self.network.embed(self.compute, self.weights, batch)?;
        let mut router = self.gate.map(|gate| Router::new(gate, phase, batch));
        for index in 0..self.network.blocks() {
            let mut own: Option<Vec<&mut BlockCache>> = caches.as_deref_mut().map(|caches| {
                let own = caches.iter_mut().map(|cache| &mut cache.blocks[index]);
                own.collect()
            });
            self.run_block(index, batch, &mut x, own.as_deref_mut(), router.as_mut())?;
            if !between(index + 1) {
                return Err(ModelError::Cancelled {});
            }
        }
        if let Some(router) = router {
            self.pairs[phase as usize] += router.pairs();
        }
        Ok(x)
    }

    /// `NOT_FINITE` for hidden states that are no numbers.
    fn check(&self, states: &[f32]) -> Result<(), ModelError> {
        finite::check(self.compute, "hidden states", &self.weights.model(), states)
    }

    fn run_block(
        &mut self,
        index: usize,
        batch: &Batch,
        x: &mut [f32],
        caches: Option<&mut [&mut BlockCache]>,
        router: Option<&mut Router<'_>>,
    ) -> Result<(), ModelError> {
        let block = self.take_block(index)?;
        let (network, compute) = (self.network, self.compute);
        match router {
            Some(router) => router.run_block(network, compute, &block, batch, x, caches),
            None => network.run_part(compute, &block, Part::Block, batch, x, caches, None),
        }
        self.go_on()?;
        self.keep_block(index, block);
        Ok(())
    }

    /// The weights of a block, out of what is kept or read anew; give them back with [`Runner::keep_block`].
    pub fn take_block(&mut self, index: usize) -> Result<BlockWeights, ModelError> {
        if let Some(block) = self.blocks[index].take() {
            self.kept_bytes -= block.bytes();
            return Ok(block);
        }
        let load = match self.form {
            Form::Usual => Network::load_block,
            Form::Dense => Network::load_block_dense,
            Form::Compact => Network::load_block_compact,
        };
        let block = load(self.network, self.compute, self.weights, index);
        // Weights that were left half decoded are no error of the model.
        self.go_on()?;
        block
    }

    /// Keeps the weights of a block if there is room.
    pub fn keep_block(&mut self, index: usize, block: BlockWeights) {
        if self.has_room(block.bytes()) {
            self.blocks[index] = Some(block);
        }
    }

    /// `CANCELLED` once the pool leaves tasks out: what was computed since then is worthless.
    pub(crate) fn go_on(&self) -> Result<(), ModelError> {
        match self.compute.pool.stopped() {
            true => Err(ModelError::Cancelled {}),
            false => Ok(()),
        }
    }

    /// The head, out of what is kept or read anew; give it back with [`Runner::keep_head`].
    pub(crate) fn take_head(&mut self) -> Result<Head, ModelError> {
        match self.head.take() {
            Some(head) => {
                self.kept_bytes -= head.bytes();
                Ok(head)
            }
            None => {
                let room = self.keep_bytes - self.kept_bytes;
                let load = match self.form {
                    Form::Compact => Head::load_compact,
                    Form::Usual | Form::Dense => Head::load,
                };
                let head = load(self.network, self.compute, self.weights, room);
                self.go_on()?;
                head
            }
        }
    }

    pub(crate) fn keep_head(&mut self, head: Head) {
        if self.has_room(head.bytes()) {
            self.head = Some(head);
        }
    }

    /// Whether so many bytes may be kept; counts them if so.
    fn has_room(&mut self, bytes: u64) -> bool {
        let room = self.kept_bytes + bytes <= self.keep_bytes;
        if room {
            self.kept_bytes += bytes;
        }
        room
    }

    /// `WRONG_KIND` unless the network predicts tokens.
    pub(crate) fn need_decoder(&self, operation: &str) -> Result<(), ModelError> {
        let wrong = |expected: &str, actual: &str| ModelError::WrongKind {
            operation: operation.to_string(),
            expected: expected.to_string(),
            architecture: actual.to_string(),
        };
        match (self.network.kind(), self.network.labels()) {
            (Kind::Decoder, None) => Ok(()),
            (Kind::Decoder, Some(class)) => Err(wrong("a class that gives words", class)),
            (Kind::Encoder, _) => Err(wrong("a decoder", self.network.architecture())),
        }
    }
}
