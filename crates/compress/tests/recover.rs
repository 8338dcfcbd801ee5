//! Recovery on the small real model: what survived learns what the dense model does.

mod common;

use common::{Host, files, fixture, run, temp};
use kerf_compress::measured::HeldOut;
use kerf_compress::options::recover::{Recover, RecoverOption, Text};
use kerf_compress::plan::Plan;
use kerf_compress::{CompressError, Job, JobInputs, Options, Report};
use kerf_kernels::{Compute, Stop};
use kerf_model::Network;
use kerf_model::evaluate::Runner;
use kerf_model::generate::{Sampling, generate};
use kerf_run::RunError;
use kerf_tensors::folder::{FsFolder, FsOutFolder, FsWorkspace};
use kerf_tensors::{Catalog, QuantizedMatrix, Stored};
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// Text that the model writes, as token ids: to calibrate on, and to measure on.
fn texts() -> &'static [Vec<u32>] {
    static TEXTS: OnceLock<Vec<Vec<u32>>> = OnceLock::new();
    TEXTS.get_or_init(|| {
        let compute = Compute::new(None, 2).unwrap();
        let catalog = Catalog::open_path(&fixture()).unwrap();
        let network = Network::of_catalog(&catalog).unwrap();
        let mut runner = Runner::new(&network, &catalog, &compute, u64::MAX);
        let mut text = |seed| {
            let sampling = Sampling {
                temperature: 1.0,
                seed,
                ..Sampling::default()
            };
            let prompt = [network.bos().unwrap_or(1)];
            generate(&mut runner, &prompt, 120, sampling, &mut |_| true).unwrap()
        };
        (0..48).map(&mut text).collect()
    })
}

/// Of 48 texts, those to calibrate on.
const CALIBRATION: usize = 40;

fn recovering(by: &str, tokens: usize) -> Options {
    Options {
        sparsity: Some(0.7),
        bits: Some(4),
        embedding_bits: Some(8),
        schedule: Some("uniform".into()),
        recover: Some(RecoverOption::On(Recover {
            by: Some(by.into()),
            tokens,
            ..Recover::default()
        })),
        threads: 1,
        ..Options::default()
    }
}

fn open(root: &Path, options: Options) -> Result<Job, CompressError> {
    let catalog = Catalog::open(Arc::new(FsFolder::open(&fixture())?))?;
    let calibration = texts()[..CALIBRATION].to_vec();
    let tokens = calibration.iter().map(Vec::len).sum();
    let plan = Plan::new(&catalog, options.resolve()?, Some(tokens), None)?;
    let out = root.join("out");
    let inputs = JobInputs {
        catalog,
        calibration,
        taught: Vec::new(),
        held: vec![HeldOut {
            text: "other text".into(),
            sequences: texts()[CALIBRATION..].to_vec(),
        }],
        workspace: Arc::new(FsWorkspace::open(&root.join("work"))?),
        out: Box::new(move || Ok(Box::new(FsOutFolder::create(&out)?))),
        out_name: "out".into(),
        beside: (Box::new(|| unreachable!("no limit")), String::new()),
        clock: || 0.0,
        stop: Stop::default(),
    };
    Job::open(plan, inputs)
}

fn compressed(root: &Path, options: Options) -> Report {
    let mut job = open(root, options).unwrap();
    run(&mut job, &mut Host::default()).unwrap()
}

/// The matrices of a result, by name.
fn matrices(root: &Path) -> Vec<(String, QuantizedMatrix)> {
    let catalog = Catalog::open_path(&root.join("out")).unwrap();
    let compute = Compute::new(None, 1).unwrap();
    let packed = catalog.tensors.iter();
    let packed = packed.filter(|entry| matches!(entry.stored, Stored::Packed { .. }));
    let decode = |entry: &kerf_tensors::TensorEntry| {
        let encoded = catalog.read_encoded(entry).unwrap();
        (entry.name.clone(), encoded.decode(&compute).unwrap())
    };
    packed.map(decode).collect()
}

