//! How much is removed when (Zhu and Gupta 2017).

/// Sparsity that rises from the first cut to the last by a cubic curve: steep while there is much to remove, flat at the end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cubic {
    /// Share at the first cut.
    pub initial: f64,
    /// Share at the last cut.
    pub last: f64,
    /// Step after which the first cut is.
    pub start: u64,
    /// Step after which the last cut is.
    pub end: u64,
    /// Steps between two cuts.
    pub every: u64,
}

impl Cubic {
    /// Share of the way from the first cut to the last.
    pub fn done(&self, step: u64) -> f64 {
        let way = self.end.saturating_sub(self.start);
        let gone = step.saturating_sub(self.start);
        match way {
            0 if step < self.end => 0.0,
            0 => 1.0,
            _ => (gone as f64 / way as f64).min(1.0),
        }
    }

    /// Sparsity after so many steps: 0 before the first cut.
    pub fn sparsity(&self, step: u64) -> f64 {
        if step < self.start {
            return 0.0;
        }
        let left = 1.0 - self.done(step);
        self.last + (self.initial.min(self.last) - self.last) * left.powi(3)
    }

    /// Sparsity at the last cut of so many steps; 0 before the first.
    pub fn reached(&self, step: u64) -> f64 {
        if step < self.start {
            return 0.0;
        }
        let cuts = (step.min(self.end) - self.start) / self.every;
        match step >= self.end {
            true => self.last,
            false => self.sparsity(self.start + cuts * self.every),
        }
    }

    /// Whether there is a cut after so many steps.
    pub fn cuts(&self, step: u64) -> bool {
        let inside = (self.start..=self.end).contains(&step);
        inside && (step == self.end || (step - self.start).is_multiple_of(self.every))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CUBIC: Cubic = Cubic {
        initial: 0.3,
        last: 0.9,
        start: 10,
        end: 90,
        every: 7,
    };

    #[test]
    fn rises_from_the_first_cut_to_the_last_by_its_formula() {
        assert_eq!(CUBIC.sparsity(9), 0.0);
        assert!((CUBIC.sparsity(10) - 0.3).abs() < 1e-12);
        // 0.9 - 0.6 (1 - 1/2)^3
        assert!((CUBIC.sparsity(50) - 0.825).abs() < 1e-12);
        assert_eq!(CUBIC.sparsity(90), 0.9);
        assert_eq!(CUBIC.sparsity(1000), 0.9);
        let all: Vec<f64> = (10..=90).map(|step| CUBIC.sparsity(step)).collect();
        assert!(all.windows(2).all(|pair| pair[0] <= pair[1]));
    }

    #[test]
    fn cuts_every_few_steps_and_at_the_end() {
        let cuts: Vec<u64> = (0..200).filter(|step| CUBIC.cuts(*step)).collect();
        assert_eq!(cuts[..3], [10, 17, 24]);
        assert_eq!(cuts[cuts.len() - 2..], [87, 90]);
        let at_once = Cubic {
            start: 5,
            end: 5,
            ..CUBIC
        };
        assert_eq!((0..9).filter(|step| at_once.cuts(*step)).count(), 1);
        assert_eq!((at_once.sparsity(4), at_once.sparsity(5)), (0.0, 0.9));
    }

    #[test]
    fn holds_what_the_last_cut_reached() {
        assert_eq!(CUBIC.reached(9), 0.0);
        assert_eq!(CUBIC.reached(16), CUBIC.sparsity(10));
        assert_eq!(CUBIC.reached(17), CUBIC.sparsity(17));
        assert_eq!(
            (CUBIC.reached(89), CUBIC.reached(90)),
            (CUBIC.sparsity(87), 0.9)
        );
    }

    #[test]
    fn never_begins_above_its_end() {
        let low = Cubic { last: 0.1, ..CUBIC };
        assert!((10..=90).all(|step| low.sparsity(step) <= 0.1 + 1e-12));
    }
}
