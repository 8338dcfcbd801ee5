//! What methods say they need, against what they allocate.

use kerf_compress::methods::{Inputs, Method, Problem, table};
use kerf_compress::pattern::Pattern;
use kerf_compress::solve::extent::Extent;
use kerf_compress::solve::param::Params;
use kerf_compress::statistics::Gram;
use kerf_kernels::Compute;
use kerf_tensors::{DType, Grid, Mask};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts bytes that are in use, and the most that ever were.
struct Counting;

static USED: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let used = USED.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(used, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let used = USED.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(used, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Most bytes that `work` had in use at once beside those before it, its result included.
fn peak<R>(work: impl FnOnce() -> R) -> usize {
    let before = USED.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    drop(work());
    PEAK.load(Ordering::Relaxed) - before
}

fn noise(len: usize) -> Vec<f32> {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

struct Case<'a> {
    rows: usize,
    cols: usize,
    grid: Option<Grid>,
    sparsity: f64,
    /// Whether half of the weights are zero, and stay.
    keep_mask: bool,
    params: Params<'a>,
}

impl Case<'_> {
    /// What a method allocates, and what it says.
    fn measured_and_planned(&self, compute: &Compute, method: &dyn Method) -> (usize, u64) {
        let (rows, cols, params) = (self.rows, self.cols, self.params);
        let mut w = noise(rows * cols);
        if self.keep_mask {
            w.iter_mut().step_by(2).for_each(|w| *w = 0.0);
        }
        let support = self.keep_mask.then(|| Mask::of_weights(rows, cols, &w));
        let mut gram = Gram::new(cols);
        gram.add(compute, &noise(300 * cols));
        gram.finish(compute);
        let inputs = Inputs::new(gram);
        inputs.factor(compute, 0.01).unwrap();
        let problem = Problem {
            name: "w",
            w: &w,
            rows,
            cols,
            sparsity: if method.prunes() { self.sparsity } else { 0.0 },
            pattern: Pattern::Unstructured,
            support: support.as_ref(),
            grid: self.grid,
            dtype: DType::BF16,
            damping_rel: 0.01,
            step: None,
            params,
            inputs: Some(&inputs),
        };
        let extent = Extent {
            rows,
            cols,
            grid: self.grid,
            prunes: problem.sparsity > 0.0,
            keep_mask: self.keep_mask,
            params,
        };
        let measured = peak(|| method.solve(compute, &problem));
        (measured, method.memory_bytes(&extent))
    }
}

/// One test, since all threads of a process share the counters.
#[test]
fn methods_need_what_they_say() {
    let compute = Compute::new(None, 2).unwrap();
    // Panels, packed operands and histograms of the workers: of a fixed size, which the plan counts by worker.
    let workers = 1 << 20;
    let (some, none) = (
        Params::new(&[("iterations", 5.0), ("sweeps", 2.0)]),
        Params::new(&[("iterations", 0.0), ("sweeps", 0.0)]),
    );
    for (rows, cols) in [(1024, 512), (320, 1024)] {
        for (grid, sparsity, keep_mask, params) in [
            (Some(Grid::new(4, 128)), 0.7, false, some),
            (Some(Grid::new(4, 128)), 0.0, false, some),
            (Some(Grid::new(4, 128)), 0.7, false, none),
            (None, 0.7, false, some),
            (Some(Grid::new(4, 128)), 0.0, true, some),
            (Some(Grid::new(4, 128)), 0.0, true, none),
            (None, 0.0, true, some),
        ] {
            let case = Case {
                rows,
                cols,
                grid,
                sparsity,
                keep_mask,
                params,
            };
            for method in table() {
                let (measured, planned) = case.measured_and_planned(&compute, *method);
                let name = format!(
                    "{method:?} {rows} x {cols} {grid:?} {sparsity} {keep_mask} {params:?}"
                );
                let (measured, planned) = (measured as f64, planned as f64);
                assert!(
                    measured <= planned + f64::from(workers),
                    "{name}: {measured} of {planned}"
                );
                let most = 1.5 * measured + f64::from(workers);
                assert!(planned <= most, "{name}: {planned} for {measured}");
            }
        }
    }
}
