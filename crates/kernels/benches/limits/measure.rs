//! Rates of calls, and the limits they are held against.

use std::hint::black_box;
use std::time::Instant;

/// Batches of which the median counts, and the least seconds of one.
const BATCHES: usize = 5;
const BATCH_S: f64 = 0.05;

/// Seconds that this thread has run; on other systems than Linux, seconds that went by. On a busy machine the first
/// tells the speed of the code, the second that of the queue.
fn thread_seconds(start: Instant) -> f64 {
    std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|line| line.split(' ').next()?.parse::<f64>().ok())
        .map_or_else(|| start.elapsed().as_secs_f64(), |ns| ns * 1e-9)
}

/// Median seconds of a call on this thread.
fn seconds(call: impl FnMut()) -> f64 {
    let start = Instant::now();
    measure(call, || thread_seconds(start))
}

/// Median seconds of a call that other threads help with.
fn wall_seconds(call: impl FnMut()) -> f64 {
    let start = Instant::now();
    measure(call, || start.elapsed().as_secs_f64())
}

fn measure(mut call: impl FnMut(), clock: impl Fn() -> f64) -> f64 {
    call();
    let mut times: Vec<f64> = (0..BATCHES)
        .map(|_| {
            let (start, mut calls) = (clock(), 0);
            loop {
                // The clock ticks in milliseconds and takes microseconds to read.
                let before = Instant::now();
                while before.elapsed().as_secs_f64() < 0.2 * BATCH_S || calls == 0 {
                    call();
                    calls += 1;
                }
                let spent = clock() - start;
                if spent >= BATCH_S {
                    return spent / f64::from(calls);
                }
            }
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[BATCHES / 2]
}

/// What a row is held against.
#[derive(Clone, Copy)]
pub enum Unit {
    Gflops,
    Gbytes,
}

/// The limits of this run, and which rows were asked for.
pub struct Bench {
    pub gflops: f64,
    pub gbytes: f64,
    pub wanted: Vec<String>,
}

impl Bench {
    /// `work`: floating-point operations or bytes of one call.
    pub fn row(&self, name: &str, unit: Unit, work: f64, call: impl FnMut()) {
        self.scaled_row(name, unit, work, 1.0, call);
    }

    /// As [`Bench::row`], against `threads` times the limit of one thread.
    pub fn scaled_row(&self, name: &str, unit: Unit, work: f64, threads: f64, call: impl FnMut()) {
        if !self.wanted.is_empty() && !self.wanted.iter().any(|w| name.contains(w.as_str())) {
            return;
        }
        let time = if threads > 1.0 {
            wall_seconds(call)
        } else {
            seconds(call)
        };
        let rate = work / time / 1e9;
        let (limit, label) = match unit {
            Unit::Gflops => (self.gflops * threads, "GFLOP/s"),
            Unit::Gbytes => (self.gbytes * threads, "GB/s"),
        };
        println!(
            "{name:<44} {rate:>9.2} {label:<8} {:>6.2} of the limit",
            rate / limit
        );
    }
}

/// Values in [-1, 1) from a linear congruential generator.
pub fn noise(n: usize) -> Vec<f32> {
    let mut state = 1u64;
    (0..n)
        .map(|_| {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        })
        .collect()
}

/// faer's rate on one thread for a product of 1024 cubed.
pub fn product_limit() -> f64 {
    let n = 1024;
    let (a, b, mut c) = (noise(n * n), noise(n * n), vec![0.0; n * n]);
    let work = 2.0 * (n as f64).powi(3);
    let time = seconds(|| {
        let view = |data| faer::MatRef::from_row_major_slice(data, n, n);
        let c = faer::MatMut::from_row_major_slice_mut(&mut c, n, n);
        let (a, b) = (view(&a), view(&b));
        faer::linalg::matmul::matmul(
            c,
            faer::Accum::Replace,
            a,
            b.transpose(),
            1.0,
            faer::Par::Seq,
        );
    });
    work / time / 1e9
}

/// Bytes read and written a second by a copy of `n` f32.
pub fn copy_limit(n: usize) -> f64 {
    let (src, mut dst) = (noise(n), vec![0.0f32; n]);
    let repeat = (1 << 22) / n + 1;
    let time = seconds(|| {
        for _ in 0..repeat {
            // With a factor: a plain copy becomes a library call, which is slow for some alignments.
            for (dst, src) in black_box(&mut dst).iter_mut().zip(black_box(&src)) {
                *dst = 0.5 * src;
            }
        }
    });
    (8 * n * repeat) as f64 / time / 1e9
}
