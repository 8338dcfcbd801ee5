//! Working memory that starts on a cache line, and is kept for the next use: on many machines the first touch of fresh
//! memory costs more than the work done in it.

use std::cell::Cell;
use std::thread::LocalKey;

/// f32 in a cache line.
pub(crate) const LINE: usize = 16;

/// A cache line; a vector of these starts on one.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Line(pub [f32; LINE]);

/// Memory of a thread between two uses.
pub(crate) type Spare = Cell<Vec<Line>>;

/// Runs `work` on `len` f32 of the thread's spare memory, whose content is that of the last use. Inside `work` the spare
/// memory may be asked for again: that call then has its own.
pub(crate) fn with_spare<T>(
    spare: &'static LocalKey<Spare>,
    len: usize,
    work: impl FnOnce(&mut [f32]) -> T,
) -> T {
    let mut lines = spare.take();
    let needed = len.div_ceil(LINE);
    if lines.len() < needed {
        lines.resize(needed, Line([0.0; LINE]));
    }
    let first = lines.as_mut_ptr().cast::<f32>();
    // SAFETY: a line is `LINE` f32 without padding, and the lines live until they are given back below.
    let result = work(unsafe { std::slice::from_raw_parts_mut(first, len) });
    spare.set(lines);
    result
}

/// Bytes, the first of them on a cache line.
#[derive(Clone)]
pub(crate) struct Bytes {
    lines: Vec<Line>,
    len: usize,
}

impl Bytes {
    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        let lines = vec![Line([0.0; LINE]); len.div_ceil(4 * LINE)];
        Self { lines, len }
    }
}

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.len)
    }
}

impl std::ops::Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the lines have at least `len` bytes, all of them initialised.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl std::ops::DerefMut for Bytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above; any bits are an f32.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}
