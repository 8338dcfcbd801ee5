//! `inspect`: what is inside a model, from headers alone.

use crate::api::{InspectRequest, Inspection, TensorInfo};
use crate::opened::Opened;
use crate::{Error, Host};
use kerf_model::{Kind, ModelError, Network};
use kerf_tensors::catalog::Span;
use kerf_tensors::files;
use kerf_tensors::kerf::TensorRecord;
use kerf_tensors::{Catalog, DType, Stored, TensorEntry};
use std::collections::HashSet;

/// Reads headers and configuration only. A model of an architecture that is not known is no error: `known` is false.
pub fn inspect(request: InspectRequest, host: &dyn Host) -> Result<Inspection, Error> {
    let opened = Opened::open(
        &*host.storage(),
        &request.model,
        request.architecture.as_deref(),
    )?;
    let network = match opened.network() {
        Ok(network) => Some(network),
        Err(Error::Model(ModelError::UnknownArchitecture { .. })) => None,
        Err(error @ Error::Model(ModelError::BadArchitecture { .. })) => return Err(error),
        // A folder of tensors without a configuration.
        Err(_) if opened.model_type().is_empty() => None,
        Err(error) => return Err(error),
    };
    let parts = Parts::of(network.as_ref());
    let catalog = &opened.catalog;
    let tensors: Vec<TensorInfo> = catalog
        .tensors
        .iter()
        .map(|entry| tensor_info(catalog, entry, &parts))
        .collect::<Result<_, _>>()?;
    let count = |entry: &TensorEntry| entry.len() as u64;
    let mut facts = catalog.files.facts.clone();
    facts.extend(network.iter().flat_map(|network| network.facts().to_vec()));
    Ok(Inspection {
        form: catalog.form.into(),
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
            .filter(|entry| parts.targets.contains(&entry.name))
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
        notes: files::notes(&facts),
        facts,
    })
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Decoder => "decoder",
        Kind::Encoder => "encoder",
    }
}

/// Names of the tensors that have a part to play.
#[derive(Default)]
struct Parts {
    targets: HashSet<String>,
    embeddings: HashSet<String>,
}

impl Parts {
    fn of(network: Option<&Network>) -> Self {
        let Some(network) = network else {
            return Self::default();
        };
        let targets = (0..network.blocks())
            .flat_map(|block| network.linears(block))
            .map(|linear| linear.weight)
            .collect();
        Self {
            targets,
            embeddings: network.embeddings().into_iter().collect(),
        }
    }

    fn part(&self, name: &str) -> &'static str {
        if self.targets.contains(name) {
            "target"
        } else if self.embeddings.contains(name) {
            "embedding"
        } else {
            "other"
        }
    }
}

fn tensor_info(catalog: &Catalog, entry: &TensorEntry, parts: &Parts) -> Result<TensorInfo, Error> {
    let (stored, shard) = match &entry.stored {
        Stored::Plain(span) => ("plain".into(), Some(span.shard)),
        Stored::Packed { record, parts } => (
            describe(catalog, entry, record, parts)?,
            parts.first().map(|part| part.3.shard),
        ),
        Stored::Coded(coded) => (
            coded.grid.map_or(entry.dtype.name().into(), |grid| {
                format!("{} {} bit", catalog.form, grid.bits)
            }),
            Some(coded.shard()),
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
        part: parts.part(&entry.name).into(),
    })
}

type StoredPart = (String, DType, Vec<usize>, Span);

/// Such as `kerf 4 bit, 70.0 % zeros`.
fn describe(
    catalog: &Catalog,
    entry: &TensorEntry,
    record: &TensorRecord,
    parts: &[StoredPart],
) -> Result<String, Error> {
    let values = match (record.bits, record.values) {
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
