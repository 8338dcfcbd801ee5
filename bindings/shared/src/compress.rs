//! `plan` and `compress`: the job, driven to its end.

use crate::api::{Calibration, CompressRequest};
use crate::calibration::{self, Draw, Drawn};
use crate::long_run::{Forward, default_work_dir, seconds};
use crate::open_model::{OpenModel, Runnable};
use crate::share::{self, Part};
use crate::storage::Storage;
use crate::{Error, Host, machine, vocabulary};
use kerf_compress::options::recover::Text;
use kerf_compress::plan::Plan;
use kerf_compress::{
    Job, JobInputs, PlanReport, Report, Settings, TextUse, estimate, expected_seconds,
};
use kerf_kernels::Compute;
use kerf_run::{Event, Stage, Step};
use kerf_tensors::folder::Existing;
use kerf_tensors::{Catalog, TensorsError};
use std::path::Path;
use web_time::Instant;

/// A calibration text of which no more than this is encoded is read for a plan, since its tokens decide how long the run takes; another
/// is taken to have as many tokens as the options allow.
const READ_FOR_PLAN_BYTES: u64 = 1 << 20;
/// Rate at which text becomes tokens, where it is not read for the plan.
const TEXT_BYTES_PER_SECOND: f64 = 6e6;
/// Seconds of opening a model and its tokenizer, and of foreseeing a run, about: both hardly depend on the model.
const OPENING_SECONDS: f64 = 0.15;
const FORESEEING_SECONDS: f64 = 0.6;

/// What `compress` would do, from headers, the tokenizer and a short calibration text; writes nothing. Errors: those of opening
/// a model, `BAD_OPTION`, `MEMORY_LIMIT`, `METHOD_NEEDS_ARCHITECTURE`, `ALREADY_COMPRESSED`, `NOTHING_TO_COMPRESS`.
pub fn plan(request: CompressRequest, host: &dyn Host) -> Result<PlanReport, Error> {
    machine::check_threads(request.options.threads)?;
    let settings = request.options.resolve()?;
    let storage = host.storage();
    let opened = OpenModel::open(&*storage, &request.model, request.architecture.as_deref())?;
    let catalog = opened.catalog.clone();
    let tokenizer = vocabulary::values(&opened, settings.format);
    let mut plan = Plan::new(&catalog, settings.clone(), None, tokenizer)?;
    if request.estimate == Some(false) {
        return Ok(plan.report(&catalog));
    }
    let started = Instant::now();
    let mut reading = 0.0;
    let mut drawn: Option<Drawn> = None;
    if let Some(network) = plan.network.as_ref().filter(|_| plan.calibrated()) {
        let draw = draw_of(&settings);
        let bytes = calibration::encoded_bytes(&*storage, &request.calibration, network, draw);
        if bytes.is_some_and(|bytes| bytes <= READ_FOR_PLAN_BYTES) {
            // What is wrong with the text is for `compress` to say: a plan does not need one.
            drawn = calibrate(opened, &plan, &request, host).ok();
        }
        reading = match drawn {
            Some(_) => started.elapsed().as_secs_f64(),
            None => bytes.unwrap_or(0) as f64 / TEXT_BYTES_PER_SECOND,
        };
    }
    let lengths = drawn.as_ref().map(Drawn::lengths);
    if let (Some(drawn), Some(lengths)) = (&drawn, &lengths) {
        plan = plan.with_tokens(&catalog, lengths.iter().sum())?;
        plan.notes.extend(drawn.notes.iter().cloned());
        plan.check_calibration(&drawn.sequences)?;
    }
    let mut report = plan.report(&catalog);
    report.text = drawn.and_then(|drawn| drawn.text);
    let seconds = foresee(
        &plan,
        &catalog,
        report.output_bytes,
        &request,
        lengths.as_deref(),
    );
    report.seconds = seconds.map(|seconds| seconds + reading);
    Ok(report)
}

/// Seconds of the run without the reading of its text.
fn foresee(
    plan: &Plan,
    catalog: &Catalog,
    output_bytes: u64,
    request: &CompressRequest,
    lengths: Option<&[usize]>,
) -> Option<f64> {
    // How long the model writes is not foreseen.
    if request.estimate == Some(false) || request.calibration == Calibration::Own {
        return None;
    }
    estimate::seconds(plan, catalog, output_bytes, lengths, seconds)
}

/// Compresses a model, in steps: [`Compression::begin`] reads headers and the calibration text and opens the job, each step does a
/// unit of it. A run that was interrupted goes on where it was, if model, options and calibration are the same.
pub struct Compression {
    job: Job,
    /// Share of the call after which the job begins.
    turn: f64,
    /// Seconds before the job: reading and encoding text.
    reading: f64,
    /// How much of the calibration text was used, and what there is to know of it.
    text: Option<TextUse>,
    notes: Vec<String>,
    /// Seconds of foreseeing, and what came of it.
    foreseeing: f64,
    foreseen: Option<f64>,
}

