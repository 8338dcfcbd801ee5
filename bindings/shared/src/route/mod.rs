//! `route`: searches how much each block may skip, and makes a router of it.

mod card;
mod measured;
mod options;
pub mod request;
mod windows;

pub use options::ROUTERS;

use self::measured::Measuring;
use self::options::Resolved;
use self::request::{RouteReport, RouteRequest, RouterLearning, RouterPoint};
use self::windows::RouteWindows;
use crate::calibration::{Draw, draw};
use crate::long_run::{Forward, default_work_dir};
use crate::open_model::Runnable;
use crate::routing::need_decoder;
use crate::running::Searching;
use crate::share::Part;
use crate::storage::Storage;
use crate::{Error, Host, machine};
use kerf_kernels::Compute;
use kerf_model::gate::Settings;
use kerf_route::{
    LearnedRouter, RouteError, RouterTraining, RouterTrainingOptions, SavedRouter, Schedule, Search,
};
use kerf_run::{Event, RunError, Stage};
use kerf_tensors::folder::Existing;
use kerf_tensors::{Digest, Workspace};
use std::path::Path;
use std::sync::Arc;
use web_time::Instant;

/// Share of the call after which the text is read.
const READ: f64 = 0.02;
/// Share after which the schedule is found, if the router learns behind it.
const SEARCHED: f64 = 0.5;
/// Share after which the router is found.
const FOUND: f64 = 0.9;
/// Share after which the router is measured.
const MEASURED: f64 = 0.98;

/// A model that gets a router.
struct Routed<'a> {
    request: &'a RouteRequest,
    resolved: Resolved,
    model: Runnable,
    compute: Compute,
    windows: RouteWindows,
    /// Most bytes of decoded weights of a runner.
    keep_bytes: u64,
    fingerprint: String,
    host: &'a dyn Host,
}

/// Searches the schedule, teaches the router if it learns, measures it on windows of text that were held out, and writes the folder. What is found is kept in `workDir`
/// after each generation, so a run that was stopped goes on, if model, text and options are the same.
///
/// Errors: those of opening a model, `WRONG_KIND` for an encoder, `BAD_OPTION`, `NO_TOKENIZER`, `CALIBRATION_EMPTY`, `EMPTY`,
/// `MEMORY_LIMIT`, `OUTPUT_EXISTS`, `WORK_DIR_BUSY`, `NOT_FINITE`, `LOSS_NOT_FINITE`, `DISK_FULL`, `CANCELLED`. After an error there is nothing under the
/// name of the result.
pub fn route(request: RouteRequest, host: &dyn Host) -> Result<RouteReport, Error> {
    let begun = Instant::now();
    let storage = host.storage();
    let (out, work_dir) = places(&*storage, &request)?;
    drop(storage.out_folder(&out, Existing::forced(request.force))?);
    let (routed, begin) = Routed::open(&request, host)?;
    let workspace = storage.workspace(&work_dir)?;
    let made = routed.make(&*storage, &work_dir, begin);
    let (saved, mut report) = made.map_err(|error| kept_in(&work_dir, error))?;
    let card = card::of(&request.model, &report);
    report.output_bytes = routed.write(&saved, &out, &card)?;
    workspace.clear()?;
    report.out = storage.place(&out);
    report.seconds = begun.elapsed().as_secs_f64();
    report.peak_rss_bytes = machine::peak_rss_bytes();
    Ok(report)
}

