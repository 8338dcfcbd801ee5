//! What will happen: which tensors are targets, which are embeddings, what each becomes, and what the run will need.

use crate::matrices::Matrix;
use crate::report::{PlanReport, PlannedTensor};
use crate::schedules;
use crate::settings::{Action, Settings};
use crate::solve::target;
use crate::statistics::{Drift, Needs};
use crate::survey::Summary;
use crate::{CompressError, kept, matrices, memory, mixed_bits, sizes, steps};
use kerf_model::{ModelError, Network, arch};
use kerf_tensors::files;
use kerf_tensors::formats::{self, ModelInfo, Output, TokenizerValues};
use kerf_tensors::{Catalog, TensorEntry};
use std::collections::HashMap;

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
    /// What the format of the result knows of the model.
    pub model_info: ModelInfo,
    /// Why tensors are kept as they are, or left out, where there is something to say.
    pub(crate) kept: kept::Reasons,
    /// Calibration tokens at most; 0 without calibration.
    pub tokens: usize,
    /// What the run will need.
    pub memory: memory::MemoryPlan,
    /// Things a user should know.
    pub notes: Vec<String>,
}

/// Bytes of a result that has not been made.
struct Foreseen {
    /// Of each tensor of the source.
    tensors: Vec<u64>,
    header: u64,
    total: u64,
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
        tokenizer: TokenizerValues,
    ) -> Result<Self, CompressError> {
        if catalog.is_compressed() {
            return Err(CompressError::AlreadyCompressed {});
        }
        let mut notes = catalog.files.notes();
        let (network, architecture) = open_network(catalog, &settings, &mut notes)?;
        notes.extend(
            network
                .iter()
                .flat_map(|network| files::notes(network.facts())),
        );
        let mut model_info = match &network {
            Some(network) => network.model_info(catalog)?,
            None => ModelInfo {
                architecture: architecture.clone(),
                ..ModelInfo::default()
            },
        };
        model_info.tokenizer = tokenizer;
        settings.format.check(catalog, &model_info)?;
        let matrices = matrices::choose(catalog, network.as_ref(), &settings)?;
        let (embeddings, targets): (Vec<Matrix>, Vec<Matrix>) =
            matrices.into_iter().partition(|matrix| matrix.embedding);
        let (kept, about_kept) = kept::reasons(catalog, &model_info);
        if targets.is_empty() {
            let kept = about_kept.join("; ");
            return Err(CompressError::NothingToCompress { kept });
        }
        notes.extend(about_kept);
        let surveyed = need_survey(&settings, &targets);
        let probed = settings.schedule.needs() == schedules::Needs::Probes
            && settings.solving.sparsity > 0.0
            && targets.iter().any(|matrix| matrix.scheduled);
        if surveyed || probed {
            notes.push("what each matrix becomes is decided after a survey of the model: what is planned is alike everywhere".into());
        }
        let calibrated = surveyed || need_inputs(&targets);
        let tokens = if calibrated {
            tokens.unwrap_or(settings.tokens)
        } else {
            0
        };
        note_short_rows(&targets, &mut notes);
        note_format(&settings, catalog, &targets, &model_info, &mut notes);
        let task = memory::Task {
            catalog,
            settings: &settings,
            targets: &targets,
            embeddings: &embeddings,
        };
        let calibrating = network.as_ref().filter(|_| calibrated);
        let memory = memory::plan(&task, calibrating, tokens)?;
        let mut plan = Self {
            settings,
            network,
            architecture,
            targets,
            embeddings,
            model_info,
            kept,
            tokens,
            memory,
            notes,
        };
        mixed_bits::allocate(&mut plan, catalog, &[])?;
        steps::allocate(&mut plan, catalog, &HashMap::new())?;
        Ok(plan)
    }

    /// All matrices that will be compressed: embeddings first, since the first block's inputs come from them.
    pub fn matrices(&self) -> impl Iterator<Item = &Matrix> {
        self.embeddings.iter().chain(&self.targets)
    }

    /// Number of weights of all target matrices.
    pub(crate) fn target_weights(&self) -> usize {
        let sizes = self.targets.iter().map(|matrix| matrix.rows * matrix.cols);
        sizes.sum()
    }

    /// Whether calibration runs.
    pub fn calibrated(&self) -> bool {
        self.surveyed() || self.probes() || need_inputs(&self.targets)
    }

    /// Whether a survey decides about matrices before the first is solved.
    pub fn surveyed(&self) -> bool {
        need_survey(&self.settings, &self.targets)
    }

    /// Whether each open matrix alone is measured before the first is solved.
    pub fn probes(&self) -> bool {
        self.settings.schedule.needs() == schedules::Needs::Probes
            && self.targets.iter().any(|matrix| self.is_probed(matrix))
    }

    /// Whether something is decided about a matrix by what it costs the network.
    pub(crate) fn is_probed(&self, matrix: &Matrix) -> bool {
        is_probed(&self.settings, matrix)
    }

    /// Whether candidates are tried before the first is solved.
    pub fn searches(&self) -> bool {
        let scheduled = self.targets.iter().any(|matrix| matrix.scheduled);
        self.settings.schedule.needs() == schedules::Needs::Search
            && spreads_by_losses(&self.settings)
            && scheduled
    }

    /// Decides what was left to a survey.
    pub(crate) fn allocate(
        &mut self,
        catalog: &Catalog,
        summaries: &[Summary],
    ) -> Result<(), CompressError> {
        let by_name: HashMap<&str, &Summary> = summaries
            .iter()
            .map(|summary| (summary.name.as_str(), summary))
            .collect();
        if spreads_by_losses(&self.settings) {
            matrices::schedule(self.targets.iter_mut(), &self.settings, &by_name);
        }
        mixed_bits::allocate(self, catalog, summaries)?;
        steps::allocate(self, catalog, &by_name)
    }

    /// Whether what the dense model computes goes along with the calibration.
    pub fn dense_stream(&self) -> bool {
        self.targets.iter().any(|matrix| matrix.blend > 0.0)
    }

    /// Rows of all matrices of a shared input that aim at what the dense model computes.
    pub fn aiming_rows(&self, block: usize, input: usize) -> usize {
        self.aiming(block, input).map(|matrix| matrix.rows).sum()
    }

    /// Matrices of a shared input that aim at what the dense model computes.
    pub fn aiming(&self, block: usize, input: usize) -> impl Iterator<Item = &Matrix> {
        self.targets.iter().filter(move |matrix| {
            (matrix.block, matrix.input) == (block, input) && matrix.blend > 0.0
        })
    }

    /// The plan as data.
    pub fn report(&self, catalog: &Catalog) -> PlanReport {
        let by_name: HashMap<&str, &Matrix> = self
            .matrices()
            .map(|matrix| (matrix.name.as_str(), matrix))
            .collect();
        let foreseen = self.foreseen(catalog, &by_name);
        let planned = |(index, entry): (usize, &TensorEntry)| {
            let bytes = foreseen.as_ref().map(|foreseen| foreseen.tensors[index]);
            self.planned_tensor(entry, by_name.get(entry.name.as_str()).copied(), bytes)
        };
        let entries = catalog.tensors.iter().enumerate();
        let tensors: Vec<PlannedTensor> = entries.map(planned).collect();
        let sidecars: u64 = catalog.sidecars.iter().map(|sidecar| sidecar.1).sum();
        let header = match &foreseen {
            Some(foreseen) => foreseen.header,
            None => sizes::header_bytes(&tensors),
        };
        let target_bytes: u64 = tensors
            .iter()
            .filter(|t| t.part == "target")
            .map(|t| t.output_bytes)
            .sum();
        let weights = self.target_weights();
        let output_bytes = match &foreseen {
            Some(foreseen) => foreseen.total,
            None => tensors.iter().map(|t| t.output_bytes).sum::<u64>() + header + sidecars,
        };
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
            text: None,
            flops: self.flops(),
            seconds: None,
            notes: self.notes.clone(),
            tensors,
        }
    }

    /// Sizes of the result, where they do not depend on what is removed.
    fn foreseen(&self, catalog: &Catalog, by_name: &HashMap<&str, &Matrix>) -> Option<Foreseen> {
        let format = self.settings.format;
        if !format.foreseeable() {
            return None;
        }
        let grid = |entry: &TensorEntry| by_name.get(entry.name.as_str())?.grid;
        let output = Output::foresee(
            catalog,
            &self.model_info,
            format,
            catalog.tensors.iter().map(grid).collect(),
            crate::job::run_metadata(self),
            self.settings.options.max_shard_bytes,
        );
        let output = output.ok()?;
        Some(Foreseen {
            tensors: output.tensor_bytes(),
            header: output.header_bytes(),
            total: output.total_bytes(),
        })
    }

    fn planned_tensor(
        &self,
        entry: &TensorEntry,
        matrix: Option<&Matrix>,
        bytes: Option<u64>,
    ) -> PlannedTensor {
        let dead = self.model_info.dead.contains(&entry.name);
        let part = match matrix {
            _ if dead => "dead",
            None => "kept",
            Some(matrix) if matrix.embedding => "embedding",
            Some(_) => "target",
        };
        let method = matrix.map(|matrix| matrix.method.id().to_string());
        let content = |matrix: &Matrix| sizes::content_bytes(matrix, entry.dtype);
        PlannedTensor {
            name: entry.name.clone(),
            shape: entry.shape.clone(),
            dtype: format!("{:?}", entry.dtype),
            part: part.into(),
            why: self.kept.get(&entry.name).map(|why| (*why).to_owned()),
            role: matrix.map(|matrix| matrix.role.into()),
            block: matrix.and_then(Matrix::place).map(|(block, _)| block),
            rule: matrix.and_then(|matrix| matrix.rule),
            method,
            sparsity: matrix.map_or(0.0, |matrix| matrix.sparsity),
            bits: matrix.and_then(|matrix| matrix.grid).map(|grid| grid.bits),
            input_bytes: entry.stored_bytes(),
            output_bytes: match bytes.or(matrix.map(content)) {
                _ if dead => 0,
                Some(bytes) => bytes,
                None => entry.stored_bytes(),
            },
        }
    }

    /// Forward passes of one model or both, second moments, targets and solves; attention and norms are left out.
    fn flops(&self) -> f64 {
        if !self.calibrated() {
            return 0.0;
        }
        let mut flops = 0.0;
        let dense = self.dense_stream();
        let mut seen = std::collections::HashSet::new();
        for matrix in &self.targets {
            let (rows, cols, tokens) = (matrix.rows as f64, matrix.cols as f64, self.tokens as f64);
            flops += 4.0 * tokens * rows * cols + 3.0 * rows * cols * cols;
            if dense {
                flops += 2.0 * tokens * rows * cols;
            }
            if seen.insert((matrix.block, matrix.input)) {
                flops += tokens * cols * cols + cols.powi(3) * 2.0 / 3.0;
                let aiming = self.aiming_rows(matrix.block, matrix.input) as f64;
                if aiming > 0.0 {
                    flops += 2.0 * tokens * cols * cols + target::flops(aiming, cols);
                }
            }
        }
        flops
    }
}

