//! Work on the same rows of several matrices.

use super::PANEL_ROWS;
use kerf_kernels::Pool;
use std::sync::Mutex;

/// Pieces of arrays, one for each task. Each piece can be taken once.
pub struct Pieces<T>(Vec<Mutex<Option<T>>>);

impl<T> Pieces<T> {
    /// `pieces` must be in the order of the tasks.
    pub fn of(pieces: impl Iterator<Item = T>) -> Self {
        Self(pieces.map(|piece| Mutex::new(Some(piece))).collect())
    }

    /// Number of pieces.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes the piece of a task. Panics if it was taken before.
    pub fn take(&self, task: usize) -> T {
        let slot = self.0[task].lock().ok();
        slot.and_then(|mut slot| slot.take())
            .expect("a piece is taken once")
    }
}

/// Runs `each(panel, pieces)` for every panel of [`PANEL_ROWS`] rows. `pieces` holds the rows of that panel in each of the
/// matrices, in their order. All matrices must have rows of `cols` elements.
pub fn each_panel<const N: usize>(
    pool: &Pool,
    cols: usize,
    matrices: [&mut [f32]; N],
    each: impl Fn(usize, [&mut [f32]; N]) + Sync,
) {
    let len = PANEL_ROWS * cols.max(1);
    let mut chunks = matrices.map(|matrix| matrix.chunks_mut(len));
    let panels = Pieces::of(std::iter::from_fn(|| {
        let panel = chunks.each_mut().map(Iterator::next);
        panel
            .iter()
            .all(Option::is_some)
            .then(|| panel.map(Option::unwrap_or_default))
    }));
    pool.run(panels.len(), |panel| each(panel, panels.take(panel)));
}
