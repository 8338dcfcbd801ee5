//! Which matrices are compressed, and how each is: by the network or by a guess, then by the rules, then by the schedule.

use crate::CompressError;
use crate::allocate::matrix::{Matrix, UNKNOWN};
use crate::methods::{self, Method};
use crate::options::resolve::{Action, FLOAT_BITS, ResolvedRule, Settings, accepts};
use crate::options::rules::{self, Subject};
use crate::plan::unknown::{self, Guess};
use crate::schedules::Summary;
use crate::schedules::{self, Knowledge, ScheduledMatrix};
use crate::solve::pattern::Pattern;
use kerf_model::Network;
use kerf_tensors::formats::{Format, Scope};
use kerf_tensors::{Catalog, Grid};
use std::collections::HashMap;

/// A matrix and whether the schedule says its sparsity.
struct Candidate {
    matrix: Matrix,
    /// Whether it stays as it is.
    kept: bool,
}

/// All matrices that will be compressed: embeddings, then targets in the order in which they are solved.
///
/// # Errors
/// `BAD_OPTION` for a rule that decides about nothing.
pub(crate) fn choose(
    catalog: &Catalog,
    network: Option<&Network>,
    settings: &Settings,
) -> Result<Vec<Matrix>, CompressError> {
    let mut candidates = match network {
        Some(network) => known_matrices(catalog, network, settings),
        None => guessed_matrices(catalog, settings),
    };
    apply_rules(
        &mut candidates,
        settings,
        network.map_or(0, Network::blocks),
    )?;
    if settings.schedule.needs() == Knowledge::Nothing {
        let open = candidates.iter_mut().filter(|candidate| !candidate.kept);
        schedule(
            open.map(|candidate| &mut candidate.matrix),
            settings,
            &HashMap::new(),
        );
    }
    for candidate in &mut candidates {
        candidate.fit(settings.format, catalog);
    }
    candidates.retain(|candidate| !candidate.kept);
    let matrices = candidates.into_iter().map(|candidate| candidate.matrix);
    Ok(matrices.collect())
}

/// Spreads the sparsity of the whole over the matrices that no rule gives their own, by what a survey says of each by name.
pub(crate) fn schedule<'m>(
    matrices: impl Iterator<Item = &'m mut Matrix>,
    settings: &Settings,
    summaries: &HashMap<&str, &Summary>,
) {
    let open: Vec<&mut Matrix> = matrices.filter(|matrix| matrix.scheduled).collect();
    let scheduled: Vec<ScheduledMatrix<'_>> = open
        .iter()
        .map(|matrix| ScheduledMatrix {
            block: matrix.block,
            weights: matrix.rows * matrix.cols,
            summary: summaries.get(matrix.name.as_str()).copied(),
        })
        .collect();
    let spreading = &settings.spreading;
    let shares = schedules::spread(
        settings.schedule,
        &scheduled,
        spreading.granularity,
        spreading.scale,
        &spreading.asked,
    );
    for (matrix, share) in open.into_iter().zip(shares) {
        matrix.sparsity = share;
    }
}

/// Lets the first rule that matches a matrix decide about it.
fn apply_rules(
    candidates: &mut [Candidate],
    settings: &Settings,
    blocks: usize,
) -> Result<(), CompressError> {
    let subjects: Vec<Subject<'_>> = candidates
        .iter()
        .map(|Candidate { matrix, .. }| Subject {
            name: &matrix.name,
            role: matrix.role,
            block: (blocks > 0 && !matrix.embedding).then_some(matrix.block),
            blocks,
        })
        .collect();
    let assigned = rules::assign(&settings.rules, &subjects)?;
    for (candidate, rule) in candidates.iter_mut().zip(assigned) {
        let Some(index) = rule else { continue };
        candidate.matrix.rule = Some(index);
        match settings.rules[index].action {
            Action::Keep => candidate.keep(),
            Action::Solve { .. } if candidate.matrix.embedding => {
                let rule = &settings.rules[index];
                rule_for_embedding(candidate, rule, index, settings)?;
            }
            Action::Solve { solving, scheduled } => {
                candidate.matrix.solve_by(&solving);
                candidate.matrix.scheduled = scheduled;
                let chooses = solving.method.chooses_rate();
                candidate.matrix.free_bits &= settings.rules[index].rule.bits.is_none() && !chooses;
            }
        }
    }
    Ok(())
}

/// What a rule leaves out is as for the other embeddings, and not as for target matrices.
fn rule_for_embedding(
    candidate: &mut Candidate,
    resolved: &ResolvedRule,
    index: usize,
    settings: &Settings,
) -> Result<(), CompressError> {
    let options = &settings.options;
    let (rule, matrix) = (&resolved.rule, &mut candidate.matrix);
    let usual = matrix.grid.map_or(FLOAT_BITS, |grid| grid.bits);
    let bits = rule.bits.or(Some(usual));
    let group_size = rule.group_size.or(options.group_size).unwrap_or_default();
    matrix.grid = bits
        .filter(|bits| *bits != FLOAT_BITS)
        .map(|bits| Grid::new(bits, group_size));
    matrix.sparsity = rule.sparsity.unwrap_or(options.embedding_sparsity);
    matrix.method = embedding_method(matrix.sparsity);
    let names = [
        format!("rules[{index}].bits"),
        format!("rules[{index}].groupSize"),
    ];
    let group = rule.group_size.or(options.group_size);
    accepts(
        settings.format,
        Scope::Embeddings,
        matrix.grid,
        group,
        &names,
    )?;
    Ok(())
}

