//! What will happen: which tensors are targets, which are embeddings, what each becomes, and what the run will need.

mod budget;
mod calibration_check;
pub mod kept;
pub(crate) mod matrices;
pub mod memory;
pub(crate) mod metadata;
mod network;
mod notes;
mod report;
mod unknown;

use crate::CompressError;
use crate::allocate::matrix::{InputId, Matrix};
use crate::costs::footprint::Task;
use crate::options::recover::{By, Recovery};
use crate::options::resolve::Settings;
use crate::prepass::probe::Probe;
use crate::prepass::search::Search;
use crate::prepass::survey::Survey;
use crate::prepass::{self, Prepass};
use crate::schedules::Summary;
use crate::solve::statistics::Needs;
use kerf_model::Network;
use kerf_tensors::Catalog;
use kerf_tensors::files;
use kerf_tensors::formats::{ModelInfo, TokenizerValues};
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
    /// How what survived is taught, with `auto` decided.
    pub recovery: Option<Recovery>,
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
        tokenizer: TokenizerValues,
    ) -> Result<Self, CompressError> {
        if catalog.is_compressed() {
            return Err(CompressError::AlreadyCompressed {});
        }
        let mut notes = catalog.files.notes();
        let (network, architecture) = network::open(catalog, &settings, &mut notes)?;
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
        let spread = prepass::spreads_by_losses(&settings);
        let open = |matrix: &Matrix| matrix.free_bits || spread && matrix.scheduled;
        if targets.iter().any(open) {
            notes.push("what each matrix becomes is decided after a survey of the model: what is planned is alike everywhere".into());
        }
        let calibrated = calibrates(&settings, &targets);
        let tokens = if calibrated {
            tokens.unwrap_or(settings.tokens)
        } else {
            0
        };
        notes::short_rows(&targets, &mut notes);
        notes::kept_zeros(&targets, &mut notes);
        notes::format(&settings, catalog, &targets, &model_info, &mut notes);
        let mut task = Task {
            catalog,
            settings: &settings,
            targets: &targets,
            embeddings: &embeddings,
            recovery: settings.recovery,
        };
        let calibrating = network.as_ref().filter(|_| calibrated);
        let memory = memory::decide(&mut task, calibrating, tokens)?;
        let recovery = task.recovery;
        let mut plan = Self {
            recovery,
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
        plan.share_budget(catalog, &HashMap::new())?;
        let note = plan.note_small_matrices(catalog);
        plan.notes.extend(note);
        Ok(plan)
    }

    /// The same plan for a calibration of so many tokens: only the memory that it takes depends on them. `MEMORY_LIMIT` if that is too much.
    pub fn with_tokens(self, catalog: &Catalog, tokens: usize) -> Result<Self, CompressError> {
        let tokens = if self.calibrated() { tokens } else { 0 };
        let task = Task {
            catalog,
            settings: &self.settings,
            targets: &self.targets,
            embeddings: &self.embeddings,
            recovery: self.recovery,
        };
        let calibrating = self.network.as_ref().filter(|_| self.calibrated());
        let memory = memory::plan(&task, calibrating, tokens)?;
        Ok(Self {
            tokens,
            memory,
            ..self
        })
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
        calibrates(&self.settings, &self.targets)
    }

    /// Whether a survey decides about matrices before the first is solved.
    pub fn surveyed(&self) -> bool {
        Survey.runs(&self.settings, &self.targets)
    }

    /// Whether something is decided about a matrix by what it alone costs the network.
    pub(crate) fn is_probed(&self, matrix: &Matrix) -> bool {
        Probe.decides(&self.settings, matrix)
    }

    /// Whether candidates are tried before the first is solved.
    pub fn searches(&self) -> bool {
        Search.runs(&self.settings, &self.targets)
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
        if prepass::spreads_by_losses(&self.settings) {
            matrices::schedule(self.targets.iter_mut(), &self.settings, &by_name);
        }
        self.share_budget(catalog, &by_name)
    }

    /// Whether what the dense model computes goes along with the calibration.
    pub fn dense_stream(&self) -> bool {
        self.recovers_blocks() || self.targets.iter().any(|matrix| matrix.blend > 0.0)
    }

    /// Whether the whole model is taught after its last block is solved.
    pub fn recovers_whole(&self) -> bool {
        self.recovery
            .is_some_and(|recovery| recovery.by == By::Whole)
    }

    /// Whether each block is taught after it is solved.
    pub fn recovers_blocks(&self) -> bool {
        self.recovery
            .is_some_and(|recovery| recovery.by == By::Block)
    }

    /// Rows of all matrices of a shared input that aim at what the dense model computes.
    pub fn aiming_rows(&self, block: usize, input: usize) -> usize {
        self.aiming(block, input).map(|matrix| matrix.rows).sum()
    }

    /// Matrices of a shared input that aim at what the dense model computes.
    pub fn aiming(&self, block: usize, input: usize) -> impl Iterator<Item = &Matrix> {
        self.targets.iter().filter(move |matrix| {
            matrix.input_id() == InputId { block, input } && matrix.blend > 0.0
        })
    }
}

/// Whether some method must know what the matrices see.
fn need_inputs(targets: &[Matrix]) -> bool {
    let mut methods = targets.iter().map(|matrix| matrix.method);
    methods.any(|method| method.needs() > Needs::Nothing)
}

/// Whether calibration runs: for what a method must know of inputs, or for a look at the dense model.
fn calibrates(settings: &Settings, targets: &[Matrix]) -> bool {
    !prepass::planned(settings, targets).is_empty() || need_inputs(targets)
}
