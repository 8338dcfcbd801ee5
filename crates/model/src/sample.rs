//! Choice of the next token from logits.

use crate::evaluate::top;
use crate::generate::Sampling;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// A seeded chooser. Probabilities are made in f64 by `libm`: the same logits give the same choice on every machine.
pub(crate) struct Sampler {
    sampling: Sampling,
    random: Xoshiro256PlusPlus,
}

impl Sampler {
    pub fn new(sampling: Sampling) -> Self {
        let random = Xoshiro256PlusPlus::seed_from_u64(sampling.seed);
        Self { sampling, random }
    }

    /// Makes tokens that were there already less likely: a positive logit is divided by the penalty, a negative one multiplied
    /// (Keskar et al., CTRL, arXiv 1909.05858).
    pub fn penalize(&self, ids: &[u32], logits: &mut [f32]) {
        let penalty = self.sampling.repetition_penalty;
        if penalty == 1.0 {
            return;
        }
        let mut seen = ids.to_vec();
        seen.sort_unstable();
        seen.dedup();
        for id in seen {
            if let Some(logit) = logits.get_mut(id as usize) {
                *logit = if *logit < 0.0 {
                    *logit * penalty
                } else {
                    *logit / penalty
                };
            }
        }
    }

    /// Index of the chosen token. Greedy unless the temperature is a positive number; logits that are not finite are never
    /// drawn.
    pub fn next(&mut self, logits: &[f32]) -> u32 {
        let best = top(logits);
        let temperature = f64::from(self.sampling.temperature);
        let largest = f64::from(logits[best]);
        if temperature.is_nan() || temperature <= 0.0 || !largest.is_finite() {
            return best as u32;
        }
        let weight = |logit: f32| libm::exp((f64::from(logit) - largest) / temperature);
        let mut choices: Vec<(u32, f64)> = (0..)
            .zip(logits)
            .filter(|(_, logit)| logit.is_finite())
            .map(|(id, logit)| (id, weight(*logit)))
            .collect();
        self.keep_best(&mut choices);
        self.keep_nucleus(&mut choices);
        self.draw(&choices)
    }

    /// Keeps the `top_k` most likely tokens, and those that are as likely as the last of them (Fan et al., arXiv 1805.04833).
    fn keep_best(&self, choices: &mut Vec<(u32, f64)>) {
        let count = self.sampling.top_k;
        if count == 0 || count >= choices.len() {
            return;
        }
        let mut weights: Vec<f64> = choices.iter().map(|choice| choice.1).collect();
        let (_, last, _) = weights.select_nth_unstable_by(count - 1, |a, b| b.total_cmp(a));
        let last = *last;
        choices.retain(|choice| choice.1 >= last);
    }

    /// Keeps the smallest set of most likely tokens with `top_p` of the probability (Holtzman et al., arXiv 1904.09751).
    fn keep_nucleus(&self, choices: &mut Vec<(u32, f64)>) {
        let top_p = f64::from(self.sampling.top_p);
        if top_p.is_nan() || top_p >= 1.0 {
            return;
        }
        // Stable, so that equal weights stay in the order of their ids.
        choices.sort_by(|a, b| b.1.total_cmp(&a.1));
        let total: f64 = choices.iter().map(|choice| choice.1).sum();
        let mut sum = 0.0;
        let before = choices.iter().take_while(|choice| {
            let needed = sum < top_p * total;
            sum += choice.1;
            needed
        });
        let count = before.count().max(1);
        choices.truncate(count);
    }

    fn draw(&mut self, choices: &[(u32, f64)]) -> u32 {
        let total: f64 = choices.iter().map(|choice| choice.1).sum();
        // 53 random bits: uniform in [0, 1).
        let uniform = (self.random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let mut left = uniform * total;
        for (id, weight) in choices {
            left -= weight;
            if left < 0.0 {
                return *id;
            }
        }
        choices[choices.len() - 1].0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampler(temperature: f32, top_p: f32, seed: u64) -> Sampler {
        Sampler::new(Sampling {
            temperature,
            top_p,
            seed,
            ..Sampling::default()
        })
    }

    #[test]
    fn top_k_leaves_out_all_but_the_best() {
        let mut sampler = Sampler::new(Sampling {
            temperature: 1.0,
            top_k: 2,
            ..Sampling::default()
        });
        let drawn: Vec<u32> = (0..500)
            .map(|_| sampler.next(&[1.0, 0.0, 2.0, -1.0]))
            .collect();
        assert!(drawn.iter().all(|id| [0, 2].contains(id)));
        assert!(drawn.contains(&0) && drawn.contains(&2));
    }

    /// RepetitionPenaltyLogitsProcessor(1.5) of transformers on the ids [0, 2, 2].
    #[test]
    fn tokens_that_were_there_are_made_less_likely() {
        let sampler = Sampler::new(Sampling {
            repetition_penalty: 1.5,
            ..Sampling::default()
        });
        let mut logits = [3.0, 2.0, -3.0, -1.0];
        sampler.penalize(&[0, 2, 2], &mut logits);
        assert_eq!(logits, [2.0, 2.0, -4.5, -1.0]);
    }

    #[test]
    fn temperature_zero_is_greedy() {
        assert_eq!(sampler(0.0, 1.0, 1).next(&[0.0, 2.0, 1.0]), 1);
    }

    #[test]
    fn draws_follow_the_probabilities() {
        let mut sampler = sampler(1.0, 1.0, 7);
        let logits = [0.2f32.ln(), 0.3f32.ln(), 0.5f32.ln()];
        let mut counts = [0; 3];
        for _ in 0..20_000 {
            counts[sampler.next(&logits) as usize] += 1;
        }
        for (count, expected) in counts.iter().zip([0.2, 0.3, 0.5]) {
            assert!(
                (f64::from(*count) / 20_000.0 - expected).abs() < 0.015,
                "{counts:?}"
            );
        }
    }

    #[test]
    fn top_p_leaves_out_the_tail() {
        let mut sampler = sampler(1.0, 0.6, 3);
        let logits = [0.2f32.ln(), 0.3f32.ln(), 0.5f32.ln()];
        let drawn: Vec<u32> = (0..500).map(|_| sampler.next(&logits)).collect();
        assert!(!drawn.contains(&0) && drawn.contains(&1) && drawn.contains(&2));
    }

    #[test]
    fn a_seed_gives_the_same_draws() {
        let draws = |seed| -> Vec<u32> {
            let mut sampler = sampler(1.5, 0.9, seed);
            (0..50)
                .map(|_| sampler.next(&[0.1, 0.2, 0.3, 0.4]))
                .collect()
        };
        assert_eq!(draws(5), draws(5));
        assert_ne!(draws(5), draws(6));
    }

    #[test]
    fn broken_logits_do_not_panic() {
        sampler(1.0, 0.5, 1).next(&[f32::NAN, f32::NAN]);
        assert_eq!(sampler(1.0, 0.5, 1).next(&[f32::NEG_INFINITY, 1.0]), 1);
    }
}
