//! `finetune`: teaches a model a task, and prunes it meanwhile if asked.

mod examples;
mod held_out;
mod measured;
mod memory;
mod options;
pub mod request;
mod start;

pub use options::CURVES;

use self::held_out::Held;
use self::request::{FinetuneReport, FinetuneRequest, LearningPoint};
use self::start::{Making, Start};
use crate::long_run::{Forward, default_work_dir, seconds};
use crate::open_model::OpenModel;
use crate::share::Part;
use crate::storage::Storage;
use crate::{Error, Host, machine};
use kerf_compress::options::glob::glob;
use kerf_kernels::Compute;
use kerf_model::{MemoryWeights, WeightSource};
use kerf_run::{Event, Stage, Step};
use kerf_tensors::folder::Existing;
use kerf_tensors::formats::ModelInfo;
use kerf_tensors::{Catalog, Digest, Workspace};
use kerf_train::{Learned, Student, Trainer};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use web_time::Instant;

/// Share of the call after which the result is written.
const LEARNED: f64 = 0.96;
/// Share after which it is measured.
const WRITTEN: f64 = 0.98;

/// Where a training writes.
struct Places {
    out: String,
    workspace: Arc<dyn Workspace>,
}

/// A training, in steps: [`Finetune::begin`] reads model and data, each step is one of the optimiser. A run that was interrupted goes on
/// where it was, if model, data and options are the same.
pub struct Finetune {
    trainer: Trainer,
    compute: Compute,
    start: Catalog,
    info: ModelInfo,
    workspace: Arc<dyn Workspace>,
    request: FinetuneRequest,
    out: String,
    report: FinetuneReport,
    begun: Instant,
}

impl Finetune {
    /// Reads the model, gives it the head of the task if it has none, reads the examples, and opens the training.
    ///
    /// Errors: those of opening a model, `WRONG_KIND`, `BAD_OPTION`, `BAD_TASK_DATA`, `TOO_FEW_EXAMPLES`, `NO_TOKENIZER`, `MEMORY_LIMIT`,
    /// `OUTPUT_EXISTS`, `WORK_DIR_BUSY`.
    pub fn begin(request: FinetuneRequest, host: &dyn Host) -> Result<Self, Error> {
        let begun = Instant::now();
        options::check_task(&request.task)?;
        let storage = host.storage();
        let compute = machine::compute(request.options.threads)?.with_stop(host.stop());
        let (out, work_dir) = places(&*storage, &request)?;
        drop(storage.out_folder(&out, Existing::forced(request.force))?);
        let architecture = request.architecture.as_deref();
        let opened = OpenModel::open(&*storage, &request.model, architecture)?;
        let workspace = storage.workspace(&work_dir)?;
        let is_resumed = Trainer::is_in(&*workspace)?;
        let places = Places { out, workspace };
        let kept = places.workspace.clone();
        let begun = Self::open(request, host, compute, opened, places, begun);
        // A folder in which nothing was learned yet is of no use.
        if begun.is_err() && !is_resumed {
            kept.clear()?;
        }
        begun
    }

    fn open(
        request: FinetuneRequest,
        host: &dyn Host,
        compute: Compute,
        opened: OpenModel,
        Places { out, workspace }: Places,
        begun: Instant,
    ) -> Result<Self, Error> {
        let storage = host.storage();
        let mut digest = Digest::default();
        digest
            .update(crate::VERSION.as_bytes())
            .update(compute.kernels.isa().id().as_bytes())
            .update(opened.catalog.fingerprint()?.as_bytes())
            .update(options::decisive(&request).as_bytes());
        for file in std::iter::once(&request.data).chain(&request.held_out) {
            digest.update(&storage.read(file)?);
        }
        let mut notes = opened.catalog.files.notes();
        notes.extend(opened.catalog.is_compressed().then(|| {
            "the model is compressed: its weights are learned as they are decoded, and the result is not compressed".into()
        }));
        let fingerprint = digest.hex();
        // What another training has left would be removed under the open file of a model with a new head.
        Trainer::prepare(workspace.clone(), &fingerprint)?;
        let making = Making {
            compute: &compute,
            storage: &*storage,
            workspace: &workspace,
            seed: request.options.seed,
        };
        let start = making.of_task(opened, &request.task, &request.data)?;
        if let (true, Some(distill)) =
            (start.is_fresh, request.options.distill.filter(|d| *d > 0.0))
        {
            let expected = "left out for a model whose head is new, and says nothing yet";
            return Err(crate::error::bad_option("distill", expected, distill));
        }
        notes.extend(start.notes.iter().cloned());
        let held = Held::read(&start, &compute, &request, host)?;
        notes.extend(held.notes.iter().cloned());
        let options = options::resolved(&request, held.examples.count())?;
        let Start { model, labels, .. } = start;
        let catalog = model.opened.catalog;
        let info = model.network.model_info(&catalog)?;
        let learn = learned_names(&catalog, &info, &request.options.freeze)?;
        let candidates: Vec<String> = kerf_train::prune::candidates(&model.network)
            .into_iter()
            .filter(|name| learn.contains(name))
            .collect();
        let planned = memory::plan(&model.network, &catalog, &learn, &options, &held);
        memory::refuse(planned, request.options.max_memory_bytes)?;
        let names = catalog
            .tensors
            .iter()
            .filter(|entry| entry.dtype.is_computable());
        let weights = MemoryWeights::copy_of(&catalog, &compute, names.map(|e| e.name.as_str()))?;
        let teacher: Option<(_, Arc<dyn WeightSource>)> = (options.distill > 0.0).then(|| {
            (
                model.network.clone(),
                Arc::new(catalog.clone()) as Arc<dyn WeightSource>,
            )
        });
        let report = FinetuneReport {
            architecture: model.network.architecture().into(),
            task: request.task.clone(),
            method: options.prune.pruner.id().into(),
            labels,
            examples: held.examples.count() as u64,
            held_out_examples: held.held_out.count() as u64,
            truncated: held.truncated,
            learned: learn.iter().map(|name| values_of(&catalog, name)).sum(),
            planned_peak_bytes: planned,
            isa: compute.kernels.isa().id().into(),
            threads: compute.pool.threads(),
            notes,
            ..FinetuneReport::default()
        };
        let student = Student {
            network: model.network,
            weights,
            learn: learn.into_iter().collect(),
            candidates,
            examples: held.examples,
            held_out: held.held_out,
            teacher,
        };
        let trainer = Trainer::open(
            compute.clone(),
            options,
            student,
            workspace.clone(),
            &fingerprint,
            seconds,
        )?;
        Ok(Self {
            trainer,
            compute,
            start: catalog,
            info,
            workspace,
            request,
            out,
            report,
            begun,
        })
    }

