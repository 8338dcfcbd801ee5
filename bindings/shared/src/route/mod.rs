//! `route`: searches how much each block may skip, and makes a router of it.

mod card;
mod measured;
mod options;
pub mod request;
mod windows;

pub use options::ROUTERS;

use self::measured::Measuring;
use self::options::Resolved;
use self::request::{RouteReport, RouteRequest};
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
use kerf_route::{SavedRouter, Schedule, Search};
use kerf_run::{Event, Stage};
use kerf_tensors::folder::Existing;
use kerf_tensors::{Digest, Workspace};
use std::path::Path;
use std::sync::Arc;
use web_time::Instant;

/// Share of the call after which the text is read.
const READ: f64 = 0.02;
/// Share after which the schedule is found.
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

/// Searches the schedule, measures it on windows of text that were held out, and writes the folder. What is found is kept in `workDir`
/// after each generation, so a run that was stopped goes on, if model, text and options are the same.
///
/// Errors: those of opening a model, `WRONG_KIND` for an encoder, `BAD_OPTION`, `NO_TOKENIZER`, `CALIBRATION_EMPTY`, `EMPTY`,
/// `MEMORY_LIMIT`, `OUTPUT_EXISTS`, `WORK_DIR_BUSY`, `NOT_FINITE`, `DISK_FULL`, `CANCELLED`. After an error there is nothing under the
/// name of the result.
pub fn route(request: RouteRequest, host: &dyn Host) -> Result<RouteReport, Error> {
    let begun = Instant::now();
    let resolved = options::resolved(&request.options)?;
    let storage = host.storage();
    let (out, work_dir) = places(&*storage, &request)?;
    drop(storage.out_folder(&out, Existing::forced(request.force))?);
    let compute = machine::compute(request.options.threads)?.with_stop(host.stop());
    let model = Runnable::open(&*storage, &request.model, request.architecture.as_deref())?;
    need_decoder(&model, "routing")?;
    let mut notes = model.opened.catalog.files.notes();
    let drawing = Draw {
        tokens: resolved.tokens,
        seed: request.options.seed,
        limit_bytes: request.options.max_memory_bytes,
    };
    let part = Part::of(host, 0.0, READ);
    let drawn = draw(&request.calibration, &model, &compute, drawing, &part)?;
    notes.extend(drawn.notes.iter().cloned());
    let windows = RouteWindows::of(&drawn, model.network.max_context())?;
    let tokens = (windows.own.len() * windows.window).max(windows.held.len() * windows.window);
    let planned = Searching::of(
        request.options.max_memory_bytes,
        &model,
        &compute,
        tokens,
        windows.window,
    )?;
    let fingerprint = fingerprint(&request, &model, &compute, &windows)?;
    let routed = Routed {
        request: &request,
        resolved,
        model,
        compute,
        windows,
        keep_bytes: planned.keep_bytes,
        fingerprint,
        host,
    };
    let workspace = storage.workspace(&work_dir)?;
    let schedule = routed.search(part_of(&*storage, &work_dir, "search")?)?;
    let saved = routed.saved(schedule)?;
    let mut report = RouteReport {
        text: drawn.text,
        planned_peak_bytes: planned.needed_bytes,
        notes,
        ..routed.report(&saved)?
    };
    let card = card::of(&routed.request.model, &report);
    report.output_bytes = routed.write(&saved, &out, &card)?;
    workspace.clear()?;
    report.out = storage.place(&out);
    report.seconds = begun.elapsed().as_secs_f64();
    report.peak_rss_bytes = machine::peak_rss_bytes();
    Ok(report)
}

impl Routed<'_> {
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
        let part = Part::of(self.host, READ, FOUND);
        Ok(search.run(&self.resolved.search, gate, workspace, &mut Forward(&part))?)
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

    /// Measures the router and its rivals.
    fn report(&self, saved: &SavedRouter) -> Result<RouteReport, Error> {
        let measuring = Measuring {
            model: &self.model,
            compute: &self.compute,
            windows: &self.windows,
            keep_bytes: self.keep_bytes,
            host: &Part::of(self.host, FOUND, MEASURED),
        };
        let report = RouteReport {
            architecture: self.model.network.architecture().into(),
            router: saved.router.clone(),
            token_sparsity: saved.token_sparsity,
            sparsity: saved.schedule.sparsity.clone(),
            windows: self.windows.own.len() as u64,
            held_out_windows: self.windows.held.len() as u64,
            window: self.windows.window,
            prompt: self.windows.prompt(),
            generations: self.resolved.search.generations,
            isa: self.compute.kernels.isa().id().into(),
            threads: self.compute.pool.threads(),
            ..RouteReport::default()
        };
        measuring.fill(saved, report)
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

/// A work folder inside that of the run, since a journal of its own is cleared with all of its folder.
fn part_of(storage: &dyn Storage, work_dir: &str, part: &str) -> Result<Arc<dyn Workspace>, Error> {
    let place = Path::new(work_dir).join(part);
    Ok(storage.workspace(&place.display().to_string())?)
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
