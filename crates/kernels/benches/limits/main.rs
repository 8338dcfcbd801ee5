//! Each kernel against the limit of this machine, measured in the same run: `cargo bench -p kerf-kernels --bench limits`.
//!
//! The limits are faer's matrix product on one thread (GFLOP/s) and a copy of memory far larger than the caches, or
//! inside them (GB/s read and written). Medians of several repetitions. Arguments choose rows by a part of their name.

mod measure;
mod panels;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod registers;

use kerf_kernels::dispatch::{AdamStep, CodeRange, MixturePrior};
use kerf_kernels::{Kernels, Linalg, MatMut, MatRef, Pool};
use measure::{Bench, Unit, copy_limit, noise, product_limit};
use std::hint::black_box;

fn linear_algebra(bench: &Bench) {
    for threads in [1, 0] {
        let pool = Pool::new(threads);
        let used = pool.threads() as f64;
        let linalg = Linalg::new(false, pool);
        for (m, n, k) in [
            (1024, 384, 384),
            (1024, 1536, 384),
            (1024, 384, 1536),
            (2048, 4096, 4096),
            (128, 2048, 2048),
        ] {
            let (a, b, mut c) = (noise(m * k), noise(n * k), vec![0.0; m * n]);
            let work = 2.0 * (m * n * k) as f64;
            bench.scaled_row(
                &format!("gemm_nt {m} x {n} x {k}, {used} threads"),
                Unit::Gflops,
                work,
                used,
                || {
                    let (a, b) = (MatRef::dense(&a, m, k), MatRef::dense(&b, n, k));
                    linalg.gemm_nt(MatMut::dense(&mut c, m, n), a, b, 1.0, 0.0);
                },
            );
        }
        for (m, n, k) in [(1, 4096, 4096), (3, 4096, 4096)] {
            let (a, b, mut c) = (noise(m * k), noise(n * k), vec![0.0; m * n]);
            bench.scaled_row(
                &format!("gemm_nt {m} x {n} x {k}, {used} threads"),
                Unit::Gbytes,
                (4 * n * k) as f64,
                used,
                || {
                    let (a, b) = (MatRef::dense(&a, m, k), MatRef::dense(&b, n, k));
                    linalg.gemm_nt(MatMut::dense(&mut c, m, n), a, b, 1.0, 0.0);
                },
            );
        }
        for (m, n, k) in [(4096, 3072, 128), (384, 1408, 128), (1024, 1024, 1024)] {
            let (a, b, mut c) = (noise(m * k), noise(n * k), vec![0.0; m * n]);
            let work = 2.0 * (m * n * k) as f64;
            bench.scaled_row(
                &format!("gemm_nn {m} x {n} x {k}, {used} threads"),
                Unit::Gflops,
                work,
                used,
                || {
                    let (a, b) = (MatRef::dense(&a, m, k), MatRef::dense(&b, k, n));
                    linalg.gemm_nn(MatMut::dense(&mut c, m, n), a, b, -1.0, 1.0);
                },
            );
        }
        for (m, n, k) in [(1024, 1024, 1024), (384, 1536, 2048)] {
            let (a, b, mut c) = (noise(m * k), noise(n * k), vec![0.0; m * n]);
            let work = 2.0 * (m * n * k) as f64;
            bench.scaled_row(
                &format!("gemm_tn {m} x {n} x {k}, {used} threads"),
                Unit::Gflops,
                work,
                used,
                || {
                    let (a, b) = (MatRef::dense(&a, k, m), MatRef::dense(&b, k, n));
                    linalg.gemm_tn(MatMut::dense(&mut c, m, n), a, b, 1.0, 0.0);
                },
            );
        }
        for (tokens, n) in [(1024, 384), (1024, 1536), (2048, 4096)] {
            let (x, mut h) = (noise(tokens * n), vec![0.0; n * n]);
            let work = (tokens * n * (n + 1)) as f64;
            bench.scaled_row(
                &format!("syrk_lower {tokens} tokens, n {n}, {used} threads"),
                Unit::Gflops,
                work,
                used,
                || {
                    linalg.syrk_lower(MatMut::dense(&mut h, n, n), MatRef::dense(&x, tokens, n));
                },
            );
        }
        for n in [384, 1024, 1536, 3072, 4096] {
            let start = positive_definite(&linalg, n);
            let mut h = start.clone();
            let work = 2.0 / 3.0 * (n as f64).powi(3);
            bench.scaled_row(
                &format!("inverse_upper_factor n {n}, {used} threads"),
                Unit::Gflops,
                work,
                used,
                || {
                    h.copy_from_slice(&start);
                    linalg
                        .inverse_upper_factor(MatMut::dense(&mut h, n, n))
                        .unwrap();
                },
            );
            // The upper triangle alone is read: what it holds, inverse or not, is no matter here.
            bench.scaled_row(
                &format!("inverse_from_factor n {n}, {used} threads"),
                Unit::Gflops,
                work / 2.0,
                used,
                || {
                    h.copy_from_slice(&start);
                    linalg.inverse_from_factor(MatMut::dense(&mut h, n, n));
                },
            );
        }
    }
}

