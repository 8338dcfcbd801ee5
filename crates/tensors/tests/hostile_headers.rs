//! Every rule of a header or an index, broken once.

use kerf_tensors::folder::MemFolder;
use kerf_tensors::safetensors::{Header, limits};
use kerf_tensors::{Catalog, Folder, TensorsError};
use std::sync::Arc;

/// A file with this header text and so many bytes of content.
fn file(json: &str, content: usize) -> Vec<u8> {
    let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(json.as_bytes());
    bytes.resize(bytes.len() + content, 0);
    bytes
}

fn read(bytes: impl Into<Vec<u8>>) -> Result<Header, TensorsError> {
    let folder = MemFolder::new("m");
    Header::read(folder.insert("f", bytes).open("f").unwrap().as_ref())
}

/// One entry `"NAME": {...}`.
fn entry(name: &str, dtype: &str, shape: &str, begin: u64, end: u64) -> String {
    format!(r#""{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{begin},{end}]}}"#)
}

fn refused(bytes: impl Into<Vec<u8>>, code: &str, fragment: &str) {
    let error = read(bytes).expect_err(fragment);
    assert_eq!(error.code(), code, "{error}");
    let text = error.to_string();
    assert!(
        text.contains(fragment),
        "{text:?} does not contain {fragment:?}"
    );
    assert!(text.contains("m/f"), "{text:?} does not name the file");
}

fn refused_entries(entries: &[String], content: usize, fragment: &str) {
    refused(
        file(&format!("{{{}}}", entries.join(",")), content),
        "BAD_HEADER",
        fragment,
    );
}

#[test]
fn a_good_header_passes() {
    let entries = [
        entry("a", "F32", "[2]", 0, 8),
        entry("weird/../\\u0007name", "F16", "[0,3]", 8, 8),
        entry("scalar", "U8", "[]", 8, 9),
        r#""__metadata__":{"format":"pt"}"#.to_owned(),
    ];
    let header = read(file(&format!("{{{}}}  ", entries.join(",")), 9)).unwrap();
    assert_eq!(header.tensors.len(), 3);
    assert_eq!(header.metadata["format"], "pt");
    assert!(read(file("{}", 0)).unwrap().tensors.is_empty());
}

#[test]
fn files_that_are_too_short() {
    refused([], "TRUNCATED", "promises 8");
    refused([1, 0, 0], "TRUNCATED", "has 3 bytes");
    refused(&file("{}", 0)[..9], "TRUNCATED", "promises 10");
    let json = format!("{{{}}}", entry("a", "F32", "[2]", 0, 8));
    let error = read(file(&json, 7)).unwrap_err();
    assert_eq!(error.code(), "TRUNCATED");
    let details = error.data().details;
    assert_eq!(details["expectedBytes"], json.len() as u64 + 16);
    assert_eq!(details["actualBytes"], json.len() as u64 + 15);
}

#[test]
fn headers_that_claim_too_much() {
    let mut bytes = (limits::HEADER_BYTES + 1).to_le_bytes().to_vec();
    bytes.extend_from_slice(b"{}");
    refused(bytes, "BAD_HEADER", "the limit is 100000000");
    let mut bytes = u64::MAX.to_le_bytes().to_vec();
    bytes.extend_from_slice(b"{}");
    refused(bytes, "BAD_HEADER", "the limit is");
}

#[test]
fn things_that_are_not_headers() {
    refused(file("[]", 0), "BAD_HEADER", "does not begin with {");
    refused(file(" {}", 0), "BAD_HEADER", "does not begin with {");
    refused(file("", 0), "BAD_HEADER", "does not begin with {");
    refused(file("{\"a\":", 0), "BAD_HEADER", "not a safetensors header");
    refused(file("{} x", 0), "BAD_HEADER", "not a safetensors header");
    refused(
        file("{\"a\":{}}", 0),
        "BAD_HEADER",
        "tensor a: missing field",
    );
    refused(
        file("{\"__metadata__\":{\"a\":1}}", 0),
        "BAD_HEADER",
        "not a safetensors header",
    );
    let deep = format!("{}{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    refused(file(&deep, 0), "BAD_HEADER", "not a safetensors header");
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
    refused(pointer, "BAD_HEADER", "git lfs pull");
}

#[test]
fn names_that_occur_twice() {
    refused_entries(
        &[entry("a", "U8", "[1]", 0, 1), entry("a", "U8", "[1]", 0, 1)],
        1,
        "a occurs twice",
    );
    refused_entries(
        &[
            entry("a", "U8", "[1]", 0, 1),
            entry("\\u0061", "U8", "[1]", 1, 2),
        ],
        2,
        "a occurs twice",
    );
    refused(
        file(r#"{"__metadata__":{"k":"1","k":"2"}}"#, 0),
        "BAD_HEADER",
        "k occurs twice",
    );
    refused(
        file(r#"{"__metadata__":{},"__metadata__":{}}"#, 0),
        "BAD_HEADER",
        "occurs twice",
    );
}

#[test]
fn tensors_that_contradict_themselves() {
    refused_entries(
        &[entry("a", "F33", "[1]", 0, 4)],
        4,
        "tensor a has unknown dtype \"F33\"",
    );
    refused_entries(&[entry("a", "F32", "[1]", 4, 0)], 4, "before its begin");
    refused_entries(&[entry("a", "F32", "[3]", 0, 8)], 8, "takes 96 bits");
    refused_entries(&[entry("a", "F4", "[3]", 0, 2)], 2, "takes 12 bits");
    refused_entries(&[entry("a", "U8", "[-1]", 0, 1)], 1, "tensor a");
    refused_entries(&[entry("a", "U8", "[1.5]", 0, 1)], 1, "tensor a");
    let many = format!("[{}]", vec!["1"; limits::DIMS + 1].join(","));
    refused_entries(&[entry("a", "U8", &many, 0, 1)], 1, "17 dimensions");
    refused_entries(
        &[entry("a", "U8", "[4294967296,4294967296]", 0, 0)],
        0,
        "too large",
    );
    refused_entries(
        &[entry("a", "F64", "[2305843009213693952]", 0, 0)],
        0,
        "too large",
    );
    refused_entries(
        &[entry("a", "U8", "[4294967296,4294967296,0]", 0, 0)],
        0,
        "too large",
    );
    let end = u64::MAX;
    refused_entries(&[entry("a", "U8", "[0]", end, end)], 0, "out of range");
}

#[test]
fn tensors_that_contradict_each_other() {
    refused_entries(
        &[entry("a", "U8", "[2]", 0, 2), entry("b", "U8", "[2]", 1, 3)],
        3,
        "tensor b at 1 overlaps",
    );
    refused_entries(
        &[entry("a", "U8", "[2]", 0, 2), entry("b", "U8", "[2]", 3, 5)],
        5,
        "leaves a hole",
    );
    refused_entries(&[entry("a", "U8", "[2]", 1, 3)], 3, "leaves a hole");
    refused_entries(&[entry("a", "U8", "[2]", 0, 2)], 3, "1 bytes follow");
    refused(file("{}", 1), "BAD_HEADER", "1 bytes follow");
}

#[test]
fn too_many_tensors() {
    let one = entry("X", "U8", "[0]", 0, 0);
    let entries: Vec<_> = (0..=limits::TENSORS)
        .map(|n| one.replace('X', &n.to_string()))
        .collect();
    refused_entries(&entries, 0, "more than 1000000 tensors");
}

fn open(folder: &MemFolder) -> TensorsError {
    Catalog::open(Arc::new(folder.clone())).expect_err("a broken model")
}

/// A model of two shards, `a` in the first and `b` in the second, and this index.
fn sharded(weight_map: &str) -> MemFolder {
    let folder = MemFolder::new("m");
    folder
        .insert(
            "one.safetensors",
            file(&format!("{{{}}}", entry("a", "U8", "[1]", 0, 1)), 1),
        )
        .insert(
            "two.safetensors",
            file(&format!("{{{}}}", entry("b", "U8", "[1]", 0, 1)), 1),
        )
        .insert(
            "model.safetensors.index.json",
            format!("{{\"weight_map\":{weight_map}}}"),
        );
    folder
}

fn bad_index(weight_map: &str, fragment: &str) {
    let error = open(&sharded(weight_map));
    assert_eq!(error.code(), "BAD_INDEX", "{error}");
    let text = error.to_string();
    assert!(
        text.contains(fragment),
        "{text:?} does not contain {fragment:?}"
    );
    assert!(text.contains("m/model.safetensors.index.json"), "{text}");
}

#[test]
fn an_index_agrees_with_its_shards() {
    let good = sharded(r#"{"a":"one.safetensors","b":"two.safetensors"}"#);
    assert_eq!(Catalog::open(Arc::new(good)).unwrap().tensors.len(), 2);
    bad_index(
        r#"{"a":"one.safetensors","b":"three.safetensors"}"#,
        "tensor b is in three.safetensors, which is missing",
    );
    bad_index(
        r#"{"a":"two.safetensors","b":"one.safetensors"}"#,
        "tensor a is in one.safetensors, not in two.safetensors",
    );
    bad_index(
        r#"{"a":"one.safetensors","b":"two.safetensors","c":"one.safetensors"}"#,
        "tensor c is not in one.safetensors",
    );
    bad_index(
        r#"{"a":"one.safetensors","c":"two.safetensors"}"#,
        "tensor c is not in two.safetensors",
    );
    bad_index(
        r#"{"a":"one.safetensors","a":"one.safetensors"}"#,
        "a occurs twice",
    );
    bad_index("{}", "names no tensor");
    bad_index("[]", "not an index");
}

#[test]
fn an_index_does_not_leave_its_folder() {
    for shard in [
        "../x.safetensors",
        "/etc/passwd",
        "a/../../x",
        "C:\\\\x",
        "",
    ] {
        bad_index(&format!("{{\"a\":\"{shard}\"}}"), "outside the folder");
    }
}

#[test]
fn a_tensor_is_in_one_shard_only() {
    let folder = MemFolder::new("m");
    let shard = file(&format!("{{{}}}", entry("a", "U8", "[1]", 0, 1)), 1);
    folder
        .insert("one.safetensors", shard.clone())
        .insert("two.safetensors", shard);
    let error = open(&folder);
    assert_eq!(error.code(), "BAD_INDEX");
    assert!(
        error
            .to_string()
            .contains("tensor a is both in one.safetensors and in two.safetensors")
    );
}

#[test]
fn a_damaged_configuration_is_named() {
    let folder = MemFolder::new("m");
    folder
        .insert("model.safetensors", file("{}", 0))
        .insert("config.json", "{");
    let error = open(&folder);
    assert_eq!(error.code(), "NOT_A_MODEL");
    assert!(error.to_string().contains("m/config.json"));
}
