//! WordPiece with special tokens at both ends, from the shape fixture of the shared folder.

use kerf_text::Tokenizer;
use std::path::Path;

#[test]
fn truncation_keeps_the_separator() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/models/all-MiniLM-L6-v2/tokenizer.json");
    let Ok(json) = std::fs::read(&path) else {
        eprintln!("skipped: {} is not there", path.display());
        return;
    };
    let tokenizer = Tokenizer::from_bytes(&json).expect("a tokenizer");
    let ids = tokenizer
        .encode("a man is playing a guitar", true)
        .expect("ids");
    assert_eq!(
        (ids[0], ids[ids.len() - 1], ids.len()),
        (101, 102, 8),
        "no padding, both special tokens"
    );
    let (cut, truncated) = tokenizer
        .encode_truncated("a man is playing a guitar", 5)
        .expect("ids");
    assert!(truncated);
    assert_eq!(cut, [&ids[..4], &[102]].concat());
}
