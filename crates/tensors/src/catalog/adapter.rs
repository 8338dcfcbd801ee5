//! A LoRA adapter beside the model. Each of its tensors (factors and whole tensors) must find its place in the catalog; otherwise
//! the model is refused.

use super::adapter_head::{is_head, untie};
use super::adapter_names::{Names, Part, part};
use super::merged::{LowRank, Merged, Numbers};
use super::{Content, Shard, Span, Stored, TensorEntry};
use crate::files::adapter::{self, Adapter, MERGE, WEIGHTS, bad_adapter};
use crate::files::{Fact, ModelFiles};
use crate::safetensors::{Header, HeaderTensor};
use crate::{DType, Folder, TensorsError};
use std::collections::{BTreeMap, BTreeSet};

/// Whether a file at the top of a folder holds tensors of an adapter. Such a file is not part of the model.
pub(super) fn is_weights(file: &str) -> bool {
    let rest = file.strip_prefix("adapter_model");
    rest.is_some_and(|rest| rest.starts_with(['.', '-']))
}

/// Merges the adapter of a folder, if it has one, into the tensors of the model in `content`. `files` must be sorted.
/// `BAD_ADAPTER` if the adapter cannot be merged.
pub(super) fn apply(
    folder: &dyn Folder,
    files: &[String],
    described: &mut ModelFiles,
    content: &mut Content,
) -> Result<(), TensorsError> {
    let Some(adapter) = find(files, described.adapter.as_ref())?.cloned() else {
        return Ok(());
    };
    if content.form != "safetensors" {
        let reason = format!(
            "the model beside it is packed ({}), and an adapter is merged into float weights only",
            content.form
        );
        let fix = "put the adapter beside the model that this one was made of, and compress that";
        return Err(bad_adapter(WEIGHTS, "the file", reason, fix));
    }
    let source = folder.open(WEIGHTS)?;
    let header = Header::read(source.as_ref())?;
    let mut place = Placing {
        names: Names::of(content.tensors.iter().map(|entry| entry.name.as_str())),
        inputs_first: inputs_first(&content.tensors, adapter.fan_in_fan_out),
        shard: content.shards.len(),
        tensors: std::mem::take(&mut content.tensors),
        originals: BTreeMap::new(),
        own_head: false,
        adapter: &adapter,
    };
    content.shards.push(Shard {
        file: WEIGHTS.into(),
        len_bytes: source.len_bytes(),
        header_bytes: header.header_bytes,
    });
    content.sources.push(source);
    let (merged, replaced) = place.all(header.tensors)?;
    let (own_head, originals) = (place.own_head, place.originals);
    content.tensors = place.tensors;
    content.originals = originals.into_values().collect();
    let says = format!(
        "the adapter is merged into the model when its weights are read: W + scale B A for {merged} matrices, and {replaced} tensors in \
         place of the model's own"
    );
    let value = format!("{} tensors", merged + replaced);
    described.facts.push(Fact::noted(WEIGHTS, "", value, says));
    if own_head && !adapter.keeps_tie {
        untie(described);
    }
    Ok(())
}

/// The adapter of the folder, if there is one. `BAD_ADAPTER` if its configuration or its tensors are missing.
fn find<'a>(
    files: &[String],
    adapter: Option<&'a Adapter>,
) -> Result<Option<&'a Adapter>, TensorsError> {
    let file = files.iter().find(|file| is_weights(file));
    let has_weights = files.iter().any(|file| file == WEIGHTS);
    let bad = |file: &str, reason: &str, fix: &str| Err(bad_adapter(file, "the file", reason, fix));
    match (adapter, file) {
        (None, None) => Ok(None),
        (Some(adapter), _) if has_weights => Ok(Some(adapter)),
        (None, Some(file)) => bad(
            file,
            "these are tensors of an adapter without adapter_config.json, which says how they are scaled",
            "put that file beside it, or remove this one to use the model without the adapter",
        ),
        (Some(_), Some(file)) => bad(
            file,
            "kerf reads adapters from adapter_model.safetensors",
            MERGE,
        ),
        (Some(_), None) => bad(
            adapter::FILE,
            "the adapter's tensors, adapter_model.safetensors, are missing",
            "fetch that file, or remove this one to use the model without the adapter",
        ),
    }
}

/// Whether the model stores the weights of its linear layers as [inputs, outputs] (transformers calls such a layer Conv1D). The
/// lengths of the biases decide. Without any bias the answer is no, since every known model with such layers has biases. If
/// layers contradict one another, the answer is `said`, the value of `fan_in_fan_out`.
fn inputs_first(tensors: &[TensorEntry], said: bool) -> bool {
    let biases: BTreeMap<&str, usize> = tensors
        .iter()
        .filter_map(|entry| Some((entry.name.strip_suffix(".bias")?, *entry.shape.first()?)))
        .collect();
    let (mut first, mut last) = (false, false);
    for entry in tensors {
        let bias = entry.name.strip_suffix(".weight");
        let bias = bias.and_then(|stem| biases.get(stem));
        if let ([rows, cols], Some(bias)) = (&entry.shape[..], bias) {
            first |= rows != cols && bias == cols;
            last |= rows != cols && bias == rows;
        }
    }
    if first && last { said } else { first }
}

