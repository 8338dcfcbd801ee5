//! The bytes of ten runs, held against `bytes.json`: a change of structure may not change a result. All run with the kernels of
//! `isa: portable`, whose results are the same on every machine. Where a change means to change bytes, the table is written anew with
//! `KERF_WRITE_BYTES=1 cargo test -p kerf-compress --test bytes`, and the change says why.

mod common;

use common::{compress, files, fixture, temp};
use kerf_compress::Options;
use kerf_compress::rules::Rule;
use kerf_tensors::Digest;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What the files say of the program that wrote them.
const PRODUCER: &str = concat!("kerf ", env!("CARGO_PKG_VERSION"));

/// Methods, formats, schedules, granularities, budgets, rules, two streams, and activations that go through the work folder.
fn runs() -> Vec<(&'static str, Options)> {
    let of = |text: &str| -> Options { serde_json::from_str(text).unwrap() };
    let runs = [
        (
            "joint-probe-kerf",
            r#"{"method": "joint", "sparsity": 0.5, "bits": 4, "schedule": "probe"}"#,
        ),
        (
            "obs-error-levels-safetensors",
            r#"{"method": "obs", "sparsity": 0.6, "bits": 16, "schedule": "error-levels", "format": "safetensors"}"#,
        ),
        (
            "wanda-2:4-compressed-tensors",
            r#"{"method": "wanda", "pattern": "2:4", "bits": 4, "groupSize": 32, "format": "compressed-tensors"}"#,
        ),
        ("rtn-gguf", r#"{"method": "rtn", "format": "gguf-q8_0"}"#),
        (
            "entropy-bits-probe-by-matrix",
            r#"{"method": "entropy", "targetBits": 2.5, "schedule": "probe", "granularity": "matrix"}"#,
        ),
        (
            "entropy-bytes-uniform",
            r#"{"targetBytes": 230000, "schedule": "uniform"}"#,
        ),
        (
            "joint-search-by-block",
            r#"{"method": "joint", "sparsity": 0.6, "schedule": "search", "generations": 3, "granularity": "block", "seed": 7}"#,
        ),
        (
            "obs-mixed-bits",
            r#"{"method": "obs", "targetBits": 4.5, "sparsity": 0.2, "groupSize": 32}"#,
        ),
        (
            "admm-owl-two-streams",
            r#"{"method": "admm", "sparsity": 0.7, "schedule": "owl", "granularity": "matrix", "blend": 0.5, "iterations": 8}"#,
        ),
        (
            "descent-rules-magnitude",
            r#"{"method": "descent", "sparsity": 0.3, "bits": 3, "sweeps": 2, "embeddingSparsity": 0.1}"#,
        ),
    ];
    let mut runs: Vec<(&str, Options)> = runs.map(|(name, text)| (name, of(text))).into();
    for (name, options) in &mut runs {
        options.isa = Some("portable".into());
        options.threads = 2;
        if name.contains("rules") {
            let rule = r#"{"match": "*.down_proj.weight", "method": "magnitude", "sparsity": 0.5}"#;
            options.rules = vec![serde_json::from_str::<Rule>(rule).unwrap()];
        }
    }
    runs
}

/// Digest of the names and bytes of all files, whatever the version of the program.
fn digest(root: &Path) -> String {
    let mut digest = Digest::default();
    for (name, bytes) in files(root) {
        digest.update(name.as_bytes());
        let mut rest = bytes.as_slice();
        while let Some(at) = find(rest, PRODUCER.as_bytes()) {
            digest.update(&rest[..at]);
            rest = &rest[at + PRODUCER.len()..];
        }
        digest.update(rest);
    }
    digest.hex()
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

fn table_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bytes.json")
}

#[test]
fn ten_runs_have_the_bytes_that_they_had() {
    let mut found = BTreeMap::new();
    for (name, options) in runs() {
        let root = temp();
        compress(&fixture(), root.path(), options)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        found.insert(name.to_owned(), digest(root.path()));
    }
    assert_eq!(found.len(), 10);
    if std::env::var_os("KERF_WRITE_BYTES").is_some() {
        let text = serde_json::to_string_pretty(&found).unwrap() + "\n";
        std::fs::write(table_file(), text).unwrap();
    }
    let recorded = std::fs::read_to_string(table_file()).unwrap();
    let recorded: BTreeMap<String, String> = serde_json::from_str(&recorded).unwrap();
    assert_eq!(found, recorded);
}
