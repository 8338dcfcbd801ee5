//! One-dimensional k-means, solved exactly.

/// For each value the number of its cluster, of at most `k`, counted from the lowest. The sum of squared distances to the means of the
/// clusters is the least possible; clusters of sorted values are runs of them, so a table over runs finds it.
///
/// Cost: k n^2.
pub(super) fn cluster(values: &[f64], k: usize) -> Vec<usize> {
    let n = values.len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]).then(a.cmp(&b)));
    let sorted: Vec<f64> = order.iter().map(|&index| values[index]).collect();
    let mut clusters = vec![0; n];
    for (number, start) in starts(&sorted, k).into_iter().enumerate() {
        order[start..]
            .iter()
            .for_each(|&index| clusters[index] = number);
    }
    clusters
}

/// Where the runs start, the first at 0.
fn starts(sorted: &[f64], k: usize) -> Vec<usize> {
    let n = sorted.len();
    let runs = Runs::of(sorted);
    // best[end]: the least cost of sorted[..end] in as many runs as were added so far; cuts: where the last of them starts.
    let mut best: Vec<f64> = (0..=n).map(|end| runs.cost(0, end)).collect();
    let mut cuts: Vec<Vec<usize>> = Vec::new();
    for _ in 1..k.min(n) {
        let mut next = best.clone();
        let mut cut = vec![0; n + 1];
        for end in 1..=n {
            for (start, before) in best.iter().enumerate().take(end).skip(1) {
                let cost = before + runs.cost(start, end);
                if cost < next[end] {
                    (next[end], cut[end]) = (cost, start);
                }
            }
        }
        // A zero means that another run is of no use.
        best = next;
        cuts.push(cut);
    }
    let (mut found, mut end) = (Vec::new(), n);
    for cut in cuts.iter().rev() {
        if cut[end] > 0 {
            found.push(cut[end]);
            end = cut[end];
        }
    }
    found.push(0);
    found.reverse();
    found
}

/// Sums of values and of their squares up to each place, of values moved to their mean so that little is lost.
struct Runs {
    sums: Vec<f64>,
    squares: Vec<f64>,
}

impl Runs {
    fn of(values: &[f64]) -> Self {
        let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
        let (mut sums, mut squares) = (vec![0.0], vec![0.0]);
        for (i, value) in values.iter().map(|value| value - mean).enumerate() {
            sums.push(sums[i] + value);
            squares.push(squares[i] + value * value);
        }
        Self { sums, squares }
    }

    /// Squared distances of a run to its mean.
    fn cost(&self, start: usize, end: usize) -> f64 {
        if end - start < 2 {
            return 0.0;
        }
        let sum = self.sums[end] - self.sums[start];
        (self.squares[end] - self.squares[start] - sum * sum / (end - start) as f64).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cost(values: &[f64], clusters: &[usize]) -> f64 {
        let number = clusters.iter().max().map_or(0, |most| most + 1);
        let of = |c: usize| {
            let own: Vec<f64> = values
                .iter()
                .zip(clusters)
                .filter(|(_, of)| **of == c)
                .map(|(v, _)| *v)
                .collect();
            let mean = own.iter().sum::<f64>() / own.len().max(1) as f64;
            own.iter().map(|v| (v - mean).powi(2)).sum::<f64>()
        };
        (0..number).map(of).sum()
    }

    /// Every way to cut the sorted values into at most k runs.
    fn least(values: &[f64], k: usize) -> f64 {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len();
        let ways = (0u32..1 << (n - 1)).filter(|cuts| cuts.count_ones() < k as u32);
        let costs = ways.map(|cuts| {
            let clusters: Vec<usize> = (0..n)
                .map(|i| (cuts & ((1 << i) - 1)).count_ones() as usize)
                .collect();
            cost(&sorted, &clusters)
        });
        costs.fold(f64::INFINITY, f64::min)
    }

    proptest! {
        #[test]
        fn no_cut_into_runs_is_better(values in proptest::collection::vec(-4i32..9, 1..11), k in 1usize..6) {
            let values: Vec<f64> = values.into_iter().map(|v| f64::from(v) * 0.7).collect();
            let clusters = cluster(&values, k);
            prop_assert!(clusters.iter().all(|c| *c < k));
            prop_assert!(cost(&values, &clusters) <= least(&values, k) + 1e-9);
        }
    }

    #[test]
    fn clusters_are_counted_from_the_lowest() {
        assert_eq!(cluster(&[5.0, -1.0, 5.1, 0.0, 9.0], 3), [1, 0, 1, 0, 2]);
        assert_eq!(cluster(&[2.0, 2.0], 5), [0, 0]);
        assert!(cluster(&[], 3).is_empty());
    }
}
