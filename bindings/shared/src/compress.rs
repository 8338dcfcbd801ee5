//! `plan` and `compress`: the job, driven to its end.

use crate::api::CompressRequest;
use crate::calibration::{self, Draw};
use crate::opened::{Opened, Runnable};
use crate::{Error, Host, machine};
use kerf_compress::plan::Plan;
use kerf_compress::{Event, Job, JobHost, JobInputs, PlanReport, Report, Settings, Stage, Step};
use kerf_kernels::Compute;
use kerf_tensors::OutFolder;
use kerf_tensors::folder::{FsOutFolder, FsWorkspace};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// What `compress` would do, from headers alone; writes nothing. Errors: those of opening a model, `BAD_OPTION`,
/// `MEMORY_LIMIT`, `METHOD_NEEDS_ARCHITECTURE`, `ALREADY_COMPRESSED`, `NOTHING_TO_COMPRESS`.
pub fn plan(request: CompressRequest, _host: &dyn Host) -> Result<PlanReport, Error> {
    machine::check_threads(request.options.threads)?;
    let settings = request.options.resolve()?;
    let catalog = Opened::open(&request.model, request.architecture.as_deref())?.catalog;
    Ok(Plan::new(&catalog, settings, None)?.report(&catalog))
}

/// Compresses a model. A run that was interrupted goes on where it was, if model, options and calibration are the same.
/// Errors: those of `plan`, of the calibration text, `OUTPUT_EXISTS`, `WORK_DIR_BUSY`, `DISK_FULL`, `NON_FINITE`, `STRICT`,
/// `CANCELLED`; after an error there is nothing under the name of the result.
pub fn compress(request: CompressRequest, host: &dyn Host) -> Result<Report, Error> {
    let started = Instant::now();
    machine::check_threads(request.options.threads)?;
    let settings = request.options.resolve()?;
    let opened = Opened::open(&request.model, request.architecture.as_deref())?;
    let places = Places::of(&request)?;
    host.event(plan_event(0));
    // Whatever can be refused is refused before a work folder exists or a text is encoded.
    let plan = Plan::new(&opened.catalog, settings.clone(), None)?;
    drop(FsOutFolder::create(&places.out)?);
    host.event(plan_event(1));
    let catalog = opened.catalog.clone();
    let calibration = match plan.calibrated() {
        true => calibrate(opened, &settings, &request, host)?,
        false => Vec::new(),
    };
    let prepared = started.elapsed().as_secs_f64();
    let out = places.out.clone();
    let mut job = Job::open(JobInputs {
        catalog,
        options: request.options,
        calibration,
        workspace: Arc::new(FsWorkspace::open(&places.work_dir)?),
        out: Box::new(move || Ok(Box::new(FsOutFolder::create(&out)?) as Box<dyn OutFolder>)),
        out_name: places.out.display().to_string(),
        clock: seconds,
    })?;
    let mut host = Forward(host);
    loop {
        if let Step::Done(mut report) = job.step(&mut host)? {
            report.peak_rss_bytes = machine::peak_rss_bytes();
            // The job does not know of the text before it was token ids.
            report.seconds += prepared;
            *report.phases.entry("calibrate".into()).or_default() += prepared;
            return Ok(*report);
        }
    }
}

fn calibrate(
    opened: Opened,
    settings: &Settings,
    request: &CompressRequest,
    host: &dyn Host,
) -> Result<Vec<Vec<u32>>, Error> {
    let network = opened.network()?;
    let model = Runnable { opened, network };
    let options = &settings.options;
    let compute = Compute::new(settings.isa, options.threads);
    let compute = compute.map_or_else(|| machine::compute(options.threads), Ok)?;
    let draw = Draw {
        tokens: options.tokens,
        seed: options.seed,
    };
    calibration::sequences(&request.calibration, &model, &compute, draw, host)
}

/// Where a run writes.
#[derive(Debug, PartialEq)]
struct Places {
    out: PathBuf,
    work_dir: PathBuf,
}

impl Places {
    /// Defaults: NAME-kerf beside the model, and a hidden sibling of the result.
    fn of(request: &CompressRequest) -> Result<Self, Error> {
        let out = match &request.out {
            Some(out) => PathBuf::from(out),
            None => default_out(Path::new(&request.model)),
        };
        let work_dir = match &request.work_dir {
            Some(work_dir) => PathBuf::from(work_dir),
            None => default_work_dir(&out)?,
        };
        Ok(Self { out, work_dir })
    }
}

fn default_out(model: &Path) -> PathBuf {
    // `.` and `..` have no name of their own.
    let real = model.canonicalize().unwrap_or_else(|_| model.into());
    let base = if model.file_name().is_some() {
        model
    } else {
        &real
    };
    let name = if real.is_file() {
        base.file_stem()
    } else {
        base.file_name()
    };
    let name = name.unwrap_or_default().to_string_lossy();
    base.with_file_name(format!("{name}-kerf"))
}

fn default_work_dir(out: &Path) -> Result<PathBuf, Error> {
    let Some(name) = out.file_name() else {
        return Err(Error::BadRequest {
            field: "out".into(),
            expected: "a folder with a name".into(),
            actual: out.display().to_string(),
        });
    };
    Ok(out.with_file_name(format!(".{}.kerf-work", name.to_string_lossy())))
}

fn plan_event(done: u64) -> Event {
    Event {
        stage: Stage::Plan,
        done,
        total: 1,
        unit: "units".into(),
        name: "checking".into(),
    }
}

/// Seconds since the first call.
fn seconds() -> f64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs_f64()
}

/// The host of this call, as a job wants it.
struct Forward<'a>(&'a dyn Host);

impl JobHost for Forward<'_> {
    fn event(&mut self, event: Event) {
        self.0.event(event);
    }

    fn cancelled(&self) -> bool {
        self.0.cancelled()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_go_beside_the_model() {
        let folder = tempfile::tempdir().expect("folder");
        let model = folder.path().join("m.v1");
        std::fs::create_dir(&model).expect("folder");
        let file = folder.path().join("x.safetensors");
        std::fs::write(&file, b"").expect("file");
        let real = folder.path().canonicalize().expect("real");
        assert_eq!(default_out(&model), folder.path().join("m.v1-kerf"));
        assert_eq!(
            default_out(&model.join("")),
            folder.path().join("m.v1-kerf")
        );
        assert_eq!(
            default_out(&model.join("..").join("m.v1").join("..")),
            real.with_file_name(format!(
                "{}-kerf",
                real.file_name().expect("name").to_string_lossy()
            ))
        );
        assert_eq!(default_out(&file), folder.path().join("x-kerf"));
        let work = default_work_dir(Path::new("a/small")).expect("a name");
        assert_eq!(work, Path::new("a/.small.kerf-work"));
        assert_eq!(
            default_work_dir(Path::new("/"))
                .expect_err("no name")
                .code(),
            "BAD_REQUEST"
        );
    }
}
