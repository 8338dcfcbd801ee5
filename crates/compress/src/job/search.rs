//! Units of a schedule that searches: each matrix solved at some levels around its start, on inputs of the dense model, and an
//! evolution over which level each gets (Sieberling et al.: EvoPress, 2410.14649). A change makes one part sparser by a level and
//! another of the same size denser by one, so the budget stays met. The measure is the distance to the dense model on calibration
//! sequences that no matrix was solved on.

use super::decisions::put_json;
use super::{Job, JobHost, block_name, event, of_unit};
use crate::allocate::matrix::Matrix;
use crate::job::journal::{Journal, Record};
use crate::job::overlay::unit_catalog;
use crate::methods::Inputs;
use crate::prepass::search::{LEVELS, OFFSPRING, ROUND_TOKENS, SOLVED_TOKENS, STEP, SURVIVORS};
use crate::prepass::survey;
use crate::schedules;
use crate::solve::statistics::Gram;
use crate::{CompressError, Stage};
use kerf_kernels::Compute;
use kerf_model::evaluate::{Closeness, Pooling, Runner};
use kerf_model::evolve::{Candidates, Draws, Evolution, Round};
use kerf_model::{ModelError, WeightSource, finite};
use kerf_tensors::{Catalog, EncodedTensor};
use std::collections::HashMap;
use std::ops::Range;

/// The unit of what was found.
pub(super) const FOUND: &str = "search";

/// Most switches of one mutation.
const SWITCHES: usize = 3;
/// Draws after which a switch is given up.
const TRIES: usize = 32;

fn level_unit(name: &str, level: i8) -> String {
    format!("level:{level}:{name}")
}

impl Job {
    /// Indices, among the targets, of the matrices that are searched over.
    fn searched(&self) -> Vec<usize> {
        let targets = self.plan.targets.iter().enumerate();
        let open = targets.filter(|(_, matrix)| matrix.scheduled);
        open.map(|(index, _)| index).collect()
    }

    /// Shares of a matrix at its levels, by what it started with.
    fn levels(&self, matrix: &Matrix) -> Vec<(i8, f64)> {
        let (least, most) = schedules::limits(self.plan.settings.spreading.asked.sparsity);
        let level = |level: i8| (level, matrix.sparsity + f64::from(level) * STEP);
        let within = |share: f64| share >= least - 1e-9 && share <= most + 1e-9;
        let all = (-LEVELS..=LEVELS).map(level);
        all.filter(|(level, share)| *level == 0 || within(*share))
            .collect()
    }

    pub(super) fn levels_done(&self, block: usize) -> bool {
        let targets = self.plan.targets.iter();
        let mut open = targets.filter(|matrix| matrix.block == block && matrix.scheduled);
        self.journal.get(FOUND).is_some()
            || open.all(|matrix| {
                let mut levels = self.levels(matrix).into_iter();
                levels
                    .all(|(level, _)| self.journal.get(&level_unit(&matrix.name, level)).is_some())
            })
    }

    /// Solves the matrices of a block at all levels.
    pub(super) fn solve_levels(
        &mut self,
        block: usize,
        host: &mut dyn JobHost,
    ) -> Result<(), CompressError> {
        let (known, _) = self.halves();
        let wanted = SOLVED_TOKENS.min(known.iter().map(Vec::len).sum());
        let mut dense = self.dense_at(block, host, |_| survey::spread(&known, wanted))?;
        let mut journal = std::mem::replace(&mut self.journal, Journal::detached(&self.workspace));
        let solved = self.walk_block(&mut dense, &mut |place, x| {
            self.solve_place(place, x, &mut journal)
        });
        self.journal = journal;
        solved?;
        self.check_cancelled(host)?;
        self.dense = Some(dense);
        let name = block_name(block, self.blocks());
        self.report_search((block + 1, &name), (1, 1), host);
        Ok(())
    }

    fn generations(&self) -> usize {
        self.plan.settings.options.generations.unwrap_or_default()
    }

    /// Steps are the blocks whose levels are solved, and then the generations.
    /// `of_own` and `own`: how far the unit is.
    fn report_search(
        &self,
        (done, name): (usize, &str),
        (of_own, own): (usize, usize),
        host: &mut dyn JobHost,
    ) {
        let total = self.blocks() + self.generations();
        let told = event(Stage::Search, done as u64, total as u64, "steps", name);
        host.event(of_unit(told, of_own as u64, own as u64));
    }

