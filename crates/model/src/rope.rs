//! Rotary positions: inverse frequencies under the scalings that configurations have, and the rotation itself.
//!
//! Both forms of the configuration are read: `rope_scaling` beside `rope_theta` (older), and `rope_parameters` with all
//! of it (transformers 5). Powers and angles go through `libm`, so that they are the same bytes on every machine.

use crate::ModelError;
use crate::arch::{RopeFields, Setting};
use crate::layers::Turn;
use crate::reader::Reader;
use kerf_kernels::Compute;
use serde_json::Value;
use std::f64::consts::PI;
use std::ops::Range;

/// Inverse frequencies of one model.
#[derive(Clone, Debug)]
pub(crate) struct Rope {
    /// One for each pair of dimensions.
    inverse: Vec<f32>,
    /// Factor on cosine and sine (yarn's attention factor).
    scale: f32,
    /// Base of the frequencies.
    theta: f64,
}

/// Cosine and sine of a range of positions that begins with `first`, [positions, pairs] each.
pub(crate) struct Angles {
    first: usize,
    pairs: usize,
    cos: Vec<f32>,
    sin: Vec<f32>,
}

const FACTORS: std::ops::RangeInclusive<f64> = 1e-6..=1e6;

/// The rotations that the blocks of a model have.
#[derive(Clone, Debug)]
pub(crate) struct Ropes {
    global: Rope,
    /// That of blocks with a window, where it differs.
    local: Option<Rope>,
}

impl Ropes {
    /// Reads all of them. `BAD_CONFIG` names an unknown type.
    pub fn read(
        top: &Reader<'_>,
        fields: &RopeFields,
        head_dim: usize,
        positions: usize,
    ) -> Result<Self, ModelError> {
        let nested = fields.local_theta.is_some();
        let (name, global) = scaling_object(top, nested.then_some("full_attention"))?;
        let shape = (top, fields, head_dim, positions);
        let global = Rope::read(shape, fields.theta, name, global)?;
        let local = match fields.local_theta {
            Some(theta) => {
                let (name, own) = scaling_object(top, Some("sliding_attention"))?;
                Some(Rope::read(shape, theta, name, own)?)
            }
            None => None,
        };
        Ok(Self { global, local })
    }

    /// Base of the frequencies, and by what each of them is divided; `None` where there is more to it than that.
    pub fn base_and_factors(&self) -> (f64, Option<Vec<f32>>) {
        let rope = &self.global;
        let pairs = rope.inverse.len() as f64;
        let plain = |pair: usize| libm::pow(rope.theta, pair as f64 / pairs);
        let inverse = rope.inverse.iter().enumerate();
        let factors =
            inverse.map(|(pair, inverse)| (1.0 / (plain(pair) * f64::from(*inverse))) as f32);
        // Rotations so slow that f32 does not tell them apart are not divided.
        let rounded = |factor: f32| {
            if (factor - 1.0).abs() < 1e-5 {
                1.0
            } else {
                factor
            }
        };
        let factors = factors.map(rounded).collect();
        (rope.theta, (rope.scale == 1.0).then_some(factors))
    }

    /// The rotation of a block.
    pub fn of(&self, turn: Turn) -> Option<&Rope> {
        match turn {
            Turn::None => None,
            Turn::Global => Some(&self.global),
            Turn::Local => Some(self.local.as_ref().unwrap_or(&self.global)),
        }
    }
}

