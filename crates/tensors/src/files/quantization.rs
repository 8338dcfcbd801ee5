//! What the small files say about weights that another program has quantized. The sources are `quantization_config` of
//! config.json with its older and nested forms, and the files that other programs write instead. Kerf reads one scheme,
//! compressed-tensors' `pack-quantized`. It refuses a model in any other scheme, because it would take the codes and scales for
//! weights.

use super::Reader;
use super::fact::shortened;
use crate::TensorsError;
use serde_json::Value;

/// How the weights are quantized.
#[derive(Clone, Debug, PartialEq)]
pub enum Quantization {
    /// In the scheme that kerf reads: compressed-tensors, `pack-quantized`.
    Packed(Vec<PackedScheme>),
    /// In another scheme.
    Foreign(Foreign),
}

/// One scheme of `pack-quantized`: symmetric codes, weights only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedScheme {
    /// Modules that have this scheme, by name. `Linear` means all linear layers.
    pub targets: Vec<String>,
    /// Bits of a code, 2 to 8.
    pub bits: u8,
    /// Columns that share a scale. 0 if the whole row shares one.
    pub group_size: usize,
}

/// A quantization scheme that kerf does not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// Name of the scheme, such as `gptq, 4 bit`.
    pub scheme: String,
    /// Where the scheme was found: a file and its field, or a tensor.
    pub evidence: String,
}

/// Fields of config.json that hold a scheme. The second is written by older compressed-tensors, the third by MLX.
const FIELDS: [&str; 3] = ["quantization_config", "compression_config", "quantization"];

/// Files that some programs write instead, with the name of the scheme.
const FILES: [(&str, &str); 4] = [
    ("quantize_config.json", "gptq"),
    ("quant_config.json", "awq"),
    ("hf_quant_config.json", "modelopt"),
    ("quanto_qmap.json", "quanto"),
];

/// How many levels deep in config.json a scheme is looked for. A model of text and pictures has one object for each.
const DEPTH: usize = 3;

/// The quantization that the files describe. `None` if they describe none. `NOT_A_MODEL` for a file that is not JSON.
pub(super) fn read(
    config: Option<&Value>,
    reader: &Reader<'_>,
) -> Result<Option<Quantization>, TensorsError> {
    if let Some(found) = config.and_then(|config| in_object(config, "", DEPTH)) {
        return Ok(Some(found));
    }
    for (file, program) in FILES {
        if let Some(value) = reader.json(file)? {
            // A group size means MLX in config.json only.
            let said = name(&value).filter(|said| said != "mlx");
            let scheme = said.unwrap_or_else(|| program.to_owned());
            return Ok(Some(foreign(scheme, &value, file.to_owned())));
        }
    }
    Ok(None)
}

/// The scheme in an object of config.json, or in an object inside it.
fn in_object(object: &Value, inside: &str, depth: usize) -> Option<Quantization> {
    let object = object.as_object()?;
    for field in FIELDS {
        let Some(value) = object.get(field).filter(|value| says_something(value)) else {
            continue;
        };
        let evidence = format!("config.json, field {inside}{field}");
        // Kerf reads the form that it writes itself: the first field, at the top level.
        let read = (field == FIELDS[0] && inside.is_empty()).then(|| packed(value));
        return Some(match read {
            Some(Ok(schemes)) => Quantization::Packed(schemes),
            Some(Err(Some(reason))) => foreign(
                format!("compressed-tensors ({reason})"),
                &Value::Null,
                evidence,
            ),
            _ => foreign(
                name(value).unwrap_or_else(|| "a scheme without name".into()),
                value,
                evidence,
            ),
        });
    }
    let deeper = depth.checked_sub(1)?;
    object
        .iter()
        .find_map(|(name, value)| in_object(value, &format!("{inside}{name}."), deeper))
}

/// Whether a field holds a scheme. Programs write `null`, `false` or an object without fields for none.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Object(fields) => !fields.is_empty(),
        _ => true,
    }
}

fn foreign(scheme: String, settings: &Value, evidence: String) -> Quantization {
    let bits = ["bits", "w_bit", "num_bits", "nbits"]
        .iter()
        .find_map(|field| settings[*field].as_u64());
    Quantization::Foreign(Foreign {
        scheme: match bits {
            Some(bits) => format!("{scheme}, {bits} bit"),
            None => scheme,
        },
        evidence,
    })
}

