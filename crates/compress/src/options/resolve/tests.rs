//! Every option and every rule is checked under its own name.

use super::*;
use crate::options::rules::Match;

fn code_and_option(options: Options) -> (String, String) {
    match options.resolve().map(|_| ()).unwrap_err() {
        CompressError::BadOption { option, actual, .. } => (option, actual),
        other => panic!("{other}"),
    }
}

#[test]
fn every_bad_option_is_named() {
    let with = |change: fn(&mut Options)| {
        let mut options = Options::default();
        change(&mut options);
        code_and_option(options).0
    };
    assert_eq!(with(|o| o.sparsity = Some(1.0)), "sparsity");
    assert_eq!(with(|o| o.sparsity = Some(f64::NAN)), "sparsity");
    assert_eq!(with(|o| o.bits = Some(1)), "bits");
    assert_eq!(with(|o| o.embedding_bits = Some(9)), "embeddingBits");
    assert_eq!(with(|o| o.embedding_sparsity = -0.1), "embeddingSparsity");
    assert_eq!(with(|o| o.group_size = Some(100)), "groupSize");
    assert_eq!(with(|o| o.tokens = Some(0)), "tokens");
    assert_eq!(with(|o| o.damping_rel = 0.0), "dampingRel");
    assert_eq!(with(|o| o.blend = Some(1.5)), "blend");
    assert_eq!(with(|o| o.blend = Some(f64::NAN)), "blend");
    assert_eq!(with(|o| o.method = Some("best".into())), "method");
    assert_eq!(with(|o| o.schedule = Some("best".into())), "schedule");
    assert_eq!(with(|o| o.format = "zip".into()), "format");
    assert_eq!(with(|o| o.isa = Some("sse9".into())), "isa");
    assert_eq!(with(|o| o.pattern = Some("3:4:5".into())), "pattern");
    assert_eq!(with(|o| o.max_shard_bytes = 5), "maxShardBytes");
    assert_eq!(with(|o| o.preset = Some("huge".into())), "preset");
    assert_eq!(with(|o| o.quality = Some("small".into())), "quality");
}

#[test]
fn a_bad_option_of_a_rule_is_named_with_its_place() {
    let with = |change: fn(&mut Rule)| {
        let matches = Match::Name("*".into());
        let mut second = Rule {
            matches: matches.clone(),
            ..Rule::default()
        };
        change(&mut second);
        let first = Rule {
            matches,
            keep: true,
            ..Rule::default()
        };
        let rules = vec![first, second];
        code_and_option(Options {
            rules,
            ..Options::default()
        })
        .0
    };
    assert_eq!(with(|r| r.bits = Some(9)), "rules[1].bits");
    assert_eq!(with(|r| r.sparsity = Some(1.5)), "rules[1].sparsity");
    assert_eq!(with(|r| r.group_size = Some(3)), "rules[1].groupSize");
    assert_eq!(with(|r| r.method = Some("no".into())), "rules[1].method");
    assert_eq!(with(|r| r.pattern = Some("no".into())), "rules[1].pattern");
    let both = |r: &mut Rule| (r.pattern, r.sparsity) = (Some("2:4".into()), Some(0.7));
    assert_eq!(with(both), "rules[1].sparsity");
}

#[test]
fn what_a_rule_leaves_out_is_as_for_all_others() {
    let resolved = |rule: Rule| {
        let rules = vec![Rule {
            matches: Match::Name("*".into()),
            ..rule
        }];
        let options = Options {
            sparsity: Some(0.7),
            bits: Some(3),
            group_size: Some(64),
            rules,
            ..Options::default()
        };
        match options.resolve().unwrap().rules[0].action {
            Action::Keep => panic!("not kept"),
            Action::Solve { solving, scheduled } => (solving, scheduled),
        }
    };
    let (solving, scheduled) = resolved(Rule {
        bits: Some(8),
        ..Rule::default()
    });
    let grid = Grid::new(8, 64);
    assert!(scheduled && solving.method.id() == "joint" && solving.grid == Some(grid));
    let (solving, scheduled) = resolved(Rule {
        method: Some("rtn".into()),
        ..Rule::default()
    });
    assert!(!scheduled && solving.sparsity == 0.0 && solving.method.id() == "rtn");
    let (solving, scheduled) = resolved(Rule {
        method: Some("magnitude".into()),
        ..Rule::default()
    });
    assert!(scheduled && solving.sparsity == 0.7 && solving.method.id() == "magnitude");
    let (solving, scheduled) = resolved(Rule {
        pattern: Some("2:4".into()),
        ..Rule::default()
    });
    assert!(!scheduled && solving.sparsity == 0.5);
}