impl Compression {
    /// Errors: those of `plan`, of the calibration text, `OUTPUT_EXISTS`, `WORK_DIR_BUSY`.
    pub fn begin(request: CompressRequest, host: &dyn Host) -> Result<Self, Error> {
        let started = Instant::now();
        machine::check_threads(request.options.threads)?;
        let settings = request.options.resolve()?;
        let storage = host.storage();
        let opened = OpenModel::open(&*storage, &request.model, request.architecture.as_deref())?;
        let places = Places::of(&*storage, &request)?;
        host.event(plan_event(0, 0.0));
        // Whatever can be refused is refused before a work folder exists or a text is encoded.
        let tokenizer = vocabulary::values(&opened, settings.format);
        let plan = Plan::new(&opened.catalog, settings.clone(), None, tokenizer)?;
        let existing = Existing::forced(request.force);
        drop(storage.out_folder(&places.out, existing)?);
        let [opening, reading_end, turn, _] = parts(&*storage, &plan, &request);
        host.event(plan_event(1, opening));
        let catalog = opened.catalog.clone();
        let mut drawn = match plan.calibrated() {
            true => {
                let host = Part::of(host, opening, reading_end);
                host.event(reading_event(&plan));
                calibrate(opened, &plan, &request, &host)?
            }
            false => Drawn::default(),
        };
        let reading = started.elapsed().as_secs_f64();
        let lengths = drawn.lengths();
        let out = places.out.clone();
        let held = drawn.texts_to_measure();
        let beside = match settings.options.max_loss {
            Some(_) => places.beside(&*storage)?,
            None => places.out.clone(),
        };
        let (for_out, for_beside) = (host.storage(), host.storage());
        let kept = beside.clone();
        let inputs = JobInputs {
            catalog: catalog.clone(),
            calibration: drawn.sequences,
            workspace: storage.workspace(&places.work_dir)?,
            held,
            taught: drawn.taught,
            out: Box::new(move || for_out.out_folder(&out, existing)),
            out_name: places.out,
            beside: (
                Box::new(move || for_beside.out_folder(&kept, Existing::Stays)),
                beside,
            ),
            clock: seconds,
            stop: host.stop(),
        };
        let job = Job::open(plan, inputs)?;
        let begun = Instant::now();
        if request.estimate != Some(false) {
            host.event(plan_event(1, reading_end));
        }
        let output_bytes = job.plan().report(&catalog).output_bytes;
        let foreseen = foresee(job.plan(), &catalog, output_bytes, &request, Some(&lengths));
        Ok(Self {
            job,
            turn,
            reading,
            text: drawn.text,
            notes: drawn.notes,
            foreseeing: begun.elapsed().as_secs_f64(),
            foreseen,
        })
    }

    /// One unit; the report after the last. Errors: `DISK_FULL`, `NON_FINITE`, `STRICT`, `CANCELLED`; after an error there is nothing
    /// under the name of the result.
    pub fn step(&mut self, host: &dyn Host) -> Result<Option<Report>, Error> {
        let host = Part::of(host, self.turn, 1.0);
        let Step::Done(mut report) = self.job.step(&mut Forward(&host))? else {
            return Ok(None);
        };
        report.peak_rss_bytes = machine::peak_rss_bytes();
        report.text = self.text;
        report.notes.append(&mut self.notes);
        // The job does not know of the text before it was token ids, nor what was done between its steps.
        let before = self.reading + self.foreseeing;
        report.seconds += self.reading;
        *report.phases.entry("calibrate".into()).or_default() += self.reading;
        *report.phases.entry("plan".into()).or_default() += self.foreseeing;
        report.planned_seconds = self.foreseen.map(|seconds| seconds + before);
        Ok(Some(*report))
    }
}

/// Share of the time before the job that reading a text takes, where the model also writes.
const READING: f64 = 0.1;

fn calibrate(
    opened: OpenModel,
    plan: &Plan,
    request: &CompressRequest,
    host: &dyn Host,
) -> Result<Drawn, Error> {
    let settings = &plan.settings;
    let network = opened.network()?;
    let model = Runnable::of(opened, network);
    let options = &settings.options;
    let compute = Compute::new(settings.isa, options.threads);
    let compute = compute.map_or_else(|| machine::compute(options.threads), Ok)?;
    let draw = draw_of(settings);
    let Some(recovery) = plan.recovery.filter(|_| plan.recovers_whole()) else {
        return calibration::draw(&request.calibration, &model, &compute, draw, host);
    };
    let (given, own) = match recovery.text {
        Text::Calibration => (recovery.tokens.max(draw.tokens), 0),
        Text::Own => (0, recovery.tokens),
        Text::Both => (recovery.tokens.div_ceil(2), recovery.tokens / 2),
    };
    let more = Draw {
        tokens: draw.tokens.max(given),
        ..draw
    };
    let reading = if own > 0 { READING } else { 1.0 };
    let part = Part::of(host, 0.0, reading);
    let mut drawn = calibration::draw(&request.calibration, &model, &compute, more, &part)?;
    let few = spread(&drawn.sequences, draw.tokens);
    let all = std::mem::replace(&mut drawn.sequences, few);
    if given > 0 {
        drawn.taught = spread(&all, given);
    }
    if own > 0 {
        let draw = Draw {
            tokens: own,
            ..draw
        };
        let part = Part::of(host, reading, 1.0);
        let written = calibration::draw(&Calibration::Own, &model, &compute, draw, &part)?;
        drawn.taught = mixed(drawn.taught, written.sequences);
    }
    Ok(drawn)
}