/// The two factors of the update of a module.
#[derive(Default)]
struct Factors {
    a: Option<HeaderTensor>,
    b: Option<HeaderTensor>,
    embedding: bool,
}

struct Placing<'a> {
    adapter: &'a Adapter,
    names: Names,
    inputs_first: bool,
    /// Index of the adapter's file in the shards.
    shard: usize,
    tensors: Vec<TensorEntry>,
    /// Tensors of the model before the adapter changed them, by their index.
    originals: BTreeMap<usize, TensorEntry>,
    /// Whether the adapter adds, replaces or changes the head.
    own_head: bool,
}

impl Placing<'_> {
    /// Places all tensors of the adapter. Returns the number of merged matrices and the number of replaced tensors.
    fn all(&mut self, tensors: Vec<HeaderTensor>) -> Result<(usize, usize), TensorsError> {
        let mut factors: BTreeMap<String, Factors> = BTreeMap::new();
        let (mut replaced, mut merged) = (BTreeSet::new(), BTreeSet::new());
        for tensor in tensors {
            let (found, is_a, is_embedding) = match part(&tensor.name)? {
                Part::Copy => continue,
                Part::Whole(names) => {
                    if let Some(index) = self.replace(&tensor, &names)?
                        && !replaced.insert(index)
                    {
                        return Err(twice(&tensor));
                    }
                    continue;
                }
                Part::A { module, embedding } => {
                    (factors.entry(module).or_default(), true, embedding)
                }
                Part::B { module, embedding } => {
                    (factors.entry(module).or_default(), false, embedding)
                }
            };
            found.embedding = is_embedding;
            let place = if is_a { &mut found.a } else { &mut found.b };
            if place.is_some() {
                return Err(twice(&tensor));
            }
            *place = Some(tensor);
        }
        for (module, factors) in factors {
            if let Some(index) = self.merge(&module, factors)?
                && !merged.insert(index)
            {
                let reason = "several modules of the adapter change one matrix of the model";
                return Err(bad_adapter(WEIGHTS, &module, reason, MERGE));
            }
        }
        self.check_saved(&replaced)?;
        if merged.is_empty() && replaced.is_empty() {
            let fix = "fetch it again, or remove it to use the model without the adapter";
            return Err(bad_adapter(WEIGHTS, "the file", "it holds no tensor", fix));
        }
        Ok((merged.len(), replaced.len()))
    }

    /// Replaces a tensor of the model by one of the adapter. Returns its index, or `None` for a head that stays the token
    /// embedding.
    fn replace(
        &mut self,
        tensor: &HeaderTensor,
        names: &[String],
    ) -> Result<Option<usize>, TensorsError> {
        let found = names.iter().find_map(|name| self.names.find(name));
        let Some(index) = found else {
            let name = names.iter().find(|name| is_head(name));
            return match name {
                Some(_) if self.adapter.keeps_tie => Ok(None),
                Some(name) => Ok(Some(self.add_head(name, tensor))),
                None => Err(no_place(&tensor.name, &names[names.len() - 1])),
            };
        };
        let entry = &self.tensors[index];
        if entry.shape != tensor.shape {
            return Err(other_shape(&tensor.name, &tensor.shape, entry));
        }
        let base = self.numbers(tensor);
        let entry = &mut self.tensors[index];
        self.own_head |= is_head(&entry.name);
        self.originals.insert(index, entry.clone());
        entry.stored = match entry.dtype == tensor.dtype {
            true => Stored::Plain(base.span),
            // The tensor is read in the adapter's type. The writer rounds it to the model's type.
            false => {
                computable(&tensor.name, base.dtype)?;
                computable(&entry.name, entry.dtype)?;
                Stored::Merged(Merged { base, added: None })
            }
        };
        Ok(Some(index))
    }

    fn add_head(&mut self, name: &str, tensor: &HeaderTensor) -> usize {
        self.own_head = true;
        self.tensors.push(TensorEntry {
            name: name.to_owned(),
            dtype: tensor.dtype,
            shape: tensor.shape.clone(),
            stored: Stored::Plain(span(self.shard, tensor)),
        });
        let names = self.tensors.iter().map(|entry| entry.name.as_str());
        self.names = Names::of(names);
        self.tensors.len() - 1
    }

    /// Adds the product of two factors to a matrix of the model. Returns its index, or `None` for a head that stays the token
    /// embedding.
    fn merge(&mut self, module: &str, factors: Factors) -> Result<Option<usize>, TensorsError> {
        let bad = |reason: String| Err(bad_adapter(WEIGHTS, module, reason, MERGE));
        let (Some(a), Some(b)) = (&factors.a, &factors.b) else {
            return bad("one of its two factors is missing".into());
        };
        let name = format!("{module}.weight");
        let Some(index) = self.names.find(&name) else {
            return match is_head(&name) && self.adapter.keeps_tie {
                true => Ok(None),
                false => Err(no_place(&a.name, &name)),
            };
        };
        if !self.adapter.is_target(module) {
            return bad(
                "adapter_config.json leaves this module out, and the file has factors for it"
                    .into(),
            );
        }
        let rank = self.adapter.rank(module) as usize;
        let ([a_rank, inputs], [outputs, b_rank]) = (&a.shape[..], &b.shape[..]) else {
            return bad("its factors are no matrices".into());
        };
        if (*a_rank, *b_rank) != (rank, rank) {
            return bad(format!(
                "adapter_config.json gives it rank {rank}, its factors have shapes {:?} and {:?}",
                a.shape, b.shape
            ));
        }
        let entry = &self.tensors[index];
        let straight = entry.shape == [*outputs, *inputs];
        let turned = entry.shape == [*inputs, *outputs];
        let turned = match (straight, turned) {
            (true, true) => factors.embedding || self.inputs_first,
            (false, true) => true,
            (true, false) if !factors.embedding => false,
            _ => return Err(other_shape(module, &[*outputs, *inputs], entry)),
        };
        let base = match &entry.stored {
            Stored::Plain(span) => Numbers {
                span: span.clone(),
                dtype: entry.dtype,
            },
            Stored::Merged(merged) => merged.base.clone(),
            Stored::Packed { .. } | Stored::Foreign(_) => unreachable!("packed models are refused"),
        };
        let added = LowRank {
            a: self.numbers(a),
            b: self.numbers(b),
            rank,
            scale: self.adapter.scale(module) as f32,
            turned,
        };
        for numbers in [&base, &added.a, &added.b] {
            computable(module, numbers.dtype)?;
        }
        let merged = Merged {
            base,
            added: Some(added),
        };
        let entry = &mut self.tensors[index];
        self.own_head |= is_head(&entry.name);
        self.originals.entry(index).or_insert_with(|| entry.clone());
        entry.stored = Stored::Merged(merged);
        Ok(Some(index))
    }

    /// Checks that the adapter holds every tensor of the modules in `modules_to_save`.
    fn check_saved(&self, replaced: &BTreeSet<usize>) -> Result<(), TensorsError> {
        let missing = self.tensors.iter().enumerate().find(|(index, entry)| {
            let module = entry.name.rsplit_once('.').map_or("", |(module, _)| module);
            // A tensor with more than two dimensions is a buffer, such as a mask.
            entry.shape.len() <= 2 && self.adapter.is_saved(module) && !replaced.contains(index)
        });
        match missing {
            None => Ok(()),
            Some((_, entry)) => {
                let reason = format!(
                    "{} is of a module that the adapter replaces, and {WEIGHTS} does not hold it",
                    entry.name
                );
                let fix = "fetch the adapter again, or train it again";
                Err(bad_adapter(adapter::FILE, "modules_to_save", reason, fix))
            }
        }
    }

    fn numbers(&self, tensor: &HeaderTensor) -> Numbers {
        Numbers {
            span: span(self.shard, tensor),
            dtype: tensor.dtype,
        }
    }
}

