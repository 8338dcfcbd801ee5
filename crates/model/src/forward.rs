//! The generic block: norms, linear layers, attention and MLP over all tokens of a ragged batch.

use crate::arch::{Norm, NormOrder};
use crate::attention::{self, Heads, QUERY_TILE};
use crate::block::{BlockCache, BlockWeights, Stack, read};
use crate::config::Activation;
use crate::{Batch, ModelError, Network, WeightSource};
use kerf_kernels::{Compute, Kernels, MatMut, MatRef};
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
    attention.max(mlp) + hidden
}

/// Scale and shift of a norm.
#[derive(Clone, Debug)]
pub(crate) struct NormWeights {
    kind: Norm,
    eps: f32,
    scale: Vec<f32>,
    shift: Option<Vec<f32>>,
}

impl NormWeights {
    pub fn load(
        network: &Network,
        compute: &Compute,
        weights: &dyn WeightSource,
        stem: &str,
    ) -> Result<Self, ModelError> {
        let (scale, shift) = network.norm_names(stem);
        let vector = |name: &str| read(compute, weights, name, (network.hidden(), 1));
        Ok(Self {
            kind: network.arch.norm,
            eps: network.settings.eps,
            scale: vector(&scale)?,
            shift: shift.as_deref().map(vector).transpose()?,
        })
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.scale.len() + self.shift.as_ref().map_or(0, Vec::len)
    }

    fn row(&self, kernels: &Kernels, x: &[f32], out: &mut [f32]) {
        match self.kind {
            Norm::Rms => kernels.rms_norm(x, &self.scale, self.eps, out),
            Norm::Layer => kernels.layer_norm(x, &self.scale, self.shift.as_deref(), self.eps, out),
        }
    }

    /// Normalises each row of `x` into a new matrix.
    fn applied(&self, compute: &Compute, x: &[f32]) -> Vec<f32> {
        let cols = self.scale.len();
        let chunk = rows_per_chunk(cols) * cols;
        let mut out = vec![0.0; x.len()];
        compute.pool.chunks_mut(&mut out, chunk, |index, rows| {
            let x = &x[index * chunk..];
            for (out, x) in rows.chunks_exact_mut(cols).zip(x.chunks_exact(cols)) {
                self.row(&compute.kernels, x, out);
            }
        });
        out
    }

    /// Normalises each row of `x` in place.
    pub fn apply(&self, compute: &Compute, x: &mut [f32]) {
        self.apply_after(compute, x, |_| {});
    }

    /// Normalises each row of `x` in place after `first` was done to it.
    fn apply_after(&self, compute: &Compute, x: &mut [f32], first: impl Fn(&mut [f32]) + Sync) {
        let cols = self.scale.len();
        let chunk = rows_per_chunk(cols) * cols;
        compute.pool.chunks_mut(x, chunk, |_, rows| {
            let mut out = vec![0.0; cols];
            for row in rows.chunks_exact_mut(cols) {
                first(row);
                self.row(&compute.kernels, row, &mut out);
                row.copy_from_slice(&out);
            }
        });
    }
}