impl<'a> Routed<'a> {
    /// Reads model and text, and plans the memory. The report says what is known before the search.
    fn open(request: &'a RouteRequest, host: &'a dyn Host) -> Result<(Self, RouteReport), Error> {
        let resolved = options::resolved(&request.options)?;
        let storage = host.storage();
        let limit_bytes = request.options.max_memory_bytes;
        let compute = machine::compute(request.options.threads)?.with_stop(host.stop());
        let model = Runnable::open(&*storage, &request.model, request.architecture.as_deref())?;
        need_decoder(&model, "routing")?;
        let drawing = Draw {
            tokens: resolved.tokens,
            seed: request.options.seed,
            limit_bytes,
        };
        let part = Part::of(host, 0.0, READ);
        let drawn = draw(&request.calibration, &model, &compute, drawing, &part)?;
        let windows = RouteWindows::of(&drawn, model.network.max_context())?;
        let counts = [windows.own.len(), windows.held.len()];
        let tokens = windows.window * counts.into_iter().max().unwrap_or(0);
        let learns = resolved.training.is_some();
        let planned = Searching::of(
            limit_bytes,
            &model,
            &compute,
            tokens,
            windows.window,
            learns,
        )?;
        let mut notes = model.opened.catalog.files.notes();
        notes.extend(drawn.notes);
        let report = RouteReport {
            architecture: model.network.architecture().into(),
            router: resolved.router.clone(),
            token_sparsity: resolved.search.sparsity,
            windows: windows.own.len() as u64,
            held_out_windows: windows.held.len() as u64,
            window: windows.window,
            prompt: windows.prompt(),
            text: drawn.text,
            generations: resolved.search.generations,
            isa: compute.kernels.isa().id().into(),
            threads: compute.pool.threads(),
            planned_peak_bytes: planned.needed_bytes,
            notes,
            ..RouteReport::default()
        };
        let routed = Self {
            fingerprint: fingerprint(request, &model, &compute, &windows)?,
            request,
            resolved,
            model,
            compute,
            windows,
            keep_bytes: planned.keep_bytes,
            host,
        };
        Ok((routed, report))
    }

    /// Searches, learns and measures.
    fn make(
        &self,
        storage: &dyn Storage,
        work_dir: &str,
        mut report: RouteReport,
    ) -> Result<(SavedRouter, RouteReport), Error> {
        let schedule = self.search(part_of(storage, work_dir, "search")?)?;
        let mut saved = self.saved(schedule)?;
        if let Some(options) = &self.resolved.training {
            let work = part_of(storage, work_dir, "training")?;
            let learned = self.learn(options, &saved.schedule, work)?;
            report.learning = Some(learning(options, &learned));
            if !learned.improved {
                report.notes.push("the router is no better than the static rule on text that it did not learn from: what is left is the start of the training; make one with router static, or teach it on more `tokens`".into());
            }
            saved.strict = options.strict;
            saved.weights = Some(Arc::new(learned.weights));
            saved.stand_in = learned.stand_in.map(Arc::new);
        }
        report.sparsity = saved.schedule.sparsity.clone();
        let measuring = Measuring {
            model: &self.model,
            compute: &self.compute,
            windows: &self.windows,
            keep_bytes: self.keep_bytes,
            host: &Part::of(self.host, FOUND, MEASURED),
        };
        let report = measuring.fill(&saved, report)?;
        Ok((saved, report))
    }

    /// The best schedule for the static rule.
    fn search(&self, workspace: Arc<dyn Workspace>) -> Result<Schedule, Error> {
        let search = Search {
            network: &self.model.network,
            weights: &self.model.opened.catalog,
            compute: &self.compute,
            windows: &self.windows.own,
            prompt: self.windows.prompt(),
            keep_bytes: self.keep_bytes,
            fingerprint: &self.fingerprint,
        };
        let gate = &|shares| {
            measured::rule(
                "static",
                Settings {
                    shares,
                    ..Settings::default()
                },
            )
        };
        let end = match self.resolved.training {
            Some(_) => SEARCHED,
            None => FOUND,
        };
        let part = Part::of(self.host, READ, end);
        Ok(search.run(&self.resolved.search, gate, workspace, &mut Forward(&part))?)
    }

