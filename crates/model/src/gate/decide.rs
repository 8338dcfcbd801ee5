//! From a number for each token, which a learned gate gives, to the tokens that go through a block.

use super::static_rule::spread;
use super::{Kept, Phase, Share, View};

/// Tokens that decoding under a strict budget may be behind its share before one goes through whatever the router says.
const MOST_BEHIND: f64 = 4.0;

/// Tokens that it may be behind before it also keeps tokens out of its turn.
const BEHIND: f64 = 1.5;

/// The tokens that go through a block of which a share is to go through, where `z` tells of a token by its sequence and its place in the
/// batch.
///
/// Not `strict`: the tokens with z of 0 or more, how many they are. `strict`: of a prompt of L tokens round(share L): the first and the
/// last, and those with the largest z, of equals the later one. A decoded token goes through if z is 0 or more and it is the block's turn, as the static rule has it; or if z
/// is 0 or more and the block has fallen behind its share by a token and a half; and in any case if it has fallen behind by four. Turns
/// differ from block to block, so that no token skips all blocks at once.
pub fn kept_by(
    view: &View<'_>,
    share: Share,
    strict: bool,
    z: impl Fn(usize, usize) -> f32,
) -> Kept {
    match (strict, view.phase) {
        (false, _) => Kept::by(view.batch, |sequence, place| z(sequence, place) >= 0.0),
        (true, Phase::Prompt) => largest(view, share, z),
        (true, Phase::Decoding) => {
            let mut passed = view.passed.to_vec();
            Kept::by(view.batch, |sequence, place| {
                let position = view.batch.positions[place];
                let due = share.get() * (position + 1) as f64 - passed[sequence] as f64;
                let turn = due >= BEHIND || spread(share, view.block, position);
                let keeps = due >= MOST_BEHIND || (turn && z(sequence, place) >= 0.0);
                passed[sequence] += usize::from(keeps);
                keeps
            })
        }
    }
}

/// Of each sequence its share of tokens: the first and the last, which go through anyway, and those with the largest z.
fn largest(view: &View<'_>, share: Share, z: impl Fn(usize, usize) -> f32) -> Kept {
    let mut places = Vec::new();
    for (sequence, pair) in view.batch.starts.windows(2).enumerate() {
        let mut own: Vec<(f32, usize)> = (pair[0]..pair[1])
            .map(|place| {
                let is_end = view.batch.positions[place] == 0 || place + 1 == pair[1];
                match is_end {
                    true => (f32::INFINITY, place),
                    false => (z(sequence, place), place),
                }
            })
            .collect();
        own.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));
        let count = share.of(own.len());
        places.extend(own[..count].iter().map(|(_, place)| *place));
    }
    places.sort_unstable();
    Kept::Places(places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Batch, Part};

    /// A token that skipped all blocks at once would have learned nothing from its text.
    #[test]
    fn no_decoded_token_skips_many_blocks_of_a_budget_that_others_do_not() {
        let batch = Batch::continued(&[0; 200], 100);
        let share = Share::new(0.5).unwrap();
        let mut kept_in = vec![0; 200];
        for block in 0..10 {
            let view = View {
                block,
                part: Part::Block,
                phase: Phase::Decoding,
                batch: &batch,
                states: &[],
                standing: &[],
                passed: &[51],
            };
            let Kept::Places(places) = kept_by(&view, share, true, |_, _| 1.0) else {
                panic!("places")
            };
            assert!(places.len().abs_diff(100) <= 1, "{block}: {}", places.len());
            places.iter().for_each(|place| kept_in[*place] += 1);
        }
        assert!(
            kept_in.iter().all(|count| (3..=7).contains(count)),
            "{kept_in:?}"
        );
    }
}
