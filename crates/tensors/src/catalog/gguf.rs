//! Opens GGUF files. A file that kerf wrote names the tensors of the model itself; files of other programs are seen as the model
//! folder that they stand for.

use super::foreign::Body;
use super::{Content, ForeignMatrix, Shard, Span, Stored, TensorEntry};
use crate::files::{CONFIG, Fact, ModelFiles};
use crate::folder::Instead;
use crate::gguf::foreign::{ForeignTensor, Part, View, view};
use crate::gguf::{Element, Header, Kind, own_tensors, split};
use crate::{DType, Folder, TensorsError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The result of opening GGUF files.
pub(super) struct OpenGguf {
    content: Content,
    facts: Vec<Fact>,
    /// For files of another program, the model folder that they stand for.
    pub view: Option<Arc<dyn Folder>>,
}

/// Opens the GGUF files `shards` of a folder, which must be one model. `files` are all files of the folder.
pub(super) fn open(
    folder: Arc<dyn Folder>,
    files: &[String],
    shards: Vec<String>,
) -> Result<OpenGguf, TensorsError> {
    if let Err(reason) = split::check(&shards) {
        return Err(TensorsError::NotAModel {
            path: folder.name(),
            reason,
        });
    }
    let mut content = Content {
        shards: Vec::new(),
        sources: Vec::new(),
        tensors: Vec::new(),
        originals: Vec::new(),
        form: "gguf",
        metadata: BTreeMap::new(),
        compressed: true,
        refusal: None,
        made: BTreeSet::new(),
    };
    let mut headers = Vec::new();
    for file in shards {
        let source = folder.open(&file)?;
        let header = Header::read(source.as_ref())?;
        content.shards.push(Shard {
            file,
            len_bytes: source.len_bytes(),
            header_bytes: header.header_bytes,
        });
        content.sources.push(source);
        headers.push(header);
    }
    if let [header] = &headers[..]
        && let Some(own) = own_tensors(content.sources[0].name(), header)?
    {
        content.tensors = own
            .into_iter()
            .map(|own| {
                let (tensor, name) = (own.tensor, own.name);
                let grid = match Kind::of(tensor.element) {
                    Some(Kind::Blocks(blocks)) => Some(blocks.grid()),
                    _ => None,
                };
                let span = (0, tensor.offset, tensor.len_bytes);
                let moved = (own.head_rows, own.plus_one);
                entry(name, tensor.shape, tensor.element, span, moved, grid)
            })
            .collect();
        return Ok(OpenGguf {
            content,
            facts: Vec::new(),
            view: None,
        });
    }
    foreign(folder, files, content, &headers)
}

/// Opens files of another program.
fn foreign(
    folder: Arc<dyn Folder>,
    files: &[String],
    mut content: Content,
    headers: &[Header],
) -> Result<OpenGguf, TensorsError> {
    let parts: Vec<Part<'_>> = content
        .shards
        .iter()
        .zip(&content.sources)
        .zip(headers)
        .map(|((shard, source), header)| Part {
            file: &shard.file,
            source: source.as_ref(),
            header,
        })
        .collect();
    let View {
        files: own,
        tensors,
        mut facts,
        refusal,
    } = view(&parts)?;
    facts.extend(beside(files, &content.shards[0].file));
    content.tensors = tensors.into_iter().map(foreign_entry).collect();
    content.compressed = false;
    content.refusal = refusal;
    content.made = own.keys().cloned().collect();
    let kept = files.iter().filter(|file| is_kept(file, &content.shards));
    let kept = Instead::new(folder, kept.cloned().collect());
    let view = own
        .into_iter()
        .fold(kept, |view, (file, bytes)| view.with_bytes(&file, bytes));
    Ok(OpenGguf {
        view: Some(Arc::new(view)),
        content,
        facts,
    })
}

/// Whether a file of the folder stays visible beside the files made from the GGUF header: weights, an adapter (which is refused
/// later), and prose.
fn is_kept(file: &str, shards: &[Shard]) -> bool {
    let is_shard = shards.iter().any(|shard| shard.file == file);
    is_shard
        || super::sidecars::is_prose(file)
        || super::adapter::is_weights(file)
        || file == crate::files::adapter::FILE
        || file == "kerf-architecture.json"
}

/// A note about model files in the folder that are not read, because the GGUF file says the same things.
fn beside(files: &[String], gguf: &str) -> Option<Fact> {
    let known = [
        CONFIG,
        "tokenizer.json",
        "tokenizer_config.json",
        "generation_config.json",
        "modules.json",
        "chat_template.jinja",
    ];
    let there: Vec<&str> = known
        .into_iter()
        .filter(|known| files.iter().any(|file| file == known))
        .collect();
    let says = format!(
        "it says itself what these files beside it say, and they are not read: {}",
        there.join(", ")
    );
    (!there.is_empty()).then(|| Fact::noted(gguf, "", "", says))
}

impl OpenGguf {
    /// The tensors. The facts found in the GGUF file are put before those of the small files.
    pub(super) fn into_content(self, described: &mut ModelFiles) -> Content {
        if self.content.refusal.is_some() {
            // Kerf could not make a config.json from the header. The refusal says so, so facts about config.json would only
            // mislead.
            described.facts.retain(|fact| fact.file != CONFIG);
        }
        let told = std::mem::take(&mut described.facts);
        described.facts = self.facts.into_iter().chain(told).collect();
        self.content
    }
}

fn foreign_entry(tensor: ForeignTensor) -> TensorEntry {
    let span = (tensor.shard, tensor.offset, tensor.len_bytes);
    let moved = (tensor.head_rows, tensor.plus_one);
    entry(tensor.name, tensor.shape, tensor.element, span, moved, None)
}

/// A catalog entry. `span` is the file, the first byte and the number of bytes. `moved` is the number of rows of a head if rows
/// were moved (else 0), and whether 1 was added to each value.
fn entry(
    name: String,
    shape: Vec<usize>,
    element: &'static Element,
    (shard, offset, len_bytes): (usize, u64, u64),
    (head_rows, plus_one): (usize, bool),
    grid: Option<crate::Grid>,
) -> TensorEntry {
    let span = Span {
        shard,
        offset,
        len_bytes,
    };
    let float = element.float();
    let as_it_is = float.is_some() && head_rows == 0 && !plus_one;
    TensorEntry {
        name,
        // Blocks are read as f32.
        dtype: float.unwrap_or(DType::F32),
        shape,
        stored: match as_it_is {
            true => Stored::Plain(span),
            false => Stored::Foreign(ForeignMatrix {
                grid,
                body: Body::Gguf {
                    span,
                    element,
                    head_rows,
                    plus_one,
                },
            }),
        },
    }
}
