//! Makes the fields of config.json about rotary positions.

use super::Model;
use super::architectures::{Config, Rotation};
use super::keys::{AGAIN, ORIGINAL};
use crate::{DType, TensorsError};
use serde_json::{Value, json};
use std::f64::consts::PI;

/// Name of the tensor with the divisors of the frequencies, which LLaMA 3.1 introduced.
const FACTORS: &str = "rope_freqs.weight";
/// Most factors. It is larger than the number of pairs in any head.
const MOST_FACTORS: usize = 1 << 12;
/// Largest relative difference between a stored factor and the computed one. Both are f32.
const NEAR: f64 = 1e-4;

/// Adds the base, the rotated part of a head, and the scaling.
pub(super) fn add(
    model: &Model<'_>,
    head_dim: u64,
    config: &mut Config,
) -> Result<(), TensorsError> {
    let keys = &model.keys;
    let base = keys.number(".rope.freq_base")?.unwrap_or(10_000.0);
    let turned = keys.whole(".rope.dimension_count")?.unwrap_or(head_dim);
    if turned != head_dim {
        if model.row.rope == Rotation::Whole || turned > head_dim || turned == 0 {
            let reason = format!(
                "{turned} of {head_dim} values of a head turn, and in this architecture all do"
            );
            return Err(keys.refuse(".rope.dimension_count", reason, ORIGINAL));
        }
        let share = turned as f64 / head_dim as f64;
        config.insert("partial_rotary_factor".into(), json!(share));
    }
    config.insert("rope_theta".into(), json!(base));
    let scaling = match factors(model)? {
        Some(factors) => of_factors(model, &factors, base)?,
        None => named(model, config)?,
    };
    config.insert("rope_scaling".into(), scaling);
    Ok(())
}

/// The scaling that the file names.
fn named(model: &Model<'_>, config: &Config) -> Result<Value, TensorsError> {
    const TYPE: &str = ".rope.scaling.type";
    let keys = &model.keys;
    let older = keys.number(".rope.scale_linear")?;
    let kind = keys.text(TYPE)?;
    let factor = keys.number(".rope.scaling.factor")?.or(older);
    let factor = factor.filter(|factor| *factor != 0.0);
    let kind = kind.unwrap_or(match factor {
        Some(_) => "linear",
        None => "none",
    });
    match (kind, factor) {
        ("none", _) | ("linear", None | Some(1.0)) => Ok(Value::Null),
        ("linear", Some(factor)) => Ok(json!({"rope_type": "linear", "factor": factor})),
        ("yarn", Some(factor)) => yarn(model, config, factor),
        ("yarn", None) => {
            Err(keys.refuse(".rope.scaling.factor", "the file does not say it", AGAIN))
        }
        (other, _) => {
            let reason = format!("it is {other:?}, and kerf computes none, linear and yarn");
            Err(keys.refuse(TYPE, reason, ORIGINAL))
        }
    }
}

fn yarn(model: &Model<'_>, config: &Config, factor: f64) -> Result<Value, TensorsError> {
    let keys = &model.keys;
    let mut scaling = json!({"rope_type": "yarn", "factor": factor});
    let first = keys.whole(".rope.scaling.original_context_length")?;
    scaling["original_max_position_embeddings"] = match first {
        Some(first) => json!(first),
        None => config["max_position_embeddings"].clone(),
    };
    for (key, field) in [
        (".rope.scaling.yarn_beta_fast", "beta_fast"),
        (".rope.scaling.yarn_beta_slow", "beta_slow"),
    ] {
        if let Some(value) = keys.number(key)? {
            scaling[field] = json!(value);
        }
    }
    Ok(scaling)
}

/// The factors of the file. `None` if there are none, or if all are 1.
fn factors(model: &Model<'_>) -> Result<Option<Vec<f64>>, TensorsError> {
    let Some((part, tensor)) = model.tensor(FACTORS) else {
        return Ok(None);
    };
    let is_it = tensor.element.float() == Some(DType::F32) && tensor.shape.len() == 1;
    if !is_it || tensor.shape[0] > MOST_FACTORS {
        let reason = "it is no vector of F32 with one number for a pair of values of a head";
        return Err(model.keys.refuse(FACTORS, reason, AGAIN));
    }
    let mut bytes = vec![0; tensor.len_bytes as usize];
    part.source.read_at(tensor.offset, &mut bytes)?;
    let factors = bytes.as_chunks::<4>().0.iter();
    let factors: Vec<f64> = factors
        .map(|four| f64::from(f32::from_le_bytes(*four)))
        .collect();
    if factors.iter().any(|factor| !(1e-6..=1e6).contains(factor)) {
        let reason = "a factor is no number that a frequency can be divided by";
        return Err(model.keys.refuse(FACTORS, reason, AGAIN));
    }
    Ok(factors
        .iter()
        .any(|factor| (factor - 1.0).abs() > NEAR)
        .then_some(factors))
}

/// The `llama3` scaling that gives these factors. `GGUF_UNSUPPORTED` if there is none, because config.json has no field for
/// arbitrary factors.
fn of_factors(model: &Model<'_>, factors: &[f64], base: f64) -> Result<Value, TensorsError> {
    let keys = &model.keys;
    let first = keys.whole(".rope.scaling.original_context_length")?;
    let original = first.map_or(8192.0, |first| first as f64);
    let pairs = factors.len() as f64;
    let wave = |pair: usize| 2.0 * PI * libm::pow(base, pair as f64 / pairs);
    let points: Vec<(f64, f64)> = factors
        .iter()
        .enumerate()
        .map(|(pair, factor)| (wave(pair), *factor))
        .collect();
    let fit = candidates(&points, original)
        .into_iter()
        .find(|fit| points.iter().all(|point| fit.gives(*point)));
    match fit {
        Some(fit) => Ok(json!({
            "rope_type": "llama3", "factor": fit.factor, "low_freq_factor": fit.low,
            "high_freq_factor": fit.high, "original_max_position_embeddings": fit.original as u64,
        })),
        None => {
            let reason = "its factors are none that llama3 scaling gives";
            Err(keys.refuse(FACTORS, reason, ORIGINAL))
        }
    }
}

