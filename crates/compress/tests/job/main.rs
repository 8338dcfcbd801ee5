//! Whole jobs on the small real model: results, resume, cancel, memory, unknown architectures.

#[path = "../common/mod.rs"]
mod common;
mod streams;

use common::*;
use kerf_compress::memory::MemoryPlan;
use kerf_compress::{CompressError, Options};
use kerf_kernels::{Compute, Stop};
use kerf_model::{Batch, Network};
use kerf_run::{RunError, Stage};
use kerf_tensors::{Catalog, TensorsError};
use std::path::Path;

#[test]
fn every_method_compresses_a_real_model() {
    for method in kerf_compress::methods::ids() {
        let row = kerf_compress::methods::by_id(method).unwrap();
        let rated = row.chooses_rate();
        let sparsity = row.prunes().then_some(0.7);
        for format in ["kerf", "safetensors"] {
            if rated && format != "kerf" {
                continue;
            }
            let root = temp();
            let options = Options {
                method: Some(method.into()),
                format: format.into(),
                sparsity,
                bits: (!rated).then_some(4),
                ..Options::default()
            };
            let report = compress(&fixture(), root.path(), options).unwrap();
            assert_eq!(report.layers.len(), 35, "{method}");
            let expected = sparsity.unwrap_or(0.0);
            assert!(
                rated || (report.sparsity - expected).abs() < 6e-3,
                "{method} {}",
                report.sparsity
            );
            let on_disk: usize = files(root.path()).values().map(Vec::len).sum();
            assert_eq!(report.output_bytes, on_disk as u64, "{method} {format}");
            assert!(
                report
                    .layers
                    .iter()
                    .all(|l| l.relative_weight_error > 0.0 && l.relative_weight_error < 2.0)
            );
            let calibrated = !["rtn", "magnitude"].contains(&method);
            assert!(
                report
                    .layers
                    .iter()
                    .all(|l| l.relative_output_error.is_some() == calibrated)
            );
            assert!(!root.path().join("work/journal.jsonl").exists());
        }
    }
}

#[test]
fn the_dense_export_has_the_zeros_of_the_container() {
    let (kerf, dense) = (temp(), temp());
    let options = Options {
        embedding_bits: Some(5), // Their usual bits depend on the format.
        ..removing()
    };
    compress(&fixture(), kerf.path(), options.clone()).unwrap();
    compress(
        &fixture(),
        dense.path(),
        Options {
            format: "safetensors".into(),
            ..options
        },
    )
    .unwrap();
    let compute = Compute::new(None, 1).unwrap();
    let [kerf, dense] =
        [&kerf, &dense].map(|root| Catalog::open_path(&root.path().join("out")).unwrap());
    assert_eq!((kerf.form, dense.form), ("kerf", "safetensors"));
    assert_eq!(kerf.tensors.len(), dense.tensors.len());
    for entry in &kerf.tensors {
        let a = kerf.read_f32(&compute, entry).unwrap();
        let b = dense
            .read_f32(&compute, dense.get(&entry.name).unwrap())
            .unwrap();
        assert_eq!(a, b, "{}", entry.name);
    }
}

/// Without and with the stream of the dense model.
fn blends() -> [Options; 2] {
    [0.0, 0.5].map(|blend| Options {
        blend: Some(blend),
        ..removing()
    })
}

#[test]
fn same_bytes_for_any_threads_memory_limit_and_after_cancels_at_every_point() {
    for options in blends() {
        cancelled_at_every_point(Options {
            threads: 1,
            ..options
        });
    }
}

fn cancelled_at_every_point(options: Options) {
    let reference = temp();
    let mut host = Host::default();
    run(
        &mut open(&fixture(), reference.path(), options.clone()).unwrap(),
        &mut host,
    )
    .unwrap();
    let expected = files(reference.path());
    let events = host.events.len();
    for step in (1..events - 20).step_by(events / 6) {
        let root = temp();
        let mut resumed = 0;
        // Cancel after some events, a few more each time (writing is one unit), each time with a new job, until it gets through.
        for _ in 0..events * 2 {
            let mut host = Host {
                cancel_after: Some(step + 5 * resumed),
                ..Host::default()
            };
            let threads = 1 + resumed % 3;
            match run(
                &mut open(
                    &fixture(),
                    root.path(),
                    Options {
                        threads,
                        ..options.clone()
                    },
                )
                .unwrap(),
                &mut host,
            ) {
                Ok(_) => break,
                Err(CompressError::Run(RunError::Cancelled { .. })) => resumed += 1,
                Err(error) => panic!("{error}"),
            }
            assert!(!root.path().join("out").exists());
        }
        assert!(
            files(root.path()) == expected,
            "cancelled every {step} events, {resumed} times"
        );
        assert!(resumed > 0);
    }
}

/// Without calibration units go while the result is written: one job that is cancelled at any event goes on, and so does a
/// new one.
#[test]
fn a_job_without_calibration_goes_on_after_a_cancel_while_it_writes() {
    let options = Options {
        method: Some("magnitude".into()),
        ..removing()
    };
    let reference = temp();
    let mut host = Host::default();
    let mut job = open(&fixture(), reference.path(), options.clone()).unwrap();
    run(&mut job, &mut host).unwrap();
    let expected = files(reference.path());
    for step in 1..host.events.len() {
        let root = temp();
        let mut cancelled = Host {
            cancel_after: Some(step),
            ..Host::default()
        };
        let mut job = open(&fixture(), root.path(), options.clone()).unwrap();
        let error = run(&mut job, &mut cancelled).unwrap_err();
        assert!(
            matches!(error, CompressError::Run(RunError::Cancelled { .. })),
            "{error}"
        );
        if step % 2 == 0 {
            drop(job);
            job = open(&fixture(), root.path(), options.clone()).unwrap();
        }
        run(&mut job, &mut Host::default()).unwrap();
        assert!(files(root.path()) == expected, "cancelled after {step}");
    }
}

