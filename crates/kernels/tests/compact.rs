//! The product with codes, judged by its definition in f64.

mod common;

use common::{Noise, bits};
use kerf_kernels::{CompactMatrix, Compute, Isa, MatMut, MatRef};

/// Tokens around every limit: one alone, as many as registers hold, the dense and the sparse product.
const TOKENS: [usize; 8] = [0, 1, 2, 3, 7, 8, 9, 130];
/// Rows and columns around the limits of steps, blocks, tasks and panels.
const SHAPES: [(usize, usize); 7] = [
    (1, 1),
    (3, 63),
    (7, 64),
    (9, 65),
    (17, 200),
    (30, 128),
    (259, 130),
];

/// A matrix of codes, and its values.
struct Case {
    rows: usize,
    cols: usize,
    group: usize,
    codes: Vec<i8>,
    scales: Vec<f32>,
}

impl Case {
    /// `zeros`: tenths of the codes that are 0.
    fn new(noise: &mut Noise, (rows, cols): (usize, usize), bits: u32, zeros: usize) -> Self {
        let group = [0, 64, 128, 192][noise.below(4)];
        let span = if group == 0 { cols } else { group.min(cols) };
        let half = 1i32 << (bits - 1);
        let mut codes: Vec<i8> = (0..rows * cols)
            .map(|_| match noise.below(10) < zeros {
                true => 0,
                false => (noise.below(2 * half as usize) as i32 - half) as i8,
            })
            .collect();
        // The widest code is there, whatever was drawn, and a row without zeros.
        codes[..cols].fill(-half as i8);
        let scales = noise.fill(rows * cols.div_ceil(span));
        Self {
            rows,
            cols,
            group,
            codes,
            scales: scales.iter().map(|scale| scale / half as f32).collect(),
        }
    }

    fn compact(&self, compute: &Compute) -> CompactMatrix {
        let shape = (self.rows, self.cols);
        CompactMatrix::from_codes(compute, shape, self.group, &self.codes, &self.scales).unwrap()
    }

    fn values(&self) -> Vec<f32> {
        let span = match self.group {
            0 => self.cols,
            group => group.min(self.cols),
        };
        let groups = self.cols.div_ceil(span);
        let value = |(at, code): (usize, &i8)| {
            let (row, col) = (at / self.cols, at % self.cols);
            f32::from(*code) * self.scales[row * groups + col / span]
        };
        self.codes.iter().enumerate().map(value).collect()
    }
}

fn computes() -> Vec<Compute> {
    let isas = Isa::ALL.into_iter();
    let mut all: Vec<Compute> = isas.filter_map(|isa| Compute::new(Some(isa), 1)).collect();
    all.push(Compute::new(None, 3).unwrap());
    all
}

/// The product of each token, and what it may differ by: every product is rounded once, and every sum.
fn expected(values: &[f32], cols: usize, x: &[f32]) -> Vec<(f64, f64)> {
    let rows = values.chunks_exact(cols).map(|row| {
        let products = row
            .iter()
            .zip(x)
            .map(|(w, x)| f64::from(*w) * f64::from(*x));
        let (sum, size) = products.fold((0.0, 0.0), |(sum, size), p| (sum + p, size + p.abs()));
        (sum, 1e-6 * size + 1e-30)
    });
    rows.collect()
}

fn check(compute: &Compute, w: &CompactMatrix, values: &[f32], noise: &mut Noise) {
    let (rows, cols) = (w.rows(), w.cols());
    for tokens in TOKENS {
        let gap = noise.below(3);
        let input = noise.fill(tokens * (cols + gap));
        let before = noise.fill(tokens * (rows + gap));
        for add in [false, true] {
            let mut out = before.clone();
            let a = MatRef {
                data: &input,
                rows: tokens,
                cols,
                stride: cols + gap,
            };
            let c = MatMut {
                data: &mut out,
                rows: tokens,
                cols: rows,
                stride: rows + gap,
            };
            compute.compact_nt(c, a, w, add);
            for token in 0..tokens {
                let x = &input[token * (cols + gap)..][..cols];
                let at = token * (rows + gap)..;
                let sums = expected(values, cols, x);
                let results = out[at.clone()].iter().zip(&before[at.clone()]);
                for (row, ((got, before), (sum, tolerance))) in results.zip(sums).enumerate() {
                    let sum = sum + if add { f64::from(*before) } else { 0.0 };
                    let tolerance = tolerance + 1e-6 * f64::from(before.abs());
                    assert!(
                        (f64::from(*got) - sum).abs() <= tolerance,
                        "{} {rows} x {cols}, {tokens} tokens, token {token}, row {row}: {got}, not {sum}",
                        compute.kernels.isa().id()
                    );
                }
                let behind = at.start + rows..at.start + rows + gap;
                assert_eq!(bits(&out[behind.clone()]), bits(&before[behind]));
            }
        }
    }
}

