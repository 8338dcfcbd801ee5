//! Numbers of one configuration, read and checked. Nothing that config.json says is used before its limit was checked.

use crate::ModelError;
use crate::arch::{Architecture, Bias, Fixed, Positions};
use crate::rope::Rope;
use serde_json::Value;

/// Limits of what a configuration may say: far above every model there is, and small enough that sizes computed from them
/// cannot overflow. Memory is only allocated for tensors that were seen in the file with the promised shape.
mod limits {
    pub const WIDTH: usize = 1 << 18;
    pub const BLOCKS: usize = 1 << 12;
    pub const HEADS: usize = 1 << 14;
    pub const HEAD_DIM: usize = 1 << 12;
    pub const VOCAB: usize = 1 << 24;
    pub const POSITIONS: usize = 1 << 26;
}

/// Activation of the MLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    Silu,
    GeluErf,
    GeluTanh,
    Relu,
}

/// Names of activations in configurations.
const ACTIVATIONS: &[(&str, Activation)] = &[
    ("silu", Activation::Silu),
    ("swish", Activation::Silu),
    ("gelu", Activation::GeluErf),
    ("gelu_new", Activation::GeluTanh),
    ("gelu_pytorch_tanh", Activation::GeluTanh),
    ("relu", Activation::Relu),
];

/// The numbers of one configuration.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub hidden: usize,
    pub blocks: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub intermediate: usize,
    pub vocab: usize,
    pub positions: usize,
    pub token_types: usize,
    pub eps: f32,
    pub activation: Activation,
    pub tied: bool,
    pub rope: Option<Rope>,
    /// For each linear layer of the architecture: must have a bias, must not, or as the file has it.
    pub biases: Vec<Option<bool>>,
    pub bos: Option<u32>,
    pub eos: Vec<u32>,
}

impl Settings {
    /// Reads and checks. `BAD_CONFIG` names the field.
    pub fn read(arch: &Architecture, config: &Value) -> Result<Self, ModelError> {
        let reader = Reader { config };
        let fields = &arch.fields;
        for (field, value) in arch.fixed {
            reader.fixed(field, *value)?;
        }
        let hidden = reader.size(fields.hidden, limits::WIDTH)?;
        let heads = reader.size(fields.heads, limits::HEADS)?;
        let kv_heads = match fields.kv_heads {
            Some(field) => reader.size_or(field, limits::HEADS, heads)?,
            None => heads,
        };
        if !heads.is_multiple_of(kv_heads) {
            let field = fields.kv_heads.unwrap_or(fields.heads);
            return Err(reader.bad(field, format!("a divisor of the {heads} query heads")));
        }
        let head_dim = head_dim(&reader, arch, hidden, heads)?;
        let positions =
            reader.size_or(fields.positions.0, limits::POSITIONS, fields.positions.1)?;
        let token_types = match arch.embeddings.token_type {
            Some((_, field)) => reader.size_or(field, limits::VOCAB, 2)?,
            None => 0,
        };
        let rope = match arch.positions {
            Positions::Rope => Some(Rope::read(&reader, head_dim, positions)?),
            Positions::Learned(_) => None,
        };
        Ok(Self {
            hidden,
            blocks: reader.size(fields.blocks, limits::BLOCKS)?,
            heads,
            kv_heads,
            head_dim,
            intermediate: reader.size(fields.intermediate, limits::WIDTH)?,
            vocab: reader.size(fields.vocab, limits::VOCAB)?,
            positions,
            token_types,
            eps: reader.number(fields.norm_eps.0, Some(fields.norm_eps.1), 0.0..=1.0)? as f32,
            activation: activation(&reader, fields.activation)?,
            tied: match &arch.head {
                Some(head) => reader.flag(head.tied.0)?.unwrap_or(head.tied.1),
                None => false,
            },
            rope,
            biases: biases(&reader, arch)?,
            bos: reader.token("bos_token_id"),
            eos: reader.tokens("eos_token_id"),
        })
    }

