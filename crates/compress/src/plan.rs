//! What will happen: which tensors are targets, which are embeddings, what each becomes, and what the run will need.

use crate::methods::Method;
use crate::options::Settings;
use crate::report::{PlanReport, PlannedTensor};
use crate::schedules::ScheduledMatrix;
use crate::statistics::Needs;
use crate::{CompressError, memory, sizes};
use kerf_model::{ModelError, Network};
use kerf_tensors::{Catalog, Grid, TensorEntry};
use std::collections::HashMap;

/// One matrix that will be compressed.
#[derive(Clone, Debug)]
pub struct Matrix {
    /// Name of the tensor.
    pub name: String,
    /// Index in the catalog.
    pub tensor: usize,
    /// Block it belongs to; 0 for embeddings and unknown architectures.
    pub block: usize,
    /// Shared input of the block that it reads.
    pub input: usize,
    /// Role in its block; `None` for embeddings and unknown architectures.
    pub role: Option<&'static str>,
    /// Outputs.
    pub rows: usize,
    /// Inputs.
    pub cols: usize,
    /// Share of weights to remove.
    pub sparsity: f64,
    /// Grid of the survivors.
    pub grid: Option<Grid>,
    /// Whether it is an embedding or head.
    pub embedding: bool,
}

/// Everything decided before the work starts.
#[derive(Clone)]
pub struct Plan {
    /// The options, resolved.
    pub settings: Settings,
    /// The network, if its architecture is known.
    pub network: Option<Network>,
    /// Architecture id, or the model_type that is not known.
    pub architecture: String,
    /// Target matrices, in the order in which they are solved.
    pub targets: Vec<Matrix>,
    /// Embeddings and head that are compressed.
    pub embeddings: Vec<Matrix>,
    /// Calibration tokens at most; 0 without calibration.
    pub tokens: usize,
    /// What the run will need.
    pub memory: memory::MemoryPlan,
    /// Things a user should know.
    pub notes: Vec<String>,
}

/// Name of the unit that solves a matrix.
pub fn solve_unit(name: &str) -> String {
    format!("solve:{name}")
}

impl Plan {
    /// Plans from headers alone. `tokens`: calibration tokens if they are known already, else the limit of the options is taken.
    pub fn new(
        catalog: &Catalog,
        settings: Settings,
        tokens: Option<usize>,
    ) -> Result<Self, CompressError> {
        if catalog.form == "kerf" {
            return Err(CompressError::AlreadyCompressed {});
        }
        kerf_tensors::formats::check_names(settings.format, catalog)?;
        let mut notes = Vec::new();
        let (network, architecture) = open_network(catalog, settings.method, &mut notes)?;
        let (mut targets, embeddings) = match &network {
            Some(network) => known_matrices(catalog, network, &settings)?,
            None => guessed_matrices(catalog, &settings),
        };
        if targets.is_empty() {
            return Err(CompressError::NothingToCompress {});
        }
        let scheduled: Vec<_> = targets.iter().map(scheduled).collect();
        let shares = settings.schedule.allocate(&scheduled, settings.sparsity);
        targets
            .iter_mut()
            .zip(shares)
            .for_each(|(matrix, share)| matrix.sparsity = share);
        let calibrated = settings.method.needs() > Needs::Nothing;
        let tokens = if calibrated {
            tokens.unwrap_or(settings.options.tokens)
        } else {
            0
        };
        note_short_rows(&targets, &settings, &mut notes);
        let memory = memory::plan(
            catalog,
            &settings,
            network.as_ref(),
            &targets,
            &embeddings,
            tokens,
        )?;
        Ok(Self {
            settings,
            network,
            architecture,
            targets,
            embeddings,
            tokens,
            memory,
            notes,
        })
    }

    /// All matrices that will be compressed: embeddings first, since the first block's inputs come from them.
    pub fn matrices(&self) -> impl Iterator<Item = &Matrix> {
        self.embeddings.iter().chain(&self.targets)
    }

    /// Whether calibration runs.
    pub fn calibrated(&self) -> bool {
        self.settings.method.needs() > Needs::Nothing
    }