#[test]
fn defaults_depend_on_method_and_pattern() {
    let resolve = |method: &str, sparsity: Option<f64>, pattern: Option<&str>| {
        let options = Options {
            method: Some(method.into()),
            sparsity,
            pattern: pattern.map(Into::into),
            ..Options::default()
        };
        let settings = options.resolve().unwrap();
        (
            settings.solving.sparsity,
            settings.solving.pattern.to_string(),
        )
    };
    let unstructured = "unstructured".to_owned();
    assert_eq!(resolve("obs", None, None), (0.0, unstructured.clone()));
    assert_eq!(resolve("obs", Some(0.7), None), (0.7, unstructured.clone()));
    assert_eq!(resolve("wanda", Some(0.7), None), (0.7, "row".into()));
    assert_eq!(resolve("rtn", None, None), (0.0, unstructured));
    assert_eq!(resolve("obs", None, Some("2:4")), (0.5, "2:4".into()));
    for method in methods::table().iter().filter(|row| row.only_removes()) {
        assert_eq!(resolve(method.id(), None, Some("2:4")).0, 0.5);
        let nothing = Options {
            method: Some(method.id().into()),
            ..Options::default()
        };
        let named = code_and_option(nothing);
        assert_eq!(named, ("sparsity".into(), "nothing".into()));
    }
    let conflict = Options {
        sparsity: Some(0.7),
        pattern: Some("2:4".into()),
        ..Options::default()
    };
    assert_eq!(code_and_option(conflict).0, "sparsity");
    let rtn = Options {
        sparsity: Some(0.5),
        method: Some("rtn".into()),
        ..Options::default()
    };
    assert_eq!(code_and_option(rtn).0, "sparsity");
}

#[test]
fn a_blend_is_for_calibrated_methods_and_its_default_theirs() {
    let resolve = |method: &str, quality: Option<&str>, blend: Option<f64>| {
        let options = Options {
            method: Some(method.into()),
            sparsity: methods::by_id(method)
                .unwrap()
                .only_removes()
                .then_some(0.5),
            quality: quality.map(Into::into),
            blend,
            ..Options::default()
        };
        let settings = options.resolve().unwrap();
        (settings.options.blend, settings.solving.blend)
    };
    for method in methods::table() {
        let (id, default) = (method.id(), method.default_blend());
        let calibrated = method.needs() > Needs::Nothing;
        assert!(calibrated || default == 0.0, "{id}");
        assert_eq!(resolve(id, None, None), (Some(default), default), "{id}");
        assert_eq!(resolve(id, Some("fast"), None).1, 0.0, "{id}");
        let given = resolve(id, Some("fast"), Some(0.3));
        assert_eq!(
            given,
            (Some(0.3), if calibrated { 0.3 } else { 0.0 }),
            "{id}"
        );
    }
    assert_eq!(resolve("obs", None, None).1, 0.0);
    assert_eq!(resolve("wanda", None, None).1, 0.0);
}

#[test]
fn a_format_says_its_bits_and_groups() {
    let of = |format: &str, change: fn(&mut Options)| {
        let mut options = Options {
            format: format.into(),
            ..Options::default()
        };
        change(&mut options);
        options
    };
    let filled = |format: &str, change| {
        let options = of(format, change).resolve().unwrap().options;
        (options.bits, options.group_size, options.embedding_bits)
    };
    assert_eq!(filled("gguf-q4_0", |_| {}), (Some(4), Some(32), Some(8)));
    assert_eq!(filled("gguf-q8_0", |_| {}), (Some(8), Some(32), Some(8)));
    // Entropy-coded embeddings are as fine as the targets, but not below 4 bits.
    let four = |o: &mut Options| o.bits = Some(4);
    assert_eq!(filled("kerf", four), (Some(4), Some(128), Some(4)));
    // Without anything: the default size, a point of the curve of entropy where the format codes entropy, else 8 bits.
    assert_eq!(filled("kerf", |_| {}).2, Some(6));
    assert_eq!(filled("safetensors", |_| {}).0, Some(8));
    let safe = |o: &mut Options| o.preset = Some("safe".into());
    assert_eq!(filled("kerf", safe), (Some(8), Some(128), Some(8)));
    assert_eq!(filled("kerf", |o| o.bits = Some(16)).2, Some(8));
    assert_eq!(filled("kerf", |o| o.bits = Some(2)).2, Some(4));
    assert_eq!(filled("safetensors", |_| {}).2, Some(8));
    // The format comes before a preset, what is given before both.
    let preset = |o: &mut Options| o.preset = Some("small".into());
    assert_eq!(filled("gguf-q8_0", preset), (Some(8), Some(32), Some(8)));
    let three = |o: &mut Options| o.bits = Some(3);
    let ct = filled("compressed-tensors", three);
    assert_eq!(ct, (Some(3), Some(128), Some(16)));
    let bad = |format: &str, change: fn(&mut Options)| code_and_option(of(format, change));
    let wrong = |option: &str, actual: &str| (option.to_owned(), actual.to_owned());
    assert_eq!(bad("gguf-q4_0", |o| o.bits = Some(3)), wrong("bits", "3"));
    assert_eq!(bad("gguf-q4_0", |o| o.bits = Some(16)), wrong("bits", "16"));
    let group = bad("gguf-q8_0", |o| o.group_size = Some(128));
    assert_eq!(group, wrong("groupSize", "128"));
    let embedding = bad("compressed-tensors", |o| o.embedding_bits = Some(8));
    assert_eq!(embedding, wrong("embeddingBits", "8"));
    let rule = |o: &mut Options| {
        o.rules = vec![Rule {
            matches: Match::Name("*".into()),
            bits: Some(3),
            ..Rule::default()
        }];
    };
    assert_eq!(bad("gguf-q4_0", rule), wrong("rules[0].bits", "3"));
}

