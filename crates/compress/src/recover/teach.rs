//! The loop: a step for each lesson, a look at the held-out share now and then, the best state kept.

use super::rules::Rules;
use super::student::{State, Student};
use crate::CompressError;
use kerf_kernels::Compute;
use kerf_model::backward::Gradients;
use kerf_train::{AdamW, Curve, Optimizer, Rate, clipping, shuffled};
use serde::{Deserialize, Serialize};

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
    /// Share of them in which only scales, norms and biases move.
    pub continuous: f64,
    /// Highest learning rate of weights, as a share of their root mean square.
    pub learning_rate: f64,
    /// Seed of the order.
    pub seed: u64,
}

/// Looks at the held-out share after the first.
const LOOKS: u64 = 10;
/// Looks in a row that may show no improvement before the learning rate is halved: what a model can bear is not known before.
const PATIENCE: u64 = 2;
/// Times that the rate is halved before the course ends.
const HALVINGS: u32 = 3;
/// A gradient of a larger norm is shortened to it.
const CLIP: f64 = 1.0;

impl Course {
    fn rate(&self) -> Rate {
        Rate {
            peak: self.learning_rate,
            end: 0.05,
            warm_up: 0.05,
            curve: Curve::Linear,
        }
    }

    /// Whether the values of the survivors move at a step, or only what is around them.
    fn moves_values(&self, step: u64) -> bool {
        step as f64 >= self.continuous * self.steps as f64
    }

    /// Whether the held-out share is looked at after so many steps.
    fn looks_after(&self, done: u64) -> bool {
        done * LOOKS / self.steps != (done - 1) * LOOKS / self.steps
    }
}

/// How far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Standing {
    /// Held-out loss before.
    pub before: f64,
    /// That of the best state.
    pub after: f64,
    /// Steps done.
    pub steps: u64,
    /// Tokens of all steps.
    pub tokens: usize,
    /// Looks since the best state, or since the rate was halved.
    pub since: u64,
    /// Times that the rate was halved.
    pub halvings: u32,
}

/// A student on its course.
pub(crate) struct Teaching<'a> {
    pub compute: &'a Compute,
    pub student: Student,
    pub course: Course,
    pub optimizer: Optimizer,
    pub standing: Standing,
    /// The best state; `None` if that is the first.
    pub best: Option<State>,
    rules: Rules,
}

impl<'a> Teaching<'a> {
    /// Before the first step.
    pub fn new(
        compute: &'a Compute,
        student: Student,
        course: Course,
    ) -> Result<Self, CompressError> {
        let optimizer =
            Optimizer::new(AdamW::default(), &student.masters, student.masters.names())?;
        Ok(Self {
            rules: Rules::of(&student),
            compute,
            student,
            course,
            optimizer,
            standing: Standing::default(),
            best: None,
        })
    }

    /// Teaches to the end, or until the held-out loss no longer falls, at an eighth of the rate either. `told` gets the number of steps done, and `keep` the state after
    /// each look; both may end the loop by an error.
    pub fn run(
        &mut self,
        task: &mut dyn Task,
        told: &mut dyn FnMut(u64) -> Result<(), CompressError>,
        keep: &mut dyn FnMut(&Self) -> Result<(), CompressError>,
    ) -> Result<(), CompressError> {
        if self.standing.steps == 0 {
            self.standing.before = task.held(&self.student)?;
            self.standing.after = self.standing.before;
        }
        told(self.standing.steps)?;
        let names: Vec<String> = self.student.masters.names().map(String::from).collect();
        let names = names.iter().map(String::as_str);
        let mut gradients = Gradients::zeros(&self.student.masters, names)?;
        let lessons = task.lessons().max(1) as u64;
        let mut pass = (u64::MAX, Vec::new());
        while self.standing.steps < self.course.steps && self.standing.halvings <= HALVINGS {
            let step = self.standing.steps;
            if pass.0 != step / lessons {
                let at = step / lessons;
                pass = (
                    at,
                    shuffled(lessons as usize, self.course.seed.wrapping_add(at)),
                );
            }
            let lesson = pass.1[(step % lessons) as usize];
            if !self.step(task, lesson, &mut gradients)? {
                break; // The best state stays.
            }
            told(self.standing.steps)?;
            if self.course.looks_after(self.standing.steps) {
                let held = task.held(&self.student)?;
                self.look(held);
                keep(self)?;
            }
        }
        Ok(())
    }

    /// One step; `false` if the loss is no number.
    fn step(
        &mut self,
        task: &mut dyn Task,
        lesson: usize,
        gradients: &mut Gradients,
    ) -> Result<bool, CompressError> {
        gradients.clear();
        let loss = task.lesson(&self.student, lesson, gradients)?;
        if !loss.is_finite() {
            return Ok(false);
        }
        self.student.fold(self.compute, gradients);
        let norm = gradients.norm(self.compute);
        let scale = clipping(norm, CLIP);
        let step = self.standing.steps;
        let rate = self.course.rate().at(step, self.course.steps);
        let rate = rate * 0.5f64.powi(self.standing.halvings as i32);
        let values = self.course.moves_values(step);
        let rule = |name: &str| self.rules.rule(name, rate, values);
        let masters = &mut self.student.masters;
        self.optimizer
            .step(self.compute, masters, gradients, scale, rule)?;
        self.student.round(self.compute);
        self.standing.steps += 1;
        self.standing.tokens += task.tokens(lesson);
        Ok(true)
    }

    fn look(&mut self, held: f64) {
        if !self.student.price.is_met() {
            return;
        }
        if held < self.standing.after {
            self.standing.since = 0;
            self.standing.after = held;
            self.best = Some(self.student.state());
        } else {
            self.standing.since += 1;
        }
        if self.standing.since >= PATIENCE {
            self.standing.since = 0;
            self.standing.halvings += 1;
        }
    }
}