#[test]
fn recovery_lowers_the_held_out_divergence_and_keeps_zeros_and_size() {
    let plain = temp();
    let without = Options {
        recover: None,
        ..recovering("block", 1)
    };
    let before = compressed(plain.path(), without);
    let (zeros, bytes) = (matrices(plain.path()), before.output_bytes);
    for (by, tokens, least) in [("block", 16_000, 0.95), ("whole", 20_000, 0.9)] {
        let root = temp();
        let after = compressed(root.path(), recovering(by, tokens));
        let kl = |report: &Report| report.measured.as_ref().unwrap().loss;
        assert!(
            kl(&after) < least * kl(&before),
            "{by}: {} of {}",
            kl(&after),
            kl(&before)
        );
        // Noise of entropy coding.
        let most = bytes + bytes / 200;
        assert!(
            after.output_bytes <= most,
            "{by}: {} of {bytes}",
            after.output_bytes
        );
        let parts = if by == "block" { 5 } else { 1 };
        assert_eq!(after.recovered.len(), parts, "{by}");
        for part in &after.recovered {
            assert!(part.after < part.before, "{part:?}");
            assert!(part.tokens > tokens / 2 && part.steps > 20, "{part:?}");
        }
        if by == "whole" {
            // Both runs solve alike, so zeros can be held against each other.
            for ((name, old), (_, new)) in zeros.iter().zip(&matrices(root.path())) {
                let compute = Compute::new(None, 1).unwrap();
                let (old, new) = (old.dequantize_on(&compute), new.dequantize_on(&compute));
                let mut pairs = old.iter().zip(&new);
                assert!(pairs.all(|(old, new)| *old != 0.0 || *new == 0.0), "{name}");
                let layers = name.contains("layers");
                assert_eq!(old != new, layers, "{name}");
            }
        }
    }
}

#[test]
fn a_recovery_has_the_same_bytes_with_two_threads_and_after_cancels() {
    for by in ["block", "whole"] {
        let options = recovering(by, 2500);
        let reference = temp();
        let mut host = Host::default();
        run(
            &mut open(reference.path(), options.clone()).unwrap(),
            &mut host,
        )
        .unwrap();
        let expected = files(reference.path());
        let events = host.events.len();
        for (first, threads) in [(usize::MAX, 2), (events * 3 / 4, 1)] {
            let root = temp();
            let options = Options {
                threads,
                ..options.clone()
            };
            let mut cancels = 0;
            loop {
                let mut host = Host {
                    cancel_after: first.checked_add(30 * cancels),
                    ..Host::default()
                };
                match run(&mut open(root.path(), options.clone()).unwrap(), &mut host) {
                    Ok(report) => {
                        assert!(!report.recovered.is_empty());
                        break;
                    }
                    Err(CompressError::Run(RunError::Cancelled { .. })) => cancels += 1,
                    Err(error) => panic!("{error}"),
                }
            }
            assert!(files(root.path()) == expected, "{by}, {threads} threads");
            assert_eq!(cancels > 0, first != usize::MAX);
        }
    }
}

#[test]
fn a_recovery_that_makes_no_sense_is_refused() {
    let refused = |options: Options| match options.resolve() {
        Err(CompressError::BadOption { option, .. }) => option,
        other => panic!("{:?}", other.err()),
    };
    let with = |change: fn(&mut Recover)| {
        let mut recover = Recover {
            tokens: 100,
            ..Recover::default()
        };
        change(&mut recover);
        Options {
            recover: Some(RecoverOption::On(recover)),
            ..Options::default()
        }
    };
    assert!(with(|_| {}).resolve().is_ok());
    assert_eq!(refused(with(|r| r.tokens = 0)), "recover.tokens");
    assert_eq!(refused(with(|r| r.by = Some("layer".into()))), "recover.by");
    assert_eq!(
        refused(with(|r| r.text = Some("novel".into()))),
        "recover.text"
    );
    let blocks_of_own_text = |r: &mut Recover| {
        (r.by, r.text) = (Some("block".into()), Some("both".into()));
    };
    assert_eq!(refused(with(blocks_of_own_text)), "recover.text");
    assert_eq!(
        refused(with(|r| r.learning_rate = Some(-1.0))),
        "recover.learningRate"
    );
    let uncalibrated = Options {
        method: Some("rtn".into()),
        ..with(|_| {})
    };
    assert_eq!(refused(uncalibrated), "recover");
    let yes = Options {
        recover: Some(RecoverOption::Off(true)),
        ..Options::default()
    };
    assert_eq!(refused(yes), "recover");
}

#[test]
fn the_best_quality_recovers_unless_it_is_told_not_to() {
    let recovery = |change: fn(&mut Options)| {
        let mut options = Options {
            quality: Some("best".into()),
            ..Options::default()
        };
        change(&mut options);
        options.resolve().unwrap().recovery
    };
    let own = recovery(|_| {}).expect("a recovery");
    assert_eq!((own.tokens, own.text), (65_536, Text::Calibration));
    assert_eq!(recovery(|o| o.tokens = Some(77)).unwrap().tokens, 77);
    let given = |o: &mut Options| {
        let tokens = 9;
        o.recover = Some(RecoverOption::On(Recover {
            tokens,
            ..Recover::default()
        }));
    };
    assert_eq!(recovery(given).unwrap().tokens, 9);
    assert_eq!(
        recovery(|o| o.recover = Some(RecoverOption::Off(false))),
        None
    );
    assert_eq!(recovery(|o| o.quality = None), None);
    // Nothing is calibrated, so there is no text.
    let alone = |o: &mut Options| o.preset = Some("safe".into());
    assert_eq!(recovery(alone), None);
}
