//! A panic anywhere becomes an error with its place, and the next call works.

use kerf_bindings::{Event, Host, invoke, panics};
use serde_json::{Value, json};

struct Panicking(bool);

impl Host for Panicking {
    fn event(&self, event: Event) {
        assert!(!self.0, "a host that cannot bear {:?}", event.stage);
    }

    fn cancelled(&self) -> bool {
        false
    }
}

#[test]
fn a_panic_is_an_internal_error_that_says_where() {
    panics::capture();
    let out = tempfile::tempdir().unwrap();
    let model = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../test/fixtures/stories260K"
    );
    let request = json!({
        "model": model,
        "out": out.path().join("small"),
        "options": { "method": "magnitude", "sparsity": 0.7, "threads": 2 },
    });
    let run = |host: &Panicking| -> Value {
        serde_json::from_str(&invoke("compress", &request.to_string(), host).json).unwrap()
    };
    let error = &run(&Panicking(true))["error"];
    assert_eq!(error["code"], "INTERNAL");
    let details = &error["details"];
    assert!(
        details["reason"]
            .as_str()
            .unwrap()
            .contains("a host that cannot bear")
    );
    assert!(details["location"].as_str().unwrap().contains("panics.rs"));
    assert!(run(&Panicking(false))["ok"].is_object());
}