fn span(shard: usize, tensor: &HeaderTensor) -> Span {
    Span {
        shard,
        offset: tensor.offset,
        len_bytes: tensor.len_bytes,
    }
}

/// `WRONG_DTYPE` if kerf cannot compute on a type.
fn computable(tensor: &str, dtype: DType) -> Result<(), TensorsError> {
    match dtype.is_computable() {
        true => Ok(()),
        false => Err(TensorsError::WrongDType {
            tensor: tensor.to_owned(),
            dtype: dtype.name().into(),
        }),
    }
}

fn twice(tensor: &HeaderTensor) -> TensorsError {
    let reason = "the file holds several adapters; kerf merges one";
    bad_adapter(WEIGHTS, &tensor.name, reason, MERGE)
}

fn no_place(tensor: &str, name: &str) -> TensorsError {
    let reason = format!("the model has no tensor {name}; does the adapter belong to it?");
    bad_adapter(WEIGHTS, tensor, reason, MERGE)
}

fn other_shape(tensor: &str, shape: &[usize], entry: &TensorEntry) -> TensorsError {
    let reason = format!(
        "it has shape {shape:?}, and {} of the model {:?}; does the adapter belong to it?",
        entry.name, entry.shape
    );
    bad_adapter(WEIGHTS, tensor, reason, MERGE)
}
