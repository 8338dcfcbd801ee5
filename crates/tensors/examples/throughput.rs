//! Rates of reading, encoding and decoding: `cargo run --release -p kerf-tensors --example throughput [THREADS]`.
//! Best of five, in input bytes (as f32 or bf16) a second; files are in the page cache.

use kerf_kernels::Compute;
use kerf_tensors::kerf::Coding;
use kerf_tensors::safetensors::{OutTensor, plan_files};
use kerf_tensors::{Catalog, DType, EncodedTensor, Grid, Mask, QuantizedMatrix, Scales, Values};
use std::collections::BTreeMap;
use std::time::Instant;

const ROWS: usize = 4096;
const COLS: usize = 4096;

fn best(label: &str, bytes: usize, mut work: impl FnMut()) {
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let start = Instant::now();
        work();
        best = best.min(start.elapsed().as_secs_f64());
    }
    println!("{label:<28} {:>8.2} GB/s", bytes as f64 / best / 1e9);
}

fn solved() -> QuantizedMatrix {
    let mut state = 1u64;
    let mut random = || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        state >> 33
    };
    let mut mask = Mask::empty(ROWS, COLS);
    let mut codes = vec![0; ROWS * COLS];
    for (at, code) in codes.iter_mut().enumerate() {
        let keep = random() % 10 < 3;
        mask.set(at / COLS, at % COLS, keep);
        // A hump, like the codes of a solver.
        let mut sum = |n: u64| (random() % n + random() % n) as i8;
        *code = if keep { sum(8) - 7 } else { 0 };
    }
    let grid = Grid {
        scales: Scales::Float5,
        ..Grid::new(4, 128)
    };
    let scale = |_| grid.scales.nearest((1000 + random() % 300) as f32 / 1e5);
    let scales = (0..ROWS * grid.groups(COLS)).map(scale).collect();
    let values = Values::Codes {
        grid,
        codes,
        scales,
        columns: Vec::new(),
    };
    QuantizedMatrix {
        rows: ROWS,
        cols: COLS,
        mask: Some(mask),
        values,
    }
}

/// As the method `entropy` solves: factors of columns over six octaves, and codes as wide as they say.
fn with_factors() -> QuantizedMatrix {
    let mut state = 1u64;
    let mut random = |n: usize| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) as usize % n
    };
    let grid = Grid {
        scales: Scales::Columns,
        ..Grid::new(8, 0)
    };
    let columns: Vec<f32> = (0..COLS).map(|_| 2f32.powi(random(6) as i32 - 4)).collect();
    let scales: Vec<f32> = (0..ROWS)
        .map(|_| grid.scales.nearest(0.01 + 0.001 * random(20) as f32))
        .collect();
    let code = |at: usize| {
        let width = (scales[at / COLS] * 60.0 / columns[at % COLS]) as usize;
        (random(width + 2) + random(width + 2)) as i8 - (width + 1) as i8
    };
    let codes: Vec<i8> = (0..ROWS * COLS).map(code).collect();
    QuantizedMatrix {
        rows: ROWS,
        cols: COLS,
        mask: Some(Mask::of_codes(ROWS, COLS, &codes)),
        values: Values::Codes {
            grid,
            codes,
            scales,
            columns,
        },
    }
}

fn read(compute: &Compute, dtype: DType) {
    let tensor = OutTensor {
        name: "w".into(),
        dtype,
        shape: vec![ROWS, COLS],
    };
    let bytes = tensor.len_bytes() as usize;
    let plan = plan_files(
        "model",
        "safetensors",
        &[(vec![tensor], BTreeMap::new())],
        &BTreeMap::new(),
        u64::MAX,
    );
    let mut file = plan.files[0].header.clone();
    file.resize(file.len() + bytes, 0x3c);
    let path = std::env::temp_dir().join(format!(
        "kerf-throughput-{}.safetensors",
        std::process::id()
    ));
    std::fs::write(&path, &file).expect("the temporary folder can be written");
    drop(file);
    let catalog = Catalog::open_path(&path).expect("a file that was just written");
    let entry = catalog.get("w").expect("its tensor");
    let mut values = Vec::new();
    best(&format!("read {dtype:?}, finite"), bytes, || {
        catalog
            .read_finite_into(compute, entry, &mut values)
            .expect("finite values");
    });
    best("  digest", bytes, || {
        catalog
            .source_digest(entry, &values)
            .expect("a readable file");
    });
    best("  not checked", bytes, || {
        catalog
            .read_f32_into(compute, entry, &mut values)
            .expect("values");
    });
    std::fs::remove_file(&path).expect("it is there");
}

fn main() {
    let threads = std::env::args()
        .nth(1)
        .and_then(|threads| threads.parse().ok());
    let compute = Compute::new(None, threads.unwrap_or(1)).expect("this machine runs itself");
    println!(
        "{} threads, {}",
        compute.pool.threads(),
        compute.kernels.isa().id()
    );
    read(&compute, DType::F32);
    read(&compute, DType::BF16);
    let (matrix, factors) = (solved(), with_factors());
    let bytes = ROWS * COLS * 2;
    for (coding, matrix) in [
        (Coding::Fixed, &matrix),
        (Coding::Entropy, &matrix),
        (Coding::Entropy, &factors),
    ] {
        let encode = || {
            let dtype = DType::BF16;
            EncodedTensor::encode_in(&compute, "w", dtype, "obs", "", matrix, coding)
        };
        let encoded = encode();
        let bits = encoded.content_bytes() as f64 * 8.0 / (ROWS * COLS) as f64;
        println!("{coding:?}: {bits:.4} bits a weight");
        best("  encode (as bf16)", bytes, || drop(encode()));
        best("  to_bytes", bytes, || drop(encoded.to_bytes()));
        best("  decode", bytes, || drop(encoded.decode(&compute)));
        let mut narrow = Vec::new();
        best("  decode to bf16, used buffer", bytes, || {
            let decoded = encoded.decode_bf16(&compute, &mut narrow);
            decoded.expect("what was encoded");
        });
        let mut values = Vec::new();
        best("  decode to f32, used buffer", bytes, || {
            let decoded = encoded.decode_values(&compute, &mut values);
            decoded.expect("what was encoded");
        });
    }
    best("dequantize", bytes, || drop(matrix.dequantize_on(&compute)));
    let mut values = Vec::new();
    best("  into a used buffer", bytes, || {
        matrix.dequantize_into(&compute, &mut values)
    });
}
