//! Every option and every rule is checked under its own name.

use super::*;
use crate::rules::Match;

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
    assert!(scheduled && solving.method.id() == "obs" && solving.grid == Some(grid));
    let (solving, scheduled) = resolved(Rule {
        method: Some("rtn".into()),
        ..Rule::default()
    });
    assert!(!scheduled && solving.sparsity == 0.0 && solving.method.id() == "rtn");
    let (solving, scheduled) = resolved(Rule {
        pattern: Some("2:4".into()),
        ..Rule::default()
    });
    assert!(!scheduled && solving.sparsity == 0.5);
}

#[test]
fn defaults_depend_on_method_and_pattern() {
    let resolve = |method: &str, pattern: Option<&str>| {
        let options = Options {
            method: Some(method.into()),
            pattern: pattern.map(Into::into),
            ..Options::default()
        };
        let settings = options.resolve().unwrap();
        (
            settings.solving.sparsity,
            settings.solving.pattern.to_string(),
        )
    };
    assert_eq!(resolve("obs", None), (0.7, "unstructured".into()));
    assert_eq!(resolve("wanda", None), (0.7, "row".into()));
    assert_eq!(resolve("rtn", None), (0.0, "unstructured".into()));
    assert_eq!(resolve("obs", Some("2:4")), (0.5, "2:4".into()));
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