/// Name of a scheme: by the name that it gives itself, or by fields that only one program writes.
fn name(settings: &Value) -> Option<String> {
    for field in ["quant_method", "quant_algo", "quant_type"] {
        if let Some(name) = settings[field].as_str() {
            return Some(shortened(name));
        }
    }
    if let Some(algorithm) = settings["quantization"]["quant_algo"].as_str() {
        return Some(format!("modelopt {}", shortened(algorithm)));
    }
    const MARKS: [(&str, &str); 7] = [
        ("load_in_4bit", "bitsandbytes, 4 bit"),
        ("load_in_8bit", "bitsandbytes, 8 bit"),
        ("config_groups", "compressed-tensors"),
        ("desc_act", "gptq"),
        ("w_bit", "awq"),
        ("zero_point", "awq"),
        ("group_size", "mlx"),
    ];
    let has = |field: &str| settings.get(field).is_some_and(says_something);
    let mark = MARKS.iter().find(|(field, _)| has(field));
    mark.map(|(_, scheme)| (*scheme).to_owned())
}

/// The schemes of compressed-tensors. `Err(None)` for a scheme of another program, `Err(Some(reason))` for a kind of
/// compressed-tensors that kerf does not read.
fn packed(settings: &Value) -> Result<Vec<PackedScheme>, Option<String>> {
    if settings["quant_method"] != "compressed-tensors" {
        return Err(None);
    }
    let text = |value: &Value| shortened(value.to_string().trim_matches('"'));
    if settings["format"] != "pack-quantized" {
        return Err(Some(format!("format {}", text(&settings["format"]))));
    }
    let sparsity = &settings["sparsity_config"]["format"];
    if !sparsity.is_null() && sparsity != "dense" {
        return Err(Some(format!("sparsity format {}", text(sparsity))));
    }
    if says_something(&settings["transform_config"]["config_groups"]) {
        return Err(Some("with transforms".into()));
    }
    let groups = settings["config_groups"].as_object();
    let groups = groups.ok_or_else(|| Some("without config_groups".to_owned()))?;
    let read = groups
        .values()
        .map(|group| scheme(group).ok_or_else(|| Some(format!("scheme {}", text(group)))));
    read.collect()
}

fn scheme(group: &Value) -> Option<PackedScheme> {
    let weights = &group["weights"];
    let is_it = weights["type"] == "int"
        && weights["symmetric"] == true
        && group["input_activations"].is_null()
        && (weights["actorder"].is_null() || weights["actorder"] == false);
    let group_size = match weights["strategy"].as_str() {
        Some("group") => weights["group_size"].as_u64().filter(|size| *size > 0),
        Some("channel") => Some(0),
        _ => None,
    };
    let bits = weights["num_bits"]
        .as_u64()
        .filter(|bits| (2..=8).contains(bits));
    let targets = group["targets"].as_array()?.iter();
    Some(PackedScheme {
        targets: targets
            .filter_map(|name| Some(name.as_str()?.to_owned()))
            .collect(),
        bits: bits.filter(|_| is_it)? as u8,
        group_size: usize::try_from(group_size?).ok()?,
    })
}

impl Foreign {
    /// How to get weights that kerf reads.
    pub fn fix(&self) -> &'static str {
        const FIXES: [(&str, &str); 5] = [
            (
                "bitsandbytes",
                "in Python, model.dequantize() and save_pretrained",
            ),
            ("higgs", "in Python, model.dequantize() and save_pretrained"),
            (
                "fp8",
                "in Python, from_pretrained with FineGrainedFP8Config(dequantize=True) and save_pretrained",
            ),
            (
                "mxfp4",
                "in Python, from_pretrained with Mxfp4Config(dequantize=True) and save_pretrained",
            ),
            (
                "compressed-tensors",
                "in Python, from_pretrained with CompressedTensorsConfig(dequantize=True) and save_pretrained",
            ),
        ];
        let scheme = self.scheme.to_lowercase();
        let known = FIXES.iter().find(|(name, _)| scheme.starts_with(name));
        known.map_or("with the program that made it", |(_, fix)| fix)
    }
}

#[cfg(test)]
#[path = "quantization_tests.rs"]
mod tests;