/// Sequences of two lists, each spread evenly over the whole, so that every share of it has both.
fn mixed(a: Vec<Vec<u32>>, b: Vec<Vec<u32>>) -> Vec<Vec<u32>> {
    let place = |list: Vec<Vec<u32>>| {
        let all = list.len() as f64;
        let placed = list.into_iter().enumerate();
        placed.map(move |(index, ids)| ((index as f64 + 0.5) / all, ids))
    };
    let mut all: Vec<(f64, Vec<u32>)> = place(a).chain(place(b)).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    all.into_iter().map(|(_, ids)| ids).collect()
}

/// Sequences from all over the text that have no more than `most` tokens together, one at least.
fn spread(sequences: &[Vec<u32>], most: usize) -> Vec<Vec<u32>> {
    let all: usize = sequences.iter().map(Vec::len).sum();
    let (mut taken, mut passed, mut few) = (0, 0, Vec::new());
    for sequence in sequences {
        passed += sequence.len();
        // Never ahead of the share of the text that is behind.
        let due = most as u128 * passed as u128 / all.max(1) as u128;
        if taken + sequence.len() <= due as usize {
            taken += sequence.len();
            few.push(sequence.clone());
        }
    }
    if few.is_empty() {
        few.extend(sequences.first().cloned());
    }
    few
}

fn draw_of(settings: &Settings) -> Draw {
    Draw {
        tokens: settings.tokens,
        seed: settings.options.seed,
        limit_bytes: settings.options.max_memory_bytes,
    }
}

/// Where a run writes.
#[derive(Debug, PartialEq)]
struct Places {
    out: String,
    work_dir: String,
}

impl Places {
    /// Defaults: NAME-kerf beside the model, and a hidden sibling of the result.
    fn of(storage: &dyn Storage, request: &CompressRequest) -> Result<Self, Error> {
        let out = match &request.out {
            Some(out) => storage.place(out),
            None => storage.beside(&request.model),
        };
        let work_dir = match &request.work_dir {
            Some(work_dir) => work_dir.clone(),
            None => default_work_dir(Path::new(&out))?,
        };
        Ok(Self { out, work_dir })
    }
}

impl Places {
    /// Most results of runs before that lost too much and still lie there.
    const MOST_BESIDE: usize = 100;

    /// A folder for a result that lost too much, where none is yet.
    fn beside(&self, storage: &dyn Storage) -> Result<String, Error> {
        let mut index = 1;
        loop {
            let number = if index == 1 {
                String::new()
            } else {
                format!("-{index}")
            };
            let name = format!("{}-over-limit{number}", self.out);
            match storage.out_folder(&name, Existing::Stays) {
                Ok(_) => return Ok(name),
                Err(TensorsError::OutputExists { .. }) if index < Self::MOST_BESIDE => index += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn plan_event(done: u64, overall: f64) -> Event {
    Event {
        stage: Stage::Plan,
        done,
        total: 1,
        unit: "units".into(),
        name: "checking".into(),
        overall,
    }
}

/// The text is about to be read. The job counts its tokens, when they are used.
fn reading_event(plan: &Plan) -> Event {
    Event {
        stage: Stage::Calibrate,
        done: 0,
        total: plan.tokens as u64,
        unit: "tokens".into(),
        name: String::new(),
        overall: 0.0,
    }
}

/// Shares of the call after which these end: opening the model, reading (or writing) the calibration text, foreseeing, the job.
fn parts(storage: &dyn Storage, plan: &Plan, request: &CompressRequest) -> [f64; 4] {
    let running = expected_seconds(plan);
    let reading = match plan.network.as_ref().filter(|_| plan.calibrated()) {
        None => 0.0,
        Some(network) => {
            let draw = draw_of(&plan.settings);
            match calibration::encoded_bytes(storage, &request.calibration, network, draw) {
                Some(bytes) => OPENING_SECONDS + bytes as f64 / TEXT_BYTES_PER_SECOND,
                // The model writes it, one token after another.
                None => running,
            }
        }
    };
    let foreseeing = match request.estimate {
        Some(false) => 0.0,
        _ => FORESEEING_SECONDS,
    };
    share::ends([OPENING_SECONDS, reading, foreseeing, running])
}