#[test]
fn keep_mask_says_how_small_as_a_sparsity_does() {
    let keeping = |change: fn(&mut Options)| {
        let mut options = Options {
            keep_mask: true,
            ..Options::default()
        };
        change(&mut options);
        options
    };
    let settings = keeping(|_| {}).resolve().unwrap();
    let pruning = Options {
        sparsity: Some(0.5),
        schedule: Some("uniform".into()),
        ..Options::default()
    };
    let mut filled = settings.options.clone();
    assert!(settings.solving.keep_mask && settings.budget.is_none());
    assert_eq!(filled.sparsity, Some(0.0));
    // Filled in options are options.
    assert_eq!(filled.resolve().unwrap().options, filled);
    (filled.sparsity, filled.keep_mask) = (Some(0.5), false);
    assert_eq!(filled, pruning.resolve().unwrap().options);
    let preset = |o: &mut Options| o.preset = Some("safe".into());
    let safe = keeping(preset).resolve().unwrap().options;
    assert_eq!(
        (safe.method.as_deref(), safe.bits),
        (Some("joint"), Some(8))
    );
    for method in methods::table().iter().filter(|row| !row.chooses_rate()) {
        let mut options = keeping(|_| {});
        options.method = Some(method.id().into());
        let settings = options.resolve().unwrap();
        assert!(settings.solving.keep_mask && settings.solving.sparsity == 0.0);
        assert_eq!(settings.schedule.id(), "uniform", "{method:?}");
        assert!(settings.options.resolve().is_ok(), "{method:?}");
    }
    let spread = keeping(|o| o.schedule = Some("owl".into()));
    assert_eq!(code_and_option(spread).0, "schedule");
    let refused = |change: fn(&mut Options)| match keeping(change).resolve().map(|_| ()) {
        Err(CompressError::BadOption { option, reason, .. }) => {
            assert!(reason.contains("`keepMask`"), "{reason}");
            option
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(|o| o.sparsity = Some(0.5)), "sparsity");
    assert_eq!(refused(|o| o.pattern = Some("2:4".into())), "pattern");
    assert_eq!(refused(|o| o.target_bits = Some(2.0)), "targetBits");
    assert_eq!(refused(|o| o.target_bytes = Some(9999)), "targetBytes");
    assert_eq!(refused(|o| o.method = Some("entropy".into())), "method");
}

#[test]
fn a_rule_that_says_what_is_removed_does_not_keep() {
    let keeps = |rule: Rule| {
        let rules = vec![Rule {
            matches: Match::Name("*".into()),
            ..rule
        }];
        let options = Options {
            keep_mask: true,
            rules,
            ..Options::default()
        };
        match options.resolve().unwrap().rules[0].action {
            Action::Keep => panic!("not kept"),
            Action::Solve { solving, .. } => solving.keep_mask,
        }
    };
    let rule = Rule::default;
    assert!(keeps(Rule {
        bits: Some(8),
        ..rule()
    }));
    for method in ["magnitude", "rtn", "joint"] {
        assert!(keeps(Rule {
            method: Some(method.into()),
            ..rule()
        }));
    }
    assert!(!keeps(Rule {
        sparsity: Some(0.0),
        ..rule()
    }));
    assert!(!keeps(Rule {
        pattern: Some("2:4".into()),
        ..rule()
    }));
    assert!(!keeps(Rule {
        method: Some("entropy".into()),
        ..rule()
    }));
}
