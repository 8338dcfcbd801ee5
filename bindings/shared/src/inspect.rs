//! `inspect`: what is inside a model, from headers alone.

use crate::api::{InspectRequest, Inspection, TensorInfo};
use crate::open_model::OpenModel;
use crate::{Error, Host};
use kerf_compress::kept;
use kerf_model::{Kind, ModelError, Network};
use kerf_tensors::catalog::Span;
use kerf_tensors::files::{self, Fact};
use kerf_tensors::formats::{ModelInfo, TensorKind};
use kerf_tensors::kerf::TensorRecord;
use kerf_tensors::{Catalog, DType, Stored, TensorEntry};

/// Reads headers and configuration only. A model of an architecture that is not known is no error: `known` is false.
pub fn inspect(request: InspectRequest, host: &dyn Host) -> Result<Inspection, Error> {
    let opened = OpenModel::look(
        &*host.storage(),
        &request.model,
        request.architecture.as_deref(),
    )?;
    let foreign = opened.catalog.foreign();
    let network = match opened.network() {
        // Its tensors are not those of the network.
        _ if foreign.is_some() => None,
        Ok(network) => Some(network),
        Err(Error::Model(ModelError::UnknownArchitecture { .. })) => None,
        Err(error @ Error::Model(ModelError::BadArchitecture { .. })) => return Err(error),
        // A folder of tensors without a configuration.
        Err(_) if opened.model_type().is_empty() => None,
        Err(error) => return Err(error),
    };
    let catalog = &opened.catalog;
    let model_info = match &network {
        Some(network) => network.model_info(catalog)?,
        None => ModelInfo::default(),
    };
    let tensors: Vec<TensorInfo> = catalog
        .tensors
        .iter()
        .map(|entry| tensor_info(catalog, entry, &model_info))
        .collect::<Result<_, _>>()?;
    let count = |entry: &TensorEntry| entry.len() as u64;
    let mut facts = catalog.files.facts.clone();
    facts.extend(network.iter().flat_map(|network| network.facts().to_vec()));
    Ok(Inspection {
        form: foreign.map_or(catalog.form.into(), |foreign| foreign.scheme.clone()),
        architecture: match &network {
            Some(network) => network.architecture().into(),
            None if opened.model_type().is_empty() => "none".into(),
            None => opened.model_type(),
        },
        known: network.is_some(),
        kind: network.as_ref().map(|network| kind(network.kind()).into()),
        parameters: catalog.tensors.iter().map(count).sum(),
        target_parameters: catalog
            .tensors
            .iter()
            .filter(|entry| model_info.kind(&entry.name) == TensorKind::Target)
            .map(count)
            .sum(),
        bytes: opened.catalog.bytes(),
        blocks: network.as_ref().map_or(0, Network::blocks),
        hidden: network.as_ref().map_or(0, Network::hidden),
        max_context: network.as_ref().map_or(0, Network::max_context),
        tensors,
        sidecars: catalog
            .sidecars
            .iter()
            .map(|(name, _)| name.clone())
            .collect(),
        notes: notes(catalog, &model_info, &facts),
        facts,
    })
}

/// What a model is called by what it gives.
pub fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Decoder => "decoder",
        Kind::Encoder => "encoder",
    }
}

/// What a user should know before anything is done with the model.
fn notes(catalog: &Catalog, model_info: &ModelInfo, facts: &[Fact]) -> Vec<String> {
    let mut notes = files::notes(facts);
    match catalog.foreign() {
        Some(foreign) => notes.push(format!(
            "it is quantized already ({}; {}): kerf shows it and does nothing else with it; take the original model, or dequantize this one {}",
            foreign.scheme,
            foreign.evidence,
            foreign.fix()
        )),
        None => notes.extend(kept::reasons(catalog, model_info).1),
    }
    notes
}

fn part(model_info: &ModelInfo, name: &str) -> &'static str {
    match model_info.kind(name) {
        _ if model_info.dead.contains(name) => "dead",
        TensorKind::Target => "target",
        TensorKind::Embedding => "embedding",
        TensorKind::Other => "other",
    }
}

fn tensor_info(
    catalog: &Catalog,
    entry: &TensorEntry,
    model_info: &ModelInfo,
) -> Result<TensorInfo, Error> {
    let (stored, shard) = match &entry.stored {
        Stored::Plain(span) => ("plain".into(), Some(span.shard)),
        Stored::Packed { record, parts } => (
            describe(catalog, entry, record, parts)?,
            parts.first().map(|part| part.3.shard),
        ),
        Stored::Foreign(foreign) => (
            match (foreign.grid, foreign.gguf_type()) {
                (Some(grid), _) => format!("{} {} bit", catalog.form, grid.bits),
                (None, name) => name.unwrap_or(entry.dtype.name()).into(),
            },
            Some(foreign.shard()),
        ),
        Stored::Merged(merged) => ("merged with the adapter".into(), Some(merged.shard())),
    };
    Ok(TensorInfo {
        name: entry.name.clone(),
        shape: entry.shape.clone(),
        dtype: entry.dtype.name().into(),
        stored,
        bytes: entry.stored_bytes(),
        file: shard.map_or(String::new(), |shard| catalog.shards[shard].file.clone()),
        part: part(model_info, &entry.name).into(),
    })
}

type StoredPart = (String, DType, Vec<usize>, Span);

/// Such as `kerf 4 bit, 70.0 % zeros`: the width of a code. Of codes that are entropy-coded `kerf 2.1 bits, 70.0 % zeros`: the bits a weight
/// that the coding left.
fn describe(
    catalog: &Catalog,
    entry: &TensorEntry,
    record: &TensorRecord,
    parts: &[StoredPart],
) -> Result<String, Error> {
    let values = match (record.bits, record.values) {
        (Some(_), _) if record.coded && !entry.is_empty() => {
            let left = 8.0 * entry.stored_bytes() as f64 / entry.len() as f64;
            format!("{left:.1} bits")
        }
        (Some(bits), _) => format!("{bits} bit"),
        (None, dtype) => dtype.map_or("packed", DType::name).into(),
    };
    let survivors = match record.kept {
        Some(kept) => Some(kept),
        None => survivors(catalog, parts)?,
    };
    Ok(match survivors.filter(|_| !entry.is_empty()) {
        Some(kept) => {
            let zeros = 100.0 * (1.0 - kept as f64 / entry.len() as f64);
            format!("kerf {values}, {zeros:.1} % zeros")
        }
        None => format!("kerf {values}"),
    })
}

/// Number of weights that were kept, where the record does not say: the last entry of `rowptr`, the one number that is read beside the headers. `None` if
/// nothing was pruned.
fn survivors(catalog: &Catalog, parts: &[StoredPart]) -> Result<Option<u64>, Error> {
    let Some((_, dtype, _, span)) = parts.iter().find(|part| part.0 == "rowptr") else {
        return Ok(None);
    };
    let mut last = [0; 8];
    let width = dtype.bits() / 8;
    if width > 8 || span.len_bytes < width {
        return Ok(None);
    }
    let source = catalog.folder.open(&catalog.shards[span.shard].file)?;
    let at = span.offset + span.len_bytes - width;
    source.read_at(at, &mut last[..width as usize])?;
    Ok(Some(u64::from_le_bytes(last)))
}
