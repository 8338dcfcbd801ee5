//! How a router is trained.

use crate::RouteError;
use kerf_train::{Curve, Rate, TrainError};

/// How a router is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct RouterTrainingOptions {
    /// Steps of the optimiser.
    pub steps: u64,
    /// Highest learning rate. It rises in the first twentieth of the steps, and falls along half a cosine.
    pub learning_rate: f64,
    /// Weight of the guide loss at the first step, 0 or more. A router of four factors begins as the static rule, so that it needs little.
    pub guide: f64,
    /// Windows of a step.
    pub batch: usize,
    /// Rank of the stand-in for skipped blocks; 0: none.
    pub rank: usize,
    /// Whether the router is for a strict budget; see [`kerf_model::gate::kept_by`].
    pub strict: bool,
    /// Steps between two looks at held-out text; 0: an eighth of all.
    pub evaluate_every: u64,
    /// Same seed, same router.
    pub seed: u64,
}

/// 300 steps of one window, little guide, no stand-in, a strict budget.
impl Default for RouterTrainingOptions {
    fn default() -> Self {
        Self {
            steps: 300,
            learning_rate: 3e-3,
            guide: 0.1,
            batch: 1,
            rank: 0,
            strict: true,
            evaluate_every: 0,
            seed: 0,
        }
    }
}

impl RouterTrainingOptions {
    pub(super) fn check(&self, hidden: usize) -> Result<(), RouteError> {
        let bad = |option: &str, expected: &str, actual: String| {
            let error = TrainError::BadOption {
                option: option.into(),
                expected: expected.into(),
                actual,
            };
            Err(error.into())
        };
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            let actual = self.learning_rate.to_string();
            return bad("learningRate", "a number above 0", actual);
        }
        if !(self.guide.is_finite() && self.guide >= 0.0) {
            let actual = self.guide.to_string();
            return bad("guide", "a number of 0 or more", actual);
        }
        if self.batch == 0 {
            return bad("batch", "1 or more", "0".into());
        }
        if self.rank > hidden {
            let expected = format!("no more than the model is wide ({hidden})");
            return bad("rank", &expected, self.rank.to_string());
        }
        Ok(())
    }

    pub(super) fn rate(&self) -> Rate {
        Rate {
            peak: self.learning_rate,
            end: 0.05,
            warm_up: 0.05,
            curve: Curve::Cosine,
        }
    }

    /// Steps between two looks.
    pub(super) fn every(&self) -> u64 {
        match self.evaluate_every {
            0 => self.steps.div_ceil(8).max(1),
            every => every,
        }
    }

    /// Weight of the guide loss at a step.
    pub(super) fn guide(&self, step: u64) -> f64 {
        let half = (self.steps as f64 / 2.0).max(1.0);
        self.guide * (1.0 - step as f64 / half).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_fades_over_the_first_half() {
        let options = RouterTrainingOptions {
            steps: 100,
            guide: 1.0,
            ..Default::default()
        };
        assert_eq!(options.guide(0), 1.0);
        assert_eq!(options.guide(25), 0.5);
        assert_eq!(options.guide(50), 0.0);
        assert_eq!(options.guide(99), 0.0);
        assert_eq!(options.every(), 13);
    }

    #[test]
    fn options_that_cannot_be_are_refused() {
        let good = RouterTrainingOptions::default();
        good.check(64).unwrap();
        let rate = RouterTrainingOptions {
            learning_rate: f64::NAN,
            ..good.clone()
        };
        let batch = RouterTrainingOptions {
            batch: 0,
            ..good.clone()
        };
        let rank = RouterTrainingOptions { rank: 65, ..good };
        for bad in [rate, batch, rank] {
            assert_eq!(bad.check(64).unwrap_err().code(), "BAD_OPTION");
        }
    }
}