    /// The plan as data.
    pub fn report(&self, catalog: &Catalog) -> PlanReport {
        let by_name: HashMap<&str, &Matrix> = self
            .matrices()
            .map(|matrix| (matrix.name.as_str(), matrix))
            .collect();
        let dense = self.settings.format.id() != "kerf";
        let planned = |entry: &TensorEntry| {
            self.planned_tensor(entry, by_name.get(entry.name.as_str()).copied(), dense)
        };
        let tensors: Vec<PlannedTensor> = catalog.tensors.iter().map(planned).collect();
        let sidecars: u64 = catalog.sidecars.iter().map(|sidecar| sidecar.1).sum();
        let header = sizes::header_bytes(&tensors);
        let target_bytes: u64 = tensors
            .iter()
            .filter(|t| t.part == "target")
            .map(|t| t.output_bytes)
            .sum();
        let weights: usize = self
            .targets
            .iter()
            .map(|matrix| matrix.rows * matrix.cols)
            .sum();
        let output_bytes = tensors.iter().map(|t| t.output_bytes).sum::<u64>() + header + sidecars;
        PlanReport {
            architecture: self.architecture.clone(),
            options: self.settings.options.clone(),
            input_bytes: catalog
                .shards
                .iter()
                .map(|shard| shard.len_bytes)
                .sum::<u64>()
                + sidecars,
            output_bytes,
            bits_per_weight: (target_bytes + header) as f64 * 8.0 / weights as f64,
            peak_memory_bytes: self.memory.peak_bytes,
            disk_bytes: output_bytes + target_bytes + self.memory.activation_bytes * 2,
            spills_activations: self.memory.spill,
            tokens: self.tokens,
            flops: self.flops(),
            notes: self.notes.clone(),
            tensors,
        }
    }

    fn planned_tensor(
        &self,
        entry: &TensorEntry,
        matrix: Option<&Matrix>,
        dense: bool,
    ) -> PlannedTensor {
        let part = matrix.map_or("kept", |matrix| {
            if matrix.embedding {
                "embedding"
            } else {
                "target"
            }
        });
        let method = matrix.map(|matrix| self.method_of(matrix).id().to_string());
        let content = |matrix: &Matrix| sizes::content_bytes(matrix, entry.dtype);
        PlannedTensor {
            name: entry.name.clone(),
            shape: entry.shape.clone(),
            dtype: format!("{:?}", entry.dtype),
            part: part.into(),
            method,
            sparsity: matrix.map_or(0.0, |matrix| matrix.sparsity),
            bits: matrix.and_then(|matrix| matrix.grid).map(|grid| grid.bits),
            input_bytes: entry.stored_bytes(),
            output_bytes: matrix
                .filter(|_| !dense)
                .map_or(entry.stored_bytes(), content),
        }
    }

    /// The method that solves a matrix: embeddings are never calibrated.
    pub fn method_of(&self, matrix: &Matrix) -> &'static dyn Method {
        match (matrix.embedding, matrix.sparsity > 0.0) {
            (false, _) => self.settings.method,
            (true, true) => crate::methods::by_id("magnitude").expect("a row of the table"),
            (true, false) => crate::methods::by_id("rtn").expect("a row of the table"),
        }
    }

    /// Forward passes, second moments and solves; attention and norms are left out.
    fn flops(&self) -> f64 {
        if !self.calibrated() {
            return 0.0;
        }
        let mut flops = 0.0;
        let mut seen = std::collections::HashSet::new();
        for matrix in &self.targets {
            let (rows, cols, tokens) = (matrix.rows as f64, matrix.cols as f64, self.tokens as f64);
            flops += 4.0 * tokens * rows * cols + 3.0 * rows * cols * cols;
            if seen.insert((matrix.block, matrix.input)) {
                flops += tokens * cols * cols + cols.powi(3) * 2.0 / 3.0;
            }
        }
        flops
    }
}

fn scheduled(matrix: &Matrix) -> ScheduledMatrix {
    ScheduledMatrix {
        name: matrix.name.clone(),
        block: matrix.block,
        weights: matrix.rows * matrix.cols,
    }
}

