//! Seconds of arithmetic, on a machine that is neither new nor old.

use crate::allocate::matrix::Matrix;
use crate::options::resolve::Settings;
use kerf_model::{Batch, Kind, Network};

/// Flops of products on one thread in a second.
const FLOPS_PER_SECOND: f64 = 3e10;
/// Weights that one thread reads, checks, hashes, rounds and encodes in a second.
const WEIGHTS_PER_SECOND: f64 = 2.5e7;
/// An inverse or a factorization of n inputs takes so many n^3.
pub(crate) const FACTOR: f64 = 2.0 / 3.0;
/// Attention does more beside its products than a linear layer: it takes as long as so many times its products.
const ATTENTION: f64 = 2.0;
/// Arithmetic of a run as seconds: products run at about the same rate everywhere, so only ratios matter.
pub(crate) struct Time<'a> {
    pub settings: &'a Settings,
    pub network: Option<&'a Network>,
    pub targets: &'a [Matrix],
    /// Whether calibration runs.
    pub calibrated: bool,
    /// Calibration tokens.
    pub tokens: usize,
    /// Tokens that a token attends to, on average.
    neighbours: f64,
    threads: f64,
}

impl<'a> Time<'a> {
    pub fn of(
        settings: &'a Settings,
        network: Option<&'a Network>,
        targets: &'a [Matrix],
        calibrated: bool,
        batches: &[Batch],
        threads: usize,
    ) -> Self {
        let (mut tokens, mut pairs) = (0, 0.0);
        for batch in batches {
            for index in 0..batch.sequences() {
                let length = batch.sequence(index).len();
                tokens += length;
                pairs += (length * length) as f64;
            }
        }
        Self {
            settings,
            network,
            targets,
            calibrated,
            tokens,
            neighbours: pairs / tokens.max(1) as f64,
            threads: threads as f64,
        }
    }

    pub fn network(&self) -> &Network {
        self.network
            .expect("calibration is planned only for known architectures")
    }

    pub fn products(&self, flops: f64) -> f64 {
        flops / FLOPS_PER_SECOND / self.threads
    }

    pub fn passes(&self, weights: f64) -> f64 {
        weights / WEIGHTS_PER_SECOND / self.threads
    }

    /// Flops of a solver, and of its error where the inputs are known.
    pub fn solver(&self, matrix: &Matrix) -> f64 {
        let of = matrix.extent(self.settings.params());
        let measured = if self.calibrated { 1.0 } else { 0.0 };
        (matrix.method.products(&of) + measured) * product(matrix)
    }

    /// Flops of a token from one shared input of a block to a later one.
    pub fn forward(&self, block: usize, from: usize, to: usize) -> f64 {
        let linears = self.network().linears(block);
        let passed = linears
            .iter()
            .filter(|linear| (from..to).contains(&linear.input));
        let linear: f64 = passed.map(|l| 2.0 * (l.rows * l.cols) as f64).sum();
        // What the second shared input sees has been through attention.
        let after = linears.iter().find(|linear| linear.input == 1);
        let width = after.filter(|_| from < 1 && to >= 1);
        let width = width.map_or(0, |linear| linear.cols) as f64;
        let seen = match self.network().kind() {
            Kind::Decoder => self.neighbours / 2.0,
            Kind::Encoder => self.neighbours,
        };
        linear + ATTENTION * 4.0 * seen * width
    }

    /// Flops of a token through a block.
    pub fn block(&self, block: usize) -> f64 {
        self.forward(block, 0, self.network().inputs())
    }

    /// Flops of a token through the network and its head.
    pub fn whole(&self) -> f64 {
        let blocks: f64 = (0..self.network().blocks())
            .map(|block| self.block(block))
            .sum();
        blocks + self.head()
    }

    pub fn head(&self) -> f64 {
        let network = self.network();
        let logits = 2.0 * (network.vocab() * network.hidden()) as f64;
        network.head().map_or(0.0, |_| logits)
    }

    /// Second moments and a factor for each shared input of some matrices, on so many tokens.
    pub fn factors<'m>(&self, matrices: impl Iterator<Item = &'m Matrix>, tokens: usize) -> f64 {
        let (mut flops, mut last) = (0.0, None);
        for matrix in matrices {
            let (id, cols) = (matrix.input_id(), matrix.cols as f64);
            if last.replace(id) != Some(id) {
                flops += tokens as f64 * cols * cols + FACTOR * cols.powi(3);
            }
        }
        flops
    }
}

pub(crate) fn weights(matrix: &Matrix) -> f64 {
    matrix.rows as f64 * matrix.cols as f64
}

/// Flops of a matrix times a square of its inputs.
pub(crate) fn product(matrix: &Matrix) -> f64 {
    2.0 * weights(matrix) * matrix.cols as f64
}
