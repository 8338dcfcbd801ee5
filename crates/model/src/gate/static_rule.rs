//! Gates that look at positions alone: the first token and the most recent ones (the static router of FTP, arXiv 2412.11494), or a
//! fixed mask.

use super::{Gate, Kept, Row, Shares, View};

pub(super) const ROW: Row = Row {
    id: "static",
    about: "The first token and the most recent ones go through a block, as many as its share says.",
    has_shares: true,
    build: |settings| {
        Box::new(StaticGate {
            shares: settings.shares.clone(),
        })
    },
};

/// Of a sequence that has L tokens so far, a block with share s keeps k = round(s L): the token at position 0, on which much
/// attention rests, and the last k - 1. L counts skipped tokens too, so that a new token of a cached sequence, being the most
/// recent one, goes through wherever k is at least 2.
#[derive(Clone, Debug)]
pub struct StaticGate {
    /// Share of each block.
    pub shares: Shares,
}

impl Gate for StaticGate {
    fn keep(&self, view: &View<'_>) -> Kept {
        let (batch, share) = (view.batch, self.shares.of_block(view.block));
        Kept::by(batch, |sequence, place| {
            let last = batch.starts[sequence + 1] - 1;
            let length = batch.positions[last] + 1;
            let kept = share.of(length);
            match batch.positions[place] {
                0 => kept > 0,
                position => position + kept > length,
            }
        })
    }
}

/// Keeps fixed positions: `masks[block][position]`. A block or a position that is not in the lists keeps its tokens.
#[derive(Clone, Debug, Default)]
pub struct MaskGate {
    /// By block, by position.
    pub masks: Vec<Vec<bool>>,
}

impl Gate for MaskGate {
    fn keep(&self, view: &View<'_>) -> Kept {
        match self.masks.get(view.block) {
            None => Kept::All,
            Some(mask) => Kept::by(view.batch, |_, place| {
                let own = mask.get(view.batch.positions[place]);
                own.copied().unwrap_or(true)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Batch;
    use crate::gate::Share;

    fn kept(share: f64, batch: &Batch) -> Kept {
        let gate = StaticGate {
            shares: Shares(vec![Share::new(share).unwrap()]),
        };
        gate.keep(&View {
            block: 0,
            batch,
            received: &[],
        })
    }

    #[test]
    fn the_first_token_and_the_last_ones_stay() {
        let batch = Batch::new(&[vec![0; 10], vec![0; 2]]);
        assert_eq!(kept(0.3, &batch), Kept::Places(vec![0, 8, 9, 10]));
        assert_eq!(kept(0.0, &batch), Kept::Places(vec![]));
        assert_eq!(kept(0.1, &batch), Kept::Places(vec![0]));
        assert_eq!(kept(1.0, &batch), Kept::Places((0..12).collect()));
    }

    #[test]
    fn a_new_token_of_a_cached_sequence_is_the_most_recent_one() {
        assert_eq!(kept(0.3, &Batch::continued(&[1], 9)), Kept::Places(vec![0]));
        assert_eq!(kept(0.1, &Batch::continued(&[1], 9)), Kept::Places(vec![]));
    }

    #[test]
    fn a_mask_speaks_of_positions() {
        let gate = MaskGate {
            masks: vec![vec![true, false, true]],
        };
        let batch = Batch::continued(&[5, 6, 7], 1);
        let view = |block| View {
            block,
            batch: &batch,
            received: &[],
        };
        assert_eq!(gate.keep(&view(0)), Kept::Places(vec![1, 2]));
        assert_eq!(gate.keep(&view(1)), Kept::All);
    }
}
