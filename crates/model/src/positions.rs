//! Positions of the tokens that a query may look at.

/// Positions of the keys of one sequence, ascending. Finds places by position: by arithmetic where no token is missing, by
/// binary search where some are.
#[derive(Clone, Copy)]
pub(crate) struct Positions<'a> {
    all: &'a [usize],
    gapless: bool,
}

impl<'a> Positions<'a> {
    pub fn new(all: &'a [usize]) -> Self {
        let gapless = match (all.first(), all.last()) {
            (Some(first), Some(last)) => last - first + 1 == all.len(),
            _ => true,
        };
        Self { all, gapless }
    }

    /// Number of tokens.
    pub fn len(self) -> usize {
        self.all.len()
    }

    /// Positions from the place `first` on.
    pub fn from(self, first: usize) -> &'a [usize] {
        &self.all[first..]
    }

    /// Number of tokens before `position`: the place of the first token that stands at `position` or after it.
    pub fn before(self, position: usize) -> usize {
        match self.all.first() {
            Some(first) if self.gapless => position.saturating_sub(*first).min(self.all.len()),
            _ => self.all.partition_point(|own| *own < position),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_and_search_count_alike() {
        for all in [vec![], vec![4], vec![2, 3, 4, 5], vec![0, 1, 5, 6, 9]] {
            let positions = Positions::new(&all);
            for position in 0..12 {
                let expected = all.iter().filter(|own| **own < position).count();
                assert_eq!(positions.before(position), expected, "{all:?} {position}");
            }
        }
    }
}
