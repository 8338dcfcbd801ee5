//! The loop: a step for each lesson, a look at the held-out share now and then, the best state kept.

use super::student::{State, Student};
use crate::CompressError;
use kerf_kernels::Compute;
use kerf_model::backward::Gradients;
use kerf_train::{AdamW, Curve, Optimizer, Rate, Rule, shuffled};

/// What a student learns.
pub(crate) trait Task {
    /// Lessons to learn from.
    fn lessons(&self) -> usize;
    /// Tokens of a lesson.
    fn tokens(&self, index: usize) -> usize;
    /// Loss of a lesson, and its gradients for what the network read.
    fn lesson(
        &mut self,
        student: &Student,
        index: usize,
        gradients: &mut Gradients,
    ) -> Result<f64, CompressError>;
    /// Mean loss of the held-out share.
    fn held(&mut self, student: &Student) -> Result<f64, CompressError>;
}

/// How a student is taught.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course {
    /// Steps in all.
    pub steps: u64,
    /// Highest learning rate of weights, as a share of their root mean square.
    pub learning_rate: f64,
    /// Factor for scales.
    pub scale_rate: f64,
    /// Factor for norms and biases.
    pub vector_rate: f64,
    /// Seed of the order.
    pub seed: u64,
}

/// Looks at the held-out share after the first.
const LOOKS: u64 = 10;
/// Looks in a row that may show no improvement.
const PATIENCE: u64 = 4;
/// A gradient of a larger norm is shortened to it.
const CLIP: f64 = 1.0;

/// What came of it.
#[derive(Clone)]
pub(crate) struct Taught {
    /// Held-out loss before.
    pub before: f64,
    /// That of the best state.
    pub after: f64,
    /// Steps done.
    pub steps: u64,
    /// Tokens of all steps.
    pub tokens: usize,
    /// The best state; `None` if that is the first.
    pub best: Option<State>,
}

/// Teaches. `told` gets the number of steps done, and may end the loop by an error.
pub(crate) fn teach(
    compute: &Compute,
    student: &mut Student,
    task: &mut dyn Task,
    course: &Course,
    told: &mut dyn FnMut(u64) -> Result<(), CompressError>,
) -> Result<Taught, CompressError> {
    let before = task.held(student)?;
    let mut taught = Taught {
        before,
        after: before,
        steps: 0,
        tokens: 0,
        best: None,
    };
    let names: Vec<String> = student.masters.names().map(String::from).collect();
    let names = || names.iter().map(String::as_str);
    let settings = AdamW::default();
    let mut optimizer = Optimizer::new(settings, &student.masters, names())?;
    let mut gradients = Gradients::zeros(&student.masters, names())?;
    let rate = Rate {
        peak: course.learning_rate,
        end: 0.05,
        warm_up: 0.05,
        curve: Curve::Linear,
    };
    let rules = Rules::of(student, course);
    let mut since = 0;
    let mut list = Vec::new();
    let lessons = task.lessons().max(1) as u64;
    for step in 0..course.steps {
        if step % lessons == 0 {
            list = shuffled(lessons as usize, course.seed.wrapping_add(step / lessons));
        }
        gradients.clear();
        let lesson = list[(step % lessons) as usize];
        let loss = task.lesson(student, lesson, &mut gradients)?;
        if !loss.is_finite() {
            break; // The best state stays.
        }
        student.fold(compute, &mut gradients);
        let norm = gradients.norm(compute);
        let scale = if norm > CLIP { CLIP / norm } else { 1.0 };
        let now = rate.at(step, course.steps);
        let rule = |name: &str| rules.rule(name, now);
        optimizer.step(compute, &mut student.masters, &gradients, scale, rule)?;
        student.round(compute);
        taught.steps = step + 1;
        taught.tokens += task.tokens(lesson);
        told(taught.steps)?;
        if !looks_after(taught.steps, course.steps) {
            continue;
        }
        let held = task.held(student)?;
        if std::env::var("KERF_RECOVER_TRACE").is_ok() {
            eprintln!(
                "  step {} rate {now:.2e} loss {loss:.5} held {held:.5} (before {before:.5}) norm {norm:.3} kept {} {:?}",
                step + 1,
                student.price.is_met(),
                student.price
            );
        }
        if held < taught.after && student.price.is_met() {
            since = 0;
            taught.after = held;
            taught.best = Some(student.state());
        } else if student.price.is_met() {
            since += 1;
        }
        if since >= PATIENCE {
            break;
        }
    }
    Ok(taught)
}

/// Whether the held-out share is looked at after so many steps.
fn looks_after(done: u64, steps: u64) -> bool {
    done * LOOKS / steps != (done - 1) * LOOKS / steps
}

/// How each tensor moves: learning rates are shares of the size of a tensor at the start.
struct Rules(std::collections::HashMap<String, Own>);

/// Of one tensor.
struct Own {
    /// Root mean square of what is not 0, times the factor of its kind.
    size: f64,
    hold_zeros: bool,
}

impl Rules {
    fn of(student: &Student, course: &Course) -> Self {
        let mut rules = std::collections::HashMap::new();
        let mut add = |name: &str, factor: f64, hold_zeros: bool| {
            let size = student.masters.get(name).map_or(0.0, size) * factor;
            rules.insert(name.to_string(), Own { size, hold_zeros });
        };
        for learner in &student.learners {
            // Without a mask, what is 0 may become something else.
            add(&learner.name, 1.0, learner.rounded.mask.is_some());
            if learner.scales().is_some() {
                add(&learner.scales_name(), course.scale_rate, true);
            }
        }
        for vector in &student.vectors {
            add(&vector.name, course.vector_rate, false);
        }
        Self(rules)
    }

    fn rule(&self, name: &str, rate: f64) -> Rule {
        let own = &self.0[name];
        Rule {
            rate: rate * own.size,
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
