//! The weights of one block, ready to run.

use crate::arch::{INPUTS, Name, Role};
use crate::distance::DistanceTable;
use crate::norm::NormWeights;
use crate::{ModelError, Network, WeightSource};
use kerf_kernels::{CompactMatrix, Compute, MatMut, MatRef, SparseMatrix};
use kerf_tensors::{TensorsError, transpose};
use std::ops::Range;

/// Weights of one block, ready to run: dense, or by their nonzeros where so many are zero that this is faster, or in the form in
/// which they are stored ([`Network::load_block_compact`]).
#[derive(Clone, Debug)]
pub struct BlockWeights {
    /// Number of the block.
    pub(crate) index: usize,
    /// By shared input: its linear layers stacked.
    pub(crate) stacks: [Stack; INPUTS],
    pub(crate) norms: Norms,
    /// What is added to attention scores.
    pub(crate) distance: Option<DistanceTable>,
}

/// Norms of one block, those that it has.
#[derive(Clone, Debug)]
pub(crate) struct Norms {
    pub attention: Option<NormWeights>,
    pub attention_output: Option<NormWeights>,
    pub mlp: Option<NormWeights>,
    pub mlp_output: Option<NormWeights>,
    pub query: Option<NormWeights>,
    pub key: Option<NormWeights>,
}

impl Norms {
    fn load(
        network: &Network,
        compute: &Compute,
        weights: &dyn WeightSource,
        block: usize,
    ) -> Result<Self, ModelError> {
        let load = |stem: Option<Name>, width: usize| {
            let stem = stem.map(|stem| network.name(stem, block));
            let load = |stem: String| NormWeights::load(network, compute, weights, &stem, width);
            stem.map(load).transpose()
        };
        let names = &network.arch.block;
        let (hidden, head) = (network.hidden(), network.settings.head_dim);
        Ok(Self {
            attention: load(network.attention_norm(block), hidden)?,
            attention_output: load(names.attention_output_norm, hidden)?,
            mlp: load(names.mlp_norm, hidden)?,
            mlp_output: load(names.mlp_output_norm, hidden)?,
            query: load(names.query_norm, head)?,
            key: load(names.key_norm, head)?,
        })
    }

    fn len(&self) -> usize {
        let all = [
            &self.attention,
            &self.attention_output,
            &self.mlp,
            &self.mlp_output,
            &self.query,
            &self.key,
        ];
        all.into_iter().flatten().map(NormWeights::len).sum()
    }
}

/// Linear layers that share an input, stacked to one [rows, cols].
#[derive(Clone, Debug, Default)]
pub(crate) struct Stack {
    /// Dense values; empty once they are `sparse`, or where they are `compact`.
    pub weight: Vec<f32>,
    /// The layers as they are stored, one after the other, if all of them have such a form.
    pub compact: Vec<CompactMatrix>,
    /// The nonzeros, if that pays.
    pub sparse: Option<SparseMatrix>,
    pub rows: usize,
    pub cols: usize,
    /// Zeros for the layers that have none, if any has one.
    pub bias: Option<Vec<f32>>,
}

impl BlockWeights {
    pub(crate) fn load(
        network: &Network,
        compute: &Compute,
        weights: &dyn WeightSource,
        block: usize,
    ) -> Result<Self, ModelError> {
        Self::load_inputs(network, compute, weights, block, 0..INPUTS)
    }

    /// See [`Network::load_block_dense`].
    pub(crate) fn load_dense(
        network: &Network,
        compute: &Compute,
        weights: &dyn WeightSource,
        block: usize,
    ) -> Result<Self, ModelError> {
        Self::read_inputs(
            network,
            compute,
            weights,
            block,
            0..INPUTS,
            Default::default(),
        )
    }

    /// See [`Network::load_block_compact`].
    pub(crate) fn load_compact(
        network: &Network,
        compute: &Compute,
        weights: &dyn WeightSource,
        block: usize,
    ) -> Result<Self, ModelError> {
        let mut compact: [Vec<CompactMatrix>; INPUTS] = Default::default();
        for (input, matrices) in compact.iter_mut().enumerate() {
            let found = compact_layers(network, compute, weights, block, input)?;
            *matrices = found.unwrap_or_default();
        }
        let mut own = Self::read_inputs(network, compute, weights, block, 0..INPUTS, compact)?;
        own.settle(compute);
        Ok(own)
    }

    /// Norms, and the linear layers of some shared inputs.
    pub(crate) fn load_inputs(
        network: &Network,
        compute: &Compute,
        weights: &dyn WeightSource,
        block: usize,
        inputs: Range<usize>,
    ) -> Result<Self, ModelError> {
        let dense = Default::default();
        let mut own = Self::read_inputs(network, compute, weights, block, inputs, dense)?;
        own.settle(compute);
        Ok(own)
    }

