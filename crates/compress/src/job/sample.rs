//! A job that is run to learn how long its parts take.

use super::Job;
use super::blocks::{embed, load_parts};
use super::units::{Unit, matrix_at};
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
    /// Seconds of teaching a block, if it is taught.
    pub recovered: Option<f64>,
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
        if let (Some(mine), Some(theirs)) = (&mut self.recovered, other.recovered) {
            *mine = mine.min(theirs);
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

/// Does every unit of a job but the last, and the way through the end of the first block, with a clock in hand.
pub(crate) fn sample(job: &mut Job) -> Result<Sample, CompressError> {
    let clock = job.machine.clock;
    let mut sample = Sample {
        tokens: job.machine.tokens(),
        ..Sample::default()
    };
    for unit in job.units.clone() {
        match unit {
            Unit::Solve(index) => sample.solved.push(sample_solve(job, index)?),
            Unit::Statistics(0, 0) => {
                let begun = clock();
                let first = embed(&job.machine, &job.plan, &job.journal, &mut Alone)?;
                job.walk.activations = Some(first);
                sample.embed = clock() - begun;
                sample
                    .moves
                    .push(sample_move(job, unit, Progress::at_block(0))?);
            }
            Unit::Statistics(block, input) => {
                let inputs_done = input;
                let at = Progress { block, inputs_done };
                sample.moves.push(sample_move(job, unit, at)?);
            }
            Unit::Prepass(PrepassUnit::Probe) => sample.probed = Some(sample_probe(job)?),
            Unit::Prepass(_) | Unit::Allocate => {}
            Unit::Recover(_) => {
                let begun = clock();
                job.run(unit, &mut Alone)?;
                sample.recovered = Some(clock() - begun);
            }
            Unit::RecoverWhole => {}
            Unit::Forward(_) | Unit::Measure | Unit::Write => {}
        }
    }
    if job.plan.calibrated() {
        let inputs_done = job.machine.network().inputs();
        let block = 0;
        let end = Progress { block, inputs_done };
        sample.moves.push(sample_move(job, Unit::Forward(0), end)?);
    }
    Ok(sample)
}

fn sample_solve(job: &mut Job, index: usize) -> Result<SolvedSample, CompressError> {
    let inputs = job.walk.inputs.as_ref();
    let first_of_input = inputs.is_some_and(|(_, inputs)| inputs.factor.get().is_none());
    let begun = (job.machine.clock)();
    job.run(Unit::Solve(index), &mut Alone)?;
    job.solver.flush(&mut job.journal)?;
    let matrix = matrix_at(&job.plan, index);
    Ok(SolvedSample {
        role: matrix.role,
        embedding: matrix.embedding,
        first_of_input,
        weights: (matrix.rows * matrix.cols) as f64,
        seconds: (job.machine.clock)() - begun,
    })
}

fn sample_probe(job: &mut Job) -> Result<ProbedSample, CompressError> {
    let meter = job.machine.compute.meter.clone();
    meter.take();
    let unit = Unit::Prepass(PrepassUnit::Probe);
    meter.section(super::work::REST, || job.run(unit, &mut Alone))?;
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

/// Seconds of reading the weights at a place, and of the unit that goes on from there.
fn sample_move(job: &mut Job, unit: Unit, at: Progress) -> Result<(f64, f64), CompressError> {
    let clock = job.machine.clock;
    let begun = clock();
    drop(load_parts(&job.machine, &job.plan, &job.journal, at)?);
    let load = clock() - begun;
    let begun = clock();
    job.run(unit, &mut Alone)?;
    Ok((load, clock() - begun))
}
