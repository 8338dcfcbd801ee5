//! `convert`: the same model in another form.

use crate::api::{Conversion, ConvertRequest};
use crate::error::bad_option;
use crate::opened::Opened;
use crate::reporter::Reporter;
use crate::{Error, Host, machine};
use kerf_compress::Stage;
use kerf_kernels::Compute;
use kerf_model::ModelError;
use kerf_tensors::folder::{FsOutFolder, copy_file, write_file};
use kerf_tensors::formats::{self, Format, Outgoing};
use kerf_tensors::safetensors::{PlannedFile, WritePlan, plan_files, stream_file};
use kerf_tensors::{Catalog, OutFolder, TensorsError};
use std::collections::HashMap;
use std::path::Path;

/// Largest file without a limit of the user.
const DEFAULT_SHARD_BYTES: u64 = 5_000_000_000;

/// Writes a model as `safetensors` (dense, exact zeros, in the element types of the original) or `kerf` (a container is copied,
/// a plain model is stored plain). At most one tensor is in memory. Errors: those of opening a model, `BAD_OPTION`,
/// `OUTPUT_EXISTS`, `DISK_FULL`, `CANCELLED`; after an error there is nothing under the name of the result.
pub fn convert(request: ConvertRequest, host: &dyn Host) -> Result<Conversion, Error> {
    let format = find_format(&request.format)?;
    let limit = request.max_shard_bytes.unwrap_or(DEFAULT_SHARD_BYTES);
    let compute = machine::compute(request.threads)?;
    let source = Opened::open(&request.model)?;
    let mut out = FsOutFolder::create(Path::new(&request.out))?;
    let mut conversion = Running::new(&source.catalog, format, compute, limit, host);
    conversion.write(&mut out)?;
    Box::new(out).commit()?;
    Ok(Conversion {
        input_bytes: source.bytes()?,
        output_bytes: conversion.total,
        notes: notes(&source.catalog, format),
        out: request.out,
    })
}

fn find_format(id: &str) -> Result<&'static dyn Format, Error> {
    formats::by_id(id).ok_or_else(|| {
        let ids: Vec<&str> = formats::table().iter().map(|format| format.id()).collect();
        bad_option(
            "format",
            &format!("one of {}", ids.join(", ")),
            format!("{id:?}"),
        )
    })
}

fn notes(catalog: &Catalog, format: &dyn Format) -> Vec<String> {
    let mut notes = Vec::new();
    if format.id() == "kerf" && catalog.form != "kerf" {
        notes.push("the model was not compressed: its tensors are stored as they are (use compress to make them smaller)".into());
    }
    notes
}

/// A conversion that runs.
struct Running<'a> {
    catalog: &'a Catalog,
    format: &'static dyn Format,
    compute: Compute,
    plan: WritePlan,
    /// Source tensor, and which of its plain tensors, of each tensor of the result.
    places: HashMap<String, (usize, usize)>,
    host: &'a dyn Host,
    done: u64,
    total: u64,
}

impl<'a> Running<'a> {
    fn new(
        catalog: &'a Catalog,
        format: &'static dyn Format,
        compute: Compute,
        limit: u64,
        host: &'a dyn Host,
    ) -> Self {
        let (mut units, mut places) = (Vec::new(), HashMap::new());
        for (index, entry) in catalog.tensors.iter().enumerate() {
            let unit = format.plan(&Outgoing::Plain(catalog, entry));
            for (part, tensor) in unit.0.iter().enumerate() {
                places.insert(tensor.name.clone(), (index, part));
            }
            units.push(unit);
        }
        let (stem, extension) = format.file_name();
        let plan = plan_files(stem, extension, &units, &format.metadata(), limit);
        let files: u64 = plan.files.iter().map(PlannedFile::len_bytes).sum();
        let index = plan.index.as_ref().map_or(0, |(_, json)| json.len() as u64);
        let sidecars: u64 = catalog.sidecars.iter().map(|(_, bytes)| bytes).sum();
        Self {
            catalog,
            format,
            compute,
            total: files + index + sidecars,
            plan,
            places,
            host,
            done: 0,
        }
    }

    fn write(&mut self, out: &mut dyn OutFolder) -> Result<(), Error> {
        let plan = self.plan.clone();
        for file in &plan.files {
            self.write_file(out, file)?;
        }
        if let Some((name, json)) = &plan.index {
            write_file(out, name, json.as_bytes())?;
            self.advance(name, json.len() as u64)?;
        }
        for (name, bytes) in &self.catalog.sidecars {
            copy_file(self.catalog.folder.as_ref(), out, name)?;
            self.advance(name, *bytes)?;
        }
        Ok(())
    }

    fn write_file(&mut self, out: &mut dyn OutFolder, file: &PlannedFile) -> Result<(), Error> {
        self.advance(&file.file, file.header.len() as u64)?;
        let mut cancelled = None;
        let written = stream_file(out, file, &mut |tensor, sink| {
            let (index, part) = self.places[&tensor.name];
            let entry = &self.catalog.tensors[index];
            let outgoing = Outgoing::Plain(self.catalog, entry);
            self.format.write(&self.compute, &outgoing, part, sink)?;
            self.advance(&entry.name, tensor.len_bytes())
                .map_err(|error| {
                    cancelled = Some(error);
                    interrupted(&file.file)
                })
        });
        match cancelled {
            Some(error) => Err(error),
            None => Ok(written?),
        }
    }

    /// Counts bytes, and hears "cancel".
    fn advance(&mut self, name: &str, bytes: u64) -> Result<(), Error> {
        self.done += bytes;
        if Reporter::new(self.host, Stage::Write, "bytes", name).report(self.done, self.total) {
            Ok(())
        } else {
            Err(ModelError::Cancelled {}.into())
        }
    }
}

/// Ends a file early: streaming knows only errors of storage.
fn interrupted(path: &str) -> TensorsError {
    TensorsError::Io {
        path: path.into(),
        kind: "Interrupted".into(),
        reason: "cancelled".into(),
    }
}
