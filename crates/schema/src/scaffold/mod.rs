//! `kerf-schema new KIND NAME`: the file, the row and the `mod` line of a new member of a table. What is written compiles, and the battery
//! of its table fails on it until it is filled in.

use std::path::Path;

/// One table that can grow.
struct Kind {
    /// As the command line has it.
    id: &'static str,
    /// Folder of its files, from the root of the repository.
    folder: &'static str,
    /// The new file; `ID`, `TYPE` and `CONST` stand for the name in its spellings.
    template: &'static str,
    /// The row in the table.
    row: &'static str,
    /// What to do next.
    next: &'static str,
}

const KINDS: [Kind; 6] = [
    Kind {
        id: "method",
        folder: "crates/compress/src/methods",
        template: include_str!("method.rs.txt"),
        row: "&MODULE::TYPE",
        next: "fill in `solve`, `params` and the doc block, then run `cargo test --workspace --test methods` until the battery passes",
    },
    Kind {
        id: "schedule",
        folder: "crates/compress/src/schedules",
        template: include_str!("schedule.rs.txt"),
        row: "&MODULE::TYPE",
        next: "fill in `allocate`, `needs` and the doc block, then run `cargo test --workspace --lib schedules` until the battery passes",
    },
    Kind {
        id: "format",
        folder: "crates/tensors/src/formats",
        template: include_str!("format.rs.txt"),
        row: "&MODULE::TYPE",
        next: "fill in `plan`, `write` and the doc block, then run `cargo test --workspace --test formats` until the battery passes; say in docs/formats.md who opens it",
    },
    Kind {
        id: "architecture",
        folder: "crates/model/src/arch",
        template: include_str!("architecture.rs.txt"),
        row: "&MODULE::CONST",
        next: "fill in `model_types` and what differs from llama, then run `cargo test --workspace --test rows` until the battery passes; golden outputs come from test/golden/make_model_goldens.py",
    },
    Kind {
        id: "gate",
        folder: "crates/model/src/gate",
        template: include_str!("gate.rs.txt"),
        row: "MODULE::ROW",
        next: "fill in `keep` and the doc block, then run `cargo test --workspace --test gates` until the battery passes",
    },
    Kind {
        id: "pruner",
        folder: "crates/train/src/prune",
        template: include_str!("pruner.rs.txt"),
        row: "&MODULE::TYPE",
        next: "fill in `ranking`, `about`, `params` and the doc block, then run `cargo test --workspace --test pruners` until the battery passes",
    },
];

/// The kinds that can be made, for the usage.
pub fn kinds() -> String {
    KINDS.map(|kind| kind.id).join(", ")
}

/// Writes a new member of a table below `root`; returns what was written, and what to do next.
pub fn write(root: &Path, kind: &str, name: &str) -> Result<String, String> {
    let found = KINDS.iter().find(|row| row.id == kind);
    let kind = found.ok_or_else(|| format!("{kind} is none of {}", kinds()))?;
    let spelled = Spelled::of(name)?;
    let folder = root.join(kind.folder);
    let (file, table) = (
        folder.join(format!("{}.rs", spelled.module)),
        folder.join("mod.rs"),
    );
    if file.exists() || is_taken(&folder, name)? {
        return Err(format!(
            "there is a {} {name} already in {}",
            kind.id, kind.folder
        ));
    }
    let text = read(&table)?;
    let text = with_module(&text, &spelled.module)?;
    let text = with_row(&text, &spelled.fill(kind.row))?;
    // The table last: a failure before leaves nothing that does not compile.
    put(&file, &spelled.fill(kind.template))?;
    put(&table, &text)?;
    format(&table);
    let (folder, module, next) = (kind.folder, &spelled.module, kind.next);
    Ok(format!(
        "wrote {folder}/{module}.rs, and its row in {folder}/mod.rs\nnext: {next}\nthen: `cargo run -p kerf-schema` and `npm run docs:api` make it known to TypeScript and the docs"
    ))
}

/// A name in the spellings of Rust.
struct Spelled {
    id: String,
    module: String,
    ty: String,
}

impl Spelled {
    fn of(name: &str) -> Result<Self, String> {
        let module = name.replace('-', "_");
        let mut words = module.split('_');
        let is_word = |word: &str| {
            let rest = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
            !word.is_empty() && word.chars().all(rest)
        };
        let begins = module.starts_with(|c: char| c.is_ascii_lowercase());
        // A keyword is no identifier.
        let is_free = syn::parse_str::<syn::Ident>(&module).is_ok();
        if !(begins && words.all(is_word) && is_free) {
            return Err(format!(
                "{name} is no name: give lowercase words, digits, and - or _ between them, such as my-rule"
            ));
        }
        let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
        let ty = module.split('_').map(capital).collect();
        Ok(Self {
            id: name.into(),
            module,
            ty,
        })
    }

