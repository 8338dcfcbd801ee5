//! What the machine has: threads, memory, the peak of this process.

use crate::Error;
use crate::error::bad_option;
use kerf_kernels::{Compute, Isa};

/// More threads than this are a mistake.
const MAX_THREADS: usize = 1024;
/// Assumed where the system does not tell how much memory is free.
const DEFAULT_AVAILABLE_BYTES: u64 = 4 << 30;

/// Kernels and a pool of `threads` (0 = all), on the best instruction set of this machine.
pub fn compute(threads: usize) -> Result<Compute, Error> {
    check_threads(threads)?;
    let compute =
        Compute::new(None, threads).or_else(|| Compute::new(Some(Isa::Portable), threads));
    compute.ok_or_else(|| Error::Internal {
        reason: "this machine has not even the portable instruction set".into(),
        location: String::new(),
    })
}

/// `BAD_OPTION` for a number that would only exhaust the machine.
pub fn check_threads(threads: usize) -> Result<(), Error> {
    if threads <= MAX_THREADS {
        return Ok(());
    }
    let expected = format!("0 (all) to {MAX_THREADS}");
    Err(bad_option("threads", &expected, threads))
}

/// Bytes of decoded weights that a reader of a model may keep: half of what is free.
pub fn keep_bytes() -> u64 {
    system::available_bytes().unwrap_or(DEFAULT_AVAILABLE_BYTES) / 2
}

/// Peak resident memory of this process, 0 where the system does not tell.
pub fn peak_rss_bytes() -> u64 {
    system::peak_bytes().unwrap_or(0)
}

#[cfg(not(target_arch = "wasm32"))]
mod system {
    pub fn available_bytes() -> Option<u64> {
        kilobytes("/proc/meminfo", "MemAvailable:")
    }

    pub fn peak_bytes() -> Option<u64> {
        kilobytes("/proc/self/status", "VmHWM:")
    }

    /// Value of a line such as `VmHWM:   1234 kB`, in bytes.
    fn kilobytes(file: &str, key: &str) -> Option<u64> {
        let text = std::fs::read_to_string(file).ok()?;
        let rest = text.lines().find_map(|line| line.strip_prefix(key))?;
        let kilobytes: u64 = rest.trim().trim_end_matches("kB").trim_end().parse().ok()?;
        Some(kilobytes * 1024)
    }
}

/// A module has its own memory, which never shrinks: its size is its peak.
#[cfg(target_arch = "wasm32")]
mod system {
    /// Engines give a module of 32-bit addresses this much for certain.
    const LIMIT_BYTES: u64 = 2 << 30;
    const PAGE_BYTES: u64 = 1 << 16;

    pub fn available_bytes() -> Option<u64> {
        Some(LIMIT_BYTES.saturating_sub(peak_bytes()?))
    }

    pub fn peak_bytes() -> Option<u64> {
        Some(core::arch::wasm32::memory_size::<0>() as u64 * PAGE_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_peak_covers_what_was_touched() {
        let before = peak_rss_bytes();
        let block = std::hint::black_box(vec![1u8; 64 << 20]);
        assert!(peak_rss_bytes() >= (64 << 20) && peak_rss_bytes() >= before);
        drop(block);
        assert!(keep_bytes() > 0);
    }

    #[test]
    fn too_many_threads_are_refused() {
        assert_eq!(
            compute(1_000_000).expect_err("refused").code(),
            "BAD_OPTION"
        );
    }
}
