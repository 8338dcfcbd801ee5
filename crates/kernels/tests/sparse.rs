//! The sparse product, judged by its definition: one running sum a result, in the order of the columns.

mod common;

use common::{Noise, bits};
use kerf_kernels::{Compute, Isa, MatMut, MatRef, Pool, SparseMatrix};

/// Tokens around every limit: one alone, each count of vectors, a tile, several tiles.
const TOKENS: [usize; 14] = [0, 1, 2, 4, 5, 8, 9, 16, 17, 33, 63, 64, 65, 130];

/// Rows and columns around the limits of vectors, blocks and panels.
const SHAPES: [(usize, usize); 9] = [
    (1, 1),
    (1, 300),
    (3, 7),
    (17, 95),
    (190, 96),
    (192, 97),
    (193, 191),
    (401, 64),
    (390, 200),
];

/// A linear layer and its input, with gaps between the rows of input and output.
struct Case {
    rows: usize,
    cols: usize,
    tokens: usize,
    gap: usize,
    weight: Vec<f32>,
    input: Vec<f32>,
    before: Vec<f32>,
}

impl Case {
    fn new(noise: &mut Noise, (rows, cols): (usize, usize), tokens: usize) -> Self {
        let gap = noise.below(3);
        let mut weight: Vec<f32> = (0..rows * cols)
            .map(|_| match noise.below(10) {
                0..3 => noise.value(),
                3 => -0.0,
                _ => 0.0,
            })
            .collect();
        // A row of zeros and a dense one; the first weight is zero, so that no matrix is too dense.
        weight[..cols].fill(0.0);
        if rows > 9 {
            weight[cols..2 * cols].copy_from_slice(&noise.fill(cols));
        }
        Self {
            rows,
            cols,
            tokens,
            gap,
            weight,
            input: noise.fill(tokens * (cols + gap)),
            before: noise.fill(tokens * (rows + gap)),
        }
    }

    fn sparse(&self) -> SparseMatrix {
        SparseMatrix::from_dense(&Pool::new(1), self.rows, self.cols, &self.weight)
            .expect("zeros enough")
    }

    /// The product for tokens `first ..`, `tokens` of them, as the engine computes it; what lies between rows too.
    fn run(&self, compute: &Compute, first: usize, tokens: usize, add: bool) -> Vec<f32> {
        let (in_stride, out_stride) = (self.cols + self.gap, self.rows + self.gap);
        let mut out = self.before[first * out_stride..][..tokens * out_stride].to_vec();
        if !add {
            out.fill(f32::NAN);
        }
        compute.sparse_nt(
            MatMut {
                data: &mut out,
                rows: tokens,
                cols: self.rows,
                stride: out_stride,
            },
            MatRef {
                data: &self.input[first * in_stride..],
                rows: tokens,
                cols: self.cols,
                stride: in_stride,
            },
            &self.sparse(),
            add,
        );
        out
    }

    /// The definition, with the multiply-add of the instruction set.
    fn expected(&self, isa: Isa, add: bool) -> Vec<f32> {
        let fused = matches!(isa, Isa::Avx2 | Isa::Avx512 | Isa::Neon);
        let mut out = self.before.clone();
        if !add {
            out.fill(f32::NAN);
        }
        for (x, out) in self
            .input
            .chunks_exact(self.cols + self.gap)
            .zip(out.chunks_exact_mut(self.rows + self.gap))
        {
            for (w, out) in self.weight.chunks_exact(self.cols).zip(out) {
                let mut sum = 0.0f32;
                for (w, x) in w.iter().zip(x).filter(|(w, _)| **w != 0.0) {
                    sum = if fused {
                        w.mul_add(*x, sum)
                    } else {
                        sum + w * x
                    };
                }
                *out = if add { *out + sum } else { sum };
            }
        }
        out
    }
}

/// Every instruction set that this machine runs, with some threads.
fn machines(threads: usize) -> Vec<Compute> {
    let all: Vec<_> = Isa::ALL
        .into_iter()
        .filter_map(|isa| Compute::new(Some(isa), threads))
        .collect();
    assert!(!all.is_empty());
    all
}

#[test]
fn every_result_is_the_running_sum_of_its_row() {
    let mut noise = Noise(21);
    for compute in machines(1) {
        let isa = compute.kernels.isa();
        for shape in SHAPES {
            for tokens in TOKENS {
                let case = Case::new(&mut noise, shape, tokens);
                for add in [false, true] {
                    let got = case.run(&compute, 0, tokens, add);
                    assert_eq!(
                        bits(&got),
                        bits(&case.expected(isa, add)),
                        "{isa:?} {shape:?}, {tokens} tokens, add {add}"
                    );
                }
            }
        }
    }
}

