//! A job that is run to learn how long its parts take.

use super::{Job, Unit};
use crate::CompressError;
use crate::job::activations::Progress;
use crate::prepass::PrepassUnit;
use kerf_kernels::Spent;
use kerf_run::Alone;

/// What the parts of one block took.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    /// Calibration tokens.
    pub tokens: usize,
    /// Seconds of embedding all tokens.
    pub embed: f64,
    /// For each step through the block: seconds of reading its weights, and of the whole step.
    pub moves: Vec<(f64, f64)>,
    /// Every matrix.
    pub solved: Vec<SolvedSample>,
    /// The unit that measures each matrix alone, if there is one.
    pub probed: Option<ProbedSample>,
}

/// What it took to measure each matrix alone.
#[derive(Debug, Default)]
pub(crate) struct ProbedSample {
    /// Tokens of all models through the block.
    pub network: Spent,
    /// How far the models are from the dense one.
    pub distance: Spent,
    /// Everything else: second moments and roundings.
    pub matrices: Spent,
}

impl ProbedSample {
    fn parts(&mut self) -> [&mut Spent; 3] {
        [&mut self.network, &mut self.distance, &mut self.matrices]
    }
}

/// What one matrix took.
#[derive(Debug)]
pub(crate) struct SolvedSample {
    pub role: &'static str,
    pub embedding: bool,
    pub weights: f64,
    /// Whether it was the first of those that share its input, so that the factor was made for it.
    pub first_of_input: bool,
    pub seconds: f64,
}

impl Sample {
    /// Seconds per weight of some matrices.
    pub fn rate(&self, of: impl Fn(&SolvedSample) -> bool) -> Option<f64> {
        let sums = self
            .solved
            .iter()
            .filter(|solved| of(solved))
            .fold((0.0, 0.0), |sums, solved| {
                (sums.0 + solved.seconds, sums.1 + solved.weights)
            });
        (sums.1 > 0.0).then(|| sums.0 / sums.1)
    }
}

impl Sample {
    /// Of each part, what it took at best.
    pub fn keep_shorter(&mut self, mut other: Self) {
        self.embed = self.embed.min(other.embed);
        for (mine, theirs) in self.moves.iter_mut().zip(&other.moves) {
            *mine = (mine.0.min(theirs.0), mine.1.min(theirs.1));
        }
        for (mine, theirs) in self.solved.iter_mut().zip(&other.solved) {
            mine.seconds = mine.seconds.min(theirs.seconds);
        }
        if let (Some(mine), Some(theirs)) = (&mut self.probed, &mut other.probed) {
            for (mine, theirs) in mine.parts().into_iter().zip(theirs.parts()) {
                mine.seconds = mine.seconds.min(theirs.seconds);
            }
        }
    }
}

impl Job {
    /// Does every unit but the last, and the way through the end of the first block, with a clock in hand.
    pub(crate) fn sample(&mut self) -> Result<Sample, CompressError> {
        let mut sample = Sample {
            tokens: self.tokens(),
            ..Sample::default()
        };
        for unit in self.units.clone() {
            match unit {
                Unit::Solve(index) => {
                    let inputs = self.inputs.as_ref();
                    let first_of_input =
                        inputs.is_some_and(|(_, inputs)| inputs.factor.get().is_none());
                    let begun = (self.clock)();
                    self.solve(index, &mut Alone)?;
                    self.flush()?;
                    let matrix = self.matrix(index);
                    sample.solved.push(SolvedSample {
                        role: matrix.role,
                        embedding: matrix.embedding,
                        first_of_input,
                        weights: (matrix.rows * matrix.cols) as f64,
                        seconds: (self.clock)() - begun,
                    });
                }
                Unit::Statistics(0, 0) => {
                    let begun = (self.clock)();
                    self.activations = Some(self.embed(&mut Alone)?);
                    sample.embed = (self.clock)() - begun;
                    self.sample_move(&mut sample, Progress::at_block(0), |job| {
                        job.statistics(0, 0, &mut Alone)
                    })?;
                }
                Unit::Statistics(block, input) => {
                    let inputs_done = input;
                    self.sample_move(&mut sample, Progress { block, inputs_done }, |job| {
                        job.statistics(block, input, &mut Alone)
                    })?;
                }
                Unit::Prepass(PrepassUnit::Probe) => sample.probed = Some(self.sample_probe()?),
                Unit::Prepass(_) | Unit::Allocate => {}
                Unit::Forward(_) | Unit::Measure | Unit::Write => {}
            }
        }
        if self.plan.calibrated() {
            let inputs_done = self.network().inputs();
            let end = Progress {
                block: 0,
                inputs_done,
            };
            self.sample_move(&mut sample, end, |job| job.forward(0, &mut Alone))?;
        }
        Ok(sample)
    }

    fn sample_probe(&mut self) -> Result<ProbedSample, CompressError> {
        let meter = self.compute.meter.clone();
        meter.take();
        meter.step(super::work::REST, || self.probe(&mut Alone))?;
        let mut probed = ProbedSample::default();
        for (step, spent) in meter.take() {
            let part = match step {
                "network" => &mut probed.network,
                "distance" => &mut probed.distance,
                _ => &mut probed.matrices,
            };
            part.add(spent);
        }
        Ok(probed)
    }

    fn sample_move(
        &mut self,
        sample: &mut Sample,
        at: Progress,
        go: impl FnOnce(&mut Self) -> Result<(), CompressError>,
    ) -> Result<(), CompressError> {
        let begun = (self.clock)();
        drop(self.load_parts(at)?);
        let load = (self.clock)() - begun;
        let begun = (self.clock)();
        go(self)?;
        sample.moves.push((load, (self.clock)() - begun));
        Ok(())
    }
}
