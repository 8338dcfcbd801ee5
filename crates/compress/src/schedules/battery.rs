//! What every row of the table keeps to, on made up curves.

use super::*;

/// A part whose weights cost between a thousandth of `cost` and `cost`; a costly part has more outliers.
fn part(weights: usize, cost: f64) -> ScheduleItem {
    let costs = (0..weights as u64).map(move |i| (1, cost * (i + 1) as f64 / weights as f64));
    ScheduleItem {
        weights,
        loss: LossCurve::of_groups(costs),
        outlier_ratio: 0.01 + 0.001 * cost.max(1e-9).log10(),
        probe: Some(cost * weights as f64),
    }
}

fn parts() -> Vec<ScheduleItem> {
    let sizes = [4096, 4096, 1024, 16384, 99, 7, 4096, 4096];
    let costs = [1.0, 30.0, 0.002, 5.0, 1e4, 1e-6, 8.0, 0.5];
    sizes
        .iter()
        .zip(costs)
        .map(|(&weights, cost)| part(weights, cost))
        .collect()
}

fn asked(sparsity: f64, levels: usize) -> Asked {
    Asked {
        sparsity,
        levels,
        slope: 0.1,
    }
}

fn every(check: impl Fn(&dyn Schedule, &Asked)) {
    for schedule in table() {
        for levels in [0, 1, 2, 6, 50] {
            for sparsity in [0.0, 0.1, 0.5, 0.7, 0.8, 0.95, 0.99] {
                check(*schedule, &asked(sparsity, levels));
            }
        }
    }
}

#[test]
fn every_schedule_meets_the_global_budget_within_its_limits() {
    let parts = parts();
    let total: usize = parts.iter().map(|part| part.weights).sum();
    every(|schedule, asked| {
        let shares = schedule.allocate(&parts, asked);
        assert_eq!(shares.len(), parts.len(), "{}", schedule.id());
        assert!(
            shares.iter().all(|s| (0.0..=0.99).contains(s)),
            "{} {shares:?}",
            schedule.id()
        );
        let removed: f64 = shares
            .iter()
            .zip(&parts)
            .map(|(s, part)| s * part.weights as f64)
            .sum();
        let reached = removed / total as f64;
        assert!(
            (reached - asked.sparsity).abs() <= 1e-9,
            "{} {asked:?} {reached}",
            schedule.id()
        );
    });
}

#[test]
fn a_part_that_loses_more_gives_no_more() {
    let parts = parts();
    every(|schedule, asked| {
        let shares = schedule.allocate(&parts, asked);
        for (i, a) in parts.iter().enumerate() {
            for (j, b) in parts
                .iter()
                .enumerate()
                .filter(|(_, b)| b.weights == a.weights)
            {
                let more = a.loss.at(asked.sparsity) > b.loss.at(asked.sparsity);
                assert!(
                    !more || shares[i] <= shares[j] + 1e-12,
                    "{} {i} {j}",
                    schedule.id()
                );
            }
        }
    });
}

#[test]
fn schedules_that_look_at_losses_spread_where_losses_differ() {
    let parts = parts();
    for schedule in table()
        .iter()
        .filter(|schedule| schedule.needs() > Knowledge::Nothing)
    {
        let shares = schedule.allocate(&parts, &asked(0.7, 4));
        assert!(shares[2] > shares[1] + 0.02, "{} {shares:?}", schedule.id());
    }
}

#[test]
fn equal_parts_get_equal_shares_and_there_may_be_one_or_none() {
    every(|schedule, asked| {
        let parts = vec![part(640, 3.0); 5];
        for shares in [
            schedule.allocate(&parts, asked),
            schedule.allocate(&parts[..1], asked),
        ] {
            assert!(
                shares
                    .iter()
                    .all(|share| (share - asked.sparsity).abs() < 1e-9),
                "{}",
                schedule.id()
            );
        }
        assert!(schedule.allocate(&[], asked).is_empty());
    });
}

#[test]
fn losses_of_zero_do_not_break_a_schedule() {
    let mut parts = parts();
    parts[3].loss = LossCurve::zero();
    every(|schedule, asked| {
        let shares = schedule.allocate(&parts, asked);
        assert!(
            shares.iter().all(|share| share.is_finite()),
            "{}",
            schedule.id()
        );
    });
}

#[test]
fn the_same_input_gives_the_same_shares() {
    let parts = parts();
    every(|schedule, asked| {
        assert_eq!(
            schedule.allocate(&parts, asked),
            schedule.allocate(&parts, asked)
        );
    });
}

#[test]
fn error_levels_follow_their_paper() {
    // Two parts a decade apart: half of the slope to each side.
    let parts = [part(1000, 1.0), part(1000, 10.0)];
    let schedule = by_id("error-levels").unwrap();
    let shares = schedule.allocate(&parts, &asked(0.7, 0));
    assert!(
        (shares[0] - 0.75).abs() < 1e-6 && (shares[1] - 0.65).abs() < 1e-6,
        "{shares:?}"
    );
    let one = schedule.allocate(&parts, &asked(0.7, 1));
    assert!(one.iter().all(|share| (share - 0.7).abs() < 1e-9));
    // No further than a quarter below and 0.15 above.
    let far = [part(1000, 1.0), part(1000, 1e9)];
    let shares = schedule.allocate(&far, &asked(0.7, 0));
    assert!(
        (shares[0] - 0.85).abs() < 1e-9 && (shares[1] - 0.55).abs() < 1e-9,
        "{shares:?}"
    );
}

#[test]
fn ids_are_unique() {
    let mut ids = ids();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), table().len());
}