#[test]
fn products_are_those_of_the_values() {
    let mut noise = Noise(0x51_7cc1_b727_220a);
    for compute in computes() {
        for shape in SHAPES {
            for (width, zeros) in [(2, 0), (4, 0), (4, 5), (4, 9), (8, 0), (8, 7), (5, 3)] {
                let case = Case::new(&mut noise, shape, width, zeros);
                let (matrix, mut values) = (case.compact(&compute), case.values());
                check(&compute, &matrix, &values, &mut noise);
                let factors = noise.fill(case.cols);
                for row in values.chunks_exact_mut(case.cols) {
                    for (value, factor) in row.iter_mut().zip(&factors) {
                        *value *= factor;
                    }
                }
                let matrix = matrix.with_columns(&factors);
                check(&compute, &matrix, &values, &mut noise);
            }
            let (rows, cols) = shape;
            let halves: Vec<u16> = (noise.fill(rows * cols).iter())
                .map(|value| (value.to_bits() >> 16) as u16)
                .collect();
            let values: Vec<f32> = halves
                .iter()
                .map(|half| f32::from_bits(u32::from(*half) << 16))
                .collect();
            let matrix = CompactMatrix::from_bf16(&compute.pool, shape, &halves).unwrap();
            check(&compute, &matrix, &values, &mut noise);
        }
    }
}

#[test]
fn values_are_codes_times_scales_to_the_bit() {
    let mut noise = Noise(0x2d35_8dcc_aa6c_78a5);
    for compute in computes() {
        for shape in SHAPES {
            for (width, zeros) in [(4, 0), (4, 8), (8, 0), (8, 8)] {
                let case = Case::new(&mut noise, shape, width, zeros);
                let matrix = case.compact(&compute);
                let rows = shape.0 / 3..shape.0;
                let mut out = vec![7.0; rows.len() * shape.1];
                matrix.values(&compute.kernels, rows.clone(), &mut out);
                let values = &case.values()[rows.start * shape.1..];
                assert_eq!(out, values, "{}", compute.kernels.isa().id());
            }
        }
    }
}

#[test]
fn a_token_alone_and_any_number_of_threads_give_the_same_bits() {
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    for isa in Isa::ALL {
        let Some(compute) = Compute::new(Some(isa), 1) else {
            continue;
        };
        let case = Case::new(&mut noise, (530, 257), 4, 6);
        let matrix = case.compact(&compute);
        let x = noise.fill(8 * 257);
        let run = |compute: &Compute, x: &[f32]| {
            let tokens = x.len() / 257;
            let mut out = vec![0.0; tokens * 530];
            let a = MatRef::dense(x, tokens, 257);
            compute.compact_nt(MatMut::dense(&mut out, tokens, 530), a, &matrix, false);
            out
        };
        let together = run(&compute, &x);
        for tokens in 1..8 {
            for (x, out) in x
                .chunks_exact(tokens * 257)
                .zip(together.chunks(tokens * 530))
            {
                assert_eq!(bits(&run(&compute, x)), bits(out), "{} {tokens}", isa.id());
            }
        }
        let many = Compute::new(Some(isa), 3).unwrap();
        assert_eq!(bits(&run(&many, &x)), bits(&together));
    }
}

#[test]
fn many_tokens_have_the_bits_of_the_decoded_matrix() {
    let mut noise = Noise(0x1234_5678_9abc_def1);
    for compute in computes() {
        let case = Case::new(&mut noise, (530, 257), 4, 8);
        let (matrix, values) = (case.compact(&compute), case.values());
        let x = noise.fill(200 * 257);
        let a = MatRef::dense(&x, 200, 257);
        let (mut out, mut decoded) = (vec![0.0; 200 * 530], vec![0.0; 200 * 530]);
        compute.compact_nt(MatMut::dense(&mut out, 200, 530), a, &matrix, false);
        let sparse = kerf_kernels::SparseMatrix::from_dense(&compute.pool, 530, 257, &values);
        let c = MatMut::dense(&mut decoded, 200, 530);
        compute.sparse_nt(c, a, &sparse.unwrap(), false);
        assert_eq!(bits(&out), bits(&decoded));
    }
}

#[test]
fn memory_is_that_of_the_codes() {
    let mut noise = Noise(0xfeed_beef_1234_5678);
    // The plain kernels store masks on every machine.
    let compute = Compute::new(Some(Isa::Portable), 1).unwrap();
    let bytes_a_weight = |width: u32, zeros: usize, noise: &mut Noise| {
        let mut case = Case::new(noise, (512, 1024), width, zeros);
        (case.group, case.scales) = (128, vec![0.5; 512 * 8]);
        case.compact(&compute).bytes() as f64 / (512.0 * 1024.0)
    };
    let scales = 4.0 / 128.0;
    let dense = bytes_a_weight(4, 0, &mut noise) - scales;
    assert!((dense - 0.5).abs() < 0.01, "{dense}");
    // Of a code drawn from -8 to 7 a sixteenth is 0 as well: 0.28 of the codes stay.
    let few = bytes_a_weight(4, 7, &mut noise) - scales;
    assert!(
        (few - (0.125 + 0.28 / 2.0 + 1.0 / 256.0)).abs() < 0.01,
        "{few}"
    );
    let eight = bytes_a_weight(8, 0, &mut noise) - scales;
    assert!((eight - 1.0).abs() < 0.01, "{eight}");
}

#[test]
fn groups_that_cut_blocks_have_no_such_form() {
    let compute = Compute::new(None, 1).unwrap();
    let new = |group: usize, scales: usize| {
        CompactMatrix::from_codes(&compute, (1, 256), group, &[1; 256], &vec![1.0; scales])
    };
    assert!(new(32, 8).is_none() && new(100, 3).is_none());
    assert!(new(128, 2).is_some() && new(0, 1).is_some() && new(300, 1).is_some());
    assert!(CompactMatrix::from_codes(&compute, (0, 256), 0, &[], &[]).is_none());
    assert!(CompactMatrix::from_bf16(&compute.pool, (3, 0), &[]).is_none());
}
