//! Shares that meet a budget exactly.

use super::ScheduleItem;

/// Halvings of the interval that holds the shift: more than an f64 has bits.
const HALVINGS: usize = 100;

/// The wanted shares, moved by one common shift so that, each clipped to `least..=most`, their mean weighted by size is `mean`
/// (which lies within the limits). Order is kept: a part that wants more gets no less.
pub(super) fn shifted(
    parts: &[ScheduleItem],
    wanted: &[f64],
    (least, most): (f64, f64),
    mean: f64,
) -> Vec<f64> {
    let total: f64 = parts.iter().map(|part| part.weights as f64).sum();
    let share = |wanted: f64, shift: f64| (wanted + shift).clamp(least, most);
    let reached = |shift: f64| {
        let removed = parts
            .iter()
            .zip(wanted)
            .map(|(part, w)| share(*w, shift) * part.weights as f64);
        removed.sum::<f64>() / total
    };
    let spread = wanted
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), w| {
            (low.min(*w), high.max(*w))
        });
    let (mut low, mut high) = (least - spread.1, most - spread.0);
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        match reached(middle) < mean {
            true => low = middle,
            false => high = middle,
        }
    }
    wanted.iter().map(|w| share(*w, high)).collect()
}
