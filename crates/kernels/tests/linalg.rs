//! Linear algebra against plain f64 loops: odd sizes, strides, scale factors, thread counts, both block arithmetics.

mod common;

use common::Noise;
use kerf_kernels::{Linalg, MatMut, MatRef, NotPositive, Pool};

/// A matrix in a buffer with gaps between its rows.
struct Padded {
    data: Vec<f32>,
    rows: usize,
    cols: usize,
    stride: usize,
}

impl Padded {
    fn random(noise: &mut Noise, rows: usize, cols: usize, gap: usize) -> Self {
        let stride = cols + gap;
        let data = noise.fill(rows * stride);
        Self {
            data,
            rows,
            cols,
            stride,
        }
    }

    fn view(&self) -> MatRef<'_> {
        MatRef {
            data: &self.data,
            rows: self.rows,
            cols: self.cols,
            stride: self.stride,
        }
    }

    fn view_mut(&mut self) -> MatMut<'_> {
        MatMut {
            data: &mut self.data,
            rows: self.rows,
            cols: self.cols,
            stride: self.stride,
        }
    }

    fn at(&self, i: usize, j: usize) -> f64 {
        f64::from(self.data[i * self.stride + j])
    }
}

fn engines() -> Vec<Linalg> {
    [false, true]
        .into_iter()
        .flat_map(|portable| [1, 2, 5].map(|t| Linalg::new(portable, Pool::new(t))))
        .collect()
}

const SHAPES: [(usize, usize, usize); 10] = [
    (1, 1, 1),
    (1, 300, 77),
    (2, 513, 64),
    (3, 5, 0),
    (4, 70, 9),
    (7, 1030, 33),
    (257, 3, 130),
    (300, 521, 129),
    (64, 64, 64),
    (5, 70, 1100),
];

#[test]
fn products_match_plain_sums() {
    let mut noise = Noise(1);
    for (m, n, k) in SHAPES {
        for (alpha, beta, gap) in [(1.0, 0.0, 0), (-0.5, 1.0, 3), (2.0, 0.25, 1)] {
            for form in [Form::Nn, Form::Nt, Form::Tn] {
                let a = match form {
                    Form::Tn => Padded::random(&mut noise, k, m, gap),
                    _ => Padded::random(&mut noise, m, k, gap),
                };
                let b = match form {
                    Form::Nt => Padded::random(&mut noise, n, k, 2 * gap),
                    _ => Padded::random(&mut noise, k, n, 2 * gap),
                };
                let c = Padded::random(&mut noise, m, n, gap);
                check_product(&a, &b, &c, alpha, beta, form);
            }
        }
    }
}

/// Which operand is transposed.
#[derive(Clone, Copy)]
enum Form {
    Nn,
    Nt,
    Tn,
}

fn check_product(a: &Padded, b: &Padded, c: &Padded, alpha: f32, beta: f32, form: Form) {
    let depth = match form {
        Form::Tn => a.rows,
        _ => a.cols,
    };
    let mut first: [Option<Vec<f32>>; 2] = [None, None];
    for (index, engine) in engines().into_iter().enumerate() {
        let mut got = Padded {
            data: c.data.clone(),
            ..*c
        };
        if beta == 0.0 {
            poison(&mut got);
        }
        let (to, left, right) = (got.view_mut(), a.view(), b.view());
        match form {
            Form::Nn => engine.gemm_nn(to, left, right, alpha, beta),
            Form::Nt => engine.gemm_nt(to, left, right, alpha, beta),
            Form::Tn => engine.gemm_tn(to, left, right, alpha, beta),
        }
        for i in 0..c.rows {
            for j in 0..c.cols {
                let products = (0..depth).map(|k| match form {
                    Form::Nn => a.at(i, k) * b.at(k, j),
                    Form::Nt => a.at(i, k) * b.at(j, k),
                    Form::Tn => a.at(k, i) * b.at(k, j),
                });
                let sum: f64 = products.sum();
                let want = f64::from(alpha) * sum
                    + if beta == 0.0 {
                        0.0
                    } else {
                        f64::from(beta) * c.at(i, j)
                    };
                let allowed = 1e-6 * (depth as f64 + 1.0);
                assert!(
                    (got.at(i, j) - want).abs() <= allowed,
                    "({i}, {j}) of {} x {} x {}: {} instead of {want}",
                    c.rows,
                    c.cols,
                    depth,
                    got.at(i, j)
                );
            }
            let gap = i * c.stride + c.cols..((i + 1) * c.stride);
            assert_eq!(got.data[gap.clone()], c.data[gap], "the gap was written");
        }
        let first = first[index / 3].get_or_insert_with(|| got.data.clone());
        assert!(
            same_bytes(first, &got.data),
            "the thread count changed the result"
        );
    }
}

/// NaN in every element, but not in the gaps.
fn poison(m: &mut Padded) {
    for i in 0..m.rows {
        m.data[i * m.stride..][..m.cols].fill(f32::NAN);
    }
}

