//! `inspect`: what is inside a model, from headers alone.

use crate::api::{InspectRequest, Inspection, TensorInfo};
use crate::opened::Opened;
use crate::{Error, Host};
use kerf_model::{ModelError, Network};
use kerf_tensors::catalog::Span;
use kerf_tensors::kerf::TensorRecord;
use kerf_tensors::{Catalog, DType, Stored, TensorEntry};
use std::collections::HashSet;

/// Reads headers and configuration only. A model of an architecture that is not known is no error: `known` is false.
pub fn inspect(request: InspectRequest, _host: &dyn Host) -> Result<Inspection, Error> {
    let opened = Opened::open(&request.model)?;
    let network = match opened.network() {
        Ok(network) => Some(network),
        Err(Error::Model(ModelError::UnknownArchitecture { .. })) => None,
        Err(error) => return Err(error),
    };
    let parts = Parts::of(network.as_ref());
    let catalog = &opened.catalog;
    let tensors: Vec<TensorInfo> = catalog
        .tensors
        .iter()
        .map(|entry| tensor_info(catalog, entry, &parts))
        .collect();
    let count = |entry: &TensorEntry| entry.len() as u64;
    Ok(Inspection {
        form: catalog.form.into(),
        architecture: match &network {
            Some(network) => network.architecture().into(),
            None => opened.model_type(),
        },
        known: network.is_some(),
        parameters: catalog.tensors.iter().map(count).sum(),
        target_parameters: catalog
            .tensors
            .iter()
            .filter(|entry| parts.targets.contains(&entry.name))
            .map(count)
            .sum(),
        bytes: opened.bytes()?,
        blocks: network.as_ref().map_or(0, Network::blocks),
        hidden: network.as_ref().map_or(0, Network::hidden),
        max_context: network.as_ref().map_or(0, Network::max_context),
        tensors,
        sidecars: catalog
            .sidecars
            .iter()
            .map(|(name, _)| name.clone())
            .collect(),
    })
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

fn tensor_info(catalog: &Catalog, entry: &TensorEntry, parts: &Parts) -> TensorInfo {
    let (stored, shard) = match &entry.stored {
        Stored::Plain(span) => ("plain".into(), Some(span.shard)),
        Stored::Packed { record, parts } => (
            describe(entry, record, parts),
            parts.first().map(|part| part.3.shard),
        ),
    };
    TensorInfo {
        name: entry.name.clone(),
        shape: entry.shape.clone(),
        dtype: format!("{:?}", entry.dtype),
        stored,
        bytes: entry.stored_bytes(),
        file: shard
            .and_then(|shard| catalog.shards.get(shard))
            .map(|shard| shard.file.clone())
            .unwrap_or_default(),
        part: parts.part(&entry.name).into(),
    }
}

/// Such as `kerf 4 bit, 70.0 % zeros`. Survivors are counted by the size of what is stored of them.
fn describe(
    entry: &TensorEntry,
    record: &TensorRecord,
    parts: &[(String, DType, Vec<usize>, Span)],
) -> String {
    let bits = match (record.bits, record.values) {
        (Some(bits), _) => format!("{bits} bit"),
        (None, Some(dtype)) => format!("{dtype:?}"),
        (None, None) => "packed".into(),
    };
    let width = match (record.bits, record.values) {
        (Some(bits), _) => u64::from(bits),
        (None, Some(dtype)) => dtype.bits(),
        (None, None) => return format!("kerf {bits}"),
    };
    let kept_bytes: u64 = parts
        .iter()
        .filter(|(part, ..)| part == "codes" || part == "values")
        .map(|(.., span)| span.len_bytes)
        .sum();
    if !record.masked || entry.is_empty() {
        return format!("kerf {bits}");
    }
    let kept = (kept_bytes * 8 / width) as f64 / entry.len() as f64;
    format!("kerf {bits}, {:.1} % zeros", 100.0 * (1.0 - kept.min(1.0)))
}
