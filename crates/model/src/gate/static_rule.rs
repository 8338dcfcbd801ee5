//! Gates that look at positions alone: the first token and the most recent ones (the static router of FTP, arXiv 2412.11494), or a
//! fixed mask.

use super::{Gate, Kept, Phase, Row, Share, Shares, View};

pub(super) const ROW: Row = Row {
    id: "static",
    about: "The first token and the most recent ones go through a block, as many as its share says.",
    has_shares: true,
    learned: false,
    build: |settings| {
        Box::new(StaticGate {
            shares: settings.shares.clone(),
        })
    },
};

/// Of a sequence that has L tokens so far, a block with share s keeps k = round(s L): the token at position 0, on which much
/// attention rests, and the last k - 1. L counts skipped tokens too.
///
/// A token that is decoded is always the most recent one. So that decoding keeps the share too, it skips tokens at even distances: the
/// one at position p goes through block b where p s + f(b) passes a whole number on its way to (p + 1) s + f(b). f(b), the fraction of
/// b times the golden ratio, spreads the blocks that one token skips. With [`super::PromptOnly`] all decoded tokens go through.
#[derive(Clone, Debug)]
pub struct StaticGate {
    /// Share of each block.
    pub shares: Shares,
}

impl Gate for StaticGate {
    fn keep(&self, view: &View<'_>) -> Kept {
        let (batch, share) = (view.batch, self.shares.of_block(view.block));
        if view.phase == Phase::Decoding {
            return Kept::by(batch, |_, place| {
                spread(share, view.block, batch.positions[place])
            });
        }
        Kept::by(batch, |sequence, place| {
            let length = view.length(sequence);
            let kept = share.of(length);
            match batch.positions[place] {
                0 => kept > 0,
                position => position + kept > length,
            }
        })
    }
}

/// Whether a decoded token goes through a block: a share of all tokens does, at even distances.
pub(super) fn spread(share: Share, block: usize, position: usize) -> bool {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let begins = (block as f64 * GOLDEN).fract();
    let at = |position: usize| (position as f64 * share.get() + begins).floor();
    at(position + 1) > at(position)
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
    use crate::{Batch, Part};

    fn view(block: usize, phase: Phase, batch: &Batch) -> View<'_> {
        View {
            block,
            part: Part::Block,
            phase,
            batch,
            states: &[],
            standing: &[],
            passed: &[],
        }
    }

    fn gate(share: f64) -> StaticGate {
        StaticGate {
            shares: Shares::uniform(Share::new(share).unwrap(), 9),
        }
    }

    #[test]
    fn the_first_token_and_the_last_ones_stay() {
        let batch = Batch::new(&[vec![0; 10], vec![0; 2]]);
        let kept = |share| gate(share).keep(&view(0, Phase::Prompt, &batch));
        assert_eq!(kept(0.3), Kept::Places(vec![0, 8, 9, 10]));
        assert_eq!(kept(0.0), Kept::Places(vec![]));
        assert_eq!(kept(0.1), Kept::Places(vec![0]));
        assert_eq!(kept(1.0), Kept::Places((0..12).collect()));
    }

    #[test]
    fn decoding_keeps_the_share_in_each_block_and_at_each_token() {
        let batch = Batch::continued(&[0; 400], 37);
        let mut skipped_by_token = vec![0; 400];
        for (share, kept) in [(0.0, 0), (0.25, 100), (0.7, 280), (1.0, 400)] {
            for block in 0..9 {
                let Kept::Places(places) = gate(share).keep(&view(block, Phase::Decoding, &batch))
                else {
                    panic!("places");
                };
                assert!(places.len().abs_diff(kept) <= 1, "{share} {block}");
                if share == 0.7 {
                    (0..400)
                        .filter(|place| !places.contains(place))
                        .for_each(|place| skipped_by_token[place] += 1);
                }
            }
        }
        // 2.7 of 9 blocks.
        assert!(skipped_by_token.iter().all(|count| (1..=4).contains(count)));
    }

    #[test]
    fn a_mask_speaks_of_positions() {
        let gate = MaskGate {
            masks: vec![vec![true, false, true]],
        };
        let batch = Batch::continued(&[5, 6, 7], 1);
        let kept = |block| gate.keep(&view(block, Phase::Decoding, &batch));
        assert_eq!(kept(0), Kept::Places(vec![1, 2]));
        assert_eq!(kept(1), Kept::All);
    }
}
