//! What attention a token received, and how it stands among the tokens of its sequence.

use super::Phase;

/// What attention a token received in the last block that it went through.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// The attention of all heads, divided by what even attention would give: 1 if each query gave each key that it sees as much.
    /// Of a prompt it is the attention of all its queries that see the token, each in the block; of a token that is decoded it is the
    /// attention of its own query alone, as if nothing came after. 1 for a token that went through no block yet.
    pub score: f32,
    /// Share of the other tokens of the sequence that have a lower score, where equal ones count half. All tokens of a prompt are
    /// compared; a token that is decoded is compared with those before it. Scores are those that the tokens had when they came to
    /// this block. 1/2 for a token that is alone.
    pub rank: f32,
}

/// The standing of tokens with these scores, of which `before` were in the sequence already.
pub(super) fn standings(before: &[f32], scores: &[f32], phase: Phase) -> Vec<Standing> {
    let mut sorted = before.to_vec();
    if phase == Phase::Prompt {
        sorted.extend_from_slice(scores);
    }
    sorted.sort_unstable_by(f32::total_cmp);
    let standing = |score: &f32| {
        let less = sorted.partition_point(|other| other.total_cmp(score).is_lt());
        let upto = sorted.partition_point(|other| other.total_cmp(score).is_le());
        if phase == Phase::Decoding {
            sorted.insert(upto, *score);
        }
        let equal = match phase {
            Phase::Prompt => upto - less - 1,
            Phase::Decoding => upto - less,
        };
        let rank = match sorted.len() - 1 {
            0 => 0.5,
            others => (less as f32 + 0.5 * equal as f32) / others as f32,
        };
        Standing {
            score: *score,
            rank,
        }
    };
    scores.iter().map(standing).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranks(before: &[f32], scores: &[f32], phase: Phase) -> Vec<f32> {
        let standings = standings(before, scores, phase);
        assert!(standings.iter().zip(scores).all(|(a, b)| a.score == *b));
        standings.iter().map(|standing| standing.rank).collect()
    }

    #[test]
    fn a_prompt_is_compared_as_a_whole() {
        let ranks = |scores: &[f32]| ranks(&[], scores, Phase::Prompt);
        assert_eq!(ranks(&[3.0, 1.0, 2.0]), [1.0, 0.0, 0.5]);
        assert_eq!(ranks(&[1.0, 1.0, 1.0]), [0.5; 3]);
        assert_eq!(ranks(&[4.0]), [0.5]);
        assert_eq!(ranks(&[]), [0.0; 0]);
    }

    #[test]
    fn a_decoded_token_is_compared_with_those_before_it() {
        let before = [3.0, 1.0];
        assert_eq!(
            ranks(&before, &[2.0, 9.0, 0.0], Phase::Decoding),
            [0.5, 1.0, 0.0]
        );
        // As one by one.
        assert_eq!(ranks(&[3.0, 1.0, 2.0], &[9.0], Phase::Decoding), [1.0]);
        assert_eq!(ranks(&[], &[9.0, 9.0], Phase::Decoding), [0.5, 0.5]);
        assert_eq!(ranks(&before, &[2.0], Phase::Prompt), [0.5]);
    }
}
