//! From a number for each token, which a learned gate gives, to the tokens that go through a block.

use super::{Kept, Phase, Share, View};

/// Tokens that decoding under a strict budget may be behind its share before one goes through whatever the router says.
const MOST_BEHIND: f64 = 4.0;

/// The tokens that go through a block of which a share is to go through, where `z` tells of a token by its sequence and its place in the
/// batch.
///
/// Not `strict`: the tokens with z of 0 or more, how many they are. `strict`: of a prompt of L tokens the round(share L) with the largest
/// z, of equals the later one. A decoded token goes through if z is 0 or more and the block has not kept more than its share; and in any
/// case where the block has fallen behind its share by four tokens.
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
                let length = view.batch.positions[place] + 1;
                let due = share.get() * length as f64 - passed[sequence] as f64;
                let keeps = due >= 0.5 && (z(sequence, place) >= 0.0 || due >= MOST_BEHIND);
                passed[sequence] += usize::from(keeps);
                keeps
            })
        }
    }
}

/// Of each sequence its share of tokens with the largest z.
fn largest(view: &View<'_>, share: Share, z: impl Fn(usize, usize) -> f32) -> Kept {
    let mut places = Vec::new();
    for (sequence, pair) in view.batch.starts.windows(2).enumerate() {
        let mut own: Vec<(f32, usize)> = (pair[0]..pair[1])
            .map(|place| (z(sequence, place), place))
            .collect();
        own.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));
        let count = share.of(own.len());
        places.extend(own[..count].iter().map(|(_, place)| *place));
    }
    places.sort_unstable();
    Kept::Places(places)
}
