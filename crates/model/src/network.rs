//! A network: an architecture's data bound to one configuration and one set of tensor names, run block by block.

use crate::arch::{self, Architecture, INPUTS, LinearRow, Role};
pub use crate::block::BlockWeights;
pub use crate::cache::BlockCache;
use crate::config::Settings;
pub use crate::forward::Part;
use crate::forward::Pass;
use crate::names::NORM_SUFFIXES;
use crate::norm::NormWeights;
use crate::reader::Reader;
use crate::received::Look;
use crate::{Batch, ModelError, WeightSource, embedding, forward, neutral};
use kerf_kernels::Compute;
use kerf_tensors::Catalog;
use kerf_tensors::files::Fact;
use serde::{Deserialize, Serialize};

/// What a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
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
    /// Role in the block: `q`, `k`, `v` or `qkv`, `o`, `gate`, `up` or `gateUp`, `down` (many have no gate).
    pub role: &'static str,
    /// Outputs.
    pub rows: usize,
    /// Inputs.
    pub cols: usize,
    /// Whether the tensor is [inputs, outputs] instead of [outputs, inputs].
    pub transposed: bool,
    /// Index of the input it shares with others of its block: q, k, v share 0; o has 1; gate and up share 2; down has 3.
    pub input: usize,
}

/// An architecture bound to a configuration.
#[derive(Clone, Debug)]
pub struct Network {
    pub(crate) arch: &'static Architecture,
    pub(crate) settings: Settings,
    /// What a wrapper put before all names.
    pub(crate) wrapper: String,
    /// What stands before names of the body, the wrapper included.
    pub(crate) prefix: String,
    /// Name of the token embedding.
    pub(crate) token: String,
    /// Suffixes of scale and shift of a norm: files converted from TensorFlow say gamma and beta.
    pub(crate) norm_suffixes: [&'static str; 2],
    /// Whether norms have a shift.
    pub(crate) norm_shift: bool,
    /// Weight tensor of the head, which may be the token embedding; `None` for a bare body.
    pub(crate) head: Option<String>,
    /// Bias of the head.
    pub(crate) head_bias: Option<String>,
    /// Class whose head gives labels instead of words.
    pub(crate) labels: Option<String>,
    /// What became of what the configuration says.
    pub(crate) facts: Vec<Fact>,
}

/// The architecture of a configuration by its `model_type`.
fn arch_of(config: &serde_json::Value) -> Result<&'static Architecture, ModelError> {
    let reader = Reader::new(config);
    match reader.text("model_type")? {
        Some(model_type) => arch::by_model_type(model_type, config),
        None => Err(reader.bad("model_type", "the name of an architecture")),
    }
}

impl Network {
    /// Chooses the architecture by `model_type`, finds the name prefix in use, and checks that each tensor is there with
    /// the shape that the configuration says. Reads no weights, but to see whether a stored head equals the token embedding that it
    /// is tied to.
    ///
    /// `UNKNOWN_ARCHITECTURE`, `BAD_CONFIG`, `TENSOR_MISSING`, `WRONG_SHAPE`.
    pub fn open(
        config: &serde_json::Value,
        weights: &dyn WeightSource,
    ) -> Result<Self, ModelError> {
        Self::open_as(arch_of(config)?, config, weights)
    }

    /// [`Network::open`] on a model folder: as its `kerf-architecture.json` says, or else by `model_type`. What generation_config.json
    /// says of the tokens that begin and end a text goes before config.json. `BAD_ARCHITECTURE` for a description that breaks a rule,
    /// `BAD_CONFIG` where there is no config.json.
    pub fn of_catalog(catalog: &Catalog) -> Result<Self, ModelError> {
        let Some(config) = &catalog.files.config else {
            return Err(ModelError::BadConfig {
                field: "the file".into(),
                expected: "one beside the weights, which says what network it is; fetch it together with them".into(),
                actual: "none".into(),
            });
        };
        let model_type = config["model_type"].as_str();
        // A folder of sentence-transformers wants hidden states only.
        let body = catalog
            .sidecars
            .iter()
            .any(|(file, _)| file == "modules.json");
        let arch = match arch::json::of_folder(catalog.folder.as_ref(), model_type)? {
            Some(arch) => arch,
            None => arch_of(config)?,
        };
        let mut network = Self::bind(arch, config, catalog, body)?;
        let generation = &catalog.files.generation;
        network.settings.bos = generation.bos.or(network.settings.bos);
        if let Some(eos) = &generation.eos {
            network.settings.eos.clone_from(eos);
        }
        Ok(network)
    }

