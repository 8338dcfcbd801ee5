//! Which share of a run each unit is.

use crate::{Host, host::Part};

/// Where each unit ends, of 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Shares {
    ends: Vec<f64>,
}

impl Shares {
    /// Of units with these weights, in order: seconds, or anything that grows with them. Their sum is above 0.
    pub fn spread(weights: impl Iterator<Item = f64>) -> Self {
        let mut sum = 0.0;
        let mut ends: Vec<f64> = weights
            .map(|weight| {
                sum += weight;
                sum
            })
            .collect();
        ends.iter_mut().for_each(|end| *end /= sum);
        // Rounding leaves nothing open at the end.
        ends.last_mut().into_iter().for_each(|end| *end = 1.0);
        Self { ends }
    }

    /// Where each unit ends.
    pub fn ends(&self) -> &[f64] {
        &self.ends
    }

    /// The host of the unit of that index: the unit says how far it is itself, and `host` hears how far the run is.
    pub fn part<'h>(&self, index: usize, host: &'h mut dyn Host) -> Part<'h> {
        let before = index.checked_sub(1);
        Part {
            host,
            from: before.map_or(0.0, |before| self.ends[before]),
            to: self.ends[index],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Event, Stage};

    struct Heard(Vec<f64>);

    impl Host for Heard {
        fn event(&mut self, event: Event) {
            self.0.push(event.overall);
        }

        fn cancelled(&self) -> bool {
            false
        }
    }

    #[test]
    fn a_run_hears_how_far_it_is_from_what_a_unit_says_of_itself() {
        let shares = Shares::spread([1.0, 2.0, 1.0].into_iter());
        let mut heard = Heard(Vec::new());
        for (unit, overall) in [(0, 0.0), (0, 1.0), (1, 0.5), (2, 0.5), (2, 1.0)] {
            let event = Event::new(Stage::Solve, 1, 1, "matrices", "x");
            shares
                .part(unit, &mut heard)
                .event(Event { overall, ..event });
        }
        assert_eq!(heard.0, [0.0, 0.25, 0.5, 0.875, 1.0]);
    }

    #[test]
    fn the_last_unit_ends_at_1_whatever_rounding_does() {
        for count in 1..200 {
            let shares = Shares::spread((0..count).map(|i| 0.1 + f64::from(i) / 7.0));
            assert_eq!(shares.ends().len(), count as usize);
            assert_eq!(shares.ends().last(), Some(&1.0));
        }
    }
}
