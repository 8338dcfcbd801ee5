//! Tokens at random: what every other gate must beat.

use super::{Gate, Kept, Row, Shares, View};

pub(super) const ROW: Row = Row {
    id: "random",
    about: "Each token goes through a block with the probability of the block's share.",
    has_shares: true,
    learned: false,
    build: |settings| {
        Box::new(RandomGate {
            shares: settings.shares.clone(),
            seed: settings.seed,
        })
    },
};

/// Keeps each token with the probability of the block's share. The choice depends on seed, block and position alone, so a
/// sequence has the same tokens alone and in a batch, at once and token by token.
#[derive(Clone, Debug)]
pub struct RandomGate {
    /// Share of each block.
    pub shares: Shares,
    /// Same seed, same tokens.
    pub seed: u64,
}

impl Gate for RandomGate {
    fn keep(&self, view: &View<'_>) -> Kept {
        let share = self.shares.of_block(view.block).get();
        let of_block = mixed(self.seed ^ mixed(view.block as u64));
        Kept::by(view.batch, |_, place| {
            let bits = mixed(of_block ^ view.batch.positions[place] as u64);
            // 53 bits: a number from 0 to just below 1.
            ((bits >> 11) as f64 / (1u64 << 53) as f64) < share
        })
    }
}

/// One step of SplitMix64: bits that look random.
fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
