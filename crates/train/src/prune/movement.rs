//! Movement pruning (Sanh, Wolf, Rush: 2005.07683): a weight's score is what the loss gained from its movement away from zero, the sum of
//! -w dL/dw over all steps so far. A removed weight keeps its value on a shelf, its score goes on changing, and it may come back.

use super::{Pruner, Ranking};
use kerf_run::param::Params;

pub(super) struct Movement;

impl Pruner for Movement {
    fn id(&self) -> &'static str {
        "movement"
    }

    fn about(&self) -> &'static str {
        "removes the weights that move towards zero"
    }

    fn ranking(&self, _params: Params<'_>, sizes: &[usize]) -> Box<dyn Ranking> {
        let zeros = || sizes.iter().map(|size| vec![0.0; *size]).collect();
        Box::new(Moved {
            sums: zeros(),
            shelves: zeros(),
        })
    }

    fn kept_values(&self) -> usize {
        2
    }
}

struct Moved {
    sums: Vec<Vec<f32>>,
    shelves: Vec<Vec<f32>>,
}

/// A score that is not negative and has the order of any number.
fn in_order(value: f32) -> f32 {
    // -0 and 0 are one score.
    let bits = (value + 0.0).to_bits();
    let key = match bits >> 31 {
        0 => bits | 0x8000_0000,
        _ => !bits,
    };
    f32::from_bits(key >> 1)
}

impl Ranking for Moved {
    fn observe(&mut self, tensor: usize, values: &[f32], gradient: &[f32], scale: f32) {
        let own = self.sums[tensor].iter_mut().zip(&self.shelves[tensor]);
        for ((sum, shelved), (value, gradient)) in own.zip(values.iter().zip(gradient)) {
            *sum -= (value + shelved) * gradient * scale;
        }
    }

    fn scores(&self, tensor: usize, first: usize, _values: &[f32], out: &mut [f32]) {
        let own = &self.sums[tensor][first..first + out.len()];
        for (out, sum) in out.iter_mut().zip(own) {
            *out = in_order(*sum);
        }
    }

    fn shelf(&mut self, tensor: usize) -> Option<&mut [f32]> {
        Some(&mut self.shelves[tensor])
    }

    fn has_shelf(&self) -> bool {
        true
    }

    fn kept(&mut self) -> Vec<&mut [f32]> {
        let all = self.sums.iter_mut().chain(&mut self.shelves);
        all.map(Vec::as_mut_slice).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::in_order;

    #[test]
    fn scores_keep_the_order_of_sums() {
        let sums = [-3.5e4, -1.0, -1e-20, 0.0, 1e-20, 0.5, 1.0, 3.5e4];
        let scores: Vec<u32> = sums.iter().map(|sum| in_order(*sum).to_bits()).collect();
        assert!(
            scores.windows(2).all(|pair| pair[0] < pair[1]),
            "{scores:?}"
        );
        assert!(scores.iter().all(|bits| bits >> 31 == 0));
        assert_eq!(in_order(-0.0).to_bits(), in_order(0.0).to_bits());
    }
}
