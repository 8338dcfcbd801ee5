//! Fewer events for hosts that pay for each: at most about twenty a second, but never without the last of a stage, and
//! never with a piece of generated text lost.

use kerf_run::{Event, Stage};
use web_time::{Duration, Instant};

/// Shortest time between two events of one stage that count the same.
const INTERVAL: Duration = Duration::from_millis(50);

/// Holds events back that follow another too soon. Keeps the order.
#[derive(Debug, Default)]
pub struct Coalescer {
    held: Option<Event>,
    sent: Option<(Stage, String, Instant)>,
}

impl Coalescer {
    /// Takes an event that happened at `now`; returns those to deliver, in order (none, one or two).
    pub fn push(&mut self, event: Event, now: Instant) -> Vec<Event> {
        let mut ready = Vec::new();
        let event = match self.held.take() {
            Some(held) if counts_same(&held, event.stage, &event.unit) => merge(held, event),
            Some(held) => {
                ready.push(held);
                event
            }
            None => event,
        };
        if self.is_due(&event, now) {
            self.sent = Some((event.stage, event.unit.clone(), now));
            ready.push(event);
        } else {
            self.held = Some(event);
        }
        ready
    }

    /// The event that was still held back, once the work is over.
    pub fn finish(&mut self) -> Option<Event> {
        self.held.take()
    }

    fn is_due(&self, event: &Event, now: Instant) -> bool {
        let is_last = event.total > 0 && event.done >= event.total;
        match &self.sent {
            Some((stage, unit, at)) if counts_same(event, *stage, unit) => {
                is_last || now.duration_since(*at) >= INTERVAL
            }
            _ => true,
        }
    }
}

fn counts_same(event: &Event, stage: Stage, unit: &str) -> bool {
    event.stage == stage && event.unit == unit
}

/// The newer event stands for both; pieces of text are joined.
fn merge(older: Event, mut newer: Event) -> Event {
    if newer.stage == Stage::Generate && newer.unit == "tokens" {
        newer.name.insert_str(0, &older.name);
    }
    newer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(stage: Stage, done: u64, name: &str) -> Event {
        Event {
            stage,
            done,
            total: 1000,
            unit: "tokens".into(),
            name: name.into(),
            overall: 0.0,
        }
    }

    fn run(events: &[(u64, Event)]) -> Vec<Event> {
        let start = Instant::now();
        let mut coalescer = Coalescer::default();
        let mut out = Vec::new();
        for (ms, event) in events {
            out.extend(coalescer.push(event.clone(), start + Duration::from_millis(*ms)));
        }
        out.extend(coalescer.finish());
        out
    }

    #[test]
    fn a_flood_becomes_twenty_a_second_and_ends_with_the_last() {
        let flood: Vec<_> = (1..=1000)
            .map(|done| (done, event(Stage::Solve, done, "x")))
            .collect();
        let out = run(&flood);
        assert!((20..=22).contains(&out.len()), "{}", out.len());
        assert_eq!(out.last().map(|event| event.done), Some(1000));
        assert!(out.windows(2).all(|pair| pair[0].done < pair[1].done));
    }

    #[test]
    fn the_last_of_each_stage_is_delivered_before_the_next_stage() {
        let out = run(&[
            (0, event(Stage::Plan, 1, "a")),
            (1, event(Stage::Plan, 2, "b")),
            (2, event(Stage::Solve, 1, "c")),
        ]);
        let names: Vec<_> = out.iter().map(|event| event.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c"]);
    }

    #[test]
    fn the_last_of_what_a_stage_counts_is_delivered_before_it_counts_something_else() {
        let texts = |done| Event {
            unit: "texts".into(),
            ..event(Stage::Evaluate, done, "")
        };
        let tokens = |done| event(Stage::Evaluate, done, "");
        let out = run(&[(0, tokens(1)), (1, tokens(2)), (2, texts(1)), (3, texts(2))]);
        let told: Vec<_> = out.iter().map(|e| (e.unit.as_str(), e.done)).collect();
        assert_eq!(
            told,
            [("tokens", 1), ("tokens", 2), ("texts", 1), ("texts", 2)]
        );
    }

    #[test]
    fn no_piece_of_text_is_lost() {
        let pieces: Vec<_> = (1..=100)
            .map(|done| (done * 3, event(Stage::Generate, done, &format!("{done} "))))
            .collect();
        let expected: String = pieces.iter().map(|(_, event)| event.name.clone()).collect();
        let out = run(&pieces);
        assert!(out.len() < 10);
        let text: String = out.iter().map(|event| event.name.as_str()).collect();
        assert_eq!(text, expected);
    }
}
