//! The tensors of a block by name: where each lies in the loaded block, and how it gets back into the layout of its file. A backward
//! pass works on the loaded block; what it finds (gradients) belongs to named tensors.

use crate::arch::Role;
use crate::block::BlockWeights;
use crate::norm::NormWeights;
use crate::{ModelError, Network, WeightSource};
use kerf_kernels::Compute;
use kerf_tensors::transpose;
use std::ops::Range;

/// One tensor of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockTensor {
    /// Its name in the file.
    pub name: String,
    /// Its shape in the file.
    pub shape: Vec<usize>,
    /// Where it lies in a loaded block.
    pub place: TensorPlace,
    layout: Layout,
}

/// Where a tensor lies in a loaded block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TensorPlace {
    /// Rows of the matrix [outputs, inputs] in which all linear layers of the shared input `input` are stacked.
    Weight {
        /// Number of the shared input, see [`crate::Linear::input`].
        input: usize,
        /// Outputs of this tensor among those of the stack.
        rows: Range<usize>,
    },
    /// Values of the bias of that stack.
    Bias {
        /// Number of the shared input.
        input: usize,
        /// Outputs of this tensor among those of the stack.
        rows: Range<usize>,
    },
    /// Scale of a norm. Where an architecture multiplies by 1 + weight, the loaded block holds that sum.
    Scale(NormOf),
    /// Shift of a norm.
    Shift(NormOf),
}

/// What a norm of a block is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormOf {
    /// Before attention; in a block that normalises behind (post), after attention was added.
    Attention,
    /// The output of attention, before it is added.
    AttentionOutput,
    /// Before the MLP; in a post block, after the MLP was added.
    Mlp,
    /// The output of the MLP, before it is added.
    MlpOutput,
    /// Each head of the queries.
    Query,
    /// Each head of the keys.
    Key,
}

/// How rows of a loaded block become the values of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    /// The file has [inputs, outputs].
    transposed: bool,
    /// The file has query, key and value rows of each head together; heads have this many rows.
    by_head: Option<usize>,
}

const AS_LOADED: Layout = Layout {
    transposed: false,
    by_head: None,
};

impl BlockTensor {
    /// Whether the file has [inputs, outputs].
    #[cfg(feature = "train")]
    pub(crate) fn transposed(&self) -> bool {
        self.layout.transposed
    }

    /// Rows of a head, where the file has query, key and value rows of each head together.
    #[cfg(feature = "train")]
    pub(crate) fn by_head(&self) -> Option<usize> {
        self.layout.by_head
    }

    /// Values in the layout of a loaded block (a weight [outputs, inputs], a bias or a norm [outputs]), be they weights or gradients,
    /// in the layout of the file.
    pub fn in_file_layout(&self, compute: &Compute, values: &[f32]) -> Vec<f32> {
        let cols = match &self.place {
            TensorPlace::Weight { rows, .. } => values.len() / rows.len(),
            _ => 1,
        };
        let values = match self.layout.by_head {
            Some(dim) => one_after_the_other_to_head_by_head(values, dim, cols),
            None => values.to_vec(),
        };
        match self.layout.transposed && matches!(self.place, TensorPlace::Weight { .. }) {
            true => transpose(compute, &values, values.len() / cols, cols),
            false => values,
        }
    }
}

/// Rows in the order all queries, all keys, all values, in the order of a file that has those of each head together.
pub(crate) fn one_after_the_other_to_head_by_head(
    values: &[f32],
    dim: usize,
    cols: usize,
) -> Vec<f32> {
    let head = dim * cols;
    let part = values.len() / 3;
    let heads = (0..part / head)
        .flat_map(|at| (0..3).flat_map(move |kind| &values[kind * part + at * head..][..head]));
    heads.copied().collect()
}

impl Network {
    /// Reads the weights of one block, all of them dense, also where most are zero: training changes them. Otherwise as
    /// [`Network::load_block`].
    pub fn load_block_dense(
        &self,
        compute: &Compute,
        weights: &dyn WeightSource,
        block: usize,
    ) -> Result<BlockWeights, ModelError> {
        BlockWeights::load_dense(self, compute, weights, block)
    }

