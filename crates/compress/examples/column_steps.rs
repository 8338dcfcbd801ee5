//! What the method `entropy` loses on tokens that were held out, at so many bits a weight, all bytes counted:
//!
//!     cargo run --example column_steps -- FILE.safetensors [BITS] [PART OF A NAME]
//!
//! The file has for each matrix NAME three tensors of f32: `NAME.w` [rows, cols], `NAME.h` and `NAME.v` [cols, cols], the second
//! moments of its inputs on the tokens of the calibration and on others. Beside the error stand the errors that would be left if
//! the scale of each row, or the value of each code, were the best one (least squares on the tokens of the calibration).

use kerf_compress::methods::{Inputs, Problem, by_id};
use kerf_compress::pattern::Pattern;
use kerf_compress::solve::param::Params;
use kerf_compress::statistics::Gram;
use kerf_kernels::{Compute, MatMut, MatRef};
use kerf_tensors::{DType, EncodedTensor, QuantizedMatrix, Values};
use std::collections::BTreeMap;

/// Values of |code| that have a correction of their own; larger codes share one.
const CODES: usize = 4;

type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

fn read(path: &str) -> Tensors {
    let bytes = std::fs::read(path).expect("a file");
    let (len, rest) = bytes.split_first_chunk::<8>().expect("a header");
    let (head, body) = rest.split_at(u64::from_le_bytes(*len) as usize);
    let head: serde_json::Value = serde_json::from_slice(head).expect("a header of JSON");
    let tensors = head.as_object().expect("an object").iter();
    let tensors = tensors.filter(|(name, _)| *name != "__metadata__");
    let number = |value: &serde_json::Value| value.as_u64().expect("a number") as usize;
    let read = |(name, about): (&String, &serde_json::Value)| {
        let shape = about["shape"]
            .as_array()
            .expect("a shape")
            .iter()
            .map(number);
        let [from, to] = [0, 1].map(|at| number(&about["data_offsets"][at]));
        let values = body[from..to].as_chunks::<4>().0.iter();
        let values = values.map(|four| f32::from_le_bytes(*four)).collect();
        (name.clone(), (shape.collect(), values))
    };
    tensors.map(read).collect()
}

/// d H, both [rows, n].
fn product(compute: &Compute, d: &[f32], h: &[f32], n: usize) -> Vec<f32> {
    let rows = d.len() / n;
    let mut out = vec![0.0; d.len()];
    let (to, d, h) = (
        MatMut::dense(&mut out, rows, n),
        MatRef::dense(d, rows, n),
        MatRef::dense(h, n, n),
    );
    compute.linalg.gemm_nn(to, d, h, 1.0, 0.0);
    out
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(a, b)| f64::from(*a) * f64::from(*b))
        .sum()
}

fn energy(compute: &Compute, d: &[f32], h: &[f32], n: usize) -> f64 {
    dot(&product(compute, d, h, n), d)
}

