//! The tokenizer of stories260K: LLaMA's kind, with bytes for what it does not know.

use kerf_text::{TextStream, Tokenizer};

fn tokenizer() -> Tokenizer {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../test/fixtures/stories260K/tokenizer.json"
    );
    Tokenizer::from_bytes(&std::fs::read(path).expect("fixture")).expect("a tokenizer")
}

#[test]
fn text_comes_back() {
    let tokenizer = tokenizer();
    for text in [
        "Once upon a time",
        "Zoë said: \"日本\"\n\n  two  spaces ",
        "🙂🙂",
    ] {
        let ids = tokenizer.encode(text, true).expect("ids");
        assert_eq!(ids[0], 1, "one begin token");
        assert!(
            ids[1..]
                .iter()
                .all(|&id| id > 2 && (id as usize) < tokenizer.vocab())
        );
        assert_eq!(tokenizer.encode(text, false).expect("ids"), ids[1..]);
        assert_eq!(tokenizer.decode(&ids).expect("text"), text);
    }
}

#[test]
fn pieces_join_to_the_prompt_and_never_split_a_character() {
    let tokenizer = tokenizer();
    let text =
        "Lily 🙂 and Zoë ran.\nThey saw 日本 and a big dog, and they were happy all day long.";
    let ids = tokenizer.encode(text, true).expect("ids");
    for cut in 1..ids.len() {
        let prompt = tokenizer.decode(&ids[..cut]).expect("text");
        if prompt.contains(char::REPLACEMENT_CHARACTER) {
            continue;
        }
        let mut stream = TextStream::new(&tokenizer, &ids[..cut]);
        let mut joined = prompt;
        for &id in &ids[cut..] {
            let piece = stream.push(id).expect("piece");
            assert!(!piece.contains(char::REPLACEMENT_CHARACTER), "{piece:?}");
            joined.push_str(&piece);
        }
        joined.push_str(&stream.finish().expect("rest"));
        assert_eq!(joined, text, "prompt of {cut} tokens");
    }
}

#[test]
fn a_character_that_never_completes_is_shown_at_the_end() {
    let tokenizer = tokenizer();
    let ids = tokenizer.encode("a🙂", false).expect("ids");
    let mut stream = TextStream::new(&tokenizer, &ids[..1]);
    assert_eq!(stream.push(ids[ids.len() - 4]).expect("piece"), "");
    assert!(
        stream
            .finish()
            .expect("rest")
            .contains(char::REPLACEMENT_CHARACTER)
    );
}

#[test]
fn truncation_keeps_the_first_tokens() {
    let tokenizer = tokenizer();
    let ids = tokenizer.encode("Once upon a time", true).expect("ids");
    let (cut, truncated) = tokenizer
        .encode_truncated("Once upon a time", 3)
        .expect("ids");
    assert!(truncated);
    assert_eq!(cut, ids[..3]);
    let whole = tokenizer
        .encode_truncated("Once upon a time", ids.len())
        .expect("ids");
    assert_eq!(whole, (ids, false));
}

#[test]
fn what_is_no_tokenizer_is_an_error() {
    for bytes in [&b""[..], b"{}", b"[1]", b"\xff\xfe", b"{\"model\":{}}"] {
        assert!(Tokenizer::from_bytes(bytes).is_err());
    }
}
