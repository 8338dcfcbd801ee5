//! From the parts of a sample to the whole run.
//!
//! A sibling of the model's own width says it all: only blocks and tokens are counted up. A sibling that is `factor` times
//! narrower spends a larger share outside of matrix products, so what it took is split by the arithmetic of the part and the
//! rate of a large product on this machine: products grow by their flops, the rest by the size of what it works on.

use crate::allocate::matrix::Matrix;
use crate::job::{Sample, SolvedSample};
use crate::plan::Plan;
use crate::prepass::probe::{SOLVED_TOKENS, measured_tokens};
use crate::solve::target;
use kerf_kernels::{Compute, MatMut, MatRef, Spent};
use kerf_model::Network;

/// Share of the rate of a product that the factorization of a Hessian reaches.
const FACTOR_EFFICIENCY: f64 = 0.5;

/// What a sample says of the whole.
pub(super) struct Scaled<'a> {
    pub plan: &'a Plan,
    pub sample: &'a Sample,
    /// How many times narrower the sibling is.
    pub factor: f64,
    /// Rate of a large product; infinite for a sibling of the model's own width, of which nothing is scaled by its arithmetic.
    pub flops_per_second: f64,
}

impl Scaled<'_> {
    /// Statistics and forward passes of all blocks.
    pub fn run(&self, network: &Network, tokens: usize) -> f64 {
        let Sample {
            tokens: seen,
            embed,
            moves,
            ..
        } = self.sample;
        let (seen, square) = (*seen as f64, self.factor * self.factor);
        let times = tokens as f64 / seen.max(1.0);
        let block = moves.iter().enumerate().map(|(input, (load, all))| {
            let (products, rest) = self.split(all - load, self.move_flops(network, input) * seen);
            square * load + times * (square * products + self.factor * rest)
        });
        embed * times * self.factor + block.sum::<f64>() * network.blocks() as f64
    }

    /// Flops of one token in the sibling, on its way from shared input `input - 1` to `input` and into its second moments.
    fn move_flops(&self, network: &Network, input: usize) -> f64 {
        let linears = network.linears(0);
        let narrow = |size: usize| size as f64 / self.factor;
        let before = linears.iter().filter(|linear| linear.input + 1 == input);
        let products: f64 = before.map(|l| 2.0 * narrow(l.rows) * narrow(l.cols)).sum();
        let reached = linears.iter().find(|linear| linear.input == input);
        let square = reached.map_or(0.0, |linear| narrow(linear.cols).powi(2));
        // Half of the second moments are computed, and all of what the two models have in common.
        match self.plan.dense_stream() {
            false => products + square,
            true => 2.0 * products + 3.0 * square,
        }
    }

    /// All matrices.
    pub fn solve(&self) -> f64 {
        let embedding = self.sample.rate(|solved| solved.embedding);
        let target = self.sample.rate(|solved| !solved.embedding);
        let embeddings: f64 = self.plan.embeddings.iter().map(weights).sum();
        let targets = self.plan.targets.iter().map(|matrix| {
            let mut solved = self.sample.solved.iter();
            match solved.find(|solved| solved.role == matrix.role) {
                Some(solved) => self.target(matrix, solved),
                None => target.unwrap_or(0.0) * weights(matrix),
            }
        });
        targets.sum::<f64>() + embeddings * embedding.or(target).unwrap_or(0.0)
    }

    /// A matrix, from that of its role in the sibling.
    fn target(&self, matrix: &Matrix, solved: &SolvedSample) -> f64 {
        let times = weights(matrix) / solved.weights;
        if !self.plan.calibrated() {
            return solved.seconds * times;
        }
        let cols = matrix.cols as f64 / self.factor;
        let mut flops = solved.weights * cols;
        if solved.first_of_input {
            flops += 2.0 / 3.0 * cols.powi(3) / FACTOR_EFFICIENCY;
        }
        let aiming = self.plan.aiming_rows(matrix.block, matrix.input) as f64 / self.factor;
        if aiming > 0.0 && solved.first_of_input {
            flops += target::flops(aiming, cols);
        }
        let (products, rest) = self.split(solved.seconds, flops);
        products * times * self.factor + rest * times
    }

    /// Measuring each matrix alone. The models run side by side and each begins where its matrix is, so that tokens pass a block
    /// about half as often as there are models; then all are held against the dense model, over the whole vocabulary.
    pub fn probe(&self, network: &Network, tokens: usize) -> f64 {
        let Some(sample) = &self.sample.probed else {
            return 0.0;
        };
        let targets = self.plan.targets.iter();
        let models = targets.filter(|matrix| self.plan.is_probed(matrix)).count();
        let (blocks, hidden) = (network.blocks() as f64, network.hidden());
        let of_block = models as f64 / blocks;
        let narrow = (hidden as f64 / self.factor) as usize;
        let measured = measured_tokens(tokens, models, hidden) as f64;
        let seen = measured_tokens(self.sample.tokens, of_block.ceil() as usize, narrow) as f64;
        // Of a model that begins in a block, the way through the rest of the block.
        let passes = |blocks: f64, measured: f64| {
            let begun = of_block * blocks * (blocks - 1.0) / 2.0 + 0.5 * of_block * blocks;
            SOLVED_TOKENS as f64 * blocks + measured * (blocks + begun)
        };
        let square = self.factor * self.factor;
        let (products, rest) = self.split_spent(sample.network);
        let moved = passes(blocks, measured) / passes(1.0, seen);
        let network_seconds = moved * (square * products + self.factor * rest);
        let (products, rest) = self.split_spent(sample.distance);
        let vocab = network.vocab() as f64;
        let logits = (1.0 + models as f64) * measured * vocab;
        let sampled = (1.0 + of_block) * seen * vocab.min(super::sibling::VOCAB as f64);
        let distance = logits / sampled * (self.factor * products + rest);
        let (products, rest) = self.split_spent(sample.matrices);
        let matrices = blocks * square * (self.factor * products + rest);
        network_seconds + distance + matrices
    }

    /// Teaching what survived: a step is three passes of its tokens, beside it are looks at the held-out share and the way of the dense
    /// model.
    pub fn recover(&self, network: &Network, tokens: usize) -> f64 {
        let Some((seconds, recovery)) = self.sample.recovered.zip(self.plan.recovery) else {
            return 0.0;
        };
        let passes =
            |taught: f64, tokens: usize| 3.0 * taught + looked_tokens(tokens) + tokens as f64;
        let seen = passes(self.sample.tokens as f64, self.sample.tokens);
        let taught = recovery.tokens as f64;
        let all = match self.plan.recovers_whole() {
            // The dense model runs with every lesson.
            true => passes(taught, tokens) + taught + looked_tokens(tokens),
            false => passes(taught, tokens),
        };
        let square = self.factor * self.factor;
        let per_pass: f64 = network
            .linears(0)
            .iter()
            .map(|l| (l.rows * l.cols) as f64)
            .sum();
        let flops = 2.0 * per_pass / square * seen;
        let (products, rest) = self.split(seconds, flops);
        all / seen * (square * products + self.factor * rest) * network.blocks() as f64
    }

    fn split_spent(&self, spent: Spent) -> (f64, f64) {
        self.split(spent.seconds, spent.flops as f64)
    }

    /// Seconds of the sample: those of its products, and the rest.
    fn split(&self, seconds: f64, flops: f64) -> (f64, f64) {
        let products = (flops / self.flops_per_second).min(seconds);
        (products, seconds - products)
    }
}

/// Tokens of all looks at the held-out share.
pub(super) fn looked_tokens(tokens: usize) -> f64 {
    const LOOKS: f64 = 11.0;
    LOOKS * tokens as f64 / 8.0
}

fn weights(matrix: &Matrix) -> f64 {
    (matrix.rows * matrix.cols) as f64
}

/// Flops a second of a product that is large enough for the full rate: the best of three, some milliseconds.
pub(super) fn product_rate(compute: &Compute, clock: fn() -> f64) -> f64 {
    const SIZE: usize = 1024;
    let a = vec![1.0; SIZE * SIZE];
    let mut c = vec![0.0; SIZE * SIZE];
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        let begun = clock();
        let matrix = MatRef::dense(&a, SIZE, SIZE);
        let out = MatMut::dense(&mut c, SIZE, SIZE);
        compute.linalg.gemm_nt(out, matrix, matrix, 1.0, 0.0);
        best = (clock() - begun).min(best);
    }
    2.0 * (SIZE as f64).powi(3) / best.max(1e-9)
}