impl Candidate {
    /// Nothing is to be decided about it any more.
    fn keep(&mut self) {
        self.kept = true;
        (self.matrix.scheduled, self.matrix.free_bits) = (false, false);
        self.matrix.step = None;
    }

    /// The grid as the format has it for such a matrix. What the format has to store in another float type is rounded by the run, so that
    /// the next matrices see it so.
    fn fit(&mut self, format: &dyn Format, catalog: &Catalog) {
        let dtype = catalog.tensors[self.matrix.tensor].dtype;
        let matrix = &mut self.matrix;
        if self.kept {
            (matrix.grid, matrix.sparsity, matrix.blend) = (None, 0.0, 0.0);
            matrix.method = embedding_method(0.0);
            (matrix.pattern, matrix.keep_mask) = (Pattern::Unstructured, false);
        }
        matrix.float = format.float(dtype);
        matrix.grid = matrix
            .grid
            .and_then(|grid| format.grid(grid, dtype, matrix.cols));
        let untouched = matrix.grid.is_none() && matrix.sparsity == 0.0;
        self.kept = (self.kept || matrix.embedding && untouched) && matrix.float == dtype;
    }
}

fn known_matrices(catalog: &Catalog, network: &Network, settings: &Settings) -> Vec<Candidate> {
    let index: HashMap<&str, usize> = catalog
        .tensors
        .iter()
        .enumerate()
        .map(|(i, t)| (t.name.as_str(), i))
        .collect();
    let names = network.embeddings();
    let embeddings = names.iter().filter_map(|name| {
        let head = Some(name.as_str()) == network.head();
        let role = match head && *name != names[0] {
            true => "head",
            false => "embedding",
        };
        let mut found = embedding(catalog, *index.get(name.as_str())?, role, settings)?;
        if head {
            found.matrix.grid = settings.head_grid;
        }
        Some(found)
    });
    let mut found: Vec<Candidate> = embeddings.collect();
    for block in 0..network.blocks() {
        for linear in network.linears(block) {
            let tensor = index[linear.weight.as_str()];
            let target = target(catalog, tensor, settings);
            found.extend(target.map(|mut candidate| {
                candidate.matrix.block = block;
                candidate.matrix.input = linear.input;
                candidate.matrix.role = linear.role;
                (candidate.matrix.rows, candidate.matrix.cols) = (linear.rows, linear.cols);
                candidate.matrix.transposed = linear.transposed;
                candidate
            }));
        }
    }
    found
}

/// Without an architecture: what can be a linear layer's weight, token tables and heads.
fn guessed_matrices(catalog: &Catalog, settings: &Settings) -> Vec<Candidate> {
    let guesses = unknown::guesses_of(catalog);
    let guess = |(tensor, guess): (usize, &Guess)| match guess {
        Guess::Linear => target(catalog, tensor, settings),
        Guess::Embedding => embedding(catalog, tensor, "embedding", settings),
        Guess::Head => {
            let mut found = embedding(catalog, tensor, "head", settings)?;
            found.matrix.grid = settings.head_grid;
            Some(found)
        }
        Guess::Kept(_) | Guess::Small => None,
    };
    guesses.iter().enumerate().filter_map(guess).collect()
}

/// A tensor as a matrix that can be compressed; `None` if it is not one, or not of a type that is computed on. Block, input
/// and role are for the caller to say.
fn target(catalog: &Catalog, tensor: usize, settings: &Settings) -> Option<Candidate> {
    let entry = &catalog.tensors[tensor];
    let [rows, cols] = entry.shape[..] else {
        return None;
    };
    let solving = settings.solving;
    entry.dtype.is_computable().then(|| Candidate {
        matrix: Matrix {
            name: entry.name.clone(),
            tensor,
            role: UNKNOWN,
            block: 0,
            input: 0,
            rows,
            cols,
            transposed: false,
            method: solving.method,
            pattern: solving.pattern,
            sparsity: solving.sparsity,
            keep_mask: solving.keep_mask,
            grid: solving.grid,
            blend: solving.blend,
            step: solving.step(),
            float: entry.dtype,
            embedding: false,
            rule: None,
            scheduled: !solving.method.chooses_rate(),
            free_bits: settings.budget.is_some() && !solving.method.chooses_rate(),
        },
        kept: false,
    })
}

fn embedding(
    catalog: &Catalog,
    tensor: usize,
    role: &'static str,
    settings: &Settings,
) -> Option<Candidate> {
    let Candidate { matrix, .. } = target(catalog, tensor, settings)?;
    // A token type table of two rows would grow by its record.
    if matrix.rows * matrix.cols < 4096 {
        return None;
    }
    let sparsity = settings.options.embedding_sparsity;
    Some(Candidate {
        kept: false,
        matrix: Matrix {
            role,
            scheduled: false,
            free_bits: false,
            method: embedding_method(sparsity),
            pattern: Pattern::Unstructured,
            sparsity,
            keep_mask: false,
            grid: settings.embedding_grid,
            blend: 0.0,
            step: None,
            embedding: true,
            ..matrix
        },
    })
}

/// Embeddings are never calibrated.
fn embedding_method(sparsity: f64) -> &'static dyn Method {
    let id = if sparsity > 0.0 { "magnitude" } else { "rtn" };
    methods::by_id(id).expect("a row of the table")
}
