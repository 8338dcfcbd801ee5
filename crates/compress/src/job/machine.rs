//! What is fixed while a job runs: units are functions of it, of the plan and of the journal.

use crate::CompressError;
use crate::allocate::matrix::Matrix;
use kerf_kernels::Compute;
use kerf_model::{Batch, Network};
use kerf_run::{CancelCheck, Clock};
use kerf_tensors::{Catalog, transpose};

/// What is fixed while a job runs.
pub(crate) struct Machine {
    /// Threads and kernels.
    pub compute: Compute,
    /// The model that is compressed.
    pub catalog: Catalog,
    /// Its network; `None` if its architecture is not known.
    pub network: Option<Network>,
    /// Calibration sequences, in batches; none without calibration.
    pub batches: Vec<Batch>,
    /// Whether to go on.
    pub cancel: CancelCheck,
    /// Seconds since some fixed moment.
    pub clock: Clock,
}

impl Machine {
    /// The network of a job that calibrates.
    pub fn network(&self) -> &Network {
        let network = self.network.as_ref();
        network.expect("calibration is planned only for known architectures")
    }

    /// Blocks of the network; 0 if it is not known.
    pub fn blocks(&self) -> usize {
        self.network.as_ref().map_or(0, Network::blocks)
    }

    /// Calibration tokens.
    pub fn tokens(&self) -> usize {
        self.batches.iter().map(Batch::tokens).sum()
    }

    /// All calibration sequences.
    pub fn sequences(&self) -> Vec<Vec<u32>> {
        let of_batch = |batch: &Batch| {
            let sequences = (0..batch.sequences()).map(|index| batch.sequence(index).to_vec());
            sequences.collect::<Vec<_>>()
        };
        self.batches.iter().flat_map(of_batch).collect()
    }

    /// Calibration sequences to learn from, and those to measure on: from the end, about `wanted` tokens. A single sequence is both.
    pub fn split_text(&self, wanted: usize) -> (Vec<Vec<u32>>, Vec<Vec<u32>>) {
        let mut known = self.sequences();
        let (mut held, mut tokens) = (Vec::new(), 0);
        while known.len() > 1 && tokens < wanted {
            let Some(last) = known.pop() else { break };
            tokens += last.len();
            held.push(last);
        }
        if held.is_empty() {
            held.clone_from(&known);
        }
        (known, held)
    }

    /// Weights of a matrix of the source, [rows, cols].
    pub fn dense_weights(&self, matrix: &Matrix) -> Result<Vec<f32>, CompressError> {
        let entry = &self.catalog.tensors[matrix.tensor];
        let mut w = Vec::new();
        self.catalog
            .read_finite_into(&self.compute, entry, &mut w)?;
        if matrix.transposed {
            w = transpose(&self.compute, &w, matrix.cols, matrix.rows);
        }
        Ok(w)
    }
}