    fn fill(&self, template: &str) -> String {
        let parameter = self.ty[..1].to_lowercase() + &self.ty[1..];
        template
            .replace("PARAMETER", &parameter)
            .replace("MODULE", &self.module)
            .replace("CONST", &self.module.to_uppercase())
            .replace("TYPE", &self.ty)
            .replace("ID", &self.id)
    }
}

/// Whether a file of the folder has that id.
fn is_taken(folder: &Path, name: &str) -> Result<bool, String> {
    let entries =
        std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries.flatten().filter(|entry| entry.path().is_file()) {
        if read(&entry.path())?.contains(&format!("\"{name}\"")) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The `mod` line, where the alphabet has it.
fn with_module(text: &str, module: &str) -> Result<String, String> {
    let name_of = |line: &str| -> Option<String> {
        let line = line.strip_prefix("pub ").unwrap_or(line);
        Some(line.strip_prefix("mod ")?.strip_suffix(';')?.into())
    };
    let mut lines: Vec<&str> = text.lines().collect();
    let first = lines.iter().position(|line| name_of(line).is_some());
    let first = first.ok_or("mod.rs declares no modules")?;
    let after = |line: &&str| name_of(line).is_some_and(|name| name.as_str() < module);
    let place = first + lines[first..].iter().take_while(|line| after(line)).count();
    let line = format!("mod {module};");
    lines.insert(place, &line);
    Ok(lines.join("\n") + "\n")
}

/// The row, at the end of the table.
fn with_row(text: &str, row: &str) -> Result<String, String> {
    let start = text.find("pub fn table()").ok_or("mod.rs has no table")?;
    let end = start + text[start..].find("\n}\n").ok_or("the table has no end")?;
    let close = text[..end].rfind(']').ok_or("the table is no list")?;
    let list = text[..close].trim_end();
    Ok(match list.ends_with(',') {
        true => format!("{list}\n        {row},\n    {}", &text[close..]),
        false => format!("{list}, {row}{}", &text[close..]),
    })
}

fn read(path: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(path);
    text.map_err(|error| format!("{}: {error}", path.display()))
}

/// Formats the table with its new row, where rustfmt is there.
fn format(table: &Path) {
    let mut rustfmt = std::process::Command::new("rustfmt");
    // CI says what is not formatted.
    let _ = rustfmt.args(["--edition", "2024"]).arg(table).output();
}

fn put(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn repository() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
    }

    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            let target = to.join(path.file_name().unwrap());
            if path.is_dir() {
                copy(&path, &target);
            } else {
                std::fs::copy(&path, target).unwrap();
            }
        }
    }

    #[test]
    fn each_kind_is_a_file_and_a_row_that_rustfmt_accepts_and_is_made_once() {
        for kind in KINDS {
            let root = tempfile::tempdir().unwrap();
            let folder = root.path().join(kind.folder);
            copy(&repository().join(kind.folder), &folder);
            let said = write(root.path(), kind.id, "mine-two").unwrap();
            assert!(
                said.contains("mine_two.rs") && said.contains("cargo test"),
                "{said}"
            );
            let table = read(&folder.join("mod.rs")).unwrap();
            assert_eq!(table.matches("\nmod mine_two;\n").count(), 1);
            assert_eq!(table.matches("mine_two::").count(), 1, "{table}");
            let file = read(&folder.join("mine_two.rs")).unwrap();
            assert!(
                file.starts_with("//! ") && file.contains("\"mine-two\""),
                "{file}"
            );
            let checked = Command::new("rustfmt")
                .args(["--check", "--edition", "2024"])
                .arg(folder.join("mod.rs"))
                .output()
                .unwrap();
            let differences = String::from_utf8_lossy(&checked.stdout);
            assert!(checked.status.success(), "{differences}");
            let again = write(root.path(), kind.id, "mine-two").unwrap_err();
            assert!(again.contains("already"), "{again}");
        }
    }

    #[test]
    fn names_that_are_none_or_taken_and_unknown_kinds_are_refused() {
        for name in ["", "2x", "Mine", "a b", "a--b", "match", "../x", "a.b"] {
            let error = write(repository(), "method", name).unwrap_err();
            assert!(error.contains("is no name"), "{name}: {error}");
        }
        for (kind, name) in [
            ("method", "obs"),
            ("schedule", "error-levels"),
            ("format", "safetensors"),
            ("architecture", "llama"),
            ("gate", "static"),
        ] {
            let error = write(repository(), kind, name).unwrap_err();
            let refused = error.contains("already") || error.contains("is no name");
            assert!(refused, "{kind} {name}: {error}");
        }
        assert!(
            write(repository(), "solver", "mine")
                .unwrap_err()
                .contains("method, schedule")
        );
    }
}
