//! `convert`: the same model in another form.

use crate::api::{Conversion, ConvertRequest};
use crate::error::bad_option;
use crate::open_model::OpenModel;
use crate::reporter::Reporter;
use crate::{Error, Host, machine, vocabulary};
use kerf_compress::kept;
use kerf_model::ModelError;
use kerf_run::Stage;
use kerf_tensors::folder::Existing;
use kerf_tensors::formats::{self, Format, ModelInfo, NothingReplaced, Output};
use kerf_tensors::{Catalog, kerf};
use std::collections::BTreeMap;

/// Largest file without a limit of the user.
const DEFAULT_SHARD_BYTES: u64 = 5_000_000_000;

/// Writes a model in another form. Codes are carried over where the other form's grid has them; where it has not, and for matrices without codes,
/// weights are rounded to the nearest, which `notes` say. `safetensors` is dense, with exact zeros, in the element types of the
/// original; `kerf` keeps what it gets. At most one tensor is in memory. Errors: those of opening a model, `BAD_OPTION`,
/// `FORMAT_UNSUPPORTED`, `OUTPUT_EXISTS`, `DISK_FULL`, `CANCELLED`; after an error there is nothing under the name of the result.
pub fn convert(request: ConvertRequest, host: &dyn Host) -> Result<Conversion, Error> {
    let format = find_format(&request.format)?;
    let limit = request.max_shard_bytes.unwrap_or(DEFAULT_SHARD_BYTES);
    let compute = machine::compute(request.threads)?;
    let storage = host.storage();
    let source = OpenModel::open(&*storage, &request.model, None)?;
    let catalog = &source.catalog;
    let model_info = model_info(&source, format)?;
    let output = Output::plan(
        catalog,
        &model_info,
        format,
        &NothingReplaced,
        kept_metadata(catalog, format),
        limit,
        true,
    )?;
    let (mut done, total) = (0, output.total_bytes());
    let mut out = storage.out_folder(&request.out, Existing::forced(request.force))?;
    output.write(&compute, &mut *out, &mut |file, bytes| {
        done += bytes;
        match Reporter::new(host, Stage::Write, "bytes", file).report(done, total) {
            true => Ok(()),
            false => Err(Error::from(ModelError::Cancelled {})),
        }
    })?;
    out.commit()?;
    Ok(Conversion {
        input_bytes: source.catalog.bytes(),
        output_bytes: total,
        notes: notes(catalog, &model_info, format, &output),
        out: storage.place(&request.out),
    })
}

/// A model that stays in its form keeps what it says of itself, as of the run that made it. All say what wrote them: whoever is asked to
/// replace a result must know it again.
fn kept_metadata(catalog: &Catalog, format: &dyn Format) -> BTreeMap<String, String> {
    let mut metadata = match format.form() == catalog.form {
        true => catalog.metadata.clone(),
        false => BTreeMap::new(),
    };
    metadata.extend([kerf::producer()]);
    metadata
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

/// What the format must know of the model. A model whose architecture is not known has one that says so.
fn model_info(source: &OpenModel, format: &dyn Format) -> Result<ModelInfo, Error> {
    let mut model_info = match source.network() {
        Ok(network) => network.model_info(&source.catalog)?,
        Err(error) if !format.rounds() || is_unknown(&error) => ModelInfo {
            architecture: source.model_type(),
            ..ModelInfo::default()
        },
        Err(error) => return Err(error),
    };
    model_info.tokenizer = vocabulary::values(source, format);
    Ok(model_info)
}

fn is_unknown(error: &Error) -> bool {
    matches!(error, Error::Model(ModelError::UnknownArchitecture { .. }))
}

fn notes(
    catalog: &Catalog,
    model_info: &ModelInfo,
    format: &dyn Format,
    output: &Output<'_>,
) -> Vec<String> {
    let mut notes = catalog.files.notes();
    notes.extend(output.notes().iter().cloned());
    notes.extend(output.found());
    if model_info.known {
        notes.extend(kept::reasons(catalog, model_info).1);
    }
    if format.id() == "kerf" && !catalog.is_compressed() {
        notes.push("the model was not compressed: its tensors are stored as they are (use compress to make them smaller)".into());
    }
    notes
}
