//! Which of two texts a routed model prefers.

use kerf_kernels::Compute;
use kerf_model::Network;
use kerf_model::Part;
use kerf_model::evaluate::Runner;
use kerf_model::gate::{DroppedParts, Removal};
use kerf_route::{preferred_share, prefill_seconds};
use kerf_tensors::Catalog;
use kerf_text::Tokenizer;
use std::path::Path;

#[test]
fn a_text_is_preferred_the_same_way_as_a_whole_and_token_by_token() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../test/fixtures/stories260K");
    let catalog = Catalog::open_path(&folder).unwrap();
    let network = Network::of_catalog(&catalog).unwrap();
    let compute = Compute::new(None, 2).unwrap();
    let json = std::fs::read(folder.join("tokenizer.json")).unwrap();
    let tokenizer = Tokenizer::from_bytes(&json).unwrap();
    let encode = |text: &str| tokenizer.encode(text, true).unwrap();
    let pairs: Vec<_> = [
        (
            "Once upon a time there was a little girl.",
            "Once upon a time there a was girl little.",
        ),
        (
            "She liked to play with her toys.",
            "She liked play to her with toys.",
        ),
        ("The dog was very happy.", "Very dog the happy was."),
    ]
    .map(|(good, bad)| (encode(good), encode(bad)))
    .into();
    let mut runner = Runner::new(&network, &catalog, &compute, u64::MAX);
    for decoding in [None, Some(1), Some(3)] {
        let share = preferred_share(&mut runner, &pairs, decoding, 1).unwrap();
        assert_eq!(share, 1.0, "{decoding:?}");
    }
    // Without attention a model knows no order of words.
    let removed = (0..5).map(|block| Removal {
        block,
        part: Part::Attention,
    });
    let gate = DroppedParts {
        removed: removed.collect(),
    };
    let mut blind = Runner::new(&network, &catalog, &compute, u64::MAX).with_gate(&gate);
    let whole = preferred_share(&mut blind, &pairs, None, 1).unwrap();
    assert_eq!(
        preferred_share(&mut blind, &pairs, Some(1), 1).unwrap(),
        whole
    );
    assert_eq!(
        preferred_share(&mut runner, &[], None, 1)
            .unwrap_err()
            .code(),
        "EMPTY"
    );
    let clock: kerf_run::Clock = || 3.0;
    assert_eq!(
        prefill_seconds(&mut runner, &pairs[0].0, 2, clock).unwrap(),
        0.0
    );
}