fn positive_definite(linalg: &Linalg, n: usize) -> Vec<f32> {
    let mut h = vec![0.0; n * n];
    let x = noise(64 * n);
    linalg.syrk_lower(MatMut::dense(&mut h, n, n), MatRef::dense(&x, 64, n));
    h.iter_mut().step_by(n + 1).for_each(|d| *d += 1.0);
    h
}

const RANGE: CodeRange = CodeRange { lo: -8, hi: 7 };

/// Rows of the weights that the elementwise kernels work on: what stays in the second cache.
const N: usize = 16 * 1024;

fn selection(bench: &Bench, kernels: Kernels) {
    let (w, norm, mut out) = (noise(N), noise(N), vec![0.0; N]);
    let scores: Vec<f32> = w.iter().map(|w| w.abs()).collect();
    let (mut hist, mut bitmap) = (vec![0; 2048], vec![0; N / 8]);
    let n = N as f64;
    bench.row("magnitude_scores", Unit::Gbytes, 8.0 * n, || {
        kernels.magnitude_scores(&w, &mut out)
    });
    bench.row("wanda_scores", Unit::Gbytes, 12.0 * n, || {
        kernels.wanda_scores(&w, &norm, &mut out)
    });
    bench.row("obs_scores", Unit::Gbytes, 12.0 * n, || {
        kernels.obs_scores(&w, &norm, &mut out)
    });
    bench.row("histogram, first digit", Unit::Gbytes, 4.0 * n, || {
        kernels.histogram(&scores, 20, 0, &mut hist);
    });
    bench.row("histogram, second digit", Unit::Gbytes, 4.0 * n, || {
        kernels.histogram(&scores, 9, 0.7f32.to_bits() >> 20, &mut hist);
    });
    bench.row("mask_above", Unit::Gbytes, 4.125 * n, || {
        kernels.mask_above(&scores, 0.7, &mut bitmap)
    });
}

fn quantization(bench: &Bench, kernels: Kernels) {
    let (w, mut out) = (noise(N), vec![0.0; N]);
    let (mut codes, mut packed) = (vec![0i8; N], vec![0u8; N]);
    let mut bitmap = vec![0u8; N / 8];
    kernels.mask_above(&w, 0.4, &mut bitmap);
    let n = N as f64;
    for (name, mask) in [("dense", None), ("70 % pruned", Some(&bitmap[..]))] {
        bench.row(
            &format!("fit_scale, groups of 128, {name}"),
            Unit::Gbytes,
            4.0 * n,
            || {
                for (group, w) in w.chunks(128).enumerate() {
                    black_box(kernels.fit_scale(w, mask, group * 128, RANGE));
                }
            },
        );
        bench.row(
            &format!("absmax_scale, groups of 128, {name}"),
            Unit::Gbytes,
            4.0 * n,
            || {
                for (group, w) in w.chunks(128).enumerate() {
                    black_box(kernels.absmax_scale(w, mask, group * 128, RANGE));
                }
            },
        );
    }
    bench.row("quantize", Unit::Gbytes, 5.0 * n, || {
        kernels.quantize(&w, 0.13, RANGE, &mut codes)
    });
    bench.row("dequantize", Unit::Gbytes, 5.0 * n, || {
        kernels.dequantize(&codes, 0.13, &mut out)
    });
    bench.row("apply_mask", Unit::Gbytes, 8.125 * n, || {
        kernels.apply_mask(&mut out, &bitmap)
    });
    let mut kept = vec![0i8; N];
    bench.row("compact_codes", Unit::Gbytes, 1.425 * n, || {
        black_box(kernels.compact_codes(&codes, &bitmap, &mut kept));
    });
    bench.row("expand_codes", Unit::Gbytes, 1.425 * n, || {
        black_box(kernels.expand_codes(&kept, &bitmap, &mut codes));
    });
    kernels.quantize(&w, 2.0, CodeRange { lo: -2, hi: 1 }, &mut codes);
    for bits in 2..=8u32 {
        let bytes = n * (1.0 + f64::from(bits) / 8.0);
        let used = N * bits as usize / 8;
        bench.row(&format!("pack_bits {bits}"), Unit::Gbytes, bytes, || {
            kernels.pack_bits(&codes, bits, &mut packed[..used]);
        });
        bench.row(&format!("unpack_bits {bits}"), Unit::Gbytes, bytes, || {
            kernels.unpack_bits(&packed[..used], bits, &mut codes);
        });
    }
}

