//! One of several choices for each item, so that all fit a budget and the loss is about the least.
//!
//! For a price on each byte the best choices are independent, and what is best at some price lies on the lower hull of an item's
//! (bytes, loss). Walking all hulls from the smallest choices on, the steps that gain most a byte first, passes through the optima
//! of all prices (Lagrange relaxation: no set of choices with as few bytes loses less); what is left at the end is filled with
//! the steps that still fit.

/// One choice for an item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// What it takes of the budget.
    pub bytes: u64,
    /// What it costs in quality.
    pub loss: f64,
}

/// A step of an item from one choice of its hull to the next.
struct Step {
    item: usize,
    choice: usize,
    bytes: u64,
    /// Loss that a byte saves.
    gain: f64,
}

/// Index of a choice for each item; `None` if not even the smallest of each fit into `budget` bytes. Every item has a choice.
///
/// Cost: n log n for n choices in all.
pub fn choose(items: &[Vec<Choice>], budget: u64) -> Option<Vec<usize>> {
    let hulls: Vec<Vec<usize>> = items.iter().map(|choices| hull(choices)).collect();
    let mut chosen: Vec<usize> = hulls.iter().map(|hull| hull[0]).collect();
    let mut left = budget.checked_sub(bytes(items, &chosen))?;
    let mut steps: Vec<Step> = Vec::new();
    for (item, hull) in hulls.iter().enumerate() {
        steps.extend(hull.windows(2).map(|pair| {
            let (from, to) = (items[item][pair[0]], items[item][pair[1]]);
            let bytes = to.bytes - from.bytes;
            Step {
                item,
                choice: pair[1],
                bytes,
                gain: (from.loss - to.loss) / bytes as f64,
            }
        }));
    }
    // The steps of one hull gain less and less, so a stable sort keeps their order.
    steps.sort_by(|a, b| b.gain.total_cmp(&a.gain));
    let mut ended = vec![false; items.len()];
    for step in steps {
        // A step begins where the one before it ended.
        if ended[step.item] || step.bytes > left {
            ended[step.item] = true;
            continue;
        }
        left -= step.bytes;
        chosen[step.item] = step.choice;
    }
    Some(chosen)
}

/// Bytes of the smallest choices.
pub fn least_bytes(items: &[Vec<Choice>]) -> u64 {
    let least = |choices: &Vec<Choice>| choices.iter().map(|choice| choice.bytes).min();
    items.iter().filter_map(least).sum()
}

fn bytes(items: &[Vec<Choice>], chosen: &[usize]) -> u64 {
    let of = |(choices, index): (&Vec<Choice>, &usize)| choices[*index].bytes;
    items.iter().zip(chosen).map(of).sum()
}

/// Choices on the lower hull, from the smallest on: more bytes, less loss, and less gain a byte with every step.
fn hull(choices: &[Choice]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..choices.len()).collect();
    order.sort_by(|&a, &b| {
        let (a, b) = (choices[a], choices[b]);
        a.bytes.cmp(&b.bytes).then(a.loss.total_cmp(&b.loss))
    });
    let mut hull: Vec<usize> = Vec::new();
    for index in order {
        if hull
            .last()
            .is_some_and(|last| choices[*last].loss <= choices[index].loss)
        {
            continue;
        }
        while let [.., before, last] = hull[..] {
            if gain(choices[before], choices[last]) > gain(choices[last], choices[index]) {
                break;
            }
            hull.pop();
        }
        hull.push(index);
    }
    hull
}

fn gain(from: Choice, to: Choice) -> f64 {
    (from.loss - to.loss) / (to.bytes - from.bytes) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn loss(items: &[Vec<Choice>], chosen: &[usize]) -> f64 {
        items
            .iter()
            .zip(chosen)
            .map(|(choices, index)| choices[*index].loss)
            .sum()
    }

    /// All ways to choose.
    fn best(items: &[Vec<Choice>], budget: u64) -> Option<f64> {
        let mut ways: Vec<Vec<usize>> = vec![Vec::new()];
        for choices in items {
            ways = ways
                .iter()
                .flat_map(|way| (0..choices.len()).map(|index| [way.clone(), vec![index]].concat()))
                .collect();
        }
        let fitting = ways.iter().filter(|way| bytes(items, way) <= budget);
        fitting.map(|way| loss(items, way)).min_by(f64::total_cmp)
    }

    fn items() -> impl Strategy<Value = Vec<Vec<Choice>>> {
        let choice = (1u64..40, 0u32..100).prop_map(|(bytes, loss)| Choice {
            bytes,
            loss: f64::from(loss),
        });
        proptest::collection::vec(proptest::collection::vec(choice, 1..5), 0..6)
    }

    proptest! {
        #[test]
        fn fits_whenever_anything_fits_and_is_near_the_best(items in items(), budget in 0u64..150) {
            let best = best(&items, budget);
            let chosen = choose(&items, budget);
            prop_assert_eq!(chosen.is_some(), best.is_some());
            prop_assert_eq!(budget >= least_bytes(&items), best.is_some());
            if let (Some(chosen), Some(best)) = (chosen, best) {
                prop_assert!(bytes(&items, &chosen) <= budget);
                // One step that just does not fit is all that the relaxation may be away from the best.
                let step = items.iter().map(|choices| {
                    let losses = choices.iter().map(|choice| choice.loss);
                    losses.clone().fold(0.0, f64::max) - losses.fold(f64::INFINITY, f64::min)
                });
                let step = step.fold(0.0, f64::max);
                prop_assert!(loss(&items, &chosen) <= best + step + 1e-9);
            }
        }
    }

    #[test]
    fn bytes_go_where_they_help_most() {
        let choice = |bytes, loss| Choice { bytes, loss };
        let items = [
            vec![choice(10, 100.0), choice(20, 10.0), choice(30, 1.0)],
            vec![choice(10, 20.0), choice(20, 8.0), choice(30, 7.0)],
        ];
        assert_eq!(choose(&items, 19), None);
        assert_eq!(choose(&items, 30), Some(vec![1, 0]));
        assert_eq!(choose(&items, 40), Some(vec![1, 1]));
        assert_eq!(choose(&items, 1000), Some(vec![2, 2]));
        // What lies above the line between its neighbours is passed over.
        let dented = [vec![choice(10, 100.0), choice(20, 99.0), choice(30, 1.0)]];
        assert_eq!(choose(&dented, 25), Some(vec![0]));
        assert_eq!(choose(&dented, 30), Some(vec![2]));
    }
}