    fn solve_place(
        &self,
        place: (usize, usize),
        x: &[f32],
        journal: &mut Journal,
    ) -> Result<(), CompressError> {
        let targets = self.plan.targets.iter();
        let open: Vec<&Matrix> = targets
            .filter(|matrix| (matrix.block, matrix.input) == place && matrix.scheduled)
            .collect();
        let Some(first) = open.first() else {
            return Ok(());
        };
        let mut gram = Gram::new(first.cols);
        gram.add(&self.compute, x);
        gram.finish(&self.compute);
        let inputs = Inputs::new(gram);
        for matrix in open {
            let w = self.dense_weights(matrix)?;
            for (level, sparsity) in self.levels(matrix) {
                let unit = level_unit(&matrix.name, level);
                if journal.get(&unit).is_some() {
                    continue;
                }
                let mut leveled = matrix.clone();
                leveled.sparsity = sparsity;
                let solved = self.run_method(&leveled, &w, Some(&inputs));
                self.check_stopped()?;
                let dtype = self.catalog.tensors[matrix.tensor].dtype;
                let mut encoded = EncodedTensor::encode(
                    &self.compute,
                    &matrix.name,
                    dtype,
                    solved.method,
                    "",
                    &solved.matrix,
                );
                if matrix.transposed {
                    encoded = encoded.for_transposed_source();
                }
                let record = Record {
                    unit,
                    file: format!("level-{:05}-{}.kerf", matrix.tensor, level + LEVELS),
                    digest: String::new(),
                    layer: None,
                    repairs: Vec::new(),
                };
                let (header, parts) = encoded.pieces();
                let mut pieces = vec![header.as_slice()];
                pieces.extend(parts.iter().map(|part| part.bytes.as_slice()));
                journal.put(record, &pieces)?;
            }
        }
        Ok(())
    }

    /// Calibration sequences on which levels are solved, and those on which they are measured.
    fn halves(&self) -> (Vec<Vec<u32>>, Vec<Vec<u32>>) {
        self.split_text((self.tokens() / 4).min(ROUND_TOKENS[1]))
    }

    /// Calibration sequences to learn from, and those to measure on: from the end, about `wanted` tokens. A single sequence is both.
    pub(super) fn split_text(&self, wanted: usize) -> (Vec<Vec<u32>>, Vec<Vec<u32>>) {
        let mut known = self.sequences();
        let (mut held, mut tokens) = (Vec::new(), 0);
        while known.len() > 1 && tokens < wanted {
            let Some(last) = known.pop() else { break };
            tokens += last.len();
            held.push(last);
        }
        if held.is_empty() {
            held.clone_from(&known);
        }
        (known, held)
    }

    /// Evolves the levels from the start, and decides.
    pub(super) fn search(&mut self, host: &mut dyn JobHost) -> Result<(), CompressError> {
        self.dense = None;
        let indices = self.searched();
        let found = {
            let mut switches = Switches::new(self, &indices, host)?;
            let start = vec![0i8; switches.parts.len()];
            let evolution = Evolution {
                generations: self.generations(),
                offspring: OFFSPRING,
                rounds: switches.rounds(),
                seed: self.plan.settings.options.seed,
            };
            let found = evolution.run(&mut switches, start)?;
            let parts = switches.parts.iter().zip(&found);
            parts
                .flat_map(|(part, level)| part.matrices.iter().map(move |index| (*index, *level)))
                .collect::<Vec<_>>()
        };
        let units: Vec<String> = indices
            .iter()
            .map(|index| &self.plan.targets[*index])
            .flat_map(|matrix| {
                let levels = self.levels(matrix).into_iter();
                levels.map(|(level, _)| level_unit(&matrix.name, level))
            })
            .collect();
        for (index, level) in found {
            self.plan.targets[index].sparsity += f64::from(level) * STEP;
        }
        let decisions = self.decisions();
        put_json(
            &mut self.journal,
            FOUND.into(),
            "search.json".into(),
            &decisions,
        )?;
        for unit in units {
            self.journal.forget(&unit)?;
        }
        Ok(())
    }
}

