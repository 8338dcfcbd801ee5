//! The generic block: norms, linear layers, attention and MLP over all tokens of a ragged batch.

use crate::arch::{Activation, Order};
use crate::attention::{self, QUERY_TILE};
use crate::attention_heads::Heads;
use crate::block::{BlockWeights, Stack};
use crate::norm::NormWeights;
use crate::received::Received;
use crate::rope::Angles;
use crate::{Batch, BlockCache, Network};
use kerf_kernels::{Compute, Kernels, MatMut, MatRef};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Tokens that go through the MLP at once while running: bounds its memory and keeps its hidden values in cache.
const MLP_TILE: usize = 1024;

/// Rows of an elementwise pass that one task takes: about 64 KiB, so that they stay in L1/L2 between its steps.
pub(crate) fn rows_per_chunk(cols: usize) -> usize {
    (16384 / cols.max(1)).max(1)
}

/// See [`Network::scratch_per_token`].
pub(crate) fn scratch_per_token(network: &Network, max_sequence: usize) -> usize {
    let settings = &network.settings;
    let hidden = settings.hidden;
    let query = settings.query_width();
    let attention = hidden + 2 * query + 2 * settings.kv_width() + QUERY_TILE.min(max_sequence);
    let stacked = if network.gated() { 2 } else { 1 };
    // next_input also holds its input, and the hidden values once more where they must be made contiguous.
    let mlp = 2 * hidden + (stacked + stacked / 2) * settings.intermediate;
    // What the MLP of a parallel block sees is kept beside the attention; a norm of an output needs that apart.
    let parallel = settings.order == Order::Parallel;
    let apart = network.arch.block.mlp_output_norm.is_some();
    attention.max(mlp) + hidden * (1 + usize::from(parallel) + usize::from(apart))
}

/// What of a block is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Part {
    /// All of it.
    Block,
    /// Attention, with its norms.
    Attention,
    /// The MLP, with its norms.
    Mlp,
}

/// Part of a block that is added to the residual stream, by the shared input of its last matrix.
pub(crate) type Sublayer = usize;
pub(crate) const ATTENTION: Sublayer = 1;
pub(crate) const MLP: Sublayer = 3;

/// One block at work on one batch.
pub(crate) struct Pass<'a> {
    pub(crate) network: &'a Network,
    pub(crate) compute: &'a Compute,
    pub(crate) block: &'a BlockWeights,
    pub(crate) batch: &'a Batch,
}

impl<'a> Pass<'a> {
    pub fn new(
        network: &'a Network,
        compute: &'a Compute,
        block: &'a BlockWeights,
        batch: &'a Batch,
    ) -> Self {
        Self {
            network,
            compute,
            block,
            batch,
        }
    }

    /// See [`Network::run_part`].
    pub fn run(
        &self,
        part: Part,
        x: &mut [f32],
        caches: Option<&mut [&mut BlockCache]>,
        received: Received<'_>,
    ) {
        if x.is_empty() {
            return;
        }
        let beside = match part {
            Part::Mlp => None,
            _ => self.run_attention(part, x, caches, received),
        };
        if part != Part::Attention {
            self.run_mlp(x, beside.as_deref());
        }
    }

    /// Adds attention to `x`. What the MLP sees, where that is not made of the result: in a parallel block that is run whole.
    fn run_attention(
        &self,
        part: Part,
        x: &mut [f32],
        caches: Option<&mut [&mut BlockCache]>,
        received: Received<'_>,
    ) -> Option<Vec<f32>> {
        let (attended, beside) = {
            let input = self.before(x, ATTENTION);
            let attended = self.attend(&input, caches, received);
            let beside = match part {
                Part::Block => self.beside(x, input),
                _ => None,
            };
            (attended, beside)
        };
        let width = self.network.settings.query_width();
        self.add(&attended, width, ATTENTION, x, None);
        beside
    }

    /// Adds the MLP to `x`. `beside`: what it sees, where that is not made of `x`.
    fn run_mlp(&self, x: &mut [f32], beside: Option<&[f32]>) {
        // One buffer for all tiles: to zero and map fresh memory for each would cost more than a norm.
        let (rows, hidden) = (self.block.stacks[2].rows, self.network.hidden());
        let mut inside = vec![0.0; (x.len() / hidden).min(MLP_TILE) * rows];
        for (tile, x) in x.chunks_mut(MLP_TILE * hidden).enumerate() {
            let inside = &mut inside[..x.len() / hidden * rows];
            match beside {
                Some(input) => {
                    self.mlp_inside(&input[tile * MLP_TILE * hidden..][..x.len()], inside)
                }
                None => self.mlp_inside(&self.before(x, MLP), inside),
            }
            self.add(inside, rows, MLP, x, None);
        }
    }