    /// [`Network::open`] with the architecture given.
    pub fn open_as(
        arch: &'static Architecture,
        config: &serde_json::Value,
        weights: &dyn WeightSource,
    ) -> Result<Self, ModelError> {
        Self::bind(arch, config, weights, false)
    }

    /// `body`: whether only hidden states are wanted of the model.
    fn bind(
        arch: &'static Architecture,
        config: &serde_json::Value,
        weights: &dyn WeightSource,
        body: bool,
    ) -> Result<Self, ModelError> {
        let reader = Reader::new(config);
        let mut network = Self {
            arch,
            settings: Settings::read(arch, &reader)?,
            wrapper: String::new(),
            prefix: arch.prefixes[0].to_string(),
            token: String::new(),
            norm_suffixes: NORM_SUFFIXES[0],
            norm_shift: false,
            head: None,
            head_bias: None,
            labels: None,
            facts: Vec::new(),
        };
        network.find_names(weights);
        let head = network.find_head(&reader, weights, body);
        network.facts.extend(neutral::unread(arch, &reader));
        // Of a file that fits nowhere, the body is what to tell first.
        network.check_tensors(weights)?;
        head?;
        Ok(network)
    }

    /// Class of the model, if its head gives labels instead of words: only the body is computed.
    pub fn labels(&self) -> Option<&str> {
        self.labels.as_deref()
    }

    /// What became of what the configuration and the names of tensors say.
    pub fn facts(&self) -> &[Fact] {
        &self.facts
    }

    /// Outputs and inputs of a linear layer.
    pub(crate) fn shape(&self, role: Role) -> (usize, usize) {
        let settings = &self.settings;
        match role {
            Role::Q => (settings.query_width(), settings.hidden),
            Role::K | Role::V => (settings.kv_width(), settings.hidden),
            Role::Qkv | Role::QkvByHead => {
                let rows = settings.query_width() + 2 * settings.kv_width();
                (rows, settings.hidden)
            }
            Role::O => (settings.hidden, settings.query_width()),
            Role::Gate | Role::Up => (settings.intermediate, settings.hidden),
            Role::GateUp => (2 * settings.intermediate, settings.hidden),
            Role::Down => (settings.hidden, settings.intermediate),
        }
    }

    /// Whether the MLP is gated.
    pub(crate) fn gated(&self) -> bool {
        let mut rows = self.arch.block.linears.iter();
        rows.any(|row: &LinearRow| row.role.gates())
    }