impl Rope {
    /// Reads theta, the share of a head that turns, and scaling.
    fn read(
        (top, fields, head_dim, positions): (&Reader<'_>, &RopeFields, usize, usize),
        theta: Setting<f64>,
        name: &'static str,
        scaling: &Value,
    ) -> Result<Self, ModelError> {
        let reader = Reader::new(scaling);
        // What the object holds has one name everywhere; older configurations have it at the top, under their own.
        let number = |field: &str, own: Setting<f64>, range| match reader.get(field) {
            Some(_) => reader.number(field, None, range),
            None => top.number(own.field, Some(own.default), range),
        };
        let theta = number("rope_theta", theta, 1.0..=1e15)?;
        let fraction = number("partial_rotary_factor", fields.fraction, 0.0..=1.0)?;
        let turned = (head_dim as f64 * fraction) as usize;
        if turned == 0 || !turned.is_multiple_of(2) {
            return Err(ModelError::BadConfig {
                field: "head_dim".into(),
                expected: "an even number of rotated values, since rotary positions turn pairs"
                    .into(),
                actual: format!("{turned} of {head_dim}"),
            });
        }
        let plain: Vec<f64> = (0..turned / 2)
            .map(|pair| 1.0 / libm::pow(theta, 2.0 * pair as f64 / turned as f64))
            .collect();
        let kind = match reader.text("rope_type")? {
            Some(kind) => kind,
            None => reader.text("type")?.unwrap_or("default"),
        };
        let (inverse, scale) = match kind {
            // `dynamic` changes frequencies only beyond `max_position_embeddings`, where this program does not go.
            "default" | "dynamic" => (plain, 1.0),
            "linear" => {
                let factor = reader.number("factor", None, FACTORS)?;
                (plain.iter().map(|value| value / factor).collect(), 1.0)
            }
            "llama3" => (llama3(top, &reader, &plain, positions)?, 1.0),
            "yarn" => yarn(top, &reader, &plain, theta, positions)?,
            _ => {
                let expected = "one of default, linear, dynamic, llama3, yarn";
                return Err(ModelError::BadConfig {
                    field: format!("{name}.rope_type"),
                    expected: expected.into(),
                    actual: kind.chars().take(80).collect(),
                });
            }
        };
        Ok(Self {
            inverse: inverse.iter().map(|value| *value as f32).collect(),
            scale: scale as f32,
            theta,
        })
    }

    /// Inverse frequencies of the pairs, and the factor on cosine and sine.
    #[cfg(test)]
    pub fn inverse_and_scale(&self) -> (&[f32], f64) {
        (&self.inverse, f64::from(self.scale))
    }

    /// Cosines and sines of some positions. Products are rounded to f32 first, as the models were trained.
    pub fn angles(&self, positions: Range<usize>) -> Angles {
        let pairs = self.inverse.len();
        let mut cos = Vec::with_capacity(positions.len() * pairs);
        let mut sin = Vec::with_capacity(positions.len() * pairs);
        let first = positions.start;
        for position in positions {
            for inverse in &self.inverse {
                let angle = f64::from(position as f32 * inverse);
                cos.push(libm::cos(angle) as f32 * self.scale);
                sin.push(libm::sin(angle) as f32 * self.scale);
            }
        }
        Angles {
            first,
            pairs,
            cos,
            sin,
        }
    }
}

impl Angles {
    /// The transposed rotations: the other way round, with the same factor.
    #[cfg(feature = "train")]
    pub fn transposed(mut self) -> Self {
        self.sin.iter_mut().for_each(|sin| *sin = -*sin);
        self
    }

