//! Threads: everything runs once, in nested calls too, and panics come through.

use kerf_kernels::{Compute, Isa, Pool, Stop};
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn tasks_run_once_also_when_nested() {
    for threads in [0, 1, 2, 5] {
        let pool = Pool::new(threads);
        assert!(pool.threads() >= 1);
        let counts: Vec<AtomicUsize> = (0..100).map(|_| AtomicUsize::new(0)).collect();
        pool.run(10, |i| {
            pool.run(10, |j| {
                counts[10 * i + j].fetch_add(1, Ordering::Relaxed);
            });
        });
        assert!(
            counts
                .iter()
                .all(|count| count.load(Ordering::Relaxed) == 1)
        );
        assert_eq!(
            pool.map(50, |i| i * i),
            (0..50).map(|i| i * i).collect::<Vec<_>>()
        );
        assert_eq!(pool.join(|| 1, || "two"), (1, "two"));
        let mut data = vec![0usize; 103];
        pool.chunks_mut(&mut data, 10, |index, piece| {
            piece.fill(index + piece.len())
        });
        assert_eq!((data[0], data[99], data[102]), (10, 19, 13));
        pool.run(0, |_| unreachable!());
    }
}

#[test]
#[cfg(panic = "unwind")]
fn a_panic_is_passed_on() {
    let pool = Pool::new(2);
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        pool.run(4, |i| assert!(i != 2))
    }));
    assert!(caught.is_err());
    pool.run(4, |_| ());
}

#[test]
fn the_portable_instance_always_works() {
    let compute = Compute::new(Some(Isa::Portable), 2).unwrap();
    assert_eq!(compute.kernels.isa(), Isa::Portable);
    assert!(Compute::new(None, 1).is_some());
}

#[test]
fn a_stop_leaves_out_what_has_not_begun_and_keeps_what_somebody_waits_for() {
    for threads in [1, 3] {
        let stop = Stop::default();
        let pool = Pool::new(threads).with_stop(stop.clone());
        let done = AtomicUsize::new(0);
        pool.run(1000, |index| {
            if index == 7 {
                stop.ask();
            }
            done.fetch_add(1, Ordering::Relaxed);
        });
        assert!(pool.stopped() && done.load(Ordering::Relaxed) < 1000);
        let mut data = [1; 10];
        pool.chunks_mut(&mut data, 1, |_, piece| piece.fill(2));
        assert_eq!(data, [1; 10]);
        assert_eq!(pool.map(3, |index| index), [0, 1, 2]);
        assert_eq!(pool.join(|| 1, || 2), (1, 2));
    }
}