/// The matrix whose weights the drift of a shared input goes through: the only one that aims, if it has few rows.
pub(crate) fn drifting_alone<'a>(
    mut aiming: impl Iterator<Item = &'a Matrix>,
) -> Option<&'a Matrix> {
    let (only, None) = (aiming.next()?, aiming.next()) else {
        return None;
    };
    Drift::prefers_weights(only.cols, only.rows).then_some(only)
}

/// Whether a schedule that probes decides about a matrix.
pub(crate) fn is_probed(settings: &Settings, matrix: &Matrix) -> bool {
    matrix.step.is_some() || matrix.scheduled && settings.solving.sparsity > 0.0
}

/// Whether some method must know what the matrices see.
fn need_inputs(targets: &[Matrix]) -> bool {
    let mut methods = targets.iter().map(|matrix| matrix.method);
    methods.any(|method| method.needs() > Needs::Nothing)
}

/// Whether something is decided about a matrix that must be known first.
fn need_survey(settings: &Settings, targets: &[Matrix]) -> bool {
    let losses =
        spreads_by_losses(settings) && settings.schedule.needs() != schedules::Needs::Probes;
    let spread = losses && targets.iter().any(|matrix| matrix.scheduled);
    spread || targets.iter().any(|matrix| matrix.free_bits)
}