    fn settle(&mut self, compute: &Compute) {
        for stack in &mut self.stacks {
            stack.settle(compute);
        }
    }

    /// [`BlockWeights::load_inputs`] with all weights dense, but the layers of an input that are there already.
    fn read_inputs(
        network: &Network,
        compute: &Compute,
        weights: &dyn WeightSource,
        block: usize,
        inputs: Range<usize>,
        compact: [Vec<CompactMatrix>; INPUTS],
    ) -> Result<Self, ModelError> {
        let mut stacks = compact.map(|compact| Stack {
            compact,
            ..Stack::default()
        });
        for input in inputs.clone() {
            stacks[input].reserve(network, input);
        }
        for (index, row) in network.arch.block.linears.iter().enumerate() {
            if !inputs.contains(&row.role.input()) {
                continue;
            }
            let (rows, cols) = network.shape(row.role);
            let stack = &mut stacks[row.role.input()];
            let mut values = Vec::new();
            if stack.compact.is_empty() {
                let name = format!("{}.weight", network.name(row.stem, block));
                values = read(compute, weights, &name, (rows, cols))?;
            }
            if row.transposed {
                values = transpose(compute, &values, cols, rows);
            }
            let mut bias = match network.bias(weights, index, block) {
                Some(name) => Some(read(compute, weights, &name, (rows, 1))?),
                None => None,
            };
            if row.role == Role::QkvByHead {
                let dim = network.settings.head_dim;
                values = head_by_head_to_one_after_the_other(&values, dim, cols);
                bias = bias.map(|bias| head_by_head_to_one_after_the_other(&bias, dim, 1));
            }
            stack.push((rows, cols), values, bias);
        }
        let distance = match inputs.contains(&0) {
            true => DistanceTable::load(network, compute, weights)?,
            false => None,
        };
        Ok(Self {
            index: block,
            stacks,
            norms: Norms::load(network, compute, weights, block)?,
            distance,
        })
    }

    /// Bytes that this takes in memory.
    pub fn bytes(&self) -> u64 {
        let stacks = self.stacks.iter();
        let values: usize = stacks
            .map(|stack| stack.weight.len() + stack.bias.as_ref().map_or(0, Vec::len))
            .sum();
        let sparse = self.stacks.iter().filter_map(|stack| stack.sparse.as_ref());
        let compact = self.stacks.iter().flat_map(|stack| &stack.compact);
        let norms = self.norms.len();
        4 * (values + norms) as u64
            + sparse.map(SparseMatrix::bytes).sum::<u64>()
            + compact.map(CompactMatrix::bytes).sum::<u64>()
    }
}

impl Stack {
    fn reserve(&mut self, network: &Network, input: usize) {
        let rows = network.arch.block.linears.iter();
        let shapes: Vec<(usize, usize)> = rows
            .filter(|row| row.role.input() == input)
            .map(|row| network.shape(row.role))
            .collect();
        // One matrix alone is taken over as it was read.
        if shapes.len() > 1 && self.compact.is_empty() {
            self.weight
                .reserve_exact(shapes.iter().map(|(rows, cols)| rows * cols).sum());
        }
    }

    fn push(&mut self, (rows, cols): (usize, usize), mut values: Vec<f32>, bias: Option<Vec<f32>>) {
        if self.weight.capacity() == 0 {
            self.weight = values;
        } else {
            self.weight.append(&mut values);
        }
        if let Some(bias) = bias {
            let whole = self.bias.get_or_insert_with(Vec::new);
            whole.resize(self.rows, 0.0);
            whole.extend(bias);
        }
        self.rows += rows;
        self.cols = cols;
        if let Some(whole) = &mut self.bias {
            whole.resize(self.rows, 0.0);
        }
    }

    /// All matrices are there: keeps the nonzeros alone if that pays.
    fn settle(&mut self, compute: &Compute) {
        if !self.compact.is_empty() {
            return;
        }
        let dense = &self.weight;
        self.sparse = SparseMatrix::from_dense(&compute.pool, self.rows, self.cols, dense);
        if self.sparse.is_some() {
            self.weight = Vec::new();
        }
    }

    /// `out = input W^T`, or `out += input W^T` if `add`. input [tokens, cols], out [tokens, rows].
    pub fn multiply(&self, compute: &Compute, input: MatRef<'_>, out: MatMut<'_>, add: bool) {
        if let Some(sparse) = &self.sparse {
            return compute.sparse_nt(out, input, sparse, add);
        }
        if !self.compact.is_empty() {
            return self.multiply_compact(compute, input, out, add);
        }
        let weight = MatRef::dense(&self.weight, self.rows, self.cols);
        let beta = if add { 1.0 } else { 0.0 };
        compute.linalg.gemm_nt(out, input, weight, 1.0, beta);
    }