    /// See [`Network::first_input`].
    pub fn first_input(&self, x: &[f32]) -> Vec<f32> {
        self.before(x, ATTENTION).into_owned()
    }

    /// See [`Network::next_input`].
    pub fn next_input(&self, index: usize, x: &mut [f32], input: Vec<f32>) -> Vec<f32> {
        let settings = &self.network.settings;
        match index {
            0 => self.attend(&input, None, None),
            1 => {
                let beside = match settings.order {
                    Order::Parallel => Some(self.before(x, MLP).into_owned()),
                    _ => None,
                };
                self.add(&input, settings.query_width(), ATTENTION, x, None);
                drop(input);
                beside.unwrap_or_else(|| self.before(x, MLP).into_owned())
            }
            2 => {
                let mut inside = self.room(&input, &self.block.stacks[2]);
                self.mlp_inside(&input, &mut inside);
                drop(input);
                self.contiguous(inside)
            }
            _ => {
                self.add(&input, settings.intermediate, MLP, x, None);
                Vec::new()
            }
        }
    }

    /// What a sublayer sees: the norm of `x`, or `x` itself.
    pub(crate) fn before<'x>(&self, x: &'x [f32], sublayer: Sublayer) -> Cow<'x, [f32]> {
        match self.norm_before(sublayer) {
            None => Cow::Borrowed(x),
            Some(norm) => Cow::Owned(norm.applied(self.compute, x)),
        }
    }

    /// The norm that goes before a sublayer.
    pub(crate) fn norm_before(&self, sublayer: Sublayer) -> Option<&NormWeights> {
        let norms = &self.block.norms;
        let norm = match sublayer {
            ATTENTION => norms.attention.as_ref(),
            // A block with one norm is a parallel one.
            _ => norms.mlp.as_ref().or(norms.attention.as_ref()),
        };
        norm.filter(|_| self.network.settings.order != Order::Post)
    }

    /// What the MLP of a parallel block sees, from `x` before attention is added to it; `input` is what attention saw.
    fn beside(&self, x: &[f32], input: Cow<'_, [f32]>) -> Option<Vec<f32>> {
        if self.network.settings.order != Order::Parallel {
            return None;
        }
        Some(match &self.block.norms.mlp {
            Some(norm) => norm.applied(self.compute, x),
            None => input.into_owned(),
        })
    }

    /// Attention of all heads, short of its last matrix: [tokens, query width].
    fn attend(
        &self,
        input: &[f32],
        caches: Option<&mut [&mut BlockCache]>,
        received: Received<'_>,
    ) -> Vec<f32> {
        let settings = &self.network.settings;
        let mut qkv = self.room(input, &self.block.stacks[0]);
        self.products(0, input, &mut qkv);
        self.norm_heads(&mut qkv);
        self.turn(&mut qkv);
        let heads = self.heads();
        match caches {
            Some(caches) => {
                let (query, kv) = (settings.query_width(), settings.kv_width());
                for (pair, cache) in self.batch.starts.windows(2).zip(&mut *caches) {
                    let own = &qkv[pair[0] * (query + 2 * kv)..pair[1] * (query + 2 * kv)];
                    cache.append(own, query, kv, &self.batch.positions[pair[0]..pair[1]]);
                }
                attention::attend_cached(self.compute, &heads, &qkv, self.batch, caches, received)
            }
            None => attention::attend(self.compute, &heads, &qkv, self.batch, received),
        }
    }

    /// What the first matrices of a sublayer give, with their biases: queries, keys and values [tokens, query + 2 kv], or what goes
    /// into the activation [tokens, rows of the stack].
    pub(crate) fn products(&self, at: usize, input: &[f32], out: &mut [f32]) {
        let stack = &self.block.stacks[at];
        self.product(input, stack, out);
        if let Some(bias) = &stack.bias {
            self.rows(out, stack.rows, |row| {
                self.compute.kernels.add(bias, row);
            });
        }
    }

    /// Normalises the heads of queries and keys where the architecture does.
    pub(crate) fn norm_heads(&self, qkv: &mut [f32]) {
        let (kernels, norms) = (&self.compute.kernels, &self.block.norms);
        let Some((of_queries, of_keys)) = norms.query.as_ref().zip(norms.key.as_ref()) else {
            return;
        };
        let settings = &self.network.settings;
        let (query, kv) = (settings.query_width(), settings.kv_width());
        let (dim, cols) = (settings.head_dim, query + 2 * kv);
        let chunk = rows_per_chunk(cols) * cols;
        self.compute.pool.chunks_mut(qkv, chunk, |_, rows| {
            let mut out = vec![0.0; dim];
            for row in rows.chunks_exact_mut(cols) {
                for (index, head) in row[..query + kv].chunks_exact_mut(dim).enumerate() {
                    let norm = match index * dim < query {
                        true => of_queries,
                        false => of_keys,
                    };
                    norm.row(kernels, head, &mut out);
                    head.copy_from_slice(&out);
                }
            }
        });
    }

    /// Turns queries and keys to their positions, where the block does.
    pub(crate) fn turn(&self, qkv: &mut [f32]) {
        self.turn_by(qkv, |angles| angles);
    }

    /// Backward of [`Pass::turn`]: turns gradients back.
    #[cfg(feature = "train")]
    pub(crate) fn turn_back(&self, qkv: &mut [f32]) {
        self.turn_by(qkv, Angles::transposed);
    }

    fn turn_by(&self, qkv: &mut [f32], way: impl Fn(Angles) -> Angles) {
        let settings = &self.network.settings;
        let turn = settings.layers[self.block.index].turn;
        let Some(rope) = settings.ropes.as_ref().and_then(|ropes| ropes.of(turn)) else {
            return;
        };
        let (query, kv) = (settings.query_width(), settings.kv_width());
        way(rope.angles(self.batch.span())).rotate_rows(
            self.compute,
            qkv,
            query + 2 * kv,
            query + kv,
            settings.head_dim,
            &self.batch.positions,
        );
    }

    /// Shape of the heads of this block, and what they see.
    pub(crate) fn heads(&self) -> Heads<'_> {
        let distance = self.block.distance.as_ref();
        Heads::of(self.network, self.block.index, distance)
    }

    /// The MLP short of its last matrix. Row stride is that of the stack of input 2; a gated MLP leaves its result in the
    /// first half of each row.
    fn mlp_inside(&self, input: &[f32], inside: &mut [f32]) {
        let stack = &self.block.stacks[2];
        self.product(input, stack, inside);
        // Both at once, while a row is in cache.
        self.rows(inside, stack.rows, |row| {
            if let Some(bias) = &stack.bias {
                self.compute.kernels.add(bias, row);
            }
            self.activate_row(row);
        });
    }

    /// What [`Pass::mlp_inside`] makes of the products, without gaps: [tokens, intermediate].
    #[cfg(feature = "train")]
    pub(crate) fn activated(&self, products: &[f32], out: &mut [f32]) {
        let (rows, width) = (
            self.block.stacks[2].rows,
            self.network.settings.intermediate,
        );
        let tile = rows_per_chunk(rows);
        let (kernels, activation) = (&self.compute.kernels, self.network.settings.activation);
        (self.compute.pool).chunks_mut(out, tile * width, |index, out| {
            let products = products[index * tile * rows..].chunks_exact(rows);
            for (out, products) in out.chunks_exact_mut(width).zip(products) {
                let (first, rest) = products.split_at(width);
                out.copy_from_slice(first);
                activate(kernels, activation, out);
                if !rest.is_empty() {
                    kernels.mul(rest, out);
                }
            }
        });
    }

    fn activate_row(&self, row: &mut [f32]) {
        let (kernels, settings) = (&self.compute.kernels, &self.network.settings);
        let (first, rest) = row.split_at_mut(settings.intermediate);
        activate(kernels, settings.activation, first);
        if !rest.is_empty() {
            kernels.mul(rest, first);
        }
    }

    /// The first `intermediate` columns of what [`Pass::mlp_inside`] gave.
    pub(crate) fn contiguous(&self, inside: Vec<f32>) -> Vec<f32> {
        let (stride, width) = (
            self.block.stacks[2].rows,
            self.network.settings.intermediate,
        );
        if stride == width {
            return inside;
        }
        // Not in place: all batches keep their result until the next step, and would keep the room of the gate as well.
        let mut result = Vec::with_capacity(inside.len() / stride * width);
        for row in inside.chunks_exact(stride) {
            result.extend_from_slice(&row[..width]);
        }
        result
    }

    /// Room for the product of `input` and a stack.
    fn room(&self, input: &[f32], stack: &Stack) -> Vec<f32> {
        vec![0.0; input.len() / stack.cols * stack.rows]
    }

    /// out = input W^T: [tokens, rows of the stack].
    fn product(&self, input: &[f32], stack: &Stack, out: &mut [f32]) {
        let tokens = input.len() / stack.cols;
        let input = MatRef::dense(input, tokens, stack.cols);
        let result = MatMut::dense(out, tokens, stack.rows);
        stack.multiply(self.compute, input, result, false);
    }

    /// Whether a norm follows the last matrix of a sublayer, before or after it is added.
    #[cfg(feature = "train")]
    pub(crate) fn norm_behind(&self, sublayer: Sublayer) -> bool {
        let norms = &self.block.norms;
        let (norm, of_output) = match sublayer {
            ATTENTION => (&norms.attention, &norms.attention_output),
            _ => (&norms.mlp, &norms.mlp_output),
        };
        of_output.is_some() || (self.network.settings.order == Order::Post && norm.is_some())
    }

    /// x += input W^T + b, with the norms after it that the architecture has. `stride`: of the rows of `input`. `kept` gets what the
    /// norm sees, if [`Pass::norm_behind`].
    pub(crate) fn add(
        &self,
        input: &[f32],
        stride: usize,
        sublayer: Sublayer,
        x: &mut [f32],
        kept: Option<&mut [f32]>,
    ) {
        let (stack, norms) = (&self.block.stacks[sublayer], &self.block.norms);
        let (norm, of_output) = match sublayer {
            ATTENTION => (&norms.attention, &norms.attention_output),
            _ => (&norms.mlp, &norms.mlp_output),
        };
        let tokens = x.len() / stack.rows;
        let input = MatRef {
            data: input,
            rows: tokens,
            cols: stack.cols,
            stride,
        };
        let kernels = &self.compute.kernels;
        let bias = |row: &mut [f32]| {
            if let Some(bias) = &stack.bias {
                kernels.add(bias, row);
            }
        };
        let normalise = |norm: &NormWeights, x: &mut [f32]| match kept {
            None => norm.apply_after(self.compute, x, bias),
            Some(kept) => {
                self.rows(x, stack.rows, bias);
                kept.copy_from_slice(x);
                norm.apply(self.compute, x);
            }
        };
        if let Some(of_output) = of_output {
            let mut out = vec![0.0; x.len()];
            let result = MatMut::dense(&mut out, tokens, stack.rows);
            stack.multiply(self.compute, input, result, false);
            normalise(of_output, &mut out);
            let chunk = rows_per_chunk(stack.rows) * stack.rows;
            self.compute.pool.chunks_mut(x, chunk, |index, x| {
                kernels.add(&out[index * chunk..][..x.len()], x);
            });
            return;
        }
        let result = MatMut::dense(x, tokens, stack.rows);
        stack.multiply(self.compute, input, result, true);
        match (self.network.settings.order, norm) {
            (Order::Post, Some(norm)) => normalise(norm, x),
            _ if stack.bias.is_some() => self.rows(x, stack.rows, bias),
            _ => {}
        }
    }

    /// Does something to each row of a matrix.
    fn rows(&self, matrix: &mut [f32], cols: usize, each: impl Fn(&mut [f32]) + Sync) {
        let chunk = rows_per_chunk(cols) * cols;
        self.compute.pool.chunks_mut(matrix, chunk, |_, rows| {
            rows.chunks_exact_mut(cols).for_each(&each);
        });
    }
}

pub(crate) fn activate(kernels: &Kernels, activation: Activation, row: &mut [f32]) {
    match activation {
        Activation::Silu => kernels.silu(row),
        Activation::GeluErf => kernels.gelu_erf(row),
        Activation::GeluTanh => kernels.gelu_tanh(row),
        Activation::Relu => kernels.relu(row),
    }
}