#[test]
fn it_agrees_with_the_dense_product() {
    let mut noise = Noise(22);
    for compute in machines(2) {
        let mut case = Case::new(&mut noise, (390, 1000), 70);
        case.gap = 0;
        let got = case.run(&compute, 0, 70, true);
        let mut want = case.before[..70 * 390].to_vec();
        compute.linalg.gemm_nt(
            MatMut::dense(&mut want, 70, 390),
            MatRef::dense(&case.input[..70 * 1000], 70, 1000),
            MatRef::dense(&case.weight, 390, 1000),
            1.0,
            1.0,
        );
        let worst = got.iter().zip(&want).map(|(a, b)| (a - b).abs());
        let worst = worst.fold(0.0f32, f32::max);
        assert!(worst <= 1e-4, "{:?}: {worst}", compute.kernels.isa());
    }
}

#[test]
fn thread_count_changes_no_byte() {
    let mut noise = Noise(23);
    let case = Case::new(&mut noise, (500, 300), 200);
    for tokens in [1, 40, 200] {
        let [one, two, five] = [1, 2, 5].map(|threads| {
            machines(threads)
                .into_iter()
                .map(|compute| case.run(&compute, 0, tokens, true))
                .collect::<Vec<_>>()
        });
        for ((one, two), five) in one.iter().zip(&two).zip(&five) {
            assert_eq!(bits(one), bits(two), "{tokens} tokens");
            assert_eq!(bits(one), bits(five), "{tokens} tokens");
        }
    }
}

#[test]
fn tokens_do_not_know_of_one_another() {
    let mut noise = Noise(24);
    let case = Case::new(&mut noise, (250, 310), 150);
    let stride = case.rows + case.gap;
    for compute in machines(2) {
        let together = case.run(&compute, 0, case.tokens, false);
        for (first, tokens) in [(0, 1), (149, 1), (3, 2), (60, 9), (20, 70), (64, 86)] {
            assert_eq!(
                bits(&case.run(&compute, first, tokens, false)),
                bits(&together[first * stride..][..tokens * stride]),
                "{:?}: {tokens} tokens from {first}",
                compute.kernels.isa()
            );
        }
    }
}

/// More columns than packed tokens may take at once: the tokens go through in several parts.
#[test]
fn wide_matrices_take_their_tokens_in_parts() {
    let mut noise = Noise(25);
    let case = Case::new(&mut noise, (5, 40_000), 70);
    for compute in machines(2) {
        let isa = compute.kernels.isa();
        let got = case.run(&compute, 0, 70, false);
        assert_eq!(bits(&got), bits(&case.expected(isa, false)), "{isa:?}");
    }
}

#[test]
fn an_input_that_is_not_finite_comes_through_weights_that_are_not_zero_only() {
    let weight = [0.0, 2.0, 1.0, 0.0, 0.0, 0.0, -0.0, 0.0];
    let pool = Pool::new(1);
    let sparse = SparseMatrix::from_dense(&pool, 4, 2, &weight).unwrap();
    let mut out = [9.0; 8];
    for compute in machines(1) {
        let input = [f32::NAN, 3.0, f32::INFINITY, -1.0];
        compute.sparse_nt(
            MatMut::dense(&mut out, 2, 4),
            MatRef::dense(&input, 2, 2),
            &sparse,
            false,
        );
        assert!(out[1].is_nan());
        out[1] = 0.0;
        assert_eq!(out, [6.0, 0.0, 0.0, 0.0, -2.0, f32::INFINITY, 0.0, 0.0]);
    }
}

#[test]
fn only_matrices_with_zeros_enough_become_sparse_and_then_take_less_memory() {
    let pool = Pool::new(2);
    let mut noise = Noise(26);
    let (rows, cols) = (400, 384);
    for (zeros, pays) in [(0, false), (3, false), (5, true), (7, true), (10, true)] {
        let dense: Vec<f32> = (0..rows * cols)
            .map(|_| {
                if noise.below(10) < zeros {
                    0.0
                } else {
                    1.0 + noise.value().abs()
                }
            })
            .collect();
        let sparse = SparseMatrix::from_dense(&pool, rows, cols, &dense);
        assert_eq!(sparse.is_some(), pays, "{zeros} of ten");
        let Some(sparse) = sparse else { continue };
        assert_eq!((sparse.rows(), sparse.cols()), (rows, cols));
        let nonzeros = dense.iter().filter(|value| **value != 0.0).count() as u64;
        let least = 5 * nonzeros;
        assert!(sparse.bytes() >= least && sparse.bytes() <= least + least / 10 + 10_000);
    }
    assert!(SparseMatrix::from_dense(&pool, 0, 7, &[]).is_none());
    assert!(SparseMatrix::from_dense(&pool, 7, 0, &[]).is_none());
}