    /// What the router learns for a schedule.
    fn learn(
        &self,
        options: &RouterTrainingOptions,
        schedule: &Schedule,
        workspace: Arc<dyn Workspace>,
    ) -> Result<LearnedRouter, Error> {
        let training = RouterTraining {
            network: &self.model.network,
            weights: &self.model.opened.catalog,
            compute: &self.compute,
            windows: &self.windows.own,
            prompt: self.windows.prompt(),
            schedule,
            keep_bytes: self.keep_bytes,
            fingerprint: &self.fingerprint,
        };
        let part = Part::of(self.host, SEARCHED, FOUND);
        Ok(training.run(options, workspace, &mut Forward(&part))?)
    }

    /// What is written.
    fn saved(&self, schedule: Schedule) -> Result<SavedRouter, Error> {
        Ok(SavedRouter {
            router: self.resolved.router.clone(),
            token_sparsity: self.resolved.search.sparsity,
            seed: self.request.options.seed,
            strict: false,
            schedule,
            model_digest: self.model.opened.catalog.weights_digest()?,
            weights: None,
            hidden: None,
            stand_in: None,
        })
    }

    /// Writes the folder; its bytes.
    fn write(&self, saved: &SavedRouter, place: &str, card: &str) -> Result<u64, Error> {
        let storage = self.host.storage();
        let mut out = storage.out_folder(place, Existing::forced(self.request.force))?;
        let bytes = saved.write(&mut *out, card)?;
        out.commit()?;
        let event = Event::new(Stage::Write, bytes, bytes, "bytes", place);
        Part::of(self.host, MEASURED, 1.0).event(event.with_share(1, 1));
        Ok(bytes)
    }
}

/// What a report says of a training.
fn learning(options: &RouterTrainingOptions, learned: &LearnedRouter) -> RouterLearning {
    let points = learned.curve.iter().map(|point| RouterPoint {
        step: point.step,
        loss: point.loss,
        kl: point.kl,
        skipped: point.skipped,
        learning_rate: point.rate,
    });
    RouterLearning {
        steps: options.steps,
        rank: learned
            .stand_in
            .as_ref()
            .map_or(0, |stand_in| stand_in.rank),
        kl_static: learned.kl_static,
        kl_learned: learned.kl_learned,
        improved: learned.improved,
        curve: points.collect(),
    }
}

/// A work folder inside that of the run, since a journal of its own is cleared with all of its folder.
fn part_of(storage: &dyn Storage, work_dir: &str, part: &str) -> Result<Arc<dyn Workspace>, Error> {
    let place = Path::new(work_dir).join(part);
    Ok(storage.workspace(&place.display().to_string())?)
}

/// `CANCELLED` says where what was found so far is kept.
fn kept_in(work_dir: &str, error: Error) -> Error {
    match error.code() {
        "CANCELLED" => {
            let work_dir = work_dir.to_owned();
            RouteError::Run(RunError::Cancelled { work_dir }).into()
        }
        _ => error,
    }
}

/// What names a run: a work folder of another one is cleared.
fn fingerprint(
    request: &RouteRequest,
    model: &Runnable,
    compute: &Compute,
    windows: &RouteWindows,
) -> Result<String, Error> {
    let mut digest = Digest::default();
    digest
        .update(crate::VERSION.as_bytes())
        .update(compute.kernels.isa().id().as_bytes())
        .update(model.opened.catalog.fingerprint()?.as_bytes())
        .update(options::decisive(request).as_bytes());
    for ids in &windows.own {
        digest.update(&(ids.len() as u64).to_le_bytes());
        for id in ids {
            digest.update(&id.to_le_bytes());
        }
    }
    Ok(digest.hex())
}

/// Where the result and what is found so far go: NAME-router beside the model, and a hidden sibling of the result.
fn places(storage: &dyn Storage, request: &RouteRequest) -> Result<(String, String), Error> {
    let out = match &request.out {
        Some(out) => storage.place(out),
        None => {
            let beside = storage.beside(&request.model);
            format!("{}-router", beside.strip_suffix("-kerf").unwrap_or(&beside))
        }
    };
    let work_dir = match &request.work_dir {
        Some(work_dir) => work_dir.clone(),
        None => default_work_dir(Path::new(&out))?,
    };
    Ok((out, work_dir))
}
