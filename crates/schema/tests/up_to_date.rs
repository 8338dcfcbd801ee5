//! The generated TypeScript is that of the Rust types. A test and not a command of its own: `cargo run -p kerf-schema` asks its libraries
//! for other features than `cargo test --workspace` does, and forty crates, faer and all of kerf's among them, would be built twice.

use std::process::Command;

#[test]
fn generated_typescript_is_up_to_date() {
    let output = Command::new(env!("CARGO_BIN_EXE_kerf-schema"))
        .arg("--check")
        .output()
        .expect("cargo has built the program");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn what_is_no_argument_is_refused() {
    let output = Command::new(env!("CARGO_BIN_EXE_kerf-schema"))
        .arg("--chekc")
        .output()
        .expect("cargo has built the program");
    assert!(!output.status.success());
}
