//! Matrices that share an input.

use crate::matrices::Matrix;
use kerf_model::Network;
use std::collections::BTreeMap;

/// The matrices that share an input.
#[derive(Default)]
pub(super) struct Group<'a> {
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

    /// The same against what the dense model sees, if a matrix aims at that.
    pub fn drift(&self) -> u64 {
        match self.targets.iter().any(|matrix| matrix.blend > 0.0) {
            true => self.gram(),
            false => 0,
        }
    }

    /// While it is made ready to run: one matrix as it is in its file, or the nonzeros of all of them, which take less than three
    /// quarters.
    pub fn read(&self) -> u64 {
        self.largest.max(self.weights * 3 / 4)
    }
}

/// All groups of all blocks.
pub(super) fn groups<'a>(network: &Network, targets: &'a [Matrix]) -> Vec<Group<'a>> {
    let mut groups: BTreeMap<(usize, usize), Group<'a>> = BTreeMap::new();
    // Matrices that stay as they are run as well.
    for block in 0..network.blocks() {
        for linear in network.linears(block) {
            let bytes = 4 * linear.rows as u64 * linear.cols as u64;
            let group = groups.entry((block, linear.input)).or_default();
            group.cols = linear.cols;
            group.weights += bytes;
            group.largest = group.largest.max(bytes);
        }
    }
    for matrix in targets {
        let group = groups.entry((matrix.block, matrix.input)).or_default();
        group.targets.push(matrix);
    }
    groups.into_values().collect()
}
