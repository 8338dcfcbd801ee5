//! Which instruction set runs, and the table of kernels for it.

pub use crate::adam::{AdamStep, MixturePrior};
#[cfg(target_arch = "aarch64")]
use crate::arch::aarch64::neon::Neon;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use crate::arch::wasm32::simd128::Simd128;
#[cfg(target_arch = "x86_64")]
use crate::arch::x86_64::{avx2::Avx2, avx512::Avx512};
use crate::compact::CompactRows;
pub use crate::panels::{DescentPanel, ObsPanel, PanelQuant, Price, Product};
use crate::reference;
use crate::sparse::Panel;
#[cfg(doc)]
use crate::sparse::TILE;
use crate::table::{exactness, kernel_table};

/// An instruction set Kerf has kernels for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Isa {
    /// The reference kernels and portable linear algebra.
    Portable,
    /// x86-64 with AVX2, FMA and F16C.
    Avx2,
    /// x86-64 with AVX-512 F, BW, DQ, VL.
    Avx512,
    /// AArch64 NEON.
    Neon,
    /// WebAssembly simd128.
    Simd128,
}

impl Isa {
    /// All of them, in the order of the table.
    pub const ALL: [Isa; 5] = [
        Isa::Portable,
        Isa::Avx2,
        Isa::Avx512,
        Isa::Neon,
        Isa::Simd128,
    ];

    /// Stable lower-case id, as reports and options have it.
    pub fn id(self) -> &'static str {
        match self {
            Isa::Portable => "portable",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
            Isa::Neon => "neon",
            Isa::Simd128 => "simd128",
        }
    }

    /// The inverse of [`Isa::id`].
    pub fn from_id(id: &str) -> Option<Isa> {
        Isa::ALL.into_iter().find(|isa| isa.id() == id)
    }
}

/// The codes of a symmetric integer grid: whole numbers with `lo <= code <= hi`. The value of a code is code * scale, so code 0 is exactly 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeRange {
    /// Smallest code, `-(2^(bits-1))`.
    pub lo: i8,
    /// Largest code, `2^(bits-1) - 1`.
    pub hi: i8,
}

/// The kernels of one instruction set. Constructing a value proves that this machine can run it.
///
/// All kernels run on the calling thread and work on slices, whose lengths need not be multiples of the lane count.
/// Their methods are generated from the table in `table.rs`.
#[derive(Clone, Copy, Debug)]
pub struct Kernels {
    instance: Instance,
}

/// The instruction sets of this build, each with the proof that the machine runs it.
#[derive(Clone, Copy, Debug)]
enum Instance {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    #[cfg(target_arch = "aarch64")]
    Neon(Neon),
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Simd128(Simd128),
}

impl Kernels {
    /// The best this machine runs. The environment variable `KERF_ISA` (an id) overrides it, for diagnosis; an id that is
    /// unknown or that this machine cannot run is passed over ([`Kernels::isa`] tells what was chosen).
    pub fn detect() -> Self {
        std::env::var("KERF_ISA")
            .ok()
            .and_then(|id| Isa::from_id(&id))
            .and_then(Self::force)
            .unwrap_or_else(Self::best)
    }

    /// The best this machine runs: the last row of the table that works.
    fn best() -> Self {
        Isa::ALL
            .into_iter()
            .rev()
            .find_map(Self::force)
            .unwrap_or_else(Self::reference)
    }

    /// The plain kernels.
    pub fn reference() -> Self {
        Self {
            instance: Instance::Portable,
        }
    }

    /// `None` if this machine or this build cannot run `isa`.
    pub fn force(isa: Isa) -> Option<Self> {
        let instance = match isa {
            Isa::Portable => Some(Instance::Portable),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => Avx2::new().map(Instance::Avx2),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => Avx512::new().map(Instance::Avx512),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => Neon::new().map(Instance::Neon),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Isa::Simd128 => Simd128::new().map(Instance::Simd128),
            #[allow(unreachable_patterns)]
            _ => None,
        };
        instance.map(|instance| Self { instance })
    }

    /// Whether codes are worth being stored with masks: the machine spreads them as fast as memory gives them. The plain kernels say
    /// yes, for memory and not for speed.
    pub(crate) fn spreads_codes(&self) -> bool {
        match self.instance {
            Instance::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Instance::Avx512(isa) => isa.expands_bytes(),
            #[allow(unreachable_patterns)]
            _ => false,
        }
    }

    /// Which instruction set this is.
    pub fn isa(&self) -> Isa {
        match self.instance {
            Instance::Portable => Isa::Portable,
            #[cfg(target_arch = "x86_64")]
            Instance::Avx2(_) => Isa::Avx2,
            #[cfg(target_arch = "x86_64")]
            Instance::Avx512(_) => Isa::Avx512,
            #[cfg(target_arch = "aarch64")]
            Instance::Neon(_) => Isa::Neon,
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Instance::Simd128(_) => Isa::Simd128,
        }
    }
}

/// Gives [`Kernels`] one method a row, with the documentation of the row.
macro_rules! methods {
    ([] $($module:ident {$(
        $(#[$doc:meta])*
        $vis:vis $class:ident $(($tolerance:literal))? fn $name:ident($($arg:ident: $ty:ty),*) $(-> $ret:ty)?;
    )*})*) => {
        /// One method a kernel. Each runs the instruction set's instance of the generic algorithm, or the plain form.
        impl Kernels {$($(
            $(#[$doc])*
            #[doc = ""]
            #[doc = exactness!($class $($tolerance)?)]
            #[doc = ""]
            #[doc = concat!("Plain form: [`reference::", stringify!($module), "::", stringify!($name), "`].")]
            $vis fn $name(&self, $($arg: $ty),*) $(-> $ret)? {
                match self.instance {
                    Instance::Portable => reference::$module::$name($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    Instance::Avx2(isa) => isa.$name($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    Instance::Avx512(isa) => isa.$name($($arg),*),
                    #[cfg(target_arch = "aarch64")]
                    Instance::Neon(isa) => isa.$name($($arg),*),
                    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
                    Instance::Simd128(isa) => isa.$name($($arg),*),
                }
            }
        )*)*}
    };
}

kernel_table!(methods);
