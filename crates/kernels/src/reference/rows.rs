//! The kernels of the forward pass that reduce a row. Sums are taken in f64: the order then does not matter for f32.

use super::math;

/// See [`crate::Kernels::dot`].
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let sum: f64 = a
        .iter()
        .zip(b)
        .map(|(a, b)| f64::from(*a) * f64::from(*b))
        .sum();
    sum as f32
}

/// Largest value, `-inf` for an empty row.
fn largest(row: &[f32]) -> f32 {
    row.iter()
        .fold(f32::NEG_INFINITY, |m, x| if *x > m { *x } else { m })
}

/// See [`crate::Kernels::softmax`].
pub fn softmax(row: &mut [f32]) {
    let max = largest(row);
    if max == f32::NEG_INFINITY {
        row.fill(0.0);
        return;
    }
    let mut sum = 0.0f64;
    for x in row.iter_mut() {
        *x = math::exp(*x - max);
        sum += f64::from(*x);
    }
    let inverse = (1.0 / sum) as f32;
    row.iter_mut().for_each(|x| *x *= inverse);
}

/// See [`crate::Kernels::log_sum_exp`].
pub fn log_sum_exp(row: &[f32]) -> f32 {
    let max = largest(row);
    if max == f32::NEG_INFINITY {
        return max;
    }
    let sum: f64 = row.iter().map(|x| f64::from(math::exp(*x - max))).sum();
    (f64::from(max) + math::ln(sum)) as f32
}

/// See [`crate::Kernels::layer_norm`].
pub fn layer_norm(x: &[f32], weight: &[f32], bias: Option<&[f32]>, eps: f32, out: &mut [f32]) {
    let n = x.len() as f64;
    let mean = x.iter().map(|x| f64::from(*x)).sum::<f64>() / n;
    let var = x
        .iter()
        .map(|x| (f64::from(*x) - mean) * (f64::from(*x) - mean))
        .sum::<f64>()
        / n;
    let scale = 1.0 / (var + f64::from(eps)).sqrt();
    for (j, ((out, x), weight)) in out.iter_mut().zip(x).zip(weight).enumerate() {
        let t = ((f64::from(*x) - mean) * scale) as f32;
        *out = t * weight + bias.map_or(0.0, |bias| bias[j]);
    }
}

/// See [`crate::Kernels::rms_norm`].
pub fn rms_norm(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    let squares: f64 = x.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
    let scale = (1.0 / (squares / x.len() as f64 + f64::from(eps)).sqrt()) as f32;
    for ((out, x), weight) in out.iter_mut().zip(x).zip(weight) {
        *out = x * scale * weight;
    }
}