    /// Width of all query heads.
    pub fn query_width(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Width of all key heads, and of all value heads.
    pub fn kv_width(&self) -> usize {
        self.kv_heads * self.head_dim
    }
}

fn head_dim(
    reader: &Reader<'_>,
    arch: &Architecture,
    hidden: usize,
    heads: usize,
) -> Result<usize, ModelError> {
    if let Some(field) = arch.fields.head_dim
        && reader.get(field).is_some()
    {
        return reader.size(field, limits::HEAD_DIM);
    }
    let dim = hidden / heads;
    if !hidden.is_multiple_of(heads) || dim > limits::HEAD_DIM {
        return Err(reader.bad(
            arch.fields.heads,
            format!(
                "a divisor of the width {hidden}, with heads of at most {}",
                limits::HEAD_DIM
            ),
        ));
    }
    Ok(dim)
}

fn activation(
    reader: &Reader<'_>,
    (field, default): (&'static str, &'static str),
) -> Result<Activation, ModelError> {
    let name = reader.text(field)?.unwrap_or(default);
    let found = ACTIVATIONS.iter().find(|row| row.0 == name);
    found.map(|row| row.1).ok_or_else(|| {
        let known: Vec<&str> = ACTIVATIONS.iter().map(|row| row.0).collect();
        reader.bad(field, format!("one of {}", known.join(", ")))
    })
}

fn biases(reader: &Reader<'_>, arch: &Architecture) -> Result<Vec<Option<bool>>, ModelError> {
    let rows = arch.block.linears.iter();
    rows.map(|row| match row.bias {
        Bias::Always => Ok(Some(true)),
        Bias::Field(field) => reader.flag(field),
    })
    .collect()
}

/// Typed access to the fields of config.json. A field that is null counts as absent.
pub(crate) struct Reader<'a> {
    pub config: &'a Value,
}

impl<'a> Reader<'a> {
    /// The value of a field.
    pub fn get(&self, field: &str) -> Option<&'a Value> {
        self.config.get(field).filter(|value| !value.is_null())
    }

    /// An error about a field, with what it holds.
    pub fn bad(&self, field: &str, expected: impl Into<String>) -> ModelError {
        let actual = match self.config.get(field) {
            Some(value) => shortened(value),
            None => "nothing".to_string(),
        };
        ModelError::BadConfig {
            field: field.to_string(),
            expected: expected.into(),
            actual,
        }
    }

    /// A number of things, from 1 to `limit`.
    pub fn size(&self, field: &str, limit: usize) -> Result<usize, ModelError> {
        let value = self.get(field).and_then(integer);
        match value {
            Some(value) if value >= 1 && value <= limit as u64 => Ok(value as usize),
            _ => Err(self.bad(field, format!("an integer from 1 to {limit}"))),
        }
    }

    /// [`Reader::size`] with a default for an absent field.
    pub fn size_or(&self, field: &str, limit: usize, default: usize) -> Result<usize, ModelError> {
        match self.get(field) {
            Some(_) => self.size(field, limit),
            None => Ok(default),
        }
    }

    /// A number in a range.
    pub fn number(
        &self,
        field: &str,
        default: Option<f64>,
        range: std::ops::RangeInclusive<f64>,
    ) -> Result<f64, ModelError> {
        let value = match self.get(field) {
            Some(value) => value.as_f64(),
            None => default,
        };
        value.filter(|value| range.contains(value)).ok_or_else(|| {
            let (low, high) = (range.start(), range.end());
            self.bad(field, format!("a number from {low:e} to {high:e}"))
        })
    }

    /// True, false or absent.
    pub fn flag(&self, field: &str) -> Result<Option<bool>, ModelError> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(_) => Err(self.bad(field, "true or false")),
        }
    }

    /// A text or absent.
    pub fn text(&self, field: &str) -> Result<Option<&'a str>, ModelError> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::String(value)) => Ok(Some(value)),
            Some(_) => Err(self.bad(field, "a text")),
        }
    }

    fn fixed(&self, field: &str, fixed: Fixed) -> Result<(), ModelError> {
        let (same, expected) = match (fixed, self.get(field)) {
            (_, None) => return Ok(()),
            (Fixed::Text(text), Some(value)) => (value.as_str() == Some(text), text.to_string()),
            (Fixed::Flag(flag), Some(value)) => (value.as_bool() == Some(flag), flag.to_string()),
        };
        if same {
            Ok(())
        } else {
            Err(self.bad(field, expected))
        }
    }

    // Token ids only steer where generation starts and stops: an odd value is ignored rather than fatal.
    fn token(&self, field: &str) -> Option<u32> {
        self.tokens(field).first().copied()
    }

    fn tokens(&self, field: &str) -> Vec<u32> {
        let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
        match self.get(field) {
            Some(Value::Array(values)) => values.iter().filter_map(id).collect(),
            Some(value) => id(value).into_iter().collect(),
            None => Vec::new(),
        }
    }
}

/// Some writers store whole numbers as 4096.0.
fn integer(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        let number = value.as_f64()?;
        (number.fract() == 0.0 && (0.0..1e15).contains(&number)).then_some(number as u64)
    })
}

fn shortened(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
