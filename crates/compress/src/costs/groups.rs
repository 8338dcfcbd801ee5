//! Matrices that share an input.

use crate::allocate::matrix::{InputId, Matrix, drifting_alone};
use kerf_model::Network;
use std::collections::BTreeMap;

/// The matrices that share an input.
#[derive(Default)]
pub(crate) struct Group<'a> {
    pub cols: usize,
    /// Bytes of all of them as f32, those that stay as they are included.
    pub weights: u64,
    /// Bytes of the largest.
    pub largest: u64,
    /// Those that are compressed.
    pub targets: Vec<&'a Matrix>,
}

impl Group<'_> {
    /// Second moments of the input.
    pub fn gram(&self) -> u64 {
        4 * (self.cols as u64).pow(2)
    }

    /// What becomes targets, if a matrix aims at the dense model.
    pub fn drift(&self) -> u64 {
        self.of_weights().unwrap_or(match self.aiming().next() {
            Some(_) => self.gram(),
            None => 0,
        })
    }

    /// The same while it is added up: beside the weights, where it is that of a single matrix.
    pub fn drift_while_collecting(&self) -> u64 {
        self.drift() + self.of_weights().unwrap_or(0)
    }

    fn aiming(&self) -> impl Iterator<Item = &Matrix> {
        let targets = self.targets.iter().copied();
        targets.filter(|matrix| matrix.blend > 0.0)
    }

    /// The drift of a single matrix of few rows, see [`drifting_alone`].
    fn of_weights(&self) -> Option<u64> {
        let alone = drifting_alone(self.aiming());
        alone.map(|only| 4 * only.rows as u64 * only.cols as u64)
    }

    /// While it is made ready to run: one matrix as it is in its file, or the nonzeros of all of them, which take less than three
    /// quarters.
    pub fn read(&self) -> u64 {
        self.largest.max(self.weights * 3 / 4)
    }
}

/// All groups of all blocks.
pub(crate) fn groups<'a>(network: &Network, targets: &'a [Matrix]) -> Vec<Group<'a>> {
    let mut groups: BTreeMap<InputId, Group<'a>> = BTreeMap::new();
    // Matrices that stay as they are run as well.
    for block in 0..network.blocks() {
        for linear in network.linears(block) {
            let bytes = 4 * linear.rows as u64 * linear.cols as u64;
            let group = groups
                .entry(InputId {
                    block,
                    input: linear.input,
                })
                .or_default();
            group.cols = linear.cols;
            group.weights += bytes;
            group.largest = group.largest.max(bytes);
        }
    }
    for matrix in targets {
        let group = groups.entry(matrix.input_id()).or_default();
        group.targets.push(matrix);
    }
    groups.into_values().collect()
}
