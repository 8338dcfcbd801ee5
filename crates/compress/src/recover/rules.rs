//! How each tensor moves: learning rates are shares of the size of a tensor at the start.

use super::student::Student;
use kerf_train::Rule;
use std::collections::HashMap;

/// Factor of the learning rate of scales: they change whole groups.
const SCALES: f64 = 0.1;

/// How all tensors move.
pub(crate) struct Rules(HashMap<String, Own>);

/// How one does.
struct Own {
    /// Root mean square of what is not 0, times the factor of its kind.
    size: f64,
    hold_zeros: bool,
    /// Whether it is the values of a matrix.
    values: bool,
}

impl Rules {
    pub fn of(student: &Student) -> Self {
        let mut rules = HashMap::new();
        let mut add = |name: &str, factor: f64, hold_zeros: bool, values: bool| {
            let size = student.masters.get(name).map_or(0.0, size) * factor;
            let own = Own {
                size,
                hold_zeros,
                values,
            };
            rules.insert(name.to_string(), own);
        };
        for learner in &student.learners {
            // Without a mask, what is 0 may become something else.
            add(&learner.name, 1.0, learner.rounded.mask.is_some(), true);
            if learner.scales().is_some() {
                add(&learner.scales_name(), SCALES, true, false);
            }
        }
        for vector in &student.vectors {
            add(&vector.name, 1.0, false, false);
        }
        Self(rules)
    }

    /// How a tensor moves at a learning rate. `moves_values`: whether values of matrices do.
    pub fn rule(&self, name: &str, rate: f64, moves_values: bool) -> Rule {
        let own = &self.0[name];
        let moves = moves_values || !own.values;
        Rule {
            rate: if moves { rate * own.size } else { 0.0 },
            decay: false,
            prior: None,
            hold_zeros: own.hold_zeros,
        }
    }
}

/// Root mean square of the values that are not 0.
fn size(values: &[f32]) -> f64 {
    let live = values.iter().filter(|value| **value != 0.0);
    let (sum, count) = live.fold((0.0, 0u64), |(sum, count), value| {
        (sum + f64::from(*value).powi(2), count + 1)
    });
    (sum / count.max(1) as f64).sqrt()
}
