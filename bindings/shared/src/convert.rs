//! `convert`: the same model in another form.

use crate::api::{Conversion, ConvertRequest};
use crate::error::bad_option;
use crate::opened::Opened;
use crate::reporter::Reporter;
use crate::{Error, Host, machine};
use kerf_compress::Stage;
use kerf_model::ModelError;
use kerf_tensors::folder::FsOutFolder;
use kerf_tensors::formats::{self, AsItIs, Format, Output};
use kerf_tensors::{Catalog, OutFolder};
use std::collections::BTreeMap;
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
    let source = Opened::open(&request.model, None)?;
    let catalog = &source.catalog;
    let output = Output::plan(
        catalog,
        format,
        &AsItIs,
        kept_metadata(catalog, format),
        limit,
    )?;
    let (mut done, total) = (0, output.total_bytes());
    let mut out = FsOutFolder::create(Path::new(&request.out))?;
    output.write(&compute, &mut out, &mut |file, bytes| {
        done += bytes;
        match Reporter::new(host, Stage::Write, "bytes", file).report(done, total) {
            true => Ok(()),
            false => Err(Error::from(ModelError::Cancelled {})),
        }
    })?;
    Box::new(out).commit()?;
    Ok(Conversion {
        input_bytes: source.catalog.bytes(),
        output_bytes: total,
        notes: notes(catalog, format),
        out: request.out,
    })
}

/// A model that stays in its form keeps what it says of itself, as of the run that made it.
fn kept_metadata(catalog: &Catalog, format: &dyn Format) -> BTreeMap<String, String> {
    match format.id() == catalog.form {
        true => catalog.metadata.clone(),
        false => BTreeMap::new(),
    }
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
