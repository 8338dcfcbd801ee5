//! What a token that skips a block gets instead of nothing: a low-rank stand-in for the block, two thin matrices.

use crate::block::read;
use crate::{MemoryWeights, ModelError, WeightSource, finite};
use kerf_kernels::{Compute, MatMut, MatRef};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// Keeps the root mean square of a state away from 0.
const EPS: f64 = 1e-6;

/// Stand-ins for all blocks of a model: a token x that skips block b becomes x + up_b down_b (x / rms(x)), where rms(x) is the root of the
/// mean square of x.
#[derive(Clone, Debug, PartialEq)]
pub struct StandIn {
    /// Width between the two matrices of a block, at least 1.
    pub rank: usize,
    /// Width of the residual stream.
    pub hidden: usize,
    /// One for each block.
    pub blocks: Vec<StandInBlock>,
}

/// The two matrices of one block.
#[derive(Clone, Debug, PartialEq)]
pub struct StandInBlock {
    /// [rank, hidden].
    pub down: Vec<f32>,
    /// [hidden, rank].
    pub up: Vec<f32>,
}

impl StandIn {
    /// Before it has learned: `down` is random, of length about 1 for each row, and `up` is zero, so that a skipped token stays as it
    /// is.
    pub fn new(blocks: usize, hidden: usize, rank: usize, seed: u64) -> Self {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let width = (3.0 / hidden.max(1) as f64).sqrt();
        let mut draw = || {
            let unit = (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
            ((2.0 * unit - 1.0) * width) as f32
        };
        let block = |_| StandInBlock {
            down: (0..rank * hidden).map(|_| draw()).collect(),
            up: vec![0.0; hidden * rank],
        };
        Self {
            rank,
            hidden,
            blocks: (0..blocks).map(block).collect(),
        }
    }

    /// Names of the tensors of a block in a file: `down` and `up`.
    pub fn names(block: usize) -> [String; 2] {
        ["down", "up"].map(|part| format!("stand_in.{block}.{part}"))
    }

    /// Reads the stand-ins of a model of so many blocks and such a width; `None` where the source has none. `TENSOR_MISSING` if a block
    /// has none, `WRONG_SHAPE`, `NOT_FINITE`.
    pub fn open(
        compute: &Compute,
        source: &dyn WeightSource,
        blocks: usize,
        hidden: usize,
    ) -> Result<Option<Self>, ModelError> {
        let Some(shape) = source.shape(&Self::names(0)[0]) else {
            return Ok(None);
        };
        let rank = shape.first().copied().unwrap_or(0);
        let load = |name: &str, shape: (usize, usize)| {
            let values = read(compute, source, name, shape)?;
            finite::check(compute, name, &source.model(), &values)?;
            Ok::<_, ModelError>(values)
        };
        let block = |block| {
            let [down, up] = Self::names(block);
            Ok::<_, ModelError>(StandInBlock {
                down: load(&down, (rank, hidden))?,
                up: load(&up, (hidden, rank))?,
            })
        };
        let blocks = (0..blocks).map(block).collect::<Result<_, _>>()?;
        Ok(Some(Self {
            rank,
            hidden,
            blocks,
        }))
    }

    /// Adds its tensors to others, under their names in a file.
    pub fn add_to(&self, weights: &mut MemoryWeights) -> Result<(), ModelError> {
        for (index, block) in self.blocks.iter().enumerate() {
            let [down, up] = Self::names(index);
            weights.insert(&down, vec![self.rank, self.hidden], block.down.clone())?;
            weights.insert(&up, vec![self.hidden, self.rank], block.up.clone())?;
        }
        Ok(())
    }

    /// Weights that a skipped token is multiplied by in a block.
    pub fn weights_per_token(&self) -> u64 {
        2 * (self.rank * self.hidden) as u64
    }

    /// Adds the stand-in of a block to the states [tokens, hidden] of tokens that skip it.
    pub fn add(&self, compute: &Compute, block: usize, x: &mut [f32]) {
        if x.is_empty() {
            return;
        }
        let (own, tokens) = (&self.blocks[block], x.len() / self.hidden);
        let seen = normalised(x, self.hidden);
        let mut inside = vec![0.0; tokens * self.rank];
        compute.linalg.gemm_nt(
            MatMut::dense(&mut inside, tokens, self.rank),
            MatRef::dense(&seen, tokens, self.hidden),
            MatRef::dense(&own.down, self.rank, self.hidden),
            1.0,
            0.0,
        );
        compute.linalg.gemm_nt(
            MatMut::dense(x, tokens, self.hidden),
            MatRef::dense(&inside, tokens, self.rank),
            MatRef::dense(&own.up, self.hidden, self.rank),
            1.0,
            1.0,
        );
    }
}

/// Each row over the root of its mean square.
pub(crate) fn normalised(x: &[f32], width: usize) -> Vec<f32> {
    let mut out = x.to_vec();
    for row in out.chunks_exact_mut(width) {
        let by = 1.0 / root_mean_square(row);
        row.iter_mut()
            .for_each(|value| *value = (f64::from(*value) * by) as f32);
    }
    out
}

/// The root of the mean square of a state.
pub(crate) fn root_mean_square(row: &[f32]) -> f64 {
    let squares: f64 = row.iter().map(|value| f64::from(*value).powi(2)).sum();
    (squares / row.len() as f64 + EPS).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_adds_up_times_down_times_the_state_of_size_1() {
        let stand_in = StandIn {
            rank: 1,
            hidden: 2,
            blocks: vec![StandInBlock {
                down: vec![1.0, 2.0],
                up: vec![10.0, -1.0],
            }],
        };
        let compute = Compute::new(None, 1).unwrap();
        // The root of the mean square is 5: (0.6 + 2 * 0.8) root 2 = 3.11.
        let mut x = vec![3.0, 4.0, 30.0, 40.0];
        stand_in.add(&compute, 0, &mut x);
        let inside = 2.2 * 2f32.sqrt();
        for (own, wanted) in x.iter().zip([3.0, 4.0, 30.0, 40.0]) {
            let by = if (wanted as u32).is_multiple_of(4) {
                -1.0
            } else {
                10.0
            };
            assert!((own - wanted - by * inside).abs() < 1e-4, "{x:?}");
        }
    }

    #[test]
    fn it_begins_as_nothing_and_comes_back_from_its_tensors() {
        let compute = Compute::new(None, 1).unwrap();
        let own = StandIn::new(3, 8, 2, 7);
        let mut x: Vec<f32> = (0..16).map(|at| at as f32 - 5.0).collect();
        let before = x.clone();
        own.add(&compute, 1, &mut x);
        assert_eq!(x, before);
        assert_ne!(own, StandIn::new(3, 8, 2, 8));
        let mut weights = MemoryWeights::new();
        own.add_to(&mut weights).unwrap();
        let open = |blocks, hidden| StandIn::open(&compute, &weights, blocks, hidden);
        assert_eq!(open(3, 8).unwrap(), Some(own));
        assert_eq!(open(4, 8).unwrap_err().code(), "TENSOR_MISSING");
        assert_eq!(open(3, 9).unwrap_err().code(), "WRONG_SHAPE");
        let empty = MemoryWeights::new();
        assert_eq!(StandIn::open(&compute, &empty, 3, 8).unwrap(), None);
    }
}
