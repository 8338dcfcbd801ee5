//! Writes ts/generated/index.ts from the Rust types, tables and codes: one fact is written once.
//!
//! `cargo run -p kerf-schema` writes the file; with `--check` it writes nothing and exits 1 if the file is not up to date.

mod layout;
mod meanings;
mod types;
mod values;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HEAD: &str = "// Written by `cargo run -p kerf-schema`. Do not edit: change the Rust type and run that again.\n";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let result = match (arguments.next().as_deref(), arguments.next()) {
        (None, None) => write(),
        (Some("--check"), None) => check(),
        _ => Err("usage: kerf-schema [--check]".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ts/generated/index.ts")
}

fn content() -> String {
    let mut sections = vec![HEAD.to_string()];
    sections.extend(types::declarations());
    sections.extend(values::constants());
    sections.join("\n")
}

fn write() -> Result<(), String> {
    let file = file();
    let folder = file.parent().unwrap_or(&file);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&file, content()))
        .map_err(|error| format!("{}: {error}", file.display()))
}

fn check() -> Result<(), String> {
    let file = file();
    // A checkout with other line ends is not a difference.
    let written = std::fs::read_to_string(&file)
        .unwrap_or_default()
        .replace("\r\n", "\n");
    let content = content();
    if written == content {
        return Ok(());
    }
    let line = written
        .lines()
        .zip(content.lines())
        .take_while(|(a, b)| a == b)
        .count()
        + 1;
    Err(format!(
        "ts/generated/index.ts is not up to date (first difference in line {line}): run `cargo run -p kerf-schema`"
    ))
}
