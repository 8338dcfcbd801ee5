//! What the tests of whole jobs share: a model, a host, and jobs run to their end. Golden files are opened by `golden_file`.
#![allow(dead_code)]

pub mod golden_file;

use kerf_compress::plan::Plan;
use kerf_compress::{CompressError, Job, JobInputs, Options, Report};
use kerf_kernels::Stop;
use kerf_run::{Event, Step};
use kerf_tensors::Catalog;
use kerf_tensors::folder::{FsFolder, FsOutFolder, FsWorkspace};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../test/fixtures/stories260K")
}

/// Token ids that any text could have; what they say does not matter here.
pub fn calibration() -> Vec<Vec<u32>> {
    (0..4u32)
        .map(|s| {
            (0..60 + s)
                .map(|i| (i * 37 + s * 101 + i * i) % 509 + 3)
                .collect()
        })
        .collect()
}

/// Options that remove 70% and round the rest to 4 bits.
pub fn removing() -> Options {
    Options {
        sparsity: Some(0.7),
        bits: Some(4),
        ..Options::default()
    }
}

#[derive(Default)]
pub struct Host {
    pub events: Vec<Event>,
    pub cancel_after: Option<usize>,
}

impl kerf_run::Host for Host {
    fn event(&mut self, event: Event) {
        self.events.push(event);
    }
    fn cancelled(&self) -> bool {
        self.cancel_after
            .is_some_and(|limit| self.events.len() >= limit)
    }
}

pub fn open(model: &Path, root: &Path, options: Options) -> Result<Job, CompressError> {
    open_with(model, root, options, Stop::default())
}

pub fn open_with(
    model: &Path,
    root: &Path,
    options: Options,
    stop: Stop,
) -> Result<Job, CompressError> {
    let catalog = Catalog::open(Arc::new(FsFolder::open(model)?))?;
    open_catalog(catalog, root, options, calibration(), stop)
}

/// A job that works in `root/work` and writes to `root/out`.
pub fn open_catalog(
    catalog: Catalog,
    root: &Path,
    options: Options,
    calibration: Vec<Vec<u32>>,
    stop: Stop,
) -> Result<Job, CompressError> {
    let out = root.join("out");
    let tokens = calibration.iter().map(Vec::len).sum();
    // A format that holds a tokenizer gets one without entries.
    let tokenizer = Some(Ok(Vec::new()));
    let plan = Plan::new(&catalog, options.resolve()?, Some(tokens), tokenizer)?;
    let inputs = JobInputs {
        held: Vec::new(),
        taught: Vec::new(),
        beside: (
            Box::new(|| unreachable!("nothing is measured")),
            String::new(),
        ),
        catalog,
        calibration,
        workspace: Arc::new(FsWorkspace::open(&root.join("work"))?),
        out: Box::new(move || Ok(Box::new(FsOutFolder::create(&out)?))),
        out_name: "out".into(),
        clock: || 0.0,
        stop,
    };
    Job::open(plan, inputs)
}

pub fn run(job: &mut Job, host: &mut Host) -> Result<Report, CompressError> {
    loop {
        if let Step::Done(report) = job.step(host)? {
            return Ok(*report);
        }
    }
}

pub fn compress(model: &Path, root: &Path, options: Options) -> Result<Report, CompressError> {
    run(&mut open(model, root, options)?, &mut Host::default())
}

pub fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let out = root.join("out");
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        (
            path.file_name().unwrap().to_string_lossy().into_owned(),
            std::fs::read(path).unwrap(),
        )
    };
    std::fs::read_dir(out).unwrap().map(read).collect()
}

pub fn temp() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}
