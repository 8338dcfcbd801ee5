//! The OBS column loop against the matrix product: out x in^2 multiply-adds over the loop's time (masks, scales, rounding
//! inside the loop, factorization apart), as a share of the rate that the GEMM reaches in the same run on the same threads.
//!
//! `cargo bench -p kerf-compress --bench obs [-- SIZE THREADS]`. Roofline: half of the counted multiply-adds are real (the
//! triangle), all but 128 / in of them in a product of depth 128, which reads and writes w once per block: for 4096 x 4096 that is
//! 2 GB of traffic beside 1.4e11 / 2 flops, so compute is the limit as long as memory gives more than about 5 GB/s.

use kerf_compress::methods::{Inputs, Problem};
use kerf_compress::pattern::Pattern;
use kerf_compress::solve::param::Params;
use kerf_compress::solve::{factor::factor, obs_loop};
use kerf_compress::statistics::Gram;
use kerf_kernels::{Compute, MatMut, MatRef};
use kerf_tensors::{DType, Grid};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use std::time::Instant;

const PARAMS: Params<'static> = Params::new(&[("iterations", 20.0), ("sweeps", 3.0)]);

fn random(len: usize, seed: u64) -> Vec<f32> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    (0..len)
        .map(|_| (rng.next_u64() >> 40) as f32 / (1u64 << 23) as f32 - 1.0)
        .collect()
}

/// Best of three: noise only ever adds time.
fn best(mut run: impl FnMut()) -> f64 {
    let time = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    (0..3).map(|_| time(&mut run)).fold(f64::INFINITY, f64::min)
}

fn main() {
    let numbers: Vec<usize> = std::env::args()
        .skip(1)
        .filter_map(|arg| arg.parse().ok())
        .collect();
    let (n, threads) = (
        numbers.first().copied().unwrap_or(4096),
        numbers.get(1).copied().unwrap_or(0),
    );
    let compute = Compute::new(None, threads).expect("the best instruction set of this machine");
    println!(
        "isa {}, {} threads, {n} x {n}",
        compute.kernels.isa().id(),
        compute.pool.threads()
    );

    let mat = |data| MatRef {
        data,
        rows: n,
        cols: n,
        stride: n,
    };
    let (a, b) = (random(n * n, 1), random(n * n, 2));
    let mut c = vec![0.0; n * n];
    let gemm_s = best(|| {
        let c = MatMut {
            data: &mut c,
            rows: n,
            cols: n,
            stride: n,
        };
        compute.linalg.gemm_nt(c, mat(&a), mat(&b), 1.0, 0.0);
    });
    let gemm_rate = (n as f64).powi(3) / gemm_s;
    println!("gemm: {:.1} GFLOP/s", 2e-9 * gemm_rate);

    let mut gram = Gram::new(n);
    gram.add(&compute, &random(2 * n * n, 3));
    gram.finish(&compute);
    let inputs = Inputs::new(gram);
    let mut made = None;
    let factor_s =
        best(|| made = Some(factor(&compute, &inputs.gram, 0.01).expect("positive definite")));
    let factor_flops = 2.0 / 3.0 * (n as f64).powi(3);
    println!(
        "factor: {factor_s:.2} s, {:.0} % of the GEMM rate",
        100.0 * factor_flops / factor_s / (2.0 * gemm_rate)
    );
    let factor = made.expect("just made");

    for (name, grid, sparsity) in [
        ("70 %", None, 0.7),
        ("70 % + 4 bit g128", Some(Grid::new(4, 128)), 0.7),
        ("4 bit g128", Some(Grid::new(4, 128)), 0.0),
    ] {
        let problem = Problem {
            name: "w",
            w: &a,
            rows: n,
            cols: n,
            sparsity,
            pattern: Pattern::Unstructured,
            support: None,
            grid,
            dtype: DType::F32,
            damping_rel: 0.01,
            step: None,
            params: PARAMS,
            inputs: Some(&inputs),
        };
        let loop_s = best(|| {
            drop(obs_loop::run(
                &compute,
                obs_loop::Start::of(a.clone()),
                &problem,
                &factor,
            ))
        });
        let rate = (n as f64).powi(3) / loop_s;
        println!(
            "obs loop, {name}: {loop_s:.2} s, {:.2} of the GEMM rate (goal 0.5)",
            rate / gemm_rate
        );
    }
}