/// Whether the schedule must know the model, and there is anything to spread.
fn spreads_by_losses(settings: &Settings) -> bool {
    settings.schedule.needs() > schedules::Needs::Nothing && settings.solving.sparsity > 0.0
}

fn open_network(
    catalog: &Catalog,
    settings: &Settings,
    notes: &mut Vec<String>,
) -> Result<(Option<Network>, String), CompressError> {
    let ruled = settings.rules.iter().filter_map(|rule| match rule.action {
        Action::Keep => None,
        Action::Solve { solving, .. } => Some(solving.method),
    });
    let mut methods = std::iter::once(settings.solving.method).chain(ruled);
    let calibrated = methods.find(|method| method.needs() > Needs::Nothing);
    let surveyed = spreads_by_losses(settings) || settings.budget.is_some();
    let described = catalog
        .sidecars
        .iter()
        .any(|(file, _)| file == arch::json::FILE);
    let config = catalog.files.config.as_ref();
    let model_type = config.and_then(|config| config["model_type"].as_str());
    // Weights alone, or a configuration that names no architecture: enough for methods that look at each matrix by itself.
    let by_weights = calibrated.is_none() && !surveyed;
    let opened = match (config, model_type) {
        (None, _) => None,
        (Some(_), None) if by_weights && !described => None,
        _ => Some(Network::of_catalog(catalog)),
    };
    match opened {
        Some(Ok(network)) => {
            let id = network.architecture().to_string();
            return Ok((Some(network), id));
        }
        Some(Err(ModelError::UnknownArchitecture { .. })) | None => {}
        Some(Err(error)) => return Err(error.into()),
    }
    // An error says of a model without config.json that it has none.
    let named = model_type.unwrap_or_default().to_string();
    match calibrated {
        None if surveyed => Err(CompressError::ScheduleNeedsArchitecture {
            schedule: settings.schedule.id().into(),
            model_type: named,
        }),
        None => {
            let why = match (config, model_type) {
                (None, _) => "there is no config.json".into(),
                (_, None) => "config.json names no model_type".into(),
                (_, Some(named)) => format!("architecture {named:?} is not known"),
            };
            notes.push(format!(
                "{why}: every matrix is treated alike by its own weights, and quality cannot be measured here"
            ));
            Ok((None, model_type.unwrap_or("none").into()))
        }
        Some(method) => Err(CompressError::MethodNeedsArchitecture {
            method: method.id().into(),
            model_type: named,
        }),
    }
}

