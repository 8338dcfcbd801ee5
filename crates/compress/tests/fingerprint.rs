//! Which options a run may be resumed with: those that decide nothing about its units. With any other it starts afresh.

mod common;

use common::{Host, calibration, files, fixture, open, run, temp};
use kerf_compress::options::params::GivenParams;
use kerf_compress::{CompressError, Options, Report};
use kerf_run::RunError;

/// Cancels a run of `first` when something is done, and goes on with `then`. Returns the report and the files.
fn resumed(
    first: &Options,
    then: &Options,
) -> (Report, std::collections::BTreeMap<String, Vec<u8>>) {
    let root = temp();
    let mut host = Host {
        cancel_after: Some(14),
        ..Host::default()
    };
    let cancelled = run(
        &mut open(&fixture(), root.path(), first.clone()).unwrap(),
        &mut host,
    );
    assert!(matches!(
        cancelled,
        Err(CompressError::Run(RunError::Cancelled { .. }))
    ));
    let mut job = open(&fixture(), root.path(), then.clone()).unwrap();
    let report = run(&mut job, &mut Host::default()).unwrap();
    (report, files(root.path()))
}

fn probing() -> Options {
    Options {
        method: Some("joint".into()),
        sparsity: Some(0.5),
        params: GivenParams::of([("iterations", 2.0)]),
        schedule: Some("probe".into()),
        ..Options::default()
    }
}

/// What a probe measured is spread otherwise over blocks than over matrices.
#[test]
fn a_run_that_probes_starts_afresh_with_another_granularity() {
    let then = Options {
        granularity: Some("matrix".into()),
        ..probing()
    };
    let (report, found) = resumed(&probing(), &then);
    assert_eq!(report.resumed_units, 0);
    let root = temp();
    common::compress(&fixture(), root.path(), then).unwrap();
    assert!(found == files(root.path()));
}

/// The size that is taken if nothing is asked for leaves headers and tables out, and so is another budget than as many bits.
#[test]
fn a_budget_of_bits_does_not_resume_a_size_of_as_many() {
    let size = Options::default();
    let bits = Options {
        sparsity: None,
        bits: None,
        pattern: None,
        ..size.resolve().unwrap().options
    };
    assert_eq!(resumed(&size, &bits).0.resumed_units, 0);
}

#[test]
fn what_decides_no_unit_does_not_start_a_run_afresh() {
    let tokens: usize = calibration().iter().map(Vec::len).sum();
    let same = [
        probing(),
        Options {
            threads: 1,
            ..probing()
        },
        Options {
            max_shard_bytes: 2_000_000,
            ..probing()
        },
        Options {
            tokens: Some(2 * tokens),
            ..probing()
        },
        Options {
            max_loss: Some(1.0),
            ..probing()
        },
    ];
    for then in same {
        let (report, _) = resumed(&probing(), &then);
        assert!(report.resumed_units > 0, "{then:?}");
    }
}