#[test]
fn a_damaged_unit_is_done_again() {
    let reference = temp();
    compress(&fixture(), reference.path(), removing()).unwrap();
    let root = temp();
    let mut host = Host {
        cancel_after: Some(60),
        ..Host::default()
    };
    run(
        &mut open(&fixture(), root.path(), removing()).unwrap(),
        &mut host,
    )
    .unwrap_err();
    let work = root.path().join("work");
    let mut damaged = 0;
    for entry in std::fs::read_dir(&work).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("unit-0000") || name.starts_with("activations") {
            let mut bytes = std::fs::read(&path).unwrap();
            if bytes.is_empty() {
                continue;
            }
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            std::fs::write(&path, bytes).unwrap();
            damaged += 1;
        }
    }
    assert!(damaged > 1);
    let journal = std::fs::read(work.join("journal.jsonl")).unwrap();
    std::fs::write(work.join("journal.jsonl"), &journal[..journal.len() - 9]).unwrap();
    let report = compress(&fixture(), root.path(), removing()).unwrap();
    assert!(report.resumed_units > 0);
    assert!(files(root.path()) == files(reference.path()));
}

#[test]
fn stops_at_any_moment_end_in_cancelled_and_leave_only_whole_units() {
    let (reference, root) = (temp(), temp());
    compress(&fixture(), reference.path(), removing()).unwrap();
    let mut stopped = 0;
    for attempt in 1u64.. {
        let stop = Stop::default();
        let mut job = open_with(&fixture(), root.path(), removing(), stop.clone()).unwrap();
        let asks = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(attempt * attempt / 2));
            stop.ask();
        });
        let result = run(&mut job, &mut Host::default());
        asks.join().unwrap();
        match result {
            Ok(report) => {
                assert!(report.resumed_units > 0);
                break;
            }
            Err(error) => assert_eq!(error.code(), "CANCELLED", "{error}"),
        }
        stopped += 1;
    }
    assert!(stopped > 5);
    assert!(files(root.path()) == files(reference.path()));
}

#[test]
fn another_option_does_not_resume_the_old_job() {
    let root = temp();
    let mut host = Host {
        cancel_after: Some(40),
        ..Host::default()
    };
    run(
        &mut open(&fixture(), root.path(), removing()).unwrap(),
        &mut host,
    )
    .unwrap_err();
    let report = compress(
        &fixture(),
        root.path(),
        Options {
            bits: Some(3),
            ..removing()
        },
    )
    .unwrap();
    assert_eq!(report.resumed_units, 0);
    assert!(report.layers.iter().all(|layer| layer.bits == 3));
}

#[test]
fn progress_never_falls_and_ends_at_its_total() {
    let root = temp();
    let mut host = Host::default();
    run(
        &mut open(&fixture(), root.path(), removing()).unwrap(),
        &mut host,
    )
    .unwrap();
    for stage in [
        Stage::Calibrate,
        Stage::Statistics,
        Stage::Solve,
        Stage::Forward,
        Stage::Write,
    ] {
        let events: Vec<_> = host
            .events
            .iter()
            .filter(|event| event.stage == stage)
            .collect();
        assert!(!events.is_empty(), "{stage:?}");
        assert!(
            events
                .windows(2)
                .all(|pair| pair[0].done <= pair[1].done && pair[0].total == pair[1].total)
        );
        let last = events.last().unwrap();
        assert_eq!(last.done, last.total, "{stage:?}");
    }
}

#[test]
fn unknown_architectures_work_without_calibration_only() {
    let model = temp();
    for entry in std::fs::read_dir(fixture()).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, model.path().join(path.file_name().unwrap())).unwrap();
    }
    let config = std::fs::read_to_string(model.path().join("config.json")).unwrap();
    std::fs::write(
        model.path().join("config.json"),
        config.replace("\"llama\"", "\"spiral\""),
    )
    .unwrap();
    for method in ["magnitude", "rtn"] {
        let root = temp();
        let report = compress(
            model.path(),
            root.path(),
            Options {
                method: Some(method.into()),
                sparsity: Some(if method == "rtn" { 0.0 } else { 0.7 }),
                ..Options::default()
            },
        )
        .unwrap();
        assert_eq!((report.layers.len(), report.embeddings.len()), (35, 1));
        assert!(report.notes.iter().any(|note| note.contains("spiral")));
    }
    let error = compress(model.path(), temp().path(), Options::default()).unwrap_err();
    assert_eq!(error.code(), "METHOD_NEEDS_ARCHITECTURE");
    let error = compress(
        model.path(),
        temp().path(),
        Options {
            bits: Some(1),
            ..removing()
        },
    )
    .unwrap_err();
    assert_eq!(error.code(), "BAD_OPTION");
}

#[test]
fn strict_refuses_repairs_and_an_existing_output_is_left_alone() {
    let root = temp();
    std::fs::create_dir(root.path().join("out")).unwrap();
    std::fs::write(root.path().join("out/mine.txt"), "mine").unwrap();
    let error = compress(&fixture(), root.path(), removing()).unwrap_err();
    assert!(matches!(
        error,
        CompressError::Tensors(TensorsError::OutputExists { .. })
    ));
    assert_eq!(files(root.path()).len(), 1);
}
