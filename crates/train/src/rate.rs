//! The learning rate at a step.

/// How the learning rate falls after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// Not at all.
    Constant,
    /// By the same amount each step.
    Linear,
    /// Along half a cosine.
    Cosine,
}

/// A learning rate for each step of a training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// The highest learning rate, after the warm-up.
    pub peak: f64,
    /// Share of the peak that the last step comes to, 0 to 1.
    pub end: f64,
    /// Share of all steps in which the rate rises from 0, 0 to 1.
    pub warm_up: f64,
    /// How it falls.
    pub curve: Curve,
}

impl Rate {
    /// The rate of step `step` of `steps`, counted from 0.
    pub fn at(&self, step: u64, steps: u64) -> f64 {
        let warm_up = (self.warm_up * steps as f64).round();
        let step = step as f64;
        if step < warm_up {
            return self.peak * (step + 1.0) / (warm_up + 1.0);
        }
        let left = (steps as f64 - warm_up).max(1.0);
        let done = ((step - warm_up) / left).min(1.0);
        let share = match self.curve {
            Curve::Constant => return self.peak,
            Curve::Linear => 1.0 - done,
            Curve::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * done).cos()),
        };
        self.peak * (self.end + (1.0 - self.end) * share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINEAR: Rate = Rate {
        peak: 2.0,
        end: 0.1,
        warm_up: 0.0,
        curve: Curve::Linear,
    };

    #[test]
    fn begins_at_the_peak_and_falls_to_the_end() {
        assert_eq!(LINEAR.at(0, 100), 2.0);
        assert!((LINEAR.at(50, 100) - 1.1).abs() < 1e-12);
        assert!((LINEAR.at(100, 100) - 0.2).abs() < 1e-12);
        let cosine = Rate {
            curve: Curve::Cosine,
            ..LINEAR
        };
        assert!((cosine.at(50, 100) - 1.1).abs() < 1e-12);
        assert!(cosine.at(10, 100) > LINEAR.at(10, 100));
        assert!((cosine.at(100, 100) - 0.2).abs() < 1e-12);
    }

    #[test]
    fn rises_during_the_warm_up() {
        let rate = Rate {
            warm_up: 0.1,
            ..LINEAR
        };
        assert!((rate.at(0, 100) - 2.0 / 11.0).abs() < 1e-12);
        assert!(rate.at(9, 100) < 2.0);
        assert_eq!(rate.at(10, 100), 2.0);
        let constant = Rate {
            curve: Curve::Constant,
            ..rate
        };
        assert_eq!(constant.at(99, 100), 2.0);
    }
}
