//! The candidates of a search: a level for each group of matrices, and how far the model with it is from the dense one.

use super::{generations, halves, level_unit, levels, report_search};
use crate::CompressError;
use crate::job::Machine;
use crate::job::overlay::unit_catalog;
use crate::job::records::Journal;
use crate::plan::Plan;
use crate::prepass::search::{LEVELS, ROUND_TOKENS, SURVIVORS};
use kerf_model::evaluate::{Closeness, Pooling, Runner};
use kerf_model::evolve::{Candidates, Draws, Round};
use kerf_model::{Overlay, WeightSource, finite};
use kerf_run::Host;
use kerf_tensors::Catalog;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// Most switches of one mutation.
const SWITCHES: usize = 3;
/// Draws after which a switch is given up.
const TRIES: usize = 32;

/// What gets one level.
pub(super) struct LevelGroup {
    /// Indices among the targets.
    pub matrices: Vec<usize>,
    weights: usize,
    /// Levels that all of its matrices have.
    levels: Range<i8>,
}

/// The candidates: a level for each part.
pub(super) struct Switches<'a> {
    machine: &'a Machine,
    plan: &'a Plan,
    host: &'a mut dyn Host,
    pub parts: Vec<LevelGroup>,
    /// Solved matrices, by target and level.
    solved: HashMap<(usize, i8), Arc<Catalog>>,
    closeness: Closeness<'a>,
    /// Sequences for each number of tokens of a round.
    efforts: [usize; 2],
}

impl<'a> Switches<'a> {
    pub fn new(
        machine: &'a Machine,
        plan: &'a Plan,
        journal: &Journal,
        indices: &[usize],
        host: &'a mut dyn Host,
    ) -> Result<Self, CompressError> {
        let (_, held) = halves(machine);
        let mut dense = Runner::new(machine.network(), &machine.catalog, &machine.compute, 0);
        let closeness = Closeness::new(&mut dense, &held, Pooling::Mean)?;
        let mut solved = HashMap::new();
        for &index in indices {
            let matrix = &plan.targets[index];
            for (level, _) in levels(plan, matrix) {
                if let Some(record) = journal.get(&level_unit(&matrix.name, level)) {
                    solved.insert(
                        (index, level),
                        Arc::new(unit_catalog(journal.workspace(), &record.file)?),
                    );
                }
            }
        }
        Ok(Self {
            parts: parts(plan, indices),
            machine,
            plan,
            host,
            solved,
            closeness,
            efforts: ROUND_TOKENS.map(|tokens| sequences_for(&held, tokens)),
        })
    }

    /// One round where there is so little text that a second would measure the same.
    pub fn rounds(&self) -> Vec<Round> {
        let [few, many] = self.efforts;
        let first = Round {
            effort: few,
            survivors: SURVIVORS,
        };
        let last = Round {
            effort: many,
            survivors: 1,
        };
        if few == many {
            vec![last]
        } else {
            vec![first, last]
        }
    }

    fn can(&self, candidate: &[i8], part: usize, by: i8) -> bool {
        self.parts[part].levels.contains(&(candidate[part] + by))
    }
}

fn parts(plan: &Plan, indices: &[usize]) -> Vec<LevelGroup> {
    let blocks = indices.iter().map(|index| plan.targets[*index].block);
    let places = plan.settings.spreading.granularity.places(blocks);
    let count = places.iter().max().map_or(0, |last| last + 1);
    let mut parts: Vec<LevelGroup> = (0..count)
        .map(|_| LevelGroup {
            matrices: Vec::new(),
            weights: 0,
            levels: -LEVELS..LEVELS + 1,
        })
        .collect();
    for (index, place) in indices.iter().zip(places) {
        let matrix = &plan.targets[*index];
        let (levels, part) = (levels(plan, matrix), &mut parts[place]);
        part.matrices.push(*index);
        part.weights += matrix.rows * matrix.cols;
        if let (Some(first), Some(last)) = (levels.first(), levels.last()) {
            part.levels = part.levels.start.max(first.0)..part.levels.end.min(last.0 + 1);
        }
    }
    parts
}

/// How many sequences hold so many tokens, at least one.
fn sequences_for(sequences: &[Vec<u32>], tokens: usize) -> usize {
    let mut sum = 0;
    let short = sequences.iter().take_while(|sequence| {
        sum += sequence.len();
        sum < tokens
    });
    (short.count() + 1).min(sequences.len())
}

impl Candidates for Switches<'_> {
    type Candidate = Vec<i8>;
    type Error = CompressError;

    fn mutate(&mut self, parent: &Vec<i8>, draws: &mut Draws) -> Vec<i8> {
        let mut child = parent.clone();
        let switches = 1 + draws.below(SWITCHES).min(draws.below(SWITCHES));
        for _ in 0..switches {
            for _ in 0..TRIES {
                let (up, down) = (draws.below(child.len()), draws.below(child.len()));
                let alike = self.parts[up].weights == self.parts[down].weights;
                if up != down && alike && self.can(&child, up, 1) && self.can(&child, down, -1) {
                    child[up] += 1;
                    child[down] -= 1;
                    break;
                }
            }
        }
        child
    }

    fn badness(&mut self, candidate: &Vec<i8>, effort: usize) -> Result<f64, CompressError> {
        self.machine.cancel.check(self.host)?;
        let mut weights = Overlay::new(&self.machine.catalog);
        for (part, level) in self.parts.iter().zip(candidate) {
            for index in &part.matrices {
                if let Some(catalog) = self.solved.get(&(*index, *level)) {
                    weights.replace(&self.plan.targets[*index].name, catalog.clone());
                }
            }
        }
        let mut runner = Runner::new(self.machine.network(), &weights, &self.machine.compute, 0);
        let distance = self.closeness.distance(&mut runner, effort)?;
        Ok(finite::metric("distance", &weights.model(), distance)?)
    }

    fn generation(&mut self, done: usize) -> Result<(), CompressError> {
        let (name, steps) = (format!("generation {done}"), self.machine.blocks() + done);
        let own = (done, generations(self.plan));
        report_search(self.machine, self.plan, (steps, &name), own, self.host);
        Ok(self.machine.cancel.check(self.host)?)
    }
}