    /// Id of the architecture's row.
    pub fn architecture(&self) -> &'static str {
        self.arch.id
    }
    /// The data of the architecture.
    pub fn data(&self) -> &'static arch::Architecture {
        self.arch
    }
    /// Width of a head.
    pub fn head_dim(&self) -> usize {
        self.settings.head_dim
    }
    /// Decoder or encoder.
    pub fn kind(&self) -> Kind {
        self.arch.kind
    }
    /// Width of the residual stream.
    pub fn hidden(&self) -> usize {
        self.settings.hidden
    }
    /// Number of blocks.
    pub fn blocks(&self) -> usize {
        self.settings.layers.len()
    }
    /// Most tokens of a sequence.
    pub fn max_context(&self) -> usize {
        self.settings.positions
    }
    /// Size of the vocabulary.
    pub fn vocab(&self) -> usize {
        self.settings.vocab
    }
    /// Types that its tokens may have; 1 for a model that knows none.
    pub fn token_types(&self) -> usize {
        match self.arch.embeddings.token_type {
            Some(_) => self.settings.token_types,
            None => 1,
        }
    }
    /// Token ids that end or begin a text, from the configuration, if it has them.
    pub fn bos(&self) -> Option<u32> {
        self.settings.bos
    }
    /// See [`Network::bos`].
    pub fn eos(&self) -> Vec<u32> {
        self.settings.eos.clone()
    }
    /// Weight tensor [vocab, hidden] that turns hidden states into logits: an untied head or the token embedding. `None` for
    /// encoders and for decoders stored without head.
    pub fn head(&self) -> Option<&str> {
        self.head.as_deref()
    }
    /// Target matrices of a block, ordered by `input`, then as the architecture lists them.
    pub fn linears(&self, block: usize) -> Vec<Linear> {
        let rows = self.arch.block.linears.iter();
        rows.map(|row| {
            let (rows, cols) = self.shape(row.role);
            Linear {
                weight: format!("{}.weight", self.name(row.stem, block)),
                role: row.role.id(),
                rows,
                cols,
                transposed: row.transposed,
                input: row.role.input(),
            }
        })
        .collect()
    }
    /// Tensors of the norm behind the last block: scale, and shift if norms have one. None where an architecture has no such norm.
    pub fn final_norm_tensors(&self) -> Vec<String> {
        let Some(stem) = self.arch.final_norm else {
            return Vec::new();
        };
        let (scale, shift) = self.norm_names(&self.name(stem, 0));
        std::iter::once(scale).chain(shift).collect()
    }
    /// Number of shared inputs of a block.
    pub fn inputs(&self) -> usize {
        INPUTS
    }
    /// 2-D tensors that are looked up by id or give logits: token, position and type embeddings, and an untied head.
    pub fn embeddings(&self) -> Vec<String> {
        let token = self.token_embedding();
        let head = self.head.clone().filter(|name| *name != token);
        let rest = [self.position_embedding(), self.type_embedding(), head];
        std::iter::once(token)
            .chain(rest.into_iter().flatten())
            .collect()
    }
    /// Most f32 values alive at once inside [`Network::run_block`] or [`Network::next_input`] per token, beyond `x`: for the
    /// memory plan. Attention adds one tile of scores for each worker, counted here as if a batch were one sequence.
    pub fn scratch_per_token(&self, max_sequence: usize) -> usize {
        forward::scratch_per_token(self, max_sequence)
    }

    /// Input of the first block: [tokens, hidden].
    ///
    /// `TOO_LONG` for a position beyond [`Network::max_context`], `BAD_TOKEN` for an id outside the vocabulary.
    pub fn embed(
        &self,
        compute: &Compute,
        weights: &dyn WeightSource,
        batch: &Batch,
    ) -> Result<Vec<f32>, ModelError> {
        embedding::embed(self, compute, weights, batch)
    }
    /// Reads the weights of one block. Matrices that share an input become one, so that their product is one call.
    pub fn load_block(
        &self,
        compute: &Compute,
        weights: &dyn WeightSource,
        block: usize,
    ) -> Result<BlockWeights, ModelError> {
        BlockWeights::load(self, compute, weights, block)
    }
    /// [`Network::load_block`] with codes and bf16 kept as the source has them, where it has them in a form that runs
    /// ([`WeightSource::compact`]). It takes about the memory of the file. Results differ by rounding alone from those of `load_block`.
    pub fn load_block_compact(
        &self,
        compute: &Compute,
        weights: &dyn WeightSource,
        block: usize,
    ) -> Result<BlockWeights, ModelError> {
        BlockWeights::load_compact(self, compute, weights, block)
    }
    /// Runs one block on `x` [tokens, hidden] in place. `cache`: keys and values so far of the one sequence in the batch; the
    /// tokens of the batch are appended to it, and their positions come after all that it holds. A cache may lack tokens that the
    /// block did not see.
    pub fn run_block(
        &self,
        compute: &Compute,
        block: &BlockWeights,
        batch: &Batch,
        x: &mut [f32],
        cache: Option<&mut BlockCache>,
    ) {
        let mut cache = cache;
        let caches = cache.as_mut().map(std::slice::from_mut);
        self.run_part(compute, block, Part::Block, batch, x, caches, None);
    }
    /// [`Network::run_block`], the same to the bit, which also tells the attention that each token receives as a key: its
    /// probabilities summed over all heads and all queries of the batch. Those of one query and head add up to 1. The sums are
    /// taken in a fixed order and do not depend on threads. `received` becomes one value for each token of the batch, or with a
    /// cache for each token that the cache then holds. It costs one pass over the probabilities.
    pub fn run_block_observed(
        &self,
        compute: &Compute,
        block: &BlockWeights,
        batch: &Batch,
        x: &mut [f32],
        cache: Option<&mut BlockCache>,
        received: &mut Vec<f64>,
    ) {
        received.clear();
        let mut cache = cache;
        let caches = cache.as_mut().map(std::slice::from_mut);
        let look = Some((Look::Received, received));
        self.run_part(compute, block, Part::Block, batch, x, caches, look);
    }
    /// [`Network::run_block`] of any number of sequences with caches (`caches`: one for each sequence of the batch), or of one part of
    /// the block alone: the other adds nothing to `x`. Attention and then the MLP is the whole block to the bit, but in blocks whose
    /// MLP stands beside attention, where it then sees what attention has added.
    ///
    /// `look`: what to tell of the probabilities of attention, as [`Network::run_block_observed`] does; of no token, and of an MLP,
    /// nothing is told.
    ///
    /// # Panics
    /// If there are not as many caches as sequences.
    #[allow(clippy::too_many_arguments)]
    pub fn run_part(
        &self,
        compute: &Compute,
        block: &BlockWeights,
        part: Part,
        batch: &Batch,
        x: &mut [f32],
        caches: Option<&mut [&mut BlockCache]>,
        look: Option<(Look, &mut Vec<f64>)>,
    ) {
        if let Some(caches) = &caches {
            assert_eq!(caches.len(), batch.sequences(), "a cache for each sequence");
        }
        Pass::new(self, compute, block, batch).run(part, x, caches, look);
    }
    /// Weights of the matrices of attention, and of those of the MLP: the same in each block.
    pub fn part_weights(&self) -> [u64; 2] {
        let mut weights = [0; 2];
        for row in self.arch.block.linears {
            let (rows, cols) = self.shape(row.role);
            weights[usize::from(row.role.input() > 1)] += (rows * cols) as u64;
        }
        weights
    }
    /// Reads what [`Network::next_input`] needs to get past the shared input `input` of a block, and no other matrix.
    pub fn load_part(
        &self,
        compute: &Compute,
        weights: &dyn WeightSource,
        block: usize,
        input: usize,
    ) -> Result<BlockWeights, ModelError> {
        BlockWeights::load_inputs(self, compute, weights, block, input..input + 1)
    }
    /// Reads only the norms of a block: what [`Network::first_input`] needs.
    pub fn load_norms(
        &self,
        compute: &Compute,
        weights: &dyn WeightSource,
        block: usize,
    ) -> Result<BlockWeights, ModelError> {
        BlockWeights::load_inputs(self, compute, weights, block, 0..0)
    }
    /// The first shared input of a block for its input `x` [tokens, hidden]: what q, k and v see. Needs only the norms of `block`.
    pub fn first_input(
        &self,
        compute: &Compute,
        block: &BlockWeights,
        batch: &Batch,
        x: &[f32],
    ) -> Vec<f32> {
        Pass::new(self, compute, block, batch).first_input(x)
    }
    /// Runs the linear layers of shared input `index` on its values `input` [tokens, cols], and what follows, up to the next
    /// shared input, which is returned (empty after the last). `x` is the residual stream [tokens, hidden]: it is the block's
    /// input until input 1 was passed, and the block's output after the last. Stepping through all inputs is
    /// [`Network::run_block`] bit by bit, with one matrix group in memory at a time.
    pub fn next_input(
        &self,
        compute: &Compute,
        part: &BlockWeights,
        batch: &Batch,
        index: usize,
        x: &mut [f32],
        input: Vec<f32>,
    ) -> Vec<f32> {
        Pass::new(self, compute, part, batch).next_input(index, x, input)
    }
    /// What follows the last block, short of the head: the final norm, where the architecture has one.
    pub fn finish(
        &self,
        compute: &Compute,
        weights: &dyn WeightSource,
        x: &mut [f32],
    ) -> Result<(), ModelError> {
        let Some(stem) = self.arch.final_norm else {
            return Ok(());
        };
        let stem = self.name(stem, 0);
        let norm = NormWeights::load(self, compute, weights, &stem, self.hidden())?;
        norm.apply(compute, x);
        Ok(())
    }
}
