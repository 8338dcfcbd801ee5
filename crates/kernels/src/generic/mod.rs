//! One generic algorithm a kernel, over any [`crate::simd::Simd`].
//!
//! Everything here is inlined into entry points compiled with the features of an instruction set. A function that is not
//! inlined would be compiled without them, so every function is `#[inline(always)]`, and a closure holds no intrinsics.
//! Loops that a compiler turns into vectors are written plainly. Vectors are spelled out only where it does not see them.
//!
//! The documentation of a kernel begins with its plain form, which lies in [`crate::reference`] and is what it must agree
//! with. Then it lists each departure from the plain form, and why it pays. To understand a kernel, read the plain form
//! first and apply the departures one by one.
//!
//! `math`, `tables`, `strip`, `panel_grid` and `panel_scratch` hold no kernels; kernels share them.

pub(crate) mod adam;
pub(crate) mod admm;
pub(crate) mod compact;
pub(crate) mod convert;
pub(crate) mod descent;
pub(crate) mod elementwise;
pub(crate) mod gradients;
pub(crate) mod layout;
mod math;
pub(crate) mod obs;
pub(crate) mod pack;
mod panel_grid;
mod panel_scratch;
pub(crate) mod quantize;
pub(crate) mod rows;
pub(crate) mod scales;
pub(crate) mod scores;
pub(crate) mod sparse;
mod strip;
pub(crate) mod tables;
