//! A (1 + lambda) evolution with successive halving (Sieberling et al.: EvoPress, 2410.14649): of many changed copies of the best
//! so far, a cheap measure lets a few through, and only these are measured with more effort, beside their parent.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// A seeded source of draws.
pub struct Draws(Xoshiro256PlusPlus);

impl Draws {
    /// The same draws for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// A number below `n` (which is not 0), each as likely.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.0.next_u64()) * n as u128) >> 64) as usize
    }
}

/// One measurement of a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// How much effort a measurement takes, in whatever unit the measure has.
    pub effort: usize,
    /// How many of the best go on.
    pub survivors: usize,
}

/// How long a search goes on, and how it measures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evolution {
    /// Generations.
    pub generations: usize,
    /// Changed copies in each.
    pub offspring: usize,
    /// Rounds of a generation, the least effort first; in the last the parent takes part, and one is left.
    pub rounds: Vec<Round>,
    /// Seed of all draws.
    pub seed: u64,
}

/// What a search knows of its candidates.
pub trait Candidates {
    /// One of them.
    type Candidate: Clone + PartialEq;
    /// Why a measure may fail.
    type Error;
    /// A changed copy; the same again if nothing can be changed.
    fn mutate(&mut self, parent: &Self::Candidate, draws: &mut Draws) -> Self::Candidate;
    /// How bad a candidate is. The same candidate and effort give the same number.
    fn badness(&mut self, candidate: &Self::Candidate, effort: usize) -> Result<f64, Self::Error>;
    /// Told after each generation.
    fn generation(&mut self, done: usize) -> Result<(), Self::Error>;
}

impl Evolution {
    /// The best candidate found, at least as good as `start` by the effort of the last round. Without rounds that is `start`.
    ///
    /// Cost: generations (offspring + survivors of all rounds) measurements; what was measured with some effort before in a
    /// generation is not measured so again.
    pub fn run<C: Candidates>(
        &self,
        candidates: &mut C,
        start: C::Candidate,
    ) -> Result<C::Candidate, C::Error> {
        let mut draws = Draws::new(self.seed);
        let Some(last) = self.rounds.last().map(|round| round.effort) else {
            return Ok(start);
        };
        let mut best = (candidates.badness(&start, last)?, start);
        for done in 1..=self.generations {
            let mut living: Vec<C::Candidate> = Vec::new();
            for _ in 0..self.offspring {
                let child = candidates.mutate(&best.1, &mut draws);
                if child != best.1 && !living.contains(&child) {
                    living.push(child);
                }
            }
            for round in &self.rounds {
                let mut measured = Vec::new();
                for candidate in living {
                    measured.push((candidates.badness(&candidate, round.effort)?, candidate));
                }
                // Stable: of equals the first stays first.
                measured.sort_by(|a, b| a.0.total_cmp(&b.0));
                if round.effort == last
                    && let Some(first) = measured.first().filter(|first| first.0 < best.0)
                {
                    best = first.clone();
                }
                measured.truncate(round.survivors);
                living = measured
                    .into_iter()
                    .map(|(_, candidate)| candidate)
                    .collect();
            }
            candidates.generation(done)?;
        }
        Ok(best.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers whose squares are to become small; a low effort sees them with an error.
    struct Squares {
        measured: Vec<usize>,
        generations: usize,
    }

    impl Candidates for Squares {
        type Candidate = Vec<i32>;
        type Error = String;

        fn mutate(&mut self, parent: &Vec<i32>, draws: &mut Draws) -> Vec<i32> {
            let mut child = parent.clone();
            let place = draws.below(child.len());
            child[place] += draws.below(3) as i32 - 1;
            child
        }

        fn badness(&mut self, candidate: &Vec<i32>, effort: usize) -> Result<f64, String> {
            self.measured.push(effort);
            let squares = candidate.iter().map(|value| f64::from(value * value));
            let blur = if effort < 10 {
                f64::from(candidate[0] % 2) * 3.0
            } else {
                0.0
            };
            Ok(squares.sum::<f64>() + blur)
        }

        fn generation(&mut self, done: usize) -> Result<(), String> {
            self.generations = done;
            if done == 1000 {
                Err("too long".into())
            } else {
                Ok(())
            }
        }
    }

    fn search(generations: usize, seed: u64) -> (Result<Vec<i32>, String>, Squares) {
        let round = |effort, survivors| Round { effort, survivors };
        let evolution = Evolution {
            generations,
            offspring: 8,
            rounds: vec![round(1, 3), round(10, 1)],
            seed,
        };
        let mut squares = Squares {
            measured: Vec::new(),
            generations: 0,
        };
        let found = evolution.run(&mut squares, vec![4, -3, 5, 0, 2]);
        (found, squares)
    }

    #[test]
    fn finds_the_best_and_gives_the_same_again() {
        let (found, squares) = search(80, 7);
        assert_eq!(found.unwrap(), [0; 5]);
        assert_eq!(squares.generations, 80);
        let costly = squares
            .measured
            .iter()
            .filter(|effort| **effort == 10)
            .count();
        assert!(costly <= 80 * 3 + 1, "{costly}");
        assert_eq!(search(3, 5).0, search(3, 5).0);
        assert_ne!(search(3, 5).0, search(3, 6).0);
    }

    #[test]
    fn never_worse_than_the_start_and_errors_end_it() {
        assert_eq!(search(0, 1).0.unwrap(), [4, -3, 5, 0, 2]);
        for seed in 0..20 {
            let found = search(2, seed).0.unwrap();
            assert!(found.iter().map(|v| v * v).sum::<i32>() <= 54);
        }
        assert_eq!(search(2000, 1).0.unwrap_err(), "too long");
    }
}