fn conversions(bench: &Bench, kernels: Kernels) {
    let (mut wide, mut narrow) = (noise(N), vec![0u16; N]);
    let bytes = 6.0 * N as f64;
    bench.row("f32_to_bf16", Unit::Gbytes, bytes, || {
        kernels.f32_to_bf16(&wide, &mut narrow)
    });
    bench.row("bf16_to_f32", Unit::Gbytes, bytes, || {
        kernels.bf16_to_f32(&narrow, &mut wide)
    });
    bench.row("f32_to_f16", Unit::Gbytes, bytes, || {
        kernels.f32_to_f16(&wide, &mut narrow)
    });
    bench.row("f16_to_f32", Unit::Gbytes, bytes, || {
        kernels.f16_to_f32(&narrow, &mut wide)
    });
    bench.row("first_non_finite", Unit::Gbytes, 4.0 * N as f64, || {
        black_box(kernels.first_non_finite(&wide));
    });
}

fn forward(bench: &Bench, kernels: Kernels) {
    let (x, weight, mut y) = (noise(N), noise(N), vec![0.0; N]);
    let n = N as f64;
    bench.row("dot", Unit::Gbytes, 8.0 * n, || {
        black_box(kernels.dot(&x, &weight));
    });
    bench.row("axpy", Unit::Gbytes, 12.0 * n, || {
        kernels.axpy(1e-3, &x, &mut y)
    });
    bench.row("add", Unit::Gbytes, 12.0 * n, || kernels.add(&x, &mut y));
    y.copy_from_slice(&x);
    bench.row("relu", Unit::Gbytes, 8.0 * n, || kernels.relu(&mut y));
    bench.row("softmax", Unit::Gbytes, 8.0 * n, || kernels.softmax(&mut y));
    bench.row("log_sum_exp", Unit::Gbytes, 4.0 * n, || {
        black_box(kernels.log_sum_exp(&x));
    });
    type Row = (&'static str, fn(&Kernels, &mut [f32]));
    let maps: [Row; 4] = [
        ("silu", |k, x| k.silu(x)),
        ("gelu_erf", |k, x| k.gelu_erf(x)),
        ("gelu_tanh", |k, x| k.gelu_tanh(x)),
        ("tanh", |k, x| k.tanh(x)),
    ];
    for (name, run) in maps {
        // Fresh values each time: repeated in place, they would shrink to subnormal numbers.
        bench.row(name, Unit::Gbytes, 8.0 * n, || {
            y.copy_from_slice(&x);
            run(&kernels, &mut y);
        });
    }
    bench.row("layer_norm, rows of 1024", Unit::Gbytes, 8.0 * n, || {
        for (x, y) in x.chunks(1024).zip(y.chunks_mut(1024)) {
            kernels.layer_norm(x, &weight[..1024], Some(&weight[1024..2048]), 1e-5, y);
        }
    });
    bench.row("rms_norm, rows of 1024", Unit::Gbytes, 8.0 * n, || {
        for (x, y) in x.chunks(1024).zip(y.chunks_mut(1024)) {
            kernels.rms_norm(x, &weight[..1024], 1e-5, y);
        }
    });
}

/// Weights of the optimiser lie in memory: more than the caches hold.
fn optimiser(bench: &Bench, kernels: Kernels) {
    let n = 1 << 22;
    let (mut values, grad, mut first, mut second) =
        (noise(n), noise(n), vec![0.0; n], vec![0.0; n]);
    let prior = MixturePrior {
        offset: -10.0,
        slope: 1e3,
        spike: 1e-2,
        slab: 1e-4,
    };
    for (name, prior) in [
        ("adamw_step", None),
        ("adamw_step with the prior", Some(prior)),
    ] {
        let step = AdamStep {
            rate: 1e-6,
            beta1: 0.9,
            beta2: 0.98,
            eps: 1e-6,
            weight_decay: 0.01,
            correction1: 1.0,
            correction2: 1.0,
            scale: 0.5,
            prior,
            hold_zeros: true,
        };
        bench.row(name, Unit::Gbytes, 28.0 * n as f64, || {
            kernels.adamw_step(&mut values, &grad, &mut first, &mut second, step)
        });
    }
}

fn main() {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with("--"))
        .collect();
    let gflops = product_limit();
    let far = copy_limit(1 << 24);
    let near = copy_limit(N);
    let kernels = Kernels::detect();
    println!(
        "instruction set {}; {} threads",
        kernels.isa().id(),
        Pool::new(0).threads()
    );
    println!(
        "faer product, one thread {gflops:.1} GFLOP/s; copy {far:.1} GB/s in memory, {near:.1} GB/s in cache"
    );
    let in_memory = Bench {
        gflops,
        gbytes: far / 2.0,
        wanted,
    };
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    registers::registers(&in_memory);
    linear_algebra(&in_memory);
    let in_cache = Bench {
        gbytes: near,
        ..in_memory
    };
    panels::panels(&in_cache, kernels);
    selection(&in_cache, kernels);
    quantization(&in_cache, kernels);
    conversions(&in_cache, kernels);
    forward(&in_cache, kernels);
    let streamed = Bench {
        gbytes: far,
        ..in_cache
    };
    optimiser(&streamed, kernels);
}
