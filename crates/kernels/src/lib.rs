//! The inner loops of Kerf. Nothing here knows what a model is.
//!
//! * [`Kernels`]: elementwise and panel kernels, one generic algorithm each, instantiated per instruction set and
//!   chosen at run time; [`mod@reference`] is the plain form of each, always compiled, the oracle of all others.
//! * [`linalg`]: matrix product, triangular product, Cholesky-type factors. The only place that imports faer.
//! * [`sparse`]: the product of a linear layer whose weights are mostly zeros.
//! * [`compact`]: the product of a linear layer straight from codes.
//! * [`Pool`]: the one seam to threads.
//! * [`Meter`]: what all of it takes, by steps that a caller names.
//! * [`Compute`]: all together, handed down by reference.
//!
//! Determinism. Work is cut into tiles whose sizes never depend on the number of threads, and every tile is computed by
//! one thread, so results are the same bytes for any thread count on one instruction set. `Isa::Portable` uses only
//! [`mod@reference`] and portable linear algebra: the same bytes on every machine, slowly.

// A WebAssembly build without simd128 has the reference only.
#![cfg_attr(
    not(any(
        target_arch = "x86_64",
        target_arch = "aarch64",
        target_feature = "simd128"
    )),
    allow(dead_code, unused_imports, unused_macros)
)]

// What the tests in tests/ share names the crate as they do.
#[cfg(test)]
extern crate self as kerf_kernels;

mod adam;
mod aligned;
mod arch;
#[cfg(test)]
mod battery;
pub mod compact;
pub mod dispatch;
mod generic;
pub mod linalg;
mod meter;
mod panels;
pub mod pool;
pub mod radix;
pub mod reference;
mod simd;
pub mod sparse;
mod table;

pub use compact::CompactMatrix;
pub use dispatch::{Isa, Kernels};
pub use linalg::{Linalg, MatMut, MatRef, NotPositive};
pub use meter::{Flops, Meter, Spent};
pub use pool::{Pool, Stop};
pub use sparse::SparseMatrix;

/// Everything a computation needs from the machine.
#[derive(Clone, Debug)]
pub struct Compute {
    /// Elementwise and panel kernels of one instruction set.
    pub kernels: Kernels,
    /// Dense linear algebra on `pool`.
    pub linalg: Linalg,
    /// Worker threads of this job.
    pub pool: Pool,
    /// What the work takes. Without a clock it counts operations alone.
    pub meter: Meter,
}

impl Compute {
    /// `threads` = 0 means all that the machine has. `isa` = `None` means the best this machine runs.
    /// Returns `None` if the machine cannot run `isa`.
    pub fn new(isa: Option<Isa>, threads: usize) -> Option<Self> {
        let kernels = match isa {
            Some(isa) => Kernels::force(isa)?,
            None => Kernels::detect(),
        };
        Some(Self::on(kernels, Pool::new(threads)))
    }

    /// The same machine, whose parallel work can be stopped from outside: see [`Stop`].
    pub fn with_stop(self, stop: Stop) -> Self {
        Self::on(self.kernels, self.pool.with_stop(stop))
    }

    /// The same machine, whose work is done whatever is asked: see [`Pool::without_stop`].
    pub fn without_stop(&self) -> Self {
        Self::on(self.kernels, self.pool.clone().without_stop())
    }

    /// The same machine with a clock for its meter.
    pub fn with_clock(self, clock: fn() -> f64) -> Self {
        let meter = Meter::new(self.linalg.flops().clone(), clock);
        Self { meter, ..self }
    }

    fn on(kernels: Kernels, pool: Pool) -> Self {
        let linalg = Linalg::with_kernels(kernels, pool.clone());
        let meter = Meter::new(linalg.flops().clone(), || 0.0);
        Self {
            kernels,
            linalg,
            pool,
            meter,
        }
    }
}
