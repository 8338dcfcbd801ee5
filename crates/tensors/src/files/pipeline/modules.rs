//! Modules that change vectors one by one: Dense, LayerNorm, Normalize.

use super::activation::Activation;
use super::entry::{Entry, Kind};
use crate::TensorsError;
use crate::files::Reader;
use crate::files::fact::Fact;
use crate::files::fields::Fields;
use serde_json::Value;

/// A module that changes each vector separately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Module {
    /// A linear layer and an activation function.
    Dense(Dense),
    /// Normalises a vector to mean 0 and variance 1, then applies weight and bias.
    LayerNorm(LayerNorm),
    /// Scales a vector to length 1.
    Normalize,
}

/// `activation(x W^T + bias)`. With `residual`, x or a projection of it is added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dense {
    /// Folder of its weights: `linear.weight` [outputs, inputs], `linear.bias`, `residual.weight` [outputs, inputs].
    pub folder: String,
    /// Width of the input.
    pub inputs: usize,
    /// Width of the output.
    pub outputs: usize,
    /// Whether the layer has a bias.
    pub bias: bool,
    /// Activation function after the linear layer.
    pub activation: Activation,
    /// Whether the input is added to the output. If their widths differ, the input is first multiplied by `residual.weight`.
    pub residual: bool,
}

/// Layer normalisation with torch's epsilon, 1e-5.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerNorm {
    /// Folder of its weights: `norm.weight`, `norm.bias`.
    pub folder: String,
    /// Width of input and output.
    pub dimension: usize,
}

/// The vectors that a module changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum On {
    /// The vector of each token.
    Tokens,
    /// The vector of the text.
    Sentence,
}

const WIDTHS: std::ops::RangeInclusive<u64> = 1..=1 << 24;

impl Module {
    /// Reads the files of an entry of kind Dense, LayerNorm or Normalize.
    pub(super) fn read(
        entry: &Entry,
        reader: &Reader<'_>,
        facts: &mut Vec<Fact>,
    ) -> Result<(Self, On), TensorsError> {
        match entry.kind {
            Kind::Dense => dense(&entry.path, reader, facts),
            Kind::LayerNorm => layer_norm(&entry.path, reader, facts),
            _ => normalize(&entry.path, reader, facts),
        }
    }
}

fn dense(
    folder: &str,
    reader: &Reader<'_>,
    facts: &mut Vec<Fact>,
) -> Result<(Module, On), TensorsError> {
    let (file, value) = reader.module_config(folder)?;
    let fields = Fields::of(&file, &value)?;
    let width = |field| match fields.size(field, WIDTHS)? {
        Some(width) => Ok(width as usize),
        None => Err(fields.bad(field, "a width")),
    };
    let module = Dense {
        folder: folder.to_owned(),
        inputs: width("in_features")?,
        outputs: width("out_features")?,
        bias: fields.flag("bias")?.unwrap_or(true),
        activation: activation(&fields, &value)?,
        residual: fields.flag("use_residual")?.unwrap_or(false),
    };
    let on = on(&fields)?;
    has_weights(folder, reader)?;
    let says = format!(
        "a linear layer from {} to {} numbers and {:?} are computed",
        module.inputs, module.outputs, module.activation
    );
    facts.push(Fact::used(&file, "", "", says));
    facts.extend(fields.unread(&[]));
    Ok((Module::Dense(module), on))
}

/// The activation function of a Dense module; Tanh if the file names none. Kerf accepts the classes that sentence-transformers
/// loads without trusting foreign code.
fn activation(fields: &Fields<'_>, value: &Value) -> Result<Activation, TensorsError> {
    const FIELD: &str = "activation_function";
    let says_nothing = value.get(FIELD).is_none();
    match fields.text(FIELD)? {
        None if says_nothing => Ok(Activation::Tanh),
        class => class.and_then(Activation::of_class).ok_or_else(|| {
            let names = Activation::ALL.map(|(name, _)| name).join(", ");
            fields.bad(
                FIELD,
                format!(
                    "torch.nn. and one of {names} (for others, embed with sentence-transformers)"
                ),
            )
        }),
    }
}

fn layer_norm(
    folder: &str,
    reader: &Reader<'_>,
    facts: &mut Vec<Fact>,
) -> Result<(Module, On), TensorsError> {
    let (file, value) = reader.module_config(folder)?;
    let fields = Fields::of(&file, &value)?;
    let Some(dimension) = fields.size("dimension", WIDTHS)? else {
        return Err(fields.bad("dimension", "a width"));
    };
    has_weights(folder, reader)?;
    facts.push(Fact::used(
        &file,
        "dimension",
        dimension,
        "layer normalisation is computed",
    ));
    facts.extend(fields.unread(&[]));
    let module = LayerNorm {
        folder: folder.to_owned(),
        dimension: dimension as usize,
    };
    Ok((Module::LayerNorm(module), On::Sentence))
}

/// The module Normalize. Versions before 6 wrote no file for it.
fn normalize(
    folder: &str,
    reader: &Reader<'_>,
    facts: &mut Vec<Fact>,
) -> Result<(Module, On), TensorsError> {
    let file = format!("{folder}/config.json");
    let value = match reader.json(&file)? {
        Some(value) if !folder.is_empty() => value,
        _ => return Ok((Module::Normalize, On::Sentence)),
    };
    let fields = Fields::of(&file, &value)?;
    let on = on(&fields)?;
    facts.extend(fields.unread(&[]));
    Ok((Module::Normalize, on))
}

/// The vectors that a module changes. It must read and write the same ones.
fn on(fields: &Fields<'_>) -> Result<On, TensorsError> {
    let input = fields
        .text("module_input_name")?
        .unwrap_or("sentence_embedding");
    let output = fields.text("module_output_name")?.unwrap_or(input);
    match input {
        _ if output != input => Err(fields.bad(
            "module_output_name",
            format!("{input}, as module_input_name (for others, embed with sentence-transformers)"),
        )),
        "sentence_embedding" => Ok(On::Sentence),
        "token_embeddings" => Ok(On::Tokens),
        _ => Err(fields.bad(
            "module_input_name",
            "sentence_embedding or token_embeddings",
        )),
    }
}

/// Checks that a module has weights. `BAD_CONFIG` with the fix for weights that only Python can read, `NOT_FOUND` without
/// weights.
fn has_weights(folder: &str, reader: &Reader<'_>) -> Result<(), TensorsError> {
    let file = |name: &str| format!("{folder}/{name}");
    if reader.has(&file("model.safetensors")) {
        return Ok(());
    }
    let pickled = file("pytorch_model.bin");
    if !reader.has(&pickled) {
        return Err(TensorsError::NotFound {
            path: format!("{}/{folder}/model.safetensors", reader.folder.name()),
        });
    }
    Err(TensorsError::BadConfig {
        file: pickled,
        field: "the file".into(),
        expected: "model.safetensors in its place; in Python: SentenceTransformer(DIR).save(OUT) writes it".into(),
        actual: "weights as a Python pickle".into(),
    })
}
