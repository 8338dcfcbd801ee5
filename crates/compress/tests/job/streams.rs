//! Memory limits and the dense stream.

use super::*;

#[test]
fn memory_limits_spill_or_refuse() {
    // Of so small a model probes would take more than all activations.
    let uniform = |options| Options {
        schedule: Some("uniform".into()),
        ..options
    };
    let [own, dense] = blends().map(uniform).map(spill_or_refuse);
    assert_eq!(dense.activation_bytes, 2 * own.activation_bytes);
    assert!(dense.peak_bytes > own.peak_bytes);
}

fn spill_or_refuse(options: Options) -> MemoryPlan {
    let root = temp();
    let free = open(&fixture(), root.path(), options.clone())
        .unwrap()
        .plan()
        .memory;
    assert!(!free.spill);
    let limit = |limit: u64| Options {
        max_memory_bytes: limit,
        ..options.clone()
    };
    // Everything fits into one batch here, so the first thing that saves memory is the disk.
    let least = match open(&fixture(), root.path(), limit(1 << 20)).map(|_| ()) {
        Err(CompressError::MemoryLimit { needed_bytes, .. }) => needed_bytes,
        other => panic!("{other:?}"),
    };
    assert!(least < free.peak_bytes);
    let spilled = limit(least);
    let reference = temp();
    compress(&fixture(), reference.path(), options.clone()).unwrap();
    let mut job = open(&fixture(), root.path(), spilled.clone()).unwrap();
    assert!(job.plan().memory.spill && job.plan().memory.peak_bytes <= spilled.max_memory_bytes);
    run(&mut job, &mut Host::default()).unwrap();
    drop(job);
    assert!(files(root.path()) == files(reference.path()));
    free
}

/// The distance of the last hidden states from those of the dense model over the calibration, relative.
fn distance(root: &Path) -> f64 {
    let compute = Compute::new(None, 1).unwrap();
    let batch = Batch::new(&calibration());
    let states = |catalog: &Catalog| {
        let network = Network::of_catalog(catalog).unwrap();
        let mut x = network.embed(&compute, catalog, &batch).unwrap();
        for block in 0..network.blocks() {
            let weights = network.load_block(&compute, catalog, block).unwrap();
            network.run_block(&compute, &weights, &batch, &mut x, None);
        }
        x
    };
    let dense = states(&Catalog::open_path(&fixture()).unwrap());
    let small = states(&Catalog::open_path(&root.join("out")).unwrap());
    let pairs = dense.iter().zip(&small);
    let (error, whole) = pairs.fold((0.0, 0.0), |sums, (dense, small)| {
        (
            sums.0 + f64::from(dense - small).powi(2),
            sums.1 + f64::from(*dense).powi(2),
        )
    });
    error / whole
}

#[test]
fn a_blend_brings_the_model_nearer_to_the_dense_one() {
    for method in ["wanda", "obs"] {
        let run = |options: Options| {
            let root = temp();
            let options = Options {
                method: Some(method.into()),
                embedding_bits: Some(16),
                ..options
            };
            let report = compress(&fixture(), root.path(), options).unwrap();
            (distance(root.path()), report.layers)
        };
        let [(own, layers), (blended, aimed)] = blends().map(run);
        assert!(blended < 0.95 * own, "{method}: {blended} after {own}");
        // The first layers get what the dense model gets: they must not change, and their errors are measured, not summed up.
        for (layer, aimed) in layers.iter().zip(&aimed).take(3) {
            assert_eq!(layer.relative_weight_error, aimed.relative_weight_error);
            let [error, measured] = [layer, aimed].map(|l| l.relative_output_error.unwrap());
            assert!(
                (error - measured).abs() < 5e-3 * error,
                "{error} {measured}"
            );
        }
        assert_ne!(
            layers[3].relative_weight_error,
            aimed[3].relative_weight_error
        );
    }
}

/// The dense model runs along if a method that a rule brings in is calibrated, and nobody said a blend of 0.
#[test]
fn a_rule_may_bring_in_the_dense_stream() {
    let ruled = |method: &str, blend: Option<f64>| {
        let rule = serde_json::json!({ "match": { "role": "down" }, "method": method });
        let options = Options {
            method: Some("magnitude".into()),
            rules: vec![serde_json::from_value(rule).unwrap()],
            blend,
            ..removing()
        };
        let root = temp();
        let mut job = open(&fixture(), root.path(), options).unwrap();
        let dense = job.plan().dense_stream();
        let report = run(&mut job, &mut Host::default()).unwrap();
        assert_eq!(report.layers.len(), 35);
        dense
    };
    assert!(!ruled("obs", None));
    assert!(ruled("obs", Some(0.5)));
    assert!(!ruled("rtn", Some(0.5)));
}
