//! Shape of the heads of attention, and which keys a query sees.

use crate::distance::DistanceTable;
use crate::layers::Reach;
use crate::positions::Positions;
use crate::{Kind, Network};
use std::ops::Range;

/// Shape of the heads, and what they see.
pub(crate) struct Heads<'a> {
    pub heads: usize,
    pub kv_heads: usize,
    pub dim: usize,
    pub causal: bool,
    /// Factor on scores.
    pub scale: f32,
    /// Soft cap of scores.
    pub cap: Option<f32>,
    /// How far a token sees; `None`: all that `causal` lets it.
    pub reach: Option<Reach>,
    /// What is added to scores.
    pub distance: Option<&'a DistanceTable>,
}

impl<'a> Heads<'a> {
    /// Those of one block of a network.
    pub fn of(network: &Network, block: usize, distance: Option<&'a DistanceTable>) -> Self {
        let settings = &network.settings;
        Self {
            heads: settings.heads,
            kv_heads: settings.kv_heads,
            dim: settings.head_dim,
            causal: network.kind() == Kind::Decoder,
            scale: settings.score_scale,
            cap: settings.score_cap,
            reach: settings.layers[block].reach,
            distance,
        }
    }

    /// What would be received, summed over all heads, if each query gave each key that it sees as much: for each key what all queries
    /// give it, and for each query what it gives one key.
    pub fn even(&self, queries: &[usize], keys: Positions<'_>) -> (Vec<f64>, Vec<f64>) {
        // Changes from one key to the next.
        let mut received = vec![0.0; keys.len() + 1];
        let mut given = Vec::with_capacity(queries.len());
        for position in queries {
            let seen = self.visible(*position, keys);
            let each = self.heads as f64 / seen.len().max(1) as f64;
            received[seen.start] += each;
            received[seen.end] -= each;
            given.push(each);
        }
        received.pop();
        let mut sum = 0.0;
        for value in &mut received {
            sum += *value;
            *value = sum;
        }
        (received, given)
    }

    /// Width of all query heads, and of all key heads.
    pub fn widths(&self) -> (usize, usize) {
        (self.heads * self.dim, self.kv_heads * self.dim)
    }

    /// Places of the keys that a query at `position` sees.
    pub fn visible(&self, position: usize, keys: Positions<'_>) -> Range<usize> {
        let end = match self.causal {
            true => keys.before(position + 1),
            false => keys.len(),
        };
        match self.reach {
            None => 0..end,
            Some(reach) => {
                let last = position.saturating_add(reach.after + 1);
                keys.before(position.saturating_sub(reach.before))..end.min(keys.before(last))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_attention_is_that_of_queries_that_prefer_no_key() {
        let mut heads = Heads {
            heads: 2,
            kv_heads: 1,
            dim: 1,
            causal: true,
            scale: 1.0,
            cap: None,
            reach: None,
            distance: None,
        };
        let all = [0, 1, 4, 5];
        let near = |a: &[f64], b: &[f64]| {
            assert_eq!(a.len(), b.len());
            assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12), "{a:?}");
        };
        let (received, given) = heads.even(&[1, 4], Positions::new(&all));
        near(&given, &[1.0, 2.0 / 3.0]);
        near(&received, &[5.0 / 3.0, 5.0 / 3.0, 2.0 / 3.0, 0.0]);
        heads.reach = Some(Reach {
            before: 3,
            after: 0,
        });
        let (received, given) = heads.even(&[4, 5], Positions::new(&all));
        near(&given, &[1.0, 1.0]);
        near(&received, &[0.0, 1.0, 2.0, 1.0]);
    }
}