fn open_network(
    catalog: &Catalog,
    method: &dyn Method,
    notes: &mut Vec<String>,
) -> Result<(Option<Network>, String), CompressError> {
    let config = catalog.config.clone().unwrap_or(serde_json::Value::Null);
    let model_type = config["model_type"].as_str().unwrap_or("none").to_string();
    // A configuration that names no architecture says as little as none.
    let opened = match &catalog.config {
        Some(config) if config["model_type"].is_string() => Network::open(config, catalog),
        _ => Err(ModelError::UnknownArchitecture {
            model_type: model_type.clone(),
            known: Vec::new(),
        }),
    };
    match opened {
        Ok(network) => {
            let id = network.architecture().to_string();
            Ok((Some(network), id))
        }
        Err(ModelError::UnknownArchitecture { .. }) if method.needs() == Needs::Nothing => {
            notes.push(format!(
                "architecture {model_type:?} is not known: every matrix is treated alike by its own weights, and quality cannot be measured here"
            ));
            Ok((None, model_type))
        }
        Err(ModelError::UnknownArchitecture { .. }) => {
            Err(CompressError::MethodNeedsArchitecture {
                method: method.id().into(),
                model_type,
            })
        }
        Err(error) => Err(error.into()),
    }
}

fn known_matrices(
    catalog: &Catalog,
    network: &Network,
    settings: &Settings,
) -> Result<(Vec<Matrix>, Vec<Matrix>), CompressError> {
    let index: HashMap<&str, usize> = catalog
        .tensors
        .iter()
        .enumerate()
        .map(|(i, t)| (t.name.as_str(), i))
        .collect();
    let mut targets = Vec::new();
    for block in 0..network.blocks() {
        for linear in network.linears(block) {
            let tensor = index[linear.weight.as_str()];
            let (input, role) = (linear.input, Some(linear.role));
            let found = matrix(catalog, tensor, settings.grid);
            targets.extend(found.map(|matrix| Matrix {
                block,
                input,
                role,
                ..matrix
            }));
        }
    }
    let names = network.embeddings();
    let embeddings = names.iter().filter_map(|name| index.get(name.as_str()));
    Ok((
        targets,
        embeddings
            .filter_map(|&tensor| embedding(catalog, tensor, settings))
            .collect(),
    ))
}

/// Without an architecture every 2-D float tensor is a target, but for those that are embeddings or heads by their names.
fn guessed_matrices(catalog: &Catalog, settings: &Settings) -> (Vec<Matrix>, Vec<Matrix>) {
    let (mut targets, mut embeddings) = (Vec::new(), Vec::new());
    for (tensor, entry) in catalog.tensors.iter().enumerate() {
        let Some(matrix) = matrix(catalog, tensor, settings.grid) else {
            continue;
        };
        if entry.is_empty() {
            continue;
        }
        let name = entry.name.to_lowercase();
        if ["embed", "wte", "wpe", "lm_head", "shared.weight"]
            .iter()
            .any(|part| name.contains(part))
        {
            embeddings.extend(embedding(catalog, tensor, settings));
        } else {
            targets.push(matrix);
        }
    }
    (targets, embeddings)
}

/// A tensor as a matrix that can be compressed; `None` if it is not one, or not of a type that is computed on. Block, input,
/// role and sparsity are for the caller to say.
fn matrix(catalog: &Catalog, tensor: usize, grid: Option<Grid>) -> Option<Matrix> {
    let entry = &catalog.tensors[tensor];
    let [rows, cols] = entry.shape[..] else {
        return None;
    };
    entry.dtype.is_computable().then(|| Matrix {
        name: entry.name.clone(),
        tensor,
        block: 0,
        input: 0,
        role: None,
        rows,
        cols,
        sparsity: 0.0,
        grid,
        embedding: false,
    })
}

fn embedding(catalog: &Catalog, tensor: usize, settings: &Settings) -> Option<Matrix> {
    let sparsity = settings.options.embedding_sparsity;
    let matrix = matrix(catalog, tensor, settings.embedding_grid)?;
    // A token type table of two rows would grow by its record.
    let small = matrix.rows * matrix.cols < 4096;
    if small || (matrix.grid.is_none() && sparsity == 0.0) {
        return None;
    }
    Some(Matrix {
        sparsity,
        embedding: true,
        ..matrix
    })
}

fn note_short_rows(targets: &[Matrix], settings: &Settings, notes: &mut Vec<String>) {
    let group = settings.options.group_size;
    let shortest = targets.iter().map(|matrix| matrix.cols).min().unwrap_or(0);
    if settings.grid.is_some() && group > 0 && shortest < group {
        notes.push(format!("rows of {shortest} weights are shorter than a group of {group}: each is one group, so scales weigh more"));
    }
}