/// A `llama3` scaling. Wavelengths shorter than original / high are unchanged. Wavelengths longer than original / low are divided
/// by the factor.
struct Llama3 {
    factor: f64,
    low: f64,
    high: f64,
    original: f64,
}

impl Llama3 {
    fn gives(&self, (wave, factor): (f64, f64)) -> bool {
        let turns = self.original / wave;
        let blend = ((turns - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        let ours = 1.0 / ((1.0 - blend) / self.factor + blend);
        (ours - factor).abs() <= NEAR * factor
    }
}

/// Scalings that may have given these factors, usual ones first. The last one is computed from the blended points.
fn candidates(points: &[(f64, f64)], original: f64) -> Vec<Llama3> {
    let factor = points.iter().map(|point| point.1).fold(1.0, f64::max);
    // The factor before it was rounded to f32.
    let factor = if (factor - factor.round()).abs() < NEAR {
        factor.round()
    } else {
        factor
    };
    let scaling = |low: f64, high: f64| Llama3 {
        factor,
        low,
        high,
        original,
    };
    let mut all = vec![scaling(1.0, 4.0)];
    // The pairs (turns, blend) of the wavelengths between the two bounds.
    let blended: Vec<(f64, f64)> = points
        .iter()
        .filter(|(_, own)| *own > 1.0 + NEAR && *own < factor * (1.0 - NEAR))
        .map(|(wave, own)| {
            let share = 1.0 / factor;
            (original / wave, (1.0 / own - share) / (1.0 - share))
        })
        .collect();
    match (blended.first(), blended.last()) {
        // With two points: blend = (turns - low) / (high - low) is a line through them.
        (Some(a), Some(b)) if blended.len() > 1 => {
            let span = (a.0 - b.0) / (a.1 - b.1);
            let low = a.0 - a.1 * span;
            all.push(scaling(low, low + span));
        }
        // With one point, the bounds are assumed to be four times apart, as usual.
        (Some((turns, blend)), _) => {
            let low = turns / (1.0 + 3.0 * blend);
            all.push(scaling(low, 4.0 * low));
        }
        // Without a point, the bounds lie between the last unchanged wavelength and the first changed one.
        _ => {
            let stays = points.iter().filter(|(_, own)| *own <= 1.0 + NEAR);
            let divided = points.iter().filter(|(_, own)| *own > 1.0 + NEAR);
            let longest = stays.map(|(wave, _)| *wave).fold(f64::NAN, f64::max);
            let shortest = divided.map(|(wave, _)| *wave).fold(f64::NAN, f64::min);
            let (longest, shortest) = match longest.is_nan() {
                true => (shortest / 8.0, shortest),
                false => (longest, shortest),
            };
            let step = (shortest / longest).cbrt();
            all.push(scaling(
                original / (longest * step * step),
                original / (longest * step),
            ));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The factors that a scaling gives for the pairs of a head.
    fn points(scaling: &Llama3, pairs: usize, base: f64) -> Vec<(f64, f64)> {
        let wave = |pair: usize| 2.0 * PI * base.powf(pair as f64 / pairs as f64);
        let factor = |wave: f64| {
            let turns = scaling.original / wave;
            let blend = ((turns - scaling.low) / (scaling.high - scaling.low)).clamp(0.0, 1.0);
            f64::from((1.0 / ((1.0 - blend) / scaling.factor + blend)) as f32)
        };
        (0..pairs)
            .map(|pair| (wave(pair), factor(wave(pair))))
            .collect()
    }

    #[test]
    fn a_scaling_is_found_by_its_factors() {
        for (factor, low, high, original, pairs, base) in [
            (8.0, 1.0, 4.0, 8192.0, 64, 500_000.0),
            (32.0, 1.0, 4.0, 8192.0, 32, 500_000.0),
            (8.0, 1.0, 4.0, 32.0, 8, 10_000.0),
            (4.0, 0.5, 8.0, 4096.0, 64, 10_000.0),
            (16.0, 2.0, 3.0, 2048.0, 16, 1_000_000.0),
            (8.0, 1.0, 4.0, 32.0, 4, 10_000.0),
        ] {
            let made = points(
                &Llama3 {
                    factor,
                    low,
                    high,
                    original,
                },
                pairs,
                base,
            );
            // A file may lack the original context length.
            for told in [original, 8192.0] {
                let found = candidates(&made, told);
                let fits = |fit: &&Llama3| made.iter().all(|point| fit.gives(*point));
                assert!(
                    found.iter().any(|fit| fits(&fit)),
                    "{factor} {low} {high} of {original}, told {told}"
                );
            }
        }
    }

    #[test]
    fn factors_of_no_scaling_are_not_explained() {
        let mut made = points(
            &Llama3 {
                factor: 8.0,
                low: 1.0,
                high: 4.0,
                original: 8192.0,
            },
            64,
            500_000.0,
        );
        made[40].1 *= 1.5;
        let found = candidates(&made, 8192.0);
        assert!(
            !found
                .iter()
                .any(|fit| made.iter().all(|point| fit.gives(*point)))
        );
    }
}