/// One block at work on one batch.
pub(crate) struct Pass<'a> {
    network: &'a Network,
    compute: &'a Compute,
    block: &'a BlockWeights,
    batch: &'a Batch,
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

    /// See [`Network::run_block`].
    pub fn run(&self, x: &mut [f32], cache: Option<&mut BlockCache>) {
        if x.is_empty() {
            return;
        }
        let attended = {
            let input = self.before(x, &self.block.attention_norm);
            self.attend(&input, cache)
        };
        self.add(
            &attended,
            self.network.settings.query_width(),
            1,
            &self.block.attention_norm,
            x,
        );
        drop(attended);
        // One buffer for all tiles: to zero and map fresh memory for each would cost more than a norm.
        let (rows, hidden) = (self.block.stacks[2].rows, self.network.hidden());
        let mut inside = vec![0.0; (x.len() / hidden).min(MLP_TILE) * rows];
        for x in x.chunks_mut(MLP_TILE * hidden) {
            let inside = &mut inside[..x.len() / hidden * rows];
            self.mlp_inside(&self.before(x, &self.block.mlp_norm), inside);
            self.add(inside, rows, 3, &self.block.mlp_norm, x);
        }
    }

    /// See [`Network::first_input`].
    pub fn first_input(&self, x: &[f32]) -> Vec<f32> {
        self.before(x, &self.block.attention_norm).into_owned()
    }

    /// See [`Network::next_input`].
    pub fn next_input(&self, index: usize, x: &mut [f32], input: Vec<f32>) -> Vec<f32> {
        let width = self.network.settings.query_width();
        match index {
            0 => self.attend(&input, None),
            1 => {
                self.add(&input, width, 1, &self.block.attention_norm, x);
                drop(input);
                self.before(x, &self.block.mlp_norm).into_owned()
            }
            2 => {
                let mut inside = self.room(&input, &self.block.stacks[2]);
                self.mlp_inside(&input, &mut inside);
                drop(input);
                self.contiguous(inside)
            }
            _ => {
                self.add(
                    &input,
                    self.network.settings.intermediate,
                    3,
                    &self.block.mlp_norm,
                    x,
                );
                Vec::new()
            }
        }
    }

    /// What a sublayer sees: the norm of `x`, or `x` itself.
    fn before<'x>(&self, x: &'x [f32], norm: &NormWeights) -> Cow<'x, [f32]> {
        match self.network.arch.norm_order {
            NormOrder::Pre => Cow::Owned(norm.applied(self.compute, x)),
            NormOrder::Post => Cow::Borrowed(x),
        }
    }

    /// Attention of all heads, short of its last matrix: [tokens, query width].
    fn attend(&self, input: &[f32], cache: Option<&mut BlockCache>) -> Vec<f32> {
        let settings = &self.network.settings;
        let stack = &self.block.stacks[0];
        let mut qkv = self.room(input, stack);
        self.product(input, stack, &mut qkv);
        if let Some(bias) = &stack.bias {
            self.rows(&mut qkv, stack.rows, |row| {
                self.compute.kernels.add(bias, row)
            });
        }
        let first = cache.as_ref().map_or(0, |cache| cache.tokens);
        let (query, kv) = (settings.query_width(), settings.kv_width());
        if let Some(rope) = &settings.rope {
            let mut places = self.batch.places();
            let longest = places.iter().max().map_or(0, |last| last + 1);
            places.iter_mut().for_each(|place| *place += first);
            rope.angles(first, longest).rotate_rows(
                self.compute,
                &mut qkv,
                stack.rows,
                query + kv,
                settings.head_dim,
                &places,
            );
        }
        let heads = Heads {
            heads: settings.heads,
            kv_heads: settings.kv_heads,
            dim: settings.head_dim,
            causal: self.network.arch.kind == crate::Kind::Decoder,
        };
        match cache {
            Some(cache) => {
                cache.append(&qkv, query, kv);
                attention::attend_cached(self.compute, &heads, &qkv, cache)
            }
            None => attention::attend(self.compute, &heads, &qkv, &self.batch.starts),
        }
    }

    /// The MLP short of its last matrix. Row stride is that of the stack of input 2; a gated MLP leaves its result in the
    /// first half of each row.
    fn mlp_inside(&self, input: &[f32], inside: &mut [f32]) {
        let stack = &self.block.stacks[2];
        self.product(input, stack, inside);
        let kernels = &self.compute.kernels;
        let (activation, width) = (
            self.network.settings.activation,
            self.network.settings.intermediate,
        );
        let gated = self.network.gated();
        self.rows(inside, stack.rows, |row| {
            if let Some(bias) = &stack.bias {
                kernels.add(bias, row);
            }
            let (first, rest) = row.split_at_mut(width);
            activate(kernels, activation, first);
            if gated {
                kernels.mul(rest, first);
            }
        });
    }

    /// The first `intermediate` columns of what [`Pass::mlp_inside`] gave.
    fn contiguous(&self, mut inside: Vec<f32>) -> Vec<f32> {
        let (stride, width) = (
            self.block.stacks[2].rows,
            self.network.settings.intermediate,
        );
        if stride == width {
            return inside;
        }
        let rows = inside.len() / stride;
        for row in 1..rows {
            inside.copy_within(row * stride..row * stride + width, row * width);
        }
        inside.truncate(rows * width);
        inside
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

    /// x += input W^T + b, and the norm after it where the architecture has one there. `stride`: of the rows of `input`.
    fn add(&self, input: &[f32], stride: usize, index: usize, norm: &NormWeights, x: &mut [f32]) {
        let stack = &self.block.stacks[index];
        let tokens = x.len() / stack.rows;
        let input = MatRef {
            data: input,
            rows: tokens,
            cols: stack.cols,
            stride,
        };
        let result = MatMut::dense(x, tokens, stack.rows);
        stack.multiply(self.compute, input, result, true);
        let kernels = &self.compute.kernels;
        let bias = |row: &mut [f32]| {
            if let Some(bias) = &stack.bias {
                kernels.add(bias, row);
            }
        };
        match self.network.arch.norm_order {
            NormOrder::Post => norm.apply_after(self.compute, x, bias),
            NormOrder::Pre if stack.bias.is_some() => self.rows(x, stack.rows, bias),
            NormOrder::Pre => {}
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

fn activate(kernels: &Kernels, activation: Activation, row: &mut [f32]) {
    match activation {
        Activation::Silu => kernels.silu(row),
        Activation::GeluErf => kernels.gelu_erf(row),
        Activation::GeluTanh => kernels.gelu_tanh(row),
        Activation::Relu => kernels.relu(row),
    }
}
