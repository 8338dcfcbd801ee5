//! What the files with tensors of a model folder hold.

use super::{Shard, Span, Stored, TensorEntry, index, pack_quantized};
use crate::files::{ModelFiles, Quantization};
use crate::kerf::{Folded, fold, model_metadata};
use crate::safetensors::{Header, HeaderTensor};
use crate::{Folder, Source, TensorsError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The content of the files with tensors.
pub(super) struct Content {
    pub(super) shards: Vec<Shard>,
    pub(super) sources: Vec<Arc<dyn Source>>,
    pub(super) tensors: Vec<TensorEntry>,
    pub(super) form: &'static str,
    pub(super) metadata: BTreeMap<String, String>,
    /// See [`Catalog::is_adapted`].
    pub(super) originals: Vec<TensorEntry>,
    /// See [`Catalog::is_compressed`].
    pub(super) compressed: bool,
    /// See [`Catalog`]: the reason why the model can only be looked at.
    pub(super) refusal: Option<TensorsError>,
    /// See [`Catalog::bytes`].
    pub(super) made: BTreeSet<String>,
}

/// Opens safetensors files: plain ones, kerf containers, or compressed-tensors.
pub(super) fn of_files(
    folder: &dyn Folder,
    files: Vec<String>,
    index: Option<&index::Index>,
    described: &mut ModelFiles,
) -> Result<Content, TensorsError> {
    let (mut shards, mut sources, mut headers) = (Vec::new(), Vec::new(), Vec::new());
    for file in files {
        let source = folder.open(&file)?;
        let header = Header::read(source.as_ref())?;
        shards.push(Shard {
            file,
            len_bytes: source.len_bytes(),
            header_bytes: header.header_bytes,
        });
        sources.push(source);
        headers.push(header);
    }
    if let Some(index) = index {
        described.facts.extend(index.decide(&shards, &mut headers)?);
    }
    index::check_unique(&folder.name(), &shards, &headers)?;
    let groups = match &described.quantization {
        Some(Quantization::Packed(schemes)) => Some(pack_quantized::Groups(schemes)),
        _ => None,
    };
    let mut content = Content {
        metadata: headers.first().map(model_metadata).unwrap_or_default(),
        form: groups
            .as_ref()
            .map_or("safetensors", |_| "compressed-tensors"),
        tensors: Vec::new(),
        originals: Vec::new(),
        compressed: false,
        refusal: None,
        made: BTreeSet::new(),
        shards,
        sources,
    };
    for (shard, header) in headers.into_iter().enumerate() {
        let source = &content.sources[shard];
        let is_container = crate::kerf::is_container(&header);
        if let (Some(groups), false) = (&groups, is_container) {
            let folded = groups.fold(source.as_ref(), shard, header.tensors)?;
            content.tensors.extend(folded);
            continue;
        }
        let (folded, is_container) = fold(source.name(), header)?;
        if is_container {
            content.form = "kerf";
        }
        let entries = folded.into_iter().map(|folded| entry(shard, folded));
        content.tensors.extend(entries);
    }
    content.compressed = content.form != "safetensors";
    Ok(content)
}

fn entry(shard: usize, folded: Folded) -> TensorEntry {
    let span = |tensor: &HeaderTensor| Span {
        shard,
        offset: tensor.offset,
        len_bytes: tensor.len_bytes,
    };
    match folded {
        Folded::Plain(tensor) => TensorEntry {
            stored: Stored::Plain(span(&tensor)),
            name: tensor.name,
            dtype: tensor.dtype,
            shape: tensor.shape,
        },
        Folded::Packed {
            name,
            record,
            parts,
        } => {
            let part = |(part, tensor): (&str, HeaderTensor)| {
                let span = span(&tensor);
                (part.to_owned(), tensor.dtype, tensor.shape, span)
            };
            TensorEntry {
                name,
                dtype: record.dtype,
                shape: record.source_shape().to_vec(),
                stored: Stored::Packed {
                    record,
                    parts: parts.into_iter().map(part).collect(),
                },
            }
        }
    }
}