    /// One step; the report after the last. Errors: `LOSS_NOT_FINITE`, `DISK_FULL`, `CANCELLED`; after an error there is nothing under
    /// the name of the result.
    pub fn step(&mut self, host: &dyn Host) -> Result<Option<FinetuneReport>, Error> {
        let part = Part::of(host, 0.0, LEARNED);
        let Step::Done(learned) = self.trainer.step(&mut Forward(&part))? else {
            return Ok(None);
        };
        self.write(host)?;
        self.fill(&learned);
        if let Some(file) = &self.request.held_out {
            let part = Part::of(host, WRITTEN, 1.0);
            let (task, place) = (&self.request.task, &self.report.out);
            let measured = measured::of_task(task, place, file, &self.request, &part)?;
            self.report.measured = measured;
        }
        self.workspace.clear()?;
        self.report.seconds = learned.seconds.max(self.begun.elapsed().as_secs_f64());
        self.report.peak_rss_bytes = machine::peak_rss_bytes();
        Ok(Some(self.report.clone()))
    }

    fn write(&mut self, host: &dyn Host) -> Result<(), Error> {
        let storage = host.storage();
        let part = Part::of(host, LEARNED, WRITTEN);
        let mut out = storage.out_folder(&self.out, Existing::forced(self.request.force))?;
        let name = self.out.clone();
        self.report.output_bytes = kerf_train::write_result(
            &self.compute,
            &self.start,
            &self.info,
            self.trainer.weights(),
            &mut *out,
            &mut |done, total| {
                let event = Event::new(Stage::Write, done, total, "bytes", &name);
                part.event(event.with_share(done, total));
                match part.cancelled() {
                    true => Err(kerf_model::ModelError::Cancelled {}),
                    false => Ok(()),
                }
            },
        )?;
        out.commit()?;
        self.report.out = storage.place(&self.out);
        Ok(())
    }

    fn fill(&mut self, learned: &Learned) {
        let report = &mut self.report;
        report.sparsity = learned.sparsity;
        report.steps = learned.steps;
        report.best_step = learned.best_step;
        report.loss_before = learned.points.first().map_or(0.0, |point| point.held_out);
        report.loss_after = learned.best_loss;
        report.tokens = learned.tokens;
        report.curve = learned
            .points
            .iter()
            .map(|point| LearningPoint {
                step: point.step,
                loss: point.loss,
                held_out: Some(point.held_out),
                learning_rate: point.rate,
                sparsity: point.sparsity,
            })
            .collect();
        if learned.best_step < learned.steps {
            report.notes.push(format!(
                "the result is that of step {} of {}, where the held-out loss was lowest",
                learned.best_step, learned.steps
            ));
        }
    }
}

/// Tensors that learn: floats that the network or its head reads, but those that a pattern names. `BAD_OPTION` for a pattern without a
/// tensor, and where nothing is left.
fn learned_names(
    catalog: &Catalog,
    info: &ModelInfo,
    freeze: &[String],
) -> Result<BTreeSet<String>, Error> {
    let computable = catalog
        .tensors
        .iter()
        .filter(|entry| entry.dtype.is_computable());
    let mut learn: BTreeSet<String> = computable
        .map(|entry| entry.name.clone())
        .filter(|name| !info.dead.contains(name))
        .collect();
    for pattern in freeze {
        let before = learn.len();
        learn.retain(|name| !glob(pattern, name));
        if learn.len() == before {
            let expected = "patterns of names of tensors that learn";
            return Err(crate::error::bad_option(
                "freeze",
                expected,
                format!("{pattern:?}"),
            ));
        }
    }
    match learn.is_empty() {
        true => Err(crate::error::bad_option(
            "freeze",
            "patterns that leave something to learn",
            freeze.join(", "),
        )),
        false => Ok(learn),
    }
}

fn values_of(catalog: &Catalog, name: &str) -> u64 {
    catalog.get(name).map_or(0, |entry| entry.len() as u64)
}

/// Where the result and the checkpoints go: NAME-tuned beside the model, and a hidden sibling of the result.
fn places(storage: &dyn Storage, request: &FinetuneRequest) -> Result<(String, String), Error> {
    let out = match &request.out {
        Some(out) => storage.place(out),
        None => {
            let beside = storage.beside(&request.model);
            format!("{}-tuned", beside.strip_suffix("-kerf").unwrap_or(&beside))
        }
    };
    let work_dir = match &request.work_dir {
        Some(work_dir) => work_dir.clone(),
        None => default_work_dir(Path::new(&out))?,
    };
    Ok((out, work_dir))
}
