//! A network: an architecture's data bound to one configuration and one set of tensor names, run block by block.

use crate::arch::{self, Architecture, INPUTS, LinearRow, Name, Norm, Positions, Role};
pub use crate::block::{BlockCache, BlockWeights};
use crate::config::{Reader, Settings};
use crate::forward::Pass;
use crate::{Batch, ModelError, WeightSource, embedding, forward};
use kerf_kernels::Compute;
use kerf_tensors::{Catalog, TensorsError};
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
    prefix: String,
    /// Suffixes of scale and shift of a norm: files converted from TensorFlow say gamma and beta.
    norm_suffixes: [&'static str; 2],
    /// Whether norms have a shift.
    norm_shift: bool,
    /// Weight tensor of the head, which may be the token embedding; `None` for a bare body.
    head: Option<String>,
    /// Bias of the head.
    head_bias: Option<String>,
}

const NORM_SUFFIXES: [[&str; 2]; 2] = [["weight", "bias"], ["gamma", "beta"]];
/// What may stand before the prefix of an architecture: old files of sentence-transformers name the module.
const OUTER_PREFIXES: [&str; 2] = ["", "0.auto_model."];

impl Network {
    /// Chooses the architecture by `model_type`, finds the name prefix in use, and checks that each tensor is there with
    /// the shape that the configuration says. Reads no weights.
    ///
    /// `UNKNOWN_ARCHITECTURE`, `BAD_CONFIG`, `TENSOR_MISSING`, `WRONG_SHAPE`.
    pub fn open(
        config: &serde_json::Value,
        weights: &dyn WeightSource,
    ) -> Result<Self, ModelError> {
        let reader = Reader { config };
        let Some(model_type) = reader.text("model_type")? else {
            return Err(reader.bad("model_type", "the name of an architecture"));
        };
        Self::open_as(arch::by_model_type(model_type, config)?, config, weights)
    }

    /// [`Network::open`] on a model folder: as its `kerf-architecture.json` says, or else by `model_type`. `BAD_ARCHITECTURE` for
    /// a description that breaks a rule.
    pub fn of_catalog(catalog: &Catalog) -> Result<Self, ModelError> {
        let config = catalog.config.as_ref().unwrap_or(&serde_json::Value::Null);
        let model_type = config["model_type"].as_str();
        match arch::json::of_folder(catalog.folder.as_ref(), model_type)? {
            Some(arch) => Self::open_as(arch, config, catalog),
            None => Self::open(config, catalog),
        }
    }

    /// [`Network::open`] with the architecture given.
    pub fn open_as(
        arch: &'static Architecture,
        config: &serde_json::Value,
        weights: &dyn WeightSource,
    ) -> Result<Self, ModelError> {
        let mut network = Self {
            arch,
            settings: Settings::read(arch, config)?,
            prefix: arch.prefixes[0].to_string(),
            norm_suffixes: NORM_SUFFIXES[0],
            norm_shift: false,
            head: None,
            head_bias: None,
        };
        network.find_names(weights);
        network.check_tensors(weights)?;
        Ok(network)
    }

    /// Finds out which of the possible names this file uses.
    fn find_names(&mut self, weights: &dyn WeightSource) {
        let has = |name: &str| weights.shape(name).is_some();
        let token = self.arch.embeddings.token;
        let prefixes = OUTER_PREFIXES.iter().flat_map(|outer| {
            let inner = self.arch.prefixes.iter();
            inner.map(move |inner| format!("{outer}{inner}"))
        });
        let used = prefixes
            .into_iter()
            .find(|prefix| has(&format!("{prefix}{token}.weight")));
        self.prefix = used.unwrap_or_else(|| self.prefix.clone());
        let block = &self.arch.block;
        // A norm that every block has.
        let norm = self.name(block.mlp_norm.unwrap_or(block.attention_norm), 0);
        self.norm_suffixes = NORM_SUFFIXES
            .into_iter()
            .find(|suffixes| has(&format!("{norm}.{}", suffixes[0])))
            .unwrap_or(NORM_SUFFIXES[0]);
        self.norm_shift = self.arch.norm == Norm::Layer
            && self
                .settings
                .norm_bias
                .unwrap_or_else(|| has(&format!("{norm}.{}", self.norm_suffixes[1])));
        let Some(head) = &self.arch.head else {
            return;
        };
        let untied = format!("{}.weight", head.stem);
        self.head = if self.settings.tied {
            Some(self.token_embedding())
        } else if self.prefix.is_empty() && !has(&untied) {
            None
        } else {
            Some(untied)
        };
        let bias = format!("{}.bias", head.stem);
        self.head_bias = has(&bias).then_some(bias);
    }

    fn check_tensors(&self, weights: &dyn WeightSource) -> Result<(), ModelError> {
        let settings = &self.settings;
        let hidden = settings.hidden;
        check(weights, &self.token_embedding(), &[settings.vocab, hidden])?;
        if let Some(name) = self.position_embedding() {
            check(weights, &name, &[settings.position_rows.0, hidden])?;
        }
        if let Some(name) = self.type_embedding() {
            check(weights, &name, &[settings.token_types, hidden])?;
        }
        if let Some(name) = self.distance_bias() {
            check(weights, &name, &[settings.buckets, settings.heads])?;
        }
        for stem in self
            .arch
            .embeddings
            .norm
            .iter()
            .chain(&self.arch.final_norm)
        {
            self.check_norm(weights, &self.name(stem, 0), hidden)?;
        }
        if let Some(name) = &self.head {
            check(weights, name, &[settings.vocab, hidden])?;
        }
        if let Some(name) = &self.head_bias {
            check(weights, name, &[settings.vocab])?;
        }
        for block in 0..self.blocks() {
            self.check_block(weights, block)?;
        }
        Ok(())
    }