    /// [`Stack::multiply`], layer by layer.
    fn multiply_compact(&self, compute: &Compute, input: MatRef<'_>, out: MatMut<'_>, add: bool) {
        if input.rows == 0 {
            return;
        }
        let mut first = 0;
        for layer in &self.compact {
            let part = MatMut {
                data: &mut out.data[first..],
                rows: out.rows,
                cols: layer.rows(),
                stride: out.stride,
            };
            compute.compact_nt(part, input, layer, add);
            first += layer.rows();
        }
    }
}

/// The layers of a shared input as they are stored. `None` unless every one has such a form, in the layout in which the block works.
fn compact_layers(
    network: &Network,
    compute: &Compute,
    weights: &dyn WeightSource,
    block: usize,
    input: usize,
) -> Result<Option<Vec<CompactMatrix>>, ModelError> {
    let rows = network.arch.block.linears.iter();
    let mut layers = Vec::new();
    for row in rows.filter(|row| row.role.input() == input) {
        if row.transposed || row.role == Role::QkvByHead {
            return Ok(None);
        }
        let name = format!("{}.weight", network.name(row.stem, block));
        match weights.compact(compute, &name)? {
            Some(layer) if (layer.rows(), layer.cols()) == network.shape(row.role) => {
                layers.push(layer);
            }
            _ => return Ok(None),
        }
    }
    Ok(Some(layers))
}

/// Rows of a fused matrix [heads * 3 * dim, cols], in which each head has its query, key and value rows together, in the order
/// that the block works in: all queries, all keys, all values.
fn head_by_head_to_one_after_the_other(values: &[f32], dim: usize, cols: usize) -> Vec<f32> {
    let mut ordered = Vec::with_capacity(values.len());
    for part in 0..3 {
        for head in values.chunks_exact(3 * dim * cols) {
            ordered.extend_from_slice(&head[part * dim * cols..(part + 1) * dim * cols]);
        }
    }
    ordered
}

/// All values of a tensor; a source that does not give as many as its shape says is an error, not a panic later.
pub(crate) fn read(
    compute: &Compute,
    weights: &dyn WeightSource,
    name: &str,
    (rows, cols): (usize, usize),
) -> Result<Vec<f32>, ModelError> {
    let values = weights.read(compute, name)?;
    if values.len() == rows * cols {
        return Ok(values);
    }
    Err(TensorsError::WrongShape {
        tensor: name.to_string(),
        expected: vec![rows, cols],
        actual: vec![values.len()],
    }
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_of_zeros_enough_keeps_its_nonzeros_alone() {
        let compute = Compute::new(None, 1).unwrap();
        let mut stack = Stack::default();
        stack.push((2, 3), vec![0.0, 1.0, 0.0, 2.0, 0.0, 0.0], None);
        stack.settle(&compute);
        assert!(stack.sparse.is_some() && stack.weight.capacity() == 0);
        let mut out = [10.0, 20.0];
        let input = MatRef::dense(&[3.0, 4.0, 5.0], 1, 3);
        stack.multiply(&compute, input, MatMut::dense(&mut out, 1, 2), true);
        assert_eq!(out, [14.0, 26.0]);
        stack.multiply(&compute, input, MatMut::dense(&mut out, 1, 2), false);
        assert_eq!(out, [4.0, 6.0]);
    }

    #[test]
    fn heads_are_taken_apart() {
        // Two heads of width 1, two columns.
        let rows = [
            0.0, 0.1, 1.0, 1.1, 2.0, 2.1, 10.0, 10.1, 11.0, 11.1, 12.0, 12.1,
        ];
        let ordered = head_by_head_to_one_after_the_other(&rows, 1, 2);
        assert_eq!(ordered[..6], [0.0, 0.1, 10.0, 10.1, 1.0, 1.1]);
        assert_eq!(ordered[6..], [11.0, 11.1, 2.0, 2.1, 12.0, 12.1]);
    }

    #[test]
    fn a_stack_fills_missing_biases_with_zeros() {
        let mut stack = Stack::default();
        stack.weight.reserve_exact(6);
        stack.push((1, 2), vec![1.0, 2.0], None);
        stack.push((1, 2), vec![3.0, 4.0], Some(vec![5.0]));
        stack.push((1, 2), vec![6.0, 7.0], None);
        assert_eq!((stack.rows, stack.cols), (3, 2));
        assert_eq!(stack.weight, [1.0, 2.0, 3.0, 4.0, 6.0, 7.0]);
        assert_eq!(stack.bias, Some(vec![0.0, 5.0, 0.0]));
    }
}
