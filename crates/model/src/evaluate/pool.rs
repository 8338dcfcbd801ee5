//! Hidden states of one text to one vector.

use kerf_tensors::files::pipeline::Pooling;

/// Pools `states` [tokens, hidden] of one text, all but those of the first `skip` tokens; tokens > skip.
pub fn pool(pooling: Pooling, states: &[f32], hidden: usize, skip: usize) -> Vec<f32> {
    let own = &states[skip * hidden..];
    let tokens = own.len() / hidden;
    match pooling {
        Pooling::Cls => own[..hidden].to_vec(),
        Pooling::LastToken => own[own.len() - hidden..].to_vec(),
        Pooling::Max => maximum(own, hidden),
        Pooling::Mean => sum(own, hidden, |_| 1.0 / tokens as f64),
        Pooling::MeanSqrtLen => sum(own, hidden, |_| 1.0 / (tokens as f64).sqrt()),
        Pooling::WeightedMean => {
            // 1, 2, 3, ... from the first token of the text, and their sum over those that are pooled.
            let weight = |token: usize| (skip + token + 1) as f64;
            let total: f64 = (0..tokens).map(weight).sum();
            sum(own, hidden, |token| weight(token) / total)
        }
    }
}

/// Sum over tokens, each times its weight.
fn sum(states: &[f32], hidden: usize, weight: impl Fn(usize) -> f64) -> Vec<f32> {
    let mut sums = vec![0.0f64; hidden];
    for (token, row) in states.chunks_exact(hidden).enumerate() {
        let weight = weight(token);
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += weight * f64::from(*value);
        }
    }
    sums.into_iter().map(|sum| sum as f32).collect()
}

fn maximum(states: &[f32], hidden: usize) -> Vec<f32> {
    let mut out = states[..hidden].to_vec();
    for row in states.chunks_exact(hidden).skip(1) {
        for (best, value) in out.iter_mut().zip(row) {
            *best = best.max(*value);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mode_of_three_tokens_with_and_without_the_first() {
        let states = [1.0, -2.0, 3.0, -4.0, 8.0, 3.0];
        let root = |tokens: f32, sum: f32| sum / tokens.sqrt();
        for (pooling, all, without) in [
            (Pooling::Cls, [1.0, -2.0], [3.0, -4.0]),
            (Pooling::LastToken, [8.0, 3.0], [8.0, 3.0]),
            (Pooling::Max, [8.0, 3.0], [8.0, 3.0]),
            (Pooling::Mean, [4.0, -1.0], [5.5, -0.5]),
            (
                Pooling::MeanSqrtLen,
                [root(3.0, 12.0), root(3.0, -3.0)],
                [root(2.0, 11.0), root(2.0, -1.0)],
            ),
            // (1 + 2 * 3 + 3 * 8) / 6, and (2 * 3 + 3 * 8) / 5: tokens keep their weights.
            (Pooling::WeightedMean, [31.0 / 6.0, -1.0 / 6.0], [6.0, 0.2]),
        ] {
            for (skip, expected) in [(0, all), (1, without)] {
                let pooled = pool(pooling, &states, 2, skip);
                for (value, expected) in pooled.iter().zip(expected) {
                    assert!((value - expected).abs() < 1e-6, "{pooling:?} {pooled:?}");
                }
            }
        }
    }
}
