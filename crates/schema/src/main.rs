//! Writes ts/generated/index.ts from the Rust types, tables and codes: one fact is written once.
//!
//! `cargo run -p kerf-schema` writes the file; with `--check` it writes nothing and exits 1 if the file is not up to date. With
//! `new KIND NAME` it writes the beginnings of a new member of a table instead (`scaffold`).

mod layout;
mod meanings;
mod scaffold;
mod types;
mod values;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HEAD: &str = "// Written by `cargo run -p kerf-schema`. Do not edit: change the Rust type and run that again.\n";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        [] => write(),
        ["--check"] => check(),
        ["new", kind, name] => scaffold::write(&root(), kind, name).map(|said| println!("{said}")),
        _ => Err(format!(
            "usage: kerf-schema [--check], or kerf-schema new KIND NAME, where KIND is one of {}",
            scaffold::kinds()
        )),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn file() -> PathBuf {
    root().join("ts/generated/index.ts")
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