fn difference(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// `q` with the best scale for each row.
fn rescaled(compute: &Compute, w: &[f32], q: &[f32], h: &[f32], n: usize) -> Vec<f32> {
    let seen = product(compute, q, h, n);
    let mut out = q.to_vec();
    for ((out, w), seen) in out.chunks_mut(n).zip(w.chunks(n)).zip(seen.chunks(n)) {
        let own = dot(out, seen);
        let best = if own > 0.0 { dot(w, seen) / own } else { 1.0 };
        out.iter_mut().for_each(|q| *q *= best as f32);
    }
    out
}

/// `q` with the best value for each |code|, as a share of code times step.
fn recentred(
    compute: &Compute,
    w: &[f32],
    q: &[f32],
    codes: &[i8],
    h: &[f32],
    n: usize,
) -> (Vec<f32>, Vec<f64>) {
    let class = |code: i8| usize::from(code.unsigned_abs()).min(CODES);
    let parts: Vec<Vec<f32>> = (1..=CODES)
        .map(|of| {
            q.iter()
                .zip(codes)
                .map(|(q, code)| if class(*code) == of { *q } else { 0.0 })
                .collect()
        })
        .collect();
    let seen: Vec<Vec<f32>> = parts
        .iter()
        .map(|part| product(compute, part, h, n))
        .collect();
    let mut a: Vec<Vec<f64>> = seen
        .iter()
        .map(|seen| {
            parts
                .iter()
                .map(|part| dot(part, seen))
                .chain([dot(w, seen)])
                .collect()
        })
        .collect();
    for i in 0..CODES {
        let pivot = a[i].clone();
        for (_, row) in a.iter_mut().enumerate().filter(|(j, _)| *j != i) {
            let share = if pivot[i] > 0.0 {
                row[i] / pivot[i]
            } else {
                0.0
            };
            row.iter_mut()
                .zip(&pivot)
                .for_each(|(x, y)| *x -= share * y);
        }
    }
    let best: Vec<f64> = (0..CODES)
        .map(|i| {
            if a[i][i] > 0.0 {
                a[i][CODES] / a[i][i]
            } else {
                1.0
            }
        })
        .collect();
    let of = |(q, code): (&f32, &i8)| match class(*code) {
        0 => 0.0,
        class => q * best[class - 1] as f32,
    };
    (q.iter().zip(codes).map(of).collect(), best)
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let data = read(args.first().expect("a file of matrices and second moments"));
    let target: f64 = args.get(1).map_or(2.0, |bits| bits.parse().expect("bits"));
    let only = args.get(2).map_or("", String::as_str);
    let compute = Compute::new(None, 1).expect("this machine runs itself");
    let entropy = by_id("entropy").expect("a row of the table");
    let names = data.keys().filter_map(|key| key.strip_suffix(".w"));
    for name in names.filter(|name| name.contains(only)) {
        let [w, h, v] = ["w", "h", "v"].map(|of| &data[&format!("{name}.{of}")]);
        let (rows, n) = (w.0[0], w.0[1]);
        let (w, h, v) = (&w.1, &h.1, &v.1);
        let inputs = Inputs::new(Gram {
            n,
            h: h.clone(),
            tokens: 1 << 13,
            shrinkage: 0.0,
        });
        let solve = |step: f64, sweeps: f64| -> (QuantizedMatrix, f64) {
            let values = [("sweeps", sweeps)];
            let problem = Problem {
                name,
                w,
                rows,
                cols: n,
                sparsity: 0.0,
                pattern: Pattern::Unstructured,
                support: None,
                grid: None,
                dtype: DType::F32,
                damping_rel: 0.01,
                step: Some(step),
                params: Params::new(&values),
                inputs: Some(&inputs),
            };
            let matrix = entropy.solve(&compute, &problem).matrix;
            let encoded = EncodedTensor::encode(&compute, name, DType::F32, "entropy", "", &matrix);
            let bits = encoded.content_bytes() as f64 * 8.0 / (rows * n) as f64;
            (matrix, bits)
        };
        let (mut low, mut high) = (0.05f64.ln(), 6f64.ln());
        for _ in 0..9 {
            let middle = 0.5 * (low + high);
            match solve(middle.exp(), 1.0).1 > target {
                true => low = middle,
                false => high = middle,
            }
        }
        let (matrix, bits) = solve((0.5 * (low + high)).exp(), 3.0);
        let Values::Codes { codes, .. } = &matrix.values else {
            unreachable!("the method makes codes")
        };
        let q = matrix.dequantize(&compute.kernels);
        let whole = energy(&compute, w, v, n);
        let lost = |q: &[f32]| energy(&compute, &difference(w, q), v, n) / whole;
        let (centred, best) = recentred(&compute, w, &q, codes, h, n);
        println!(
            "{name} {rows} x {n}: {bits:.3} bits, held out {:.5}; best rows {:.5}, best codes {:.5} {best:.3?}, largest code {}",
            lost(&q),
            lost(&rescaled(&compute, w, &q, h, n)),
            lost(&centred),
            codes
                .iter()
                .map(|code| code.unsigned_abs())
                .max()
                .unwrap_or(0)
        );
    }
}