/// What the format cannot hold as it was asked for.
fn note_format(
    settings: &Settings,
    catalog: &Catalog,
    targets: &[Matrix],
    model_info: &ModelInfo,
    notes: &mut Vec<String>,
) {
    let format = settings.format;
    if let (Some(asked), Some(first)) = (settings.solving.grid, targets.first()) {
        let dtype = catalog.tensors[first.tensor].dtype;
        let cols: Vec<usize> = targets.iter().map(|matrix| matrix.cols).collect();
        notes.extend(formats::fallback_note(format, asked, dtype, &cols));
    }
    if !format.keeps_zeros() && targets.iter().any(|matrix| matrix.sparsity > 0.0) {
        let id = format.id();
        notes.push(format!(
            "{id} does not keep exact zeros: readers see small values where weights were removed"
        ));
    }
    if let (true, Some(Ok(gguf))) = (format.holds_tokenizer(), &model_info.gguf) {
        notes.extend(gguf.notes.iter().cloned());
    }
}

fn note_short_rows(targets: &[Matrix], notes: &mut Vec<String>) {
    let short = targets.iter().filter_map(|matrix| {
        let group = matrix.grid.map_or(0, |grid| grid.group_size);
        (group > matrix.cols).then_some((matrix.cols, group))
    });
    if let Some((cols, group)) = short.min() {
        notes.push(format!("rows of {cols} weights are shorter than a group of {group}: each is one group, so scales weigh more"));
    }
}