/// What gets one level.
struct Part {
    /// Indices among the targets.
    matrices: Vec<usize>,
    weights: usize,
    /// Levels that all of its matrices have.
    levels: Range<i8>,
}

/// The candidates: a level for each part.
struct Switches<'a> {
    job: &'a Job,
    host: &'a mut dyn JobHost,
    parts: Vec<Part>,
    /// Solved matrices, by target and level.
    solved: HashMap<(usize, i8), Catalog>,
    closeness: Closeness<'a>,
    /// Sequences for each number of tokens of a round.
    efforts: [usize; 2],
}

impl<'a> Switches<'a> {
    fn new(
        job: &'a Job,
        indices: &[usize],
        host: &'a mut dyn JobHost,
    ) -> Result<Self, CompressError> {
        let (_, held) = job.halves();
        let mut dense = Runner::new(job.network(), &job.catalog, &job.compute, 0);
        let closeness = Closeness::new(&mut dense, &held, Pooling::Mean)?;
        let mut solved = HashMap::new();
        for &index in indices {
            let matrix = &job.plan.targets[index];
            for (level, _) in job.levels(matrix) {
                if let Some(record) = job.journal.get(&level_unit(&matrix.name, level)) {
                    solved.insert((index, level), unit_catalog(&job.workspace, &record.file)?);
                }
            }
        }
        Ok(Self {
            parts: parts(job, indices),
            job,
            host,
            solved,
            closeness,
            efforts: ROUND_TOKENS.map(|tokens| sequences_for(&held, tokens)),
        })
    }

    /// One round where there is so little text that a second would measure the same.
    fn rounds(&self) -> Vec<Round> {
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

fn parts(job: &Job, indices: &[usize]) -> Vec<Part> {
    let blocks = indices.iter().map(|index| job.plan.targets[*index].block);
    let places = job.plan.settings.spreading.granularity.places(blocks);
    let count = places.iter().max().map_or(0, |last| last + 1);
    let mut parts: Vec<Part> = (0..count)
        .map(|_| Part {
            matrices: Vec::new(),
            weights: 0,
            levels: -LEVELS..LEVELS + 1,
        })
        .collect();
    for (index, place) in indices.iter().zip(places) {
        let matrix = &job.plan.targets[*index];
        let (levels, part) = (job.levels(matrix), &mut parts[place]);
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
        self.job.check_cancelled(self.host)?;
        let mut chosen = HashMap::new();
        for (part, level) in self.parts.iter().zip(candidate) {
            for index in &part.matrices {
                if let Some(catalog) = self.solved.get(&(*index, *level)) {
                    chosen.insert(self.job.plan.targets[*index].name.as_str(), catalog);
                }
            }
        }
        let weights = Leveled {
            base: &self.job.catalog,
            chosen,
        };
        let mut runner = Runner::new(self.job.network(), &weights, &self.job.compute, 0);
        let distance = self.closeness.distance(&mut runner, effort)?;
        Ok(finite::metric("distance", &weights.model(), distance)?)
    }

    fn generation(&mut self, done: usize) -> Result<(), CompressError> {
        let (name, steps) = (format!("generation {done}"), self.job.blocks() + done);
        let own = (done, self.job.generations());
        self.job.report_search((steps, &name), own, self.host);
        self.job.check_cancelled(self.host)
    }
}

/// The dense model with some matrices at their levels.
struct Leveled<'a> {
    base: &'a Catalog,
    chosen: HashMap<&'a str, &'a Catalog>,
}

impl Leveled<'_> {
    fn of(&self, name: &str) -> &Catalog {
        self.chosen.get(name).copied().unwrap_or(self.base)
    }
}

impl WeightSource for Leveled<'_> {
    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.base.shape(name)
    }

    fn read(&self, compute: &Compute, name: &str) -> Result<Vec<f32>, ModelError> {
        self.of(name).read(compute, name)
    }

    fn read_rows(
        &self,
        compute: &Compute,
        name: &str,
        rows: Range<usize>,
    ) -> Result<Vec<f32>, ModelError> {
        self.of(name).read_rows(compute, name, rows)
    }
}
