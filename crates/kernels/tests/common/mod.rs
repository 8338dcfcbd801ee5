//! What the tests share: a generator of values and the instances that this machine runs.
#![allow(dead_code)]

pub mod choice;

use kerf_kernels::{Isa, Kernels};

/// A small deterministic generator of values in [-1, 1).
pub struct Noise(pub u64);

impl Noise {
    /// The next 32 bits.
    pub fn bits(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as u32
    }

    /// A value in [-1, 1).
    pub fn value(&mut self) -> f32 {
        (self.bits() >> 8) as f32 / (1u64 << 23) as f32 - 1.0
    }

    /// A whole number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        self.bits() as usize % n
    }

    /// `n` values in [-1, 1).
    pub fn fill(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.value()).collect()
    }
}

/// Values that go wrong if anything does: both zeros, subnormal numbers, the limits of f16 and f32, infinities, NaNs.
pub const AWKWARD: [u32; 20] = [
    0x0000_0000,
    0x8000_0000,
    0x0000_0001,
    0x807f_ffff,
    0x0080_0000,
    0x3f80_0000,
    0x3380_0000,
    0x3300_0000,
    0x3300_0001,
    0x387f_c000,
    0x387f_e000,
    0x3880_0000,
    0x477f_e000,
    0x477f_efff,
    0x477f_f000,
    0x7f7f_ffff,
    0x7f80_0000,
    0xff80_0000,
    0x7f80_0001,
    0xffc1_2345,
];

/// `n` values: ordinary ones, whole numbers and halves, any bits, and awkward ones.
pub fn wild(noise: &mut Noise, n: usize) -> Vec<f32> {
    (0..n)
        .map(|_| match noise.below(4) {
            0 => noise.value(),
            1 => noise.below(64) as f32 * 0.5 - 16.0,
            2 => f32::from_bits(noise.bits()),
            _ => f32::from_bits(AWKWARD[noise.below(AWKWARD.len())]),
        })
        .collect()
}

/// Lengths around every vector size, and some that reach the loops over blocks.
pub fn lengths() -> impl Iterator<Item = usize> {
    (0..=70).chain([127, 255, 256, 257, 511, 1000, 2048, 4099, 8192, 8197])
}

/// Every instance that this machine runs, but the reference; says which ran and which did not.
pub fn instances() -> Vec<Kernels> {
    let mut found = Vec::new();
    for isa in Isa::ALL.into_iter().filter(|isa| *isa != Isa::Portable) {
        match Kernels::force(isa) {
            Some(kernels) => {
                assert_eq!(kernels.isa(), isa);
                println!("{}: runs", isa.id());
                found.push(kernels);
            }
            None => println!("{}: skipped, this machine or build cannot run it", isa.id()),
        }
    }
    found
}

/// The instances of [`instances`] and the reference.
pub fn all_instances() -> Vec<Kernels> {
    let mut all = instances();
    all.push(Kernels::reference());
    all
}

/// Bits of all values.
pub fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}
