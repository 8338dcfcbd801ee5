//! What the tests of whole jobs share: a host, and a job from folder to folder.
#![allow(dead_code)] // No test uses all of it.

use kerf_compress::{CompressError, Event, Job, JobHost, JobInputs, Options, Report, Step};
use kerf_tensors::Catalog;
use kerf_tensors::folder::{FsOutFolder, FsWorkspace};
use std::path::Path;
use std::sync::Arc;

/// Keeps all events; asks to stop after some.
#[derive(Default)]
pub struct Host {
    pub events: Vec<Event>,
    pub cancel_after: Option<usize>,
}

impl JobHost for Host {
    fn event(&mut self, event: Event) {
        self.events.push(event);
    }
    fn cancelled(&self) -> bool {
        self.cancel_after
            .is_some_and(|limit| self.events.len() >= limit)
    }
}

/// A job that works in `root/work` and writes to `root/out`.
pub fn open(
    catalog: Catalog,
    root: &Path,
    options: Options,
    calibration: Vec<Vec<u32>>,
) -> Result<Job, CompressError> {
    let out = root.join("out");
    Job::open(JobInputs {
        catalog,
        options,
        calibration,
        workspace: Arc::new(FsWorkspace::open(&root.join("work"))?),
        out: Box::new(move || Ok(Box::new(FsOutFolder::create(&out)?))),
        out_name: "out".into(),
        clock: || 0.0,
    })
}

/// Steps to the end.
pub fn run(job: &mut Job, host: &mut Host) -> Result<Report, CompressError> {
    loop {
        if let Step::Done(report) = job.step(host)? {
            return Ok(*report);
        }
    }
}

pub fn temp() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}