    /// Rotates every head of `row` (heads of `head_dim` values, end to end) to `position`; values behind the pairs stay.
    pub fn rotate(&self, row: &mut [f32], head_dim: usize, position: usize) {
        let start = (position - self.first) * self.pairs;
        let cos = &self.cos[start..start + self.pairs];
        let sin = &self.sin[start..start + self.pairs];
        for head in row.chunks_exact_mut(head_dim) {
            let (low, high) = head[..2 * self.pairs].split_at_mut(self.pairs);
            for (((a, b), cos), sin) in low.iter_mut().zip(high).zip(cos).zip(sin) {
                (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
            }
        }
    }

    /// Rotates the first `width` columns of each row of `rows` [n, stride]; `positions[i]` is the position of row i.
    pub fn rotate_rows(
        &self,
        compute: &Compute,
        rows: &mut [f32],
        stride: usize,
        width: usize,
        head_dim: usize,
        positions: &[usize],
    ) {
        let chunk = crate::forward::rows_per_chunk(stride);
        compute
            .pool
            .chunks_mut(rows, chunk * stride, |index, rows| {
                let positions = &positions[index * chunk..];
                for (row, position) in rows.chunks_exact_mut(stride).zip(positions) {
                    self.rotate(&mut row[..width], head_dim, *position);
                }
            });
    }
}

/// The object with the scaling, and its name. An empty one if there is none. `layers`: which blocks it is for, in models that
/// have several kinds; transformers 5 nests an object for each there, while an older one is for the full ones alone.
fn scaling_object<'a>(
    top: &Reader<'a>,
    layers: Option<&str>,
) -> Result<(&'static str, &'a Value), ModelError> {
    static NONE: Value = Value::Null;
    for name in ["rope_scaling", "rope_parameters"] {
        let (fields, value) = match top.get(name) {
            None => continue,
            Some(value @ Value::Object(fields)) => (fields, value),
            Some(_) => return Err(top.bad(name, "an object")),
        };
        if fields.is_empty() {
            continue;
        }
        match (layers, fields.values().any(Value::is_object)) {
            (None, false) | (Some("full_attention"), false) => return Ok((name, value)),
            (Some(_), false) => continue,
            (None, true) => return Err(top.bad(name, "one set of parameters for all layers")),
            (Some(layers), true) => return Ok((name, fields.get(layers).unwrap_or(&NONE))),
        }
    }
    Ok(("rope_parameters", &NONE))
}

/// Context that the model was first trained with.
fn original_positions(
    top: &Reader<'_>,
    reader: &Reader<'_>,
    positions: usize,
) -> Result<f64, ModelError> {
    const FIELD: &str = "original_max_position_embeddings";
    let holder = if top.get(FIELD).is_some() {
        top
    } else {
        reader
    };
    Ok(holder.size_or(FIELD, 1 << 26, positions)? as f64)
}

/// LLaMA 3.1: slow frequencies are divided by the factor, fast ones stay, those between are blended (arXiv 2407.21783).
fn llama3(
    top: &Reader<'_>,
    reader: &Reader<'_>,
    plain: &[f64],
    positions: usize,
) -> Result<Vec<f64>, ModelError> {
    let factor = reader.number("factor", None, FACTORS)?;
    let low = reader.number("low_freq_factor", None, FACTORS)?;
    let high = reader.number("high_freq_factor", None, FACTORS)?;
    if high <= low {
        return Err(reader.bad(
            "high_freq_factor",
            format!("more than low_freq_factor {low}"),
        ));
    }
    let original = original_positions(top, reader, positions)?;
    let scaled = plain.iter().map(|inverse| {
        let turns = original * inverse / (2.0 * PI);
        let blend = ((turns - low) / (high - low)).clamp(0.0, 1.0);
        (1.0 - blend) * inverse / factor + blend * inverse
    });
    Ok(scaled.collect())
}

/// YaRN (Peng et al., arXiv 2309.00071): a ramp over dimensions between interpolation and extrapolation, and a factor on
/// attention.
fn yarn(
    top: &Reader<'_>,
    reader: &Reader<'_>,
    plain: &[f64],
    theta: f64,
    positions: usize,
) -> Result<(Vec<f64>, f64), ModelError> {
    let original = original_positions(top, reader, positions)?;
    let factor = reader.number("factor", Some(positions as f64 / original), FACTORS)?;
    let mscale = |scale: f64| {
        if factor <= 1.0 {
            1.0
        } else {
            0.1 * scale * libm::log(factor) + 1.0
        }
    };
    let optional = |field: &str| -> Result<Option<f64>, ModelError> {
        let value = reader.number(field, Some(0.0), 0.0..=1e6)?;
        Ok((value != 0.0).then_some(value))
    };
    let scale = match (
        optional("attention_factor")?,
        optional("mscale")?,
        optional("mscale_all_dim")?,
    ) {
        (Some(factor), _, _) => factor,
        (None, Some(scale), Some(all)) => mscale(scale) / mscale(all),
        _ => mscale(1.0),
    };
    let dim = 2.0 * plain.len() as f64;
    let fast = optional("beta_fast")?.unwrap_or(32.0);
    let slow = optional("beta_slow")?.unwrap_or(1.0);
    let boundary = |turns: f64| {
        dim * libm::log(original / (turns * 2.0 * PI)) / (2.0 * libm::log(theta.max(1.000_001)))
    };
    let (mut low, mut high) = (boundary(fast), boundary(slow));
    if reader.flag("truncate")?.unwrap_or(true) {
        (low, high) = (low.floor(), high.ceil());
    }
    let (low, mut high) = (low.max(0.0), high.min(dim - 1.0));
    if low == high {
        high += 0.001;
    }
    let blended = plain.iter().enumerate().map(|(pair, inverse)| {
        let ramp = ((pair as f64 - low) / (high - low)).clamp(0.0, 1.0);
        inverse / factor * ramp + inverse * (1.0 - ramp)
    });
    Ok((blended.collect(), scale))
}
