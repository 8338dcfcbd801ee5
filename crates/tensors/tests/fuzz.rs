//! Damaged files: never a panic, never more memory than a small multiple of the file.

mod common;

use common::{
    Body, Random, Shape, compute, encode, encode_in, matrix, only_tensor, unit, write_model,
};
use kerf_kernels::Compute;
use kerf_tensors::folder::MemFolder;
use kerf_tensors::formats;
use kerf_tensors::kerf::Coding;
use kerf_tensors::{Catalog, DType, EncodedTensor, Folder};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

/// Keeps the largest single allocation of each thread.
struct Watched;

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

fn note(size: usize) {
    let _ = LARGEST.try_with(|largest| largest.set(largest.get().max(size)));
}

// SAFETY: every call goes to the system allocator unchanged; noting a size does not allocate.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size);
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(at, layout, size) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watched = Watched;

/// A container with every kind of part, and its unit files.
fn samples(compute: &Compute) -> (Vec<u8>, Vec<Vec<u8>>) {
    let bodies = [
        Body::Lattice(4, 16),
        Body::Lattice(8, 0),
        Body::Columns(8),
        Body::Grid(4, 16),
        Body::Grid(3, 0),
        Body::Float(DType::F16),
        Body::Float(DType::F32),
    ];
    let mut encoded = Vec::new();
    for (at, body) in bodies.into_iter().enumerate() {
        for pruned in [None, Some(70)] {
            let shape = Shape {
                rows: 40,
                cols: 21,
                pruned,
                body,
            };
            let (name, matrix) = (
                format!("w{at}{}", pruned.is_some()),
                matrix(shape, at as u64),
            );
            encoded.push(match body {
                Body::Lattice(..) => encode_in(compute, &name, &matrix, Coding::Entropy),
                _ => encode(compute, &name, &matrix),
            });
        }
    }
    let kerf = formats::by_id("kerf").unwrap();
    let solved: Vec<_> = encoded.iter().map(unit).collect();
    let outgoing: Vec<_> = solved.iter().map(only_tensor).collect();
    let (folder, _) = write_model(compute, kerf, &outgoing, u64::MAX);
    let units = encoded.iter().map(EncodedTensor::to_bytes).collect();
    (folder.read("model.kerf").unwrap(), units)
}

/// Changes one to four bytes, or bits, or digits, or the length.
fn damage(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(4) {
        if bytes.is_empty() {
            break;
        }
        let at = match random.below(2) {
            0 => random.below(bytes.len()),
            _ => random.below(bytes.len().min(2500)), // The header, mostly.
        };
        match random.below(8) {
            0 => bytes.truncate(at),
            1 => bytes[at] = random.next() as u8,
            2 => bytes[at] = b'0' + random.below(10) as u8,
            3 => bytes[at] = *b"{}[],:\"9".get(random.below(8)).unwrap(),
            4 => bytes.insert(at, b'0' + random.below(10) as u8),
            5 => drop(bytes.remove(at)),
            _ => bytes[at] ^= 1 << random.below(8),
        }
    }
    // An insertion in the header moves its end: half of the time its length follows, so that the rest stays readable.
    if random.below(2) == 0
        && bytes.len() > 8
        && let Some(end) = bytes
            .windows(3)
            .position(|end| end == b"}} " || end == b"]}}")
    {
        let len = (end as u64 + 3).saturating_sub(8).next_multiple_of(8);
        bytes[..8].copy_from_slice(&len.to_le_bytes());
    }
    bytes
}

/// Uses a file in every way there is; the results do not matter.
fn use_model(compute: &Compute, bytes: Vec<u8>) -> bool {
    let folder = MemFolder::new("m");
    folder.insert("model.kerf", bytes);
    let Ok(catalog) = Catalog::open(Arc::new(folder)) else {
        return false;
    };
    let mut decoded = false;
    for entry in &catalog.tensors {
        decoded |= catalog.read_f32(compute, entry).is_ok();
        let _ = catalog.read_finite_into(compute, entry, &mut Vec::new());
        let rows = entry.shape.first().copied().unwrap_or(0);
        let _ = catalog.read_rows_f32(compute, entry, rows / 2..rows);
    }
    decoded
}

#[test]
fn damaged_files_never_panic_and_take_little_memory() {
    let compute = compute(1);
    let (model, units) = samples(&compute);
    let mut random = Random(42);
    // A byte stands for at most 256 coded weights, and a weight becomes four bytes.
    let limit = 1024 * model.len();
    let (mut opened, mut decoded) = (0, 0);
    for round in 0..4000 {
        let damaged = damage(&model, &mut random);
        let unit = damage(&units[round % units.len()], &mut random);
        LARGEST.set(0);
        opened += u32::from(use_model(&compute, damaged));
        decoded += u32::from(use_model(&compute, unit));
        let largest = LARGEST.get();
        assert!(largest <= limit, "round {round}: {largest} bytes at once");
    }
    println!(
        "of 4000 damaged files {opened} models and {decoded} units still had something to decode"
    );
    assert!(
        opened > 100 && decoded > 50,
        "the damage is too coarse to test more than the header"
    );
}
