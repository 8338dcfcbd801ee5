//! Units of a schedule that searches: each matrix solved at some levels around its start, on inputs of the dense model, and an
//! evolution over which level each gets (Sieberling et al.: EvoPress, 2410.14649). A change makes one part sparser by a level and
//! another of the same size denser by one, so the budget stays met. The measure is the distance to the dense model on calibration
//! sequences that no matrix was solved on.

mod candidates;

use super::decisions::put_json;
use super::{Job, block_name};
use crate::CompressError;
use crate::allocate::matrix::{InputId, Matrix};
use crate::job::records::{Findings, Journal, Record};
use crate::methods::Inputs;
use crate::prepass::search::{LEVELS, OFFSPRING, ROUND_TOKENS, SOLVED_TOKENS, STEP};
use crate::prepass::survey;
use crate::schedules;
use crate::solve::statistics::Gram;
use candidates::Switches;
use kerf_model::evolve::Evolution;
use kerf_run::{Event, Host, Stage};
use kerf_tensors::EncodedTensor;

/// The unit of what was found.
pub(super) const FOUND: &str = "search";

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
        host: &mut dyn Host,
    ) -> Result<(), CompressError> {
        let (known, _) = self.halves();
        let wanted = SOLVED_TOKENS.min(known.iter().map(Vec::len).sum());
        let mut dense = self.dense_at(block, host, |_| survey::spread(&known, wanted))?;
        let mut journal = std::mem::replace(&mut self.journal, Journal::detached(&self.workspace));
        let solved = self.walk_block(&mut dense, &mut |id, x| {
            self.solve_input(id, x, &mut journal)
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
        host: &mut dyn Host,
    ) {
        let total = self.blocks() + self.generations();
        let told = Event::new(Stage::Search, done as u64, total as u64, "steps", name);
        host.event(told.with_share(of_own as u64, own as u64));
    }

    fn solve_input(
        &self,
        id: InputId,
        x: &[f32],
        journal: &mut Journal,
    ) -> Result<(), CompressError> {
        let targets = self.plan.targets.iter();
        let open: Vec<&Matrix> = targets
            .filter(|matrix| matrix.input_id() == id && matrix.scheduled)
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
                    payload: Findings::default(),
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
    pub(super) fn search(&mut self, host: &mut dyn Host) -> Result<(), CompressError> {
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