fn same_bytes(a: &[f32], b: &[f32]) -> bool {
    a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

#[test]
fn triangular_products_match_plain_sums() {
    let mut noise = Noise(2);
    for (tokens, n) in [(1, 1), (5, 3), (33, 70), (100, 257), (70, 520), (0, 4)] {
        let x = Padded::random(&mut noise, tokens, n, 5);
        let start = Padded::random(&mut noise, n, n, 2);
        let mut first: [Option<Vec<f32>>; 2] = [None, None];
        for (index, engine) in engines().into_iter().enumerate() {
            let mut h = Padded {
                data: start.data.clone(),
                ..start
            };
            engine.syrk_lower(h.view_mut(), x.view());
            let mut lower = Vec::new();
            for i in 0..n {
                for j in 0..=i {
                    let sum: f64 = (0..tokens).map(|t| x.at(t, i) * x.at(t, j)).sum();
                    let want = start.at(i, j) + sum;
                    assert!((h.at(i, j) - want).abs() <= 1e-6 * (tokens as f64 + 1.0));
                    lower.push(h.data[i * h.stride + j]);
                }
            }
            let first = first[index / 3].get_or_insert_with(|| lower.clone());
            assert!(
                same_bytes(first, &lower),
                "the thread count changed the result"
            );
        }
    }
}

/// x^T x / tokens plus a share of the identity, in f64 and f32, with NaN above the diagonal: only the lower part counts.
fn positive_definite(noise: &mut Noise, n: usize, gap: usize) -> Padded {
    let tokens = 2 * n + 3;
    let x = noise.fill(tokens * n);
    let mut h = Padded::random(noise, n, n, gap);
    poison(&mut h);
    for i in 0..n {
        for j in 0..=i {
            let sum: f64 = (0..tokens)
                .map(|t| f64::from(x[t * n + i]) * f64::from(x[t * n + j]))
                .sum();
            let damp = if i == j { 0.05 } else { 0.0 };
            h.data[i * h.stride + j] = (sum / tokens as f64 + damp) as f32;
        }
    }
    h
}

#[test]
fn factor_reconstructs_the_inverse() {
    let mut noise = Noise(3);
    for n in [1, 2, 3, 31, 64, 127, 128, 129, 200, 300, 391] {
        let h = positive_definite(&mut noise, n, n % 3);
        let mut first: [Option<Vec<f32>>; 2] = [None, None];
        for (index, engine) in engines().into_iter().enumerate() {
            let mut u = Padded {
                data: h.data.clone(),
                ..h
            };
            engine.inverse_upper_factor(u.view_mut()).unwrap();
            check_factor(&h, &u);
            let first = first[index / 3].get_or_insert_with(|| u.data.clone());
            assert!(
                same_bytes(first, &u.data),
                "the thread count changed the result"
            );
        }
    }
}

/// u is upper triangular with positive diagonal, and h (u^T u) is the identity.
fn check_factor(h: &Padded, u: &Padded) {
    let n = h.rows;
    let mut product = vec![0.0f64; n * n];
    for k in 0..n {
        for i in 0..n {
            assert!(i <= k || u.at(i, k) == 0.0 || i < k, "below the diagonal");
            if k < i {
                assert_eq!(u.at(i, k), 0.0, "({i}, {k}) under the diagonal");
            }
        }
        assert!(u.at(k, k) > 0.0);
        for i in k..n {
            for j in k..n {
                product[i * n + j] += u.at(k, i) * u.at(k, j);
            }
        }
    }
    let symmetric = |i: usize, j: usize| h.at(i.max(j), i.min(j));
    for i in 0..n {
        for j in 0..n {
            let got: f64 = (0..n).map(|k| symmetric(i, k) * product[k * n + j]).sum();
            let want = if i == j { 1.0 } else { 0.0 };
            assert!((got - want).abs() < 2e-3, "n {n}: ({i}, {j}) is {got}");
        }
    }
}

/// Wide panels (beyond 2048 columns): h (u^T (u e_j)) is e_j for some columns j.
#[test]
fn a_large_factor_inverts_too() {
    let (n, tokens) = (2100, 300);
    let mut noise = Noise(5);
    let x = noise.fill(tokens * n);
    let engines = [1, 3].map(|threads| Linalg::new(false, Pool::new(threads)));
    let mut h = vec![0.0; n * n];
    engines[1].syrk_lower(MatMut::dense(&mut h, n, n), MatRef::dense(&x, tokens, n));
    h.iter_mut().for_each(|h| *h /= tokens as f32);
    h.iter_mut().step_by(n + 1).for_each(|h| *h += 0.05);
    let factors = engines.map(|engine| {
        let mut u = h.clone();
        engine
            .inverse_upper_factor(MatMut::dense(&mut u, n, n))
            .unwrap();
        u
    });
    assert!(same_bytes(&factors[0], &factors[1]));
    let u = |i: usize, j: usize| f64::from(factors[0][i * n + j]);
    for j in [0, 1, 255, 256, 1000, 2047, 2048, n - 1] {
        let mut column = vec![0.0; n];
        for k in 0..n {
            for (i, sum) in column.iter_mut().enumerate().skip(k) {
                *sum += u(k, i) * u(k, j);
            }
        }
        for i in 0..n {
            let row = |k: usize| f64::from(h[i.max(k) * n + i.min(k)]);
            let got: f64 = (0..n).map(|k| row(k) * column[k]).sum();
            let want = if i == j { 1.0 } else { 0.0 };
            assert!((got - want).abs() < 2e-3, "({i}, {j}) is {got}");
        }
    }
    assert!((1..n).all(|i| u(i, 0) == 0.0 && u(i, i - 1) == 0.0));
}

#[test]
fn a_matrix_that_is_not_positive_definite_is_refused() {
    let mut noise = Noise(4);
    for n in [1, 5, 129, 300] {
        for bad in [0, n / 2, n - 1] {
            for value in [-1.0, 0.0, f32::NAN] {
                let mut h = positive_definite(&mut noise, n, 0);
                h.data[bad * n + bad] = value;
                for engine in engines() {
                    let mut u = h.data.clone();
                    let result = engine.inverse_upper_factor(MatMut::dense(&mut u, n, n));
                    // The pivots are taken from the last row to the first.
                    assert_eq!(result, Err(NotPositive { index: n - 1 - bad }));
                }
            }
        }
    }
}
