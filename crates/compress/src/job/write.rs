//! The last unit: all files of the result, written beside and renamed.

use super::{Job, JobHost, event};
use crate::plan::solve_unit;
use crate::{CompressError, Stage};
use kerf_tensors::folder::{copy_file, write_file};
use kerf_tensors::formats::Outgoing;
use kerf_tensors::safetensors::{PlannedFile, WritePlan, plan_files, stream_file};
use kerf_tensors::{EncodedTensor, Sink, TensorEntry, TensorsError};
use std::collections::{BTreeMap, HashMap};

/// Place of a plain tensor of the result: index of the source tensor, and which of its plain tensors.
type Places = HashMap<String, (usize, usize)>;

impl Job {
    /// Writes and commits. Returns bytes of all files, of the target matrices with all headers, and of the embeddings.
    pub(super) fn write(
        &mut self,
        host: &mut dyn JobHost,
    ) -> Result<(u64, u64, u64), CompressError> {
        self.activations = None;
        self.inputs = None;
        let (plan, places) = self.plan_output()?;
        let mut out = (self.out)()?;
        let mut progress = WriteProgress {
            done: 0,
            total: self.total_bytes(&plan),
            name: String::new(),
        };
        for file in &plan.files {
            progress.name = file.file.clone();
            progress.add(host, file.header.len() as u64);
            let mut loaded: Option<(usize, EncodedTensor)> = None;
            stream_file(out.as_mut(), file, &mut |tensor, sink| {
                // TensorsError has no "cancelled"; the outer check turns this into the right error.
                self.check_cancelled(host).map_err(|_| cancelled_marker())?;
                let (index, part) = places[&tensor.name];
                self.write_tensor(index, part, &mut loaded, sink)?;
                progress.add(host, tensor.len_bytes());
                Ok(())
            })
            .map_err(|error| self.cancelled_or(error, host))?;
        }
        if let Some((name, content)) = &plan.index {
            write_file(out.as_mut(), name, content.as_bytes())?;
            progress.add(host, content.len() as u64);
        }
        for (sidecar, bytes) in &self.catalog.sidecars {
            progress.name = sidecar.clone();
            copy_file(self.catalog.folder.as_ref(), out.as_mut(), sidecar)?;
            progress.add(host, *bytes);
        }
        out.commit()?;
        self.workspace.clear()?;
        let (targets, embeddings) = self.part_bytes(&plan, &places);
        Ok((progress.total, targets, embeddings))
    }

    fn plan_output(&self) -> Result<(WritePlan, Places), CompressError> {
        let format = self.plan.settings.format;
        let (mut units, mut places) = (Vec::new(), HashMap::new());
        for (index, entry) in self.catalog.tensors.iter().enumerate() {
            let encoded = self.encoded(entry)?;
            let (tensors, metadata) = format.plan(&outgoing(self, entry, encoded.as_ref()));
            for (part, tensor) in tensors.iter().enumerate() {
                places.insert(tensor.name.clone(), (index, part));
            }
            units.push((tensors, metadata));
        }
        let mut metadata = format.metadata();
        metadata.extend(self.run_metadata());
        let (stem, extension) = format.file_name();
        let limit = self.plan.settings.options.max_shard_bytes;
        Ok((
            plan_files(stem, extension, &units, &metadata, limit),
            places,
        ))
    }

    /// What a later reader may want to know of the run. Nothing that changes from run to run.
    fn run_metadata(&self) -> BTreeMap<String, String> {
        let options = super::receipt::decisive_options(&self.plan).to_string();
        BTreeMap::from([("kerf.options".to_string(), options)])
    }

    fn encoded(&self, entry: &TensorEntry) -> Result<Option<EncodedTensor>, TensorsError> {
        let Some(record) = self.journal.get(&solve_unit(&entry.name)) else {
            return Ok(None);
        };
        let missing = || TensorsError::NotFound {
            path: record.file.clone(),
        };
        let bytes = self.workspace.get(&record.file)?.ok_or_else(missing)?;
        EncodedTensor::from_bytes(&record.file, &bytes).map(Some)
    }

    fn write_tensor(
        &self,
        index: usize,
        part: usize,
        loaded: &mut Option<(usize, EncodedTensor)>,
        sink: &mut dyn Sink,
    ) -> Result<(), TensorsError> {
        let entry = &self.catalog.tensors[index];
        if loaded.as_ref().is_none_or(|(at, _)| *at != index) {
            *loaded = self.encoded(entry)?.map(|encoded| (index, encoded));
        }
        let encoded = loaded
            .as_ref()
            .filter(|(at, _)| *at == index)
            .map(|(_, encoded)| encoded);
        self.plan
            .settings
            .format
            .write(&self.compute, &outgoing(self, entry, encoded), part, sink)
    }

    fn total_bytes(&self, plan: &WritePlan) -> u64 {
        let index = plan
            .index
            .as_ref()
            .map_or(0, |(_, content)| content.len() as u64);
        plan.files.iter().map(PlannedFile::len_bytes).sum::<u64>()
            + index
            + self.catalog.sidecars.iter().map(|s| s.1).sum::<u64>()
    }

    fn part_bytes(&self, plan: &WritePlan, places: &Places) -> (u64, u64) {
        let parts: HashMap<usize, bool> = self
            .plan
            .matrices()
            .map(|m| (m.tensor, m.embedding))
            .collect();
        let (mut targets, mut embeddings) = (0, 0);
        for file in &plan.files {
            targets += file.header.len() as u64;
            for tensor in &file.tensors {
                match parts.get(&places[&tensor.name].0) {
                    Some(false) => targets += tensor.len_bytes(),
                    Some(true) => embeddings += tensor.len_bytes(),
                    None => {}
                }
            }
        }
        (targets, embeddings)
    }

    fn cancelled_or(&self, error: TensorsError, host: &dyn JobHost) -> CompressError {
        match self.check_cancelled(host) {
            Err(cancelled) if matches!(&error, TensorsError::Io { kind, .. } if kind == "Interrupted") => {
                cancelled
            }
            _ => error.into(),
        }
    }
}

fn cancelled_marker() -> TensorsError {
    TensorsError::Io {
        path: String::new(),
        kind: "Interrupted".into(),
        reason: "cancelled".into(),
    }
}

fn outgoing<'a>(
    job: &'a Job,
    entry: &'a TensorEntry,
    encoded: Option<&'a EncodedTensor>,
) -> Outgoing<'a> {
    encoded.map_or(Outgoing::Plain(&job.catalog, entry), Outgoing::Encoded)
}

struct WriteProgress {
    done: u64,
    total: u64,
    name: String,
}

impl WriteProgress {
    fn add(&mut self, host: &mut dyn JobHost, bytes: u64) {
        self.done += bytes;
        host.event(event(
            Stage::Write,
            self.done.min(self.total),
            self.total,
            "bytes",
            &self.name,
        ));
    }
}
