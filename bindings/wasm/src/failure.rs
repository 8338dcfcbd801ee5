//! What broke the module. WebAssembly unwinds no stack: a panic or a refused allocation ends the call in a trap, and all that JavaScript
//! sees of it is an exception without a reason. The reason is kept here.

use kerf_bindings::{Call, Error, panics};
use kerf_kernels::pool;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that were asked for and refused, 0 if none were.
static REFUSED_BYTES: AtomicUsize = AtomicUsize::new(0);

/// Makes panics leave their reason.
pub fn watch() {
    panics::capture();
}

/// What happened, as `{"error": {code, message, details}}`.
pub fn last() -> Option<String> {
    let error = match REFUSED_BYTES.load(Ordering::Relaxed) {
        0 => panics::last()?,
        asked => Error::OutOfMemory {
            asked_bytes: asked as u64,
            held_bytes: kerf_bindings::peak_bytes(),
        },
    };
    Some(Call::error_json(&error))
}

/// The system's allocator, which tells what it refused before the program is ended for it.
struct Watched;

#[global_allocator]
static ALLOCATOR: Watched = Watched;

fn watched(got: *mut u8, asked: usize) -> *mut u8 {
    if got.is_null() {
        REFUSED_BYTES.store(asked, Ordering::Relaxed);
        pool::lost();
    }
    got
}

// SAFETY: every method is the system allocator's, whose results are passed on as they are.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those of the inner method.
        watched(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        watched(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        watched(unsafe { System.realloc(old, layout, size) }, size)
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(old, layout) }
    }
}
