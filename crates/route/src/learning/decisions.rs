//! From what tokens are worth to the gradients of their z: the three losses at one block.

use super::recorder::Token;
use kerf_model::gate::Share;
use std::ops::Range;

/// One block of a step.
pub struct Decisions<'a> {
    pub tokens: &'a [Token],
    /// Starts of the sequences, and the end of the last.
    pub starts: &'a [usize],
    /// Share that is to go through.
    pub share: Share,
    pub strict: bool,
    /// Blocks of the model.
    pub blocks: usize,
    /// Weight of the guide loss.
    pub guide: f64,
}

/// The values of two losses at a block, each its part of the mean over blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Losses {
    pub sparsity: f64,
    /// Times its weight.
    pub guide: f64,
}

fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

impl Decisions<'_> {
    /// Gradients of z, and the losses beside the distillation. `credits`: the loss with each token in the block less that without.
    pub fn backward(&self, credits: &[f64]) -> (Vec<f64>, Losses) {
        let mut of_z = vec![0.0; self.tokens.len()];
        if !credits.is_empty() {
            self.distil(credits, &mut of_z);
        }
        let free = self.free().count();
        if free == 0 {
            return (of_z, Losses::default());
        }
        let part = 1.0 / (free * self.blocks) as f64;
        let passed_by = self.free().filter(|(_, token)| token.z < 0.0).count();
        let missing = 1.0 - self.share.get() - passed_by as f64 / free as f64;
        let mut losses = Losses {
            sparsity: missing.max(0.0) / self.blocks as f64,
            guide: 0.0,
        };
        for (place, token) in self.free() {
            let (z, wanted) = (f64::from(token.z), f64::from(u8::from(token.wanted)));
            let p = sigmoid(z);
            if missing > 0.0 {
                of_z[place] += part * p * (1.0 - p);
            }
            of_z[place] += self.guide * part * (p - wanted);
            // Cross-entropy of sigmoid(z), without overflow.
            let entropy = z.max(0.0) - z * wanted + (-z.abs()).exp().ln_1p();
            losses.guide += self.guide * part * entropy;
        }
        (of_z, losses)
    }

    /// The tokens of guide and sparsity: all that are not forced; under a strict budget those of prompts, since of what is decoded the
    /// budget says when a token goes through.
    fn free(&self) -> impl Iterator<Item = (usize, &Token)> {
        let all = self.tokens.iter().enumerate();
        all.filter(|(_, token)| !token.forced && (token.prompt || !self.strict))
    }

    /// Gradients of the distillation: straight through, with the slope of a sigmoid around the number from which on tokens are kept.
    fn distil(&self, credits: &[f64], of_z: &mut [f64]) {
        for pair in self.starts.windows(2) {
            let end = (pair[0]..pair[1])
                .find(|place| !self.tokens[*place].prompt)
                .unwrap_or(pair[1]);
            for group in [pair[0]..end, end..pair[1]] {
                self.distil_group(group, credits, of_z);
            }
        }
    }

    /// The tokens of one prompt, or those behind it.
    fn distil_group(&self, group: Range<usize>, credits: &[f64], of_z: &mut [f64]) {
        let Some(first) = self.tokens[group.clone()].first() else {
            return;
        };
        let from = match (self.strict, first.prompt) {
            (true, true) => match self.between(group.clone()) {
                Some(from) => from,
                None => return,
            },
            // Of what is decoded the budget keeps its share, whatever z is in general.
            (true, false) => self.mean(group.clone()),
            (false, _) => 0.0,
        };
        let free = group.filter(|place| !self.tokens[*place].forced);
        let slopes: Vec<(usize, f64)> = free
            .map(|place| {
                let p = sigmoid(f64::from(self.tokens[place].z) - from);
                (place, p * (1.0 - p))
            })
            .collect();
        let all: f64 = slopes.iter().map(|(_, slope)| slope).sum();
        if all == 0.0 {
            return;
        }
        // Under a budget a token takes the place of another.
        let usual = match self.strict {
            true => {
                let terms = slopes.iter().map(|(place, slope)| slope * credits[*place]);
                terms.sum::<f64>() / all
            }
            false => 0.0,
        };
        for (place, slope) in slopes {
            of_z[place] += slope * (credits[place] - usual);
        }
    }

    fn mean(&self, group: Range<usize>) -> f64 {
        let count = group.len() as f64;
        let all = self.tokens[group].iter().map(|token| f64::from(token.z));
        all.sum::<f64>() / count
    }

    /// Half-way between the least z that a strict budget keeps of a prompt and the largest that it does not; `None` where it keeps all
    /// or nothing.
    fn between(&self, group: Range<usize>) -> Option<f64> {
        let tokens = || self.tokens[group.clone()].iter();
        let free = tokens().filter(|token| !token.forced);
        let mut all: Vec<f32> = free.map(|token| token.z).collect();
        all.sort_unstable_by(|a, b| b.total_cmp(a));
        let forced = group.len() - all.len();
        let count = self.share.of(group.len()).checked_sub(forced)?;
        let both = all.get(count.checked_sub(1)?)?;
        let next = all.get(count)?;
        Some((f64::from(*both) + f64::from(*next)) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(z: f32, wanted: bool, prompt: bool) -> Token {
        Token {
            z,
            kept: z >= 0.0,
            forced: false,
            wanted,
            prompt,
        }
    }

    fn tokens() -> Vec<Token> {
        let mut all: Vec<Token> = [0.7, -0.4, 0.2, -1.5, 0.9, 0.1]
            .into_iter()
            .enumerate()
            .map(|(at, z)| token(z, at % 2 == 0, at < 4))
            .collect();
        all[0].forced = true;
        all
    }

    fn decisions(tokens: &[Token], strict: bool, guide: f64) -> Decisions<'_> {
        Decisions {
            tokens,
            starts: &[0, 6],
            share: Share::new(0.5).unwrap(),
            strict,
            blocks: 3,
            guide,
        }
    }

    /// Guide and sparsity as they are written in the head of the module, against quotients of differences.
    #[test]
    fn guide_and_sparsity_have_the_slopes_of_what_they_say() {
        let all = tokens();
        let (of_z, losses) = decisions(&all, false, 0.6).backward(&[]);
        // 2 of 5 free tokens are below 0, and 0.5 should be.
        assert!((losses.sparsity - 0.1 / 3.0).abs() < 1e-12);
        assert_eq!(of_z[0], 0.0);
        for place in 1..6 {
            let surrogate = |by: f64| {
                let z = f64::from(all[place].z) + by;
                let wanted = f64::from(u8::from(all[place].wanted));
                let p = sigmoid(z);
                let entropy = -(wanted * p.ln() + (1.0 - wanted) * (1.0 - p).ln());
                (0.6 * entropy + p) / 15.0
            };
            let found = (surrogate(1e-5) - surrogate(-1e-5)) / 2e-5;
            assert!(
                (of_z[place] - found).abs() < 1e-8,
                "{place}: {of_z:?} {found}"
            );
        }
        let enough = Decisions {
            share: Share::new(0.7).unwrap(),
            ..decisions(&all, false, 0.0)
        };
        assert_eq!(enough.backward(&[]).1, Losses::default());
    }

    /// Under a budget the gradient is that of sum(credit * sigmoid(z - t)), where t moves so that sum(sigmoid(z - t)) stays.
    #[test]
    fn under_a_budget_a_token_takes_the_place_of_another() {
        let all = tokens();
        let credits = [9.0, -1.0, 0.5, 2.0, -3.0, 1.0];
        let enough = Share::new(0.9).unwrap();
        let strict = Decisions {
            share: enough,
            ..decisions(&all, true, 0.0)
        };
        let (of_z, _) = strict.backward(&credits);
        // All of the prompt is kept: nothing to choose there.
        assert_eq!(of_z[..4], [0.0; 4]);
        assert!((of_z[4] + of_z[5]).abs() < 1e-12 && of_z[4] < 0.0);
        let (of_z, _) = decisions(&all, true, 0.0).backward(&credits);
        let from = (0.2 + -0.4) / 2.0;
        let z: Vec<f64> = all.iter().map(|token| f64::from(token.z)).collect();
        let count: f64 = (1..4).map(|at| sigmoid(z[at] - from)).sum();
        for place in 1..4 {
            let surrogate = |by: f64| {
                let mut z = z.clone();
                z[place] += by;
                // Newton's steps to the t that keeps the count.
                let mut t = from;
                for _ in 0..50 {
                    let p: Vec<f64> = (1..4).map(|at| sigmoid(z[at] - t)).collect();
                    let slope: f64 = p.iter().map(|p| p * (1.0 - p)).sum();
                    t += (p.iter().sum::<f64>() - count) / slope;
                }
                (1..4)
                    .map(|at| credits[at] * sigmoid(z[at] - t))
                    .sum::<f64>()
            };
            let found = (surrogate(1e-4) - surrogate(-1e-4)) / 2e-4;
            assert!((of_z[place] - found).abs() < 1e-6, "{of_z:?} {found}");
        }
    }

    #[test]
    fn by_threshold_each_token_is_on_its_own() {
        let all = tokens();
        let share = Share::new(0.9).unwrap();
        let own = Decisions {
            share,
            ..decisions(&all, false, 0.0)
        };
        let credits = [9.0, -1.0, 0.5, 2.0, -3.0, 1.0];
        let (of_z, _) = own.backward(&credits);
        assert_eq!(of_z[0], 0.0);
        for place in 1..6 {
            let p = sigmoid(f64::from(all[place].z));
            assert_eq!(of_z[place], p * (1.0 - p) * credits[place]);
        }
    }
}
