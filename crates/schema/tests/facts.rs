//! Ranges, defaults and ids that comments, rules and help of TypeScript state are those of the core.

use kerf_compress::options::params;
use kerf_compress::{Options, presets};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

fn text(file: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join(file)).expect(file);
    text.replace("\r\n", "\n")
}

/// The comment of each option, as TypeScript has it.
fn comments() -> BTreeMap<String, String> {
    let text = text("ts/generated/index.ts");
    let start = text.find("export type Options = {").expect("the options");
    let body = &text[start..start + text[start..].find("\n}\n").expect("their end")];
    let (mut comments, mut comment) = (BTreeMap::new(), String::new());
    for line in body.lines().skip(1).map(str::trim) {
        if line.starts_with("/**") || line.starts_with('*') {
            comment += line.trim_matches(['/', '*', ' ']);
            comment.push(' ');
        } else if let Some((name, _)) = line.split_once(':') {
            comments.insert(name.trim_end_matches('?').into(), comment.clone());
            comment.clear();
        }
    }
    comments
}

/// Whether a run may have the option with that value.
fn accepted(option: &str, value: f64) -> bool {
    let value = match value.fract() == 0.0 {
        true => json!(value as i64),
        false => json!(value),
    };
    let mut options = match option {
        "targetBits" => json!({}),
        _ => json!({ "method": "joint", "sparsity": 0.5 }),
    };
    options[option] = value;
    let options = serde_json::from_value::<Options>(options);
    options.is_ok_and(|options| options.resolve().is_ok())
}

/// Both ends may be, and what is one beyond may not.
fn holds(place: &str, option: &str, least: f64, most: f64) {
    assert!(accepted(option, least), "{place}: {option} {least}");
    assert!(accepted(option, most), "{place}: {option} {most}");
    assert!(
        !accepted(option, least - 1.0),
        "{place}: {option} below {least}"
    );
    assert!(
        !accepted(option, most + 1.0),
        "{place}: {option} above {most}"
    );
}

/// The first `A to B` of a comment.
fn range(comment: &str) -> Option<(f64, f64)> {
    let number = |word: &str| {
        word.trim_matches([',', ';', '.', '(', ')'])
            .parse::<f64>()
            .ok()
    };
    let words: Vec<&str> = comment.split_whitespace().collect();
    let mut triples = words.windows(3).filter(|three| three[1] == "to");
    triples.find_map(|three| Some((number(three[0])?, number(three[2])?)))
}

#[test]
fn ranges_in_comments_are_those_of_the_core() {
    let comments = comments();
    let stated: Vec<_> = comments
        .iter()
        .filter_map(|(option, comment)| Some((option, range(comment)?)))
        .collect();
    let names: Vec<&str> = stated.iter().map(|(option, _)| option.as_str()).collect();
    for option in [
        "sparsity",
        "targetBits",
        "bits",
        "slope",
        "blend",
        "headBits",
        "iterations",
    ] {
        assert!(
            names.contains(&option),
            "{option} states no range: {names:?}"
        );
    }
    for (option, (least, most)) in stated {
        holds("comment", option, least, most);
    }
}

#[test]
fn rules_of_typescript_have_the_ranges_of_the_core() {
    let source = text("ts/options.ts");
    let mut found = 0;
    for line in source.lines().map(str::trim) {
        let Some((option, rule)) = line.split_once(": ") else {
            continue;
        };
        let rule = rule
            .strip_prefix("number(")
            .or(rule.strip_prefix("integer("));
        let ends = rule.and_then(|rule| rule.strip_suffix("),"));
        let Some((least, most)) = ends.and_then(|ends| ends.split_once(", ")) else {
            continue;
        };
        let Ok(least) = least.parse::<f64>() else {
            continue; // Parameters of methods have theirs from the core.
        };
        let most = most.parse().expect("a number");
        match option {
            // Above 0: there is no least one.
            "damping" => {
                assert!(accepted("dampingRel", most) && !accepted("dampingRel", most + 1.0))
            }
            option => holds("ts/options.ts", option, least, most),
        }
        found += 1;
    }
    assert!(found >= 7, "{found}");
}

#[test]
fn defaults_in_comments_are_those_of_the_core() {
    let filled = Options {
        method: Some("joint".into()),
        ..Options::default()
    };
    let filled = serde_json::to_value(filled.resolve().unwrap().options).unwrap();
    let mut found = 0;
    for (option, comment) in comments() {
        let Some((_, stated)) = comment.split_once("Default ") else {
            continue;
        };
        let stated = stated.split([' ']).next().unwrap_or_default();
        let stated = stated.trim_end_matches('.').trim_matches('`');
        let same = match &filled[&option] {
            Value::String(id) => stated == id,
            Value::Number(number) if option == "maxShardBytes" => {
                number.as_f64() == stated.parse().ok().map(|gigabytes: f64| gigabytes * 1e9)
            }
            Value::Number(number) => number.as_f64() == stated.parse().ok(),
            other => panic!("{option}: {other}"),
        };
        assert!(same, "{option}: {stated} is not {}", filled[&option]);
        found += 1;
    }
    assert!(found >= 10, "{found}");
}

#[test]
fn named_sizes_and_efforts_are_in_their_comments() {
    let comments = comments();
    for (option, ids) in [
        ("preset", presets::size_ids()),
        ("quality", presets::quality_ids()),
    ] {
        let missing = ids
            .iter()
            .find(|id| !comments[option].contains(&format!("`{id}`")));
        assert_eq!(missing, None, "{option}");
    }
}

#[test]
fn sizes_in_help_and_comments_are_those_of_the_table() {
    let flags = text("ts/cli/flags.ts");
    for size in presets::sizes() {
        let bits = size.target_bits.unwrap_or(f64::from(size.bits));
        let stated = [
            format!("{} ({bits} bits)", size.id),
            format!("{} ({bits})", size.id),
        ];
        assert!(
            stated.iter().any(|stated| flags.contains(stated)),
            "{}",
            size.id
        );
    }
    let quality = format!(
        "how much effort (default: {})",
        presets::default_quality().id
    );
    assert!(flags.contains(&quality), "{quality}");
    let shard = Options::default().max_shard_bytes / 1_000_000_000;
    assert!(flags.contains(&format!("(default: {shard}GB)")));
    let options = text("ts/options.ts");
    assert!(options.contains(&format!("Default {shard} GB.")));
    let damping = format!("Default {}.", Options::default().damping_rel);
    assert!(options.contains(&damping), "{damping}");
}

/// TypeScript has options of its own, such as `out` and `damping`: a parameter of that name would never arrive.
#[test]
fn no_parameter_of_a_method_has_the_name_of_an_option_of_typescript() {
    let sources = ["ts/options.ts", "ts/quality/options.ts", "ts/model.ts"].map(text);
    let is_option = |name: &str| {
        let mut lines = sources.iter().flat_map(|source| source.lines());
        lines.any(|line| {
            let field = line.trim_start().strip_prefix(name);
            field.is_some_and(|rest| rest.starts_with(": ") || rest.starts_with("?: "))
        })
    };
    assert!(is_option("damping") && is_option("report"));
    for param in params::all() {
        assert!(!is_option(param.name), "{}", param.name);
    }
}
