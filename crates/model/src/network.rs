//! A network: an architecture's data bound to one configuration and one set of tensor names, run block by block.

use crate::{Batch, ModelError, WeightSource};
use kerf_kernels::Compute;

/// What a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Predicts the next token.
    Decoder,
    /// Gives hidden states of a whole text.
    Encoder,
}

/// One linear layer of a block: a target matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linear {
    /// Name of its weight tensor.
    pub weight: String,
    /// Role in the block: `q`, `k`, `v`, `o`, `gate`, `up`, `down` (encoders: `up` and `down`).
    pub role: &'static str,
    /// Outputs.
    pub rows: usize,
    /// Inputs.
    pub cols: usize,
    /// Index of the input it shares with others of its block: q, k, v share 0; o has 1; gate and up share 2; down has 3.
    pub input: usize,
}

/// Weights of one block, dense, ready to run.
pub struct BlockWeights {
    // filled in by the implementation
}

/// Called with the index of a shared input and its values [tokens, cols] of the current batch, in order of the index.
pub type Tap<'a> = dyn FnMut(usize, &[f32]) + 'a;

/// Keys and values of one block for decoding.
pub struct BlockCache {
    // filled in by the implementation
}

/// An architecture bound to a configuration.
#[derive(Clone, Debug)]
pub struct Network {
    // filled in by the implementation
}

#[allow(unused_variables)]
impl Network {
    /// Chooses the architecture by `model_type`, finds the name prefix in use, and checks that each tensor is there with
    /// the shape that the configuration says. Reads no weights.
    pub fn open(
        config: &serde_json::Value,
        weights: &dyn WeightSource,
    ) -> Result<Self, ModelError> {
        todo!()
    }
    /// Id of the architecture's row.
    pub fn architecture(&self) -> &'static str {
        todo!()
    }
    /// Decoder or encoder.
    pub fn kind(&self) -> Kind {
        todo!()
    }
    /// Width of the residual stream.
    pub fn hidden(&self) -> usize {
        todo!()
    }
    /// Number of blocks.
    pub fn blocks(&self) -> usize {
        todo!()
    }
    /// Largest number of positions.
    pub fn max_context(&self) -> usize {
        todo!()
    }
    /// Size of the vocabulary.
    pub fn vocab(&self) -> usize {
        todo!()
    }
    /// Token ids that end or begin a text, from the configuration, if it has them.
    pub fn bos(&self) -> Option<u32> {
        todo!()
    }
    /// See [`Network::bos`].
    pub fn eos(&self) -> Vec<u32> {
        todo!()
    }
    /// Target matrices of a block, ordered by `input`, then as the architecture lists them.
    pub fn linears(&self, block: usize) -> Vec<Linear> {
        todo!()
    }
    /// Number of shared inputs of a block.
    pub fn inputs(&self) -> usize {
        todo!()
    }
    /// 2-D tensors that are looked up by id or give logits: token, position and type embeddings, and an untied head.
    pub fn embeddings(&self) -> Vec<String> {
        todo!()
    }
    /// Most f32 values alive at once inside [`Network::run_block`] per token, beyond `x`: for the memory plan.
    pub fn scratch_per_token(&self, max_sequence: usize) -> usize {
        todo!()
    }

    /// Input of the first block: [tokens, hidden].
    pub fn embed(
        &self,
        compute: &Compute,
        weights: &dyn WeightSource,
        batch: &Batch,
    ) -> Result<Vec<f32>, ModelError> {
        todo!()
    }
    /// Reads the weights of one block.
    pub fn load_block(
        &self,
        compute: &Compute,
        weights: &dyn WeightSource,
        block: usize,
    ) -> Result<BlockWeights, ModelError> {
        todo!()
    }
    /// Runs one block on `x` [tokens, hidden] in place. `cache`: keys and values so far of the one sequence in the batch; its
    /// tokens continue there.
    pub fn run_block(
        &self,
        compute: &Compute,
        block: &BlockWeights,
        batch: &Batch,
        x: &mut [f32],
        cache: Option<&mut BlockCache>,
    ) {
        todo!()
    }
    /// Shows `tap` every shared input that the block's linear layers see for `x`; stops as soon as the last was shown, so the
    /// last linear layer is not computed. `x` is not changed.
    pub fn tap_block(
        &self,
        compute: &Compute,
        block: &BlockWeights,
        batch: &Batch,
        x: &[f32],
        tap: &mut Tap<'_>,
    ) {
        todo!()
    }
    /// What follows the last block, short of the head: the final norm of a decoder; an encoder's output as it is.
    pub fn finish(
        &self,
        compute: &Compute,
        weights: &dyn WeightSource,
        x: &mut [f32],
    ) -> Result<(), ModelError> {
        todo!()
    }
}