    /// All tensors of a block: linear layers with their biases, and norms. A table of distance biases is none of them, since all
    /// blocks share it.
    pub fn block_tensors(&self, weights: &dyn WeightSource, block: usize) -> Vec<BlockTensor> {
        let mut tensors = Vec::new();
        let mut used = [0; crate::arch::INPUTS];
        for (index, row) in self.arch.block.linears.iter().enumerate() {
            let (outputs, cols) = self.shape(row.role);
            let input = row.role.input();
            let rows = used[input]..used[input] + outputs;
            used[input] = rows.end;
            let by_head = row.role == Role::QkvByHead;
            let layout = Layout {
                transposed: row.transposed,
                by_head: by_head.then_some(self.settings.head_dim),
            };
            let shape = match row.transposed {
                true => vec![cols, outputs],
                false => vec![outputs, cols],
            };
            tensors.push(BlockTensor {
                name: format!("{}.weight", self.name(row.stem, block)),
                shape,
                place: TensorPlace::Weight {
                    input,
                    rows: rows.clone(),
                },
                layout,
            });
            if let Some(name) = self.bias(weights, index, block) {
                tensors.push(BlockTensor {
                    name,
                    shape: vec![outputs],
                    place: TensorPlace::Bias { input, rows },
                    layout,
                });
            }
        }
        tensors.extend(self.norm_tensors(block));
        tensors
    }

    fn norm_tensors(&self, block: usize) -> Vec<BlockTensor> {
        let names = &self.arch.block;
        let (hidden, head) = (self.settings.hidden, self.settings.head_dim);
        let norms = [
            (NormOf::Attention, self.attention_norm(block), hidden),
            (NormOf::AttentionOutput, names.attention_output_norm, hidden),
            (NormOf::Mlp, names.mlp_norm, hidden),
            (NormOf::MlpOutput, names.mlp_output_norm, hidden),
            (NormOf::Query, names.query_norm, head),
            (NormOf::Key, names.key_norm, head),
        ];
        let mut tensors = Vec::new();
        for (of, stem, width) in norms {
            let Some(stem) = stem else { continue };
            let (scale, shift) = self.norm_names(&self.name(stem, block));
            let mut add = |name: String, place: TensorPlace| {
                tensors.push(BlockTensor {
                    name,
                    shape: vec![width],
                    place,
                    layout: AS_LOADED,
                });
            };
            add(scale, TensorPlace::Scale(of));
            if let Some(shift) = shift {
                add(shift, TensorPlace::Shift(of));
            }
        }
        tensors
    }
}

impl BlockWeights {
    /// Values at a place of this block, as it holds them: a weight is [outputs, inputs]. `None` for a weight that is kept by its
    /// nonzeros (see [`Network::load_block_dense`]), and for what the block does not have.
    pub fn values(&self, place: &TensorPlace) -> Option<&[f32]> {
        match place {
            TensorPlace::Weight { input, rows } => {
                let stack = &self.stacks[*input];
                let cols = stack.cols;
                stack.weight.get(rows.start * cols..rows.end * cols)
            }
            TensorPlace::Bias { input, rows } => {
                let bias = self.stacks[*input].bias.as_ref();
                bias.and_then(|bias| bias.get(rows.clone()))
            }
            TensorPlace::Scale(of) => self.norm(*of).map(NormWeights::scale),
            TensorPlace::Shift(of) => self.norm(*of).and_then(NormWeights::shift),
        }
    }

    pub(crate) fn norm(&self, of: NormOf) -> Option<&NormWeights> {
        let norms = &self.norms;
        match of {
            NormOf::Attention => norms.attention.as_ref(),
            NormOf::AttentionOutput => norms.attention_output.as_ref(),
            NormOf::Mlp => norms.mlp.as_ref(),
            NormOf::MlpOutput => norms.mlp_output.as_ref(),
            NormOf::Query => norms.query.as_ref(),
            NormOf::Key => norms.key.as_ref(),
        }
    }
}