    fn check_block(&self, weights: &dyn WeightSource, block: usize) -> Result<(), ModelError> {
        for linear in self.linears(block) {
            let shape = match linear.transposed {
                false => [linear.rows, linear.cols],
                true => [linear.cols, linear.rows],
            };
            check(weights, &linear.weight, &shape)?;
        }
        for (index, row) in self.arch.block.linears.iter().enumerate() {
            if let Some(name) = self.bias(weights, index, block) {
                check(weights, &name, &[self.shape(row.role).0])?;
            }
        }
        let names = &self.arch.block;
        let of_width = [
            self.attention_norm(block),
            names.mlp_norm,
            names.attention_output_norm,
            names.mlp_output_norm,
        ];
        for stem in of_width.into_iter().flatten() {
            self.check_norm(weights, &self.name(stem, block), self.settings.hidden)?;
        }
        for stem in [names.query_norm, names.key_norm].into_iter().flatten() {
            self.check_norm(weights, &self.name(stem, block), self.settings.head_dim)?;
        }
        Ok(())
    }

    fn check_norm(
        &self,
        weights: &dyn WeightSource,
        stem: &str,
        width: usize,
    ) -> Result<(), ModelError> {
        let (scale, shift) = self.norm_names(stem);
        check(weights, &scale, &[width])?;
        match shift {
            Some(name) => check(weights, &name, &[width]),
            None => Ok(()),
        }
    }

    /// Stem of the norm of attention, if the block has one.
    pub(crate) fn attention_norm(&self, block: usize) -> Option<Name> {
        let names = &self.arch.block;
        (block > 0 || !names.bare_first).then_some(names.attention_norm)
    }

    /// A stem with prefix and number of the block filled in.
    pub(crate) fn name(&self, stem: &str, block: usize) -> String {
        format!("{}{}", self.prefix, stem.replace("{}", &block.to_string()))
    }

    /// Scale and shift of a norm.
    pub(crate) fn norm_names(&self, stem: &str) -> (String, Option<String>) {
        let [scale, shift] = self.norm_suffixes;
        let shift = self.norm_shift.then(|| format!("{stem}.{shift}"));
        (format!("{stem}.{scale}"), shift)
    }

    /// Name of the bias of the linear layer `index` of the architecture, if it has one.
    pub(crate) fn bias(
        &self,
        weights: &dyn WeightSource,
        index: usize,
        block: usize,
    ) -> Option<String> {
        let name = format!(
            "{}.bias",
            self.name(self.arch.block.linears[index].stem, block)
        );
        let has = self.settings.biases[index].unwrap_or_else(|| weights.shape(&name).is_some());
        has.then_some(name)
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

    /// Name of the token embedding.
    pub(crate) fn token_embedding(&self) -> String {
        format!("{}.weight", self.name(self.arch.embeddings.token, 0))
    }

    /// Name of the learned position embedding.
    pub(crate) fn position_embedding(&self) -> Option<String> {
        match self.arch.positions {
            Positions::Learned(learned) => Some(format!("{}.weight", self.name(learned.stem, 0))),
            Positions::Rope(_) => None,
        }
    }

    /// Name of the type embedding.
    pub(crate) fn type_embedding(&self) -> Option<String> {
        let kind = self.arch.embeddings.token_type?;
        Some(format!("{}.weight", self.name(kind.stem, 0)))
    }

    /// Name of the table of distance biases.
    pub(crate) fn distance_bias(&self) -> Option<String> {
        let bias = self.arch.attention.distance_bias?;
        Some(format!("{}.weight", self.name(bias.stem, 0)))
    }

    /// Name of the bias of the head.
    pub(crate) fn head_bias(&self) -> Option<&str> {
        self.head_bias.as_deref()
    }

    /// Id of the architecture's row.
    pub fn architecture(&self) -> &'static str {
        self.arch.id
    }
    /// Names of the configuration's fields.
    pub fn fields(&self) -> &'static arch::Fields {
        &self.arch.fields
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
    /// `TOO_LONG` for a sequence beyond [`Network::max_context`], `BAD_TOKEN` for an id outside the vocabulary.
    pub fn embed(
        &self,
        compute: &Compute,
        weights: &dyn WeightSource,
        batch: &Batch,
    ) -> Result<Vec<f32>, ModelError> {
        embedding::embed(self, compute, weights, batch, 0)
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
        Pass::new(self, compute, block, batch).run(x, cache);
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
        let norm = forward::NormWeights::load(self, compute, weights, &stem, self.hidden())?;
        norm.apply(compute, x);
        Ok(())
    }
}

fn check(weights: &dyn WeightSource, name: &str, expected: &[usize]) -> Result<(), ModelError> {
    let tensor = name.to_string();
    match weights.shape(name) {
        Some(actual) if actual == expected => Ok(()),
        Some(actual) => Err(TensorsError::WrongShape {
            tensor,
            expected: expected.to_vec(),
            actual,
        }
        .into()),
        None => Err(TensorsError::TensorMissing { tensor }.into()),
    }
}
