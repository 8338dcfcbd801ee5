//! Shows a GGUF file of another program as a model folder: config.json, the files of the tokenizer, and tensors under their names
//! in transformers. Code above the catalog does not see that the model is a GGUF file.
//!
//! Each value of the file is used, noted, or refused (`GGUF_UNSUPPORTED`).

mod architectures;
mod config;
mod keys;
mod names;
mod pipeline;
mod rope;
mod tokenizer;

use super::header::{GgufTensor, Header};
use super::types::Element;
use crate::files::Fact;
use crate::{Source, TensorsError};
use architectures::Row;
use keys::Keys;
use serde_json::Value;
use std::collections::BTreeMap;

/// A tensor of the model.
pub(crate) struct ForeignTensor {
    /// Name in the model.
    pub name: String,
    pub element: &'static Element,
    pub shape: Vec<usize>,
    /// Index of the file that holds the tensor.
    pub shard: usize,
    /// First byte, from the start of the file.
    pub offset: u64,
    pub len_bytes: u64,
    /// Rows of a head if rows were moved, else 0.
    pub head_rows: usize,
    /// Whether 1 was added to the values.
    pub plus_one: bool,
}

/// A GGUF file as a model folder.
pub(crate) struct View {
    /// Files of the folder beside the weights.
    pub files: BTreeMap<String, Vec<u8>>,
    pub tensors: Vec<ForeignTensor>,
    pub facts: Vec<Fact>,
    /// The reason why the model cannot be used. The tensors then have their names in the file.
    pub refusal: Option<TensorsError>,
}

/// One file of the model.
pub(crate) struct Part<'a> {
    pub file: &'a str,
    pub source: &'a dyn Source,
    pub header: &'a Header,
}

/// The model folder for the files `parts`. There must be at least one; the values of the first one count.
pub(crate) fn view(parts: &[Part<'_>]) -> Result<View, TensorsError> {
    match Model::of(parts).and_then(|model| model.view()) {
        Err(refusal @ TensorsError::GgufUnsupported { .. }) => Ok(as_they_are(parts, refusal)),
        other => other,
    }
}

/// The tensors under their names in the file, for callers that only show the model.
fn as_they_are(parts: &[Part<'_>], refusal: TensorsError) -> View {
    let mut facts = Vec::new();
    if let TensorsError::GgufUnsupported {
        field, reason, fix, ..
    } = &refusal
    {
        facts.push(Fact::noted(
            parts[0].file,
            field,
            "",
            format!("{reason}; {fix}"),
        ));
    }
    facts.extend(about_rounding(parts));
    let tensors = parts.iter().enumerate();
    let tensors = tensors.flat_map(|(shard, part)| {
        part.header
            .tensors
            .iter()
            .map(move |tensor| placed(shard, tensor, tensor.name.clone()))
    });
    View {
        files: BTreeMap::new(),
        tensors: tensors.collect(),
        facts,
        refusal: Some(refusal),
    }
}

fn placed(shard: usize, tensor: &GgufTensor, name: String) -> ForeignTensor {
    ForeignTensor {
        name,
        element: tensor.element,
        shape: tensor.shape.clone(),
        shard,
        offset: tensor.offset,
        len_bytes: tensor.len_bytes,
        head_rows: 0,
        plus_one: false,
    }
}

/// A model whose architecture is known.
struct Model<'a> {
    parts: &'a [Part<'a>],
    keys: Keys<'a>,
    row: &'static Row,
}

impl<'a> Model<'a> {
    fn of(parts: &'a [Part<'a>]) -> Result<Self, TensorsError> {
        let first = &parts[0];
        let keys = Keys::new(first.source.name(), &first.header.values)?;
        let row = architectures::of(&keys)?;
        check_parts(&keys, parts.len())?;
        check_types(&keys, parts)?;
        Ok(Self { parts, keys, row })
    }

    fn view(&self) -> Result<View, TensorsError> {
        let mut facts = vec![Fact::used(
            self.file(),
            "general.architecture",
            self.row.id,
            format!("the model is read as transformers' {}", self.row.class),
        )];
        facts.extend(about_rounding(self.parts));
        let mut config = config::config(self)?;
        let tensors = names::tensors(self, &config)?;
        let mut files = tokenizer::files(self, &mut config, &mut facts)?;
        pipeline::add(self, &config, &mut files, &mut facts)?;
        facts.extend(self.keys.unread(self.file())?);
        files.insert(crate::files::CONFIG.into(), pretty(&Value::Object(config)));
        Ok(View {
            files,
            tensors,
            facts,
            refusal: None,
        })
    }

    /// Name of the file whose values count.
    fn file(&self) -> &str {
        self.parts[0].file
    }

    /// A tensor by its name in the file.
    fn tensor(&self, name: &str) -> Option<(&Part<'a>, &'a GgufTensor)> {
        self.parts.iter().find_map(|part| {
            let mut tensors = part.header.tensors.iter();
            Some((part, tensors.find(|tensor| tensor.name == name)?))
        })
    }

    fn has(&self, name: &str) -> bool {
        self.tensor(name).is_some()
    }
}

/// Checks the number of files against the number that the first file gives.
fn check_parts(keys: &Keys<'_>, parts: usize) -> Result<(), TensorsError> {
    const KEY: &str = "split.count";
    match keys.whole(KEY)? {
        Some(count) if count > 1 && count != parts as u64 => Err(keys.refuse(
            KEY,
            format!("the model is in {count} files, of which {parts} is here"),
            "put all of them into one folder under their own names (NAME-00001-of-0000N.gguf)",
        )),
        _ => Ok(()),
    }
}

/// Checks that kerf can read the type of every tensor.
fn check_types(keys: &Keys<'_>, parts: &[Part<'_>]) -> Result<(), TensorsError> {
    let mut tensors = parts.iter().flat_map(|part| &part.header.tensors);
    let wrong = tensors.find(|tensor| {
        !tensor.element.is_read() || (tensor.shape.len() == 1 && tensor.element.weights > 1)
    });
    match wrong {
        None => Ok(()),
        Some(tensor) => Err(keys.refuse(
            &tensor.name,
            match tensor.element.is_read() {
                true => format!("it is a vector in blocks of {}", tensor.element.name),
                false => format!(
                    "it is of type {}, which kerf does not read",
                    tensor.element.name
                ),
            },
            format!(
                "take a file of this model whose types are among {}",
                Element::read_names()
            ),
        )),
    }
}

/// A note that the weights were quantized before.
fn about_rounding(parts: &[Part<'_>]) -> Option<Fact> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for tensor in parts.iter().flat_map(|part| &part.header.tensors) {
        if tensor.element.float().is_none() {
            *counts.entry(tensor.element.name).or_default() += 1;
        }
    }
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let (most, _) = counts.first()?;
    let told = counts
        .iter()
        .map(|(name, count)| format!("{name} ({count} tensors)"));
    let told = told.collect::<Vec<_>>().join(", ");
    let says = format!(
        "the weights are already rounded to {most} by another program: kerf reads the rounded values, measures against them, and what it \
         compresses loses that a second time; take the original model where there is one"
    );
    Some(Fact::noted(parts[0].file, "", told, says))
}

fn pretty(value: &Value) -> Vec<u8> {
    format!("{value:#}\n").into_bytes()
}
