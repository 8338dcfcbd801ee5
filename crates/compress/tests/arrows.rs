//! Rooms of this crate import from those below them alone, so that a reader can take one without those above it.

use std::path::{Path, PathBuf};

/// From the lowest to the highest. Files beside the folders are rooms of their own: values that several rooms speak of.
const ROOMS: [&str; 17] = [
    "error",
    "calibration",
    "measured",
    "solve",
    "recover",
    "methods",
    "schedules",
    "options",
    "report",
    "allocate",
    "costs",
    "prepass",
    "plan",
    "job",
    "estimate",
    "lib",
    // Names of `lib.rs` by which other crates call what lies in a room.
    "facade",
];

/// Types that `lib.rs` names, and their rooms.
const NAMED: [(&str, &str); 4] = [
    ("CompressError", "error"),
    ("Options", "options"),
    ("Job", "job"),
    ("JobInputs", "job"),
];

fn height(room: &str) -> usize {
    let named = NAMED.iter().find(|(name, _)| *name == room);
    let room = named.map_or(room, |(_, room)| room);
    let found = ROOMS.iter().position(|known| *known == room);
    found.unwrap_or(ROOMS.len() - 1)
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let of = |path: PathBuf| match path.is_dir() {
        true => sources(&path),
        false => vec![path],
    };
    paths.flat_map(of).collect()
}

/// The first names after each `crate::`, also of a group in braces; comments left out, since a doc may point upwards.
fn imported(text: &str) -> Vec<String> {
    let lines = text.lines();
    let code: Vec<&str> = lines
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    let code = code.join("\n");
    let mut found = Vec::new();
    for (at, marker) in code.match_indices("crate::") {
        let rest = &code[at + marker.len()..];
        let names = match rest.strip_prefix('{') {
            Some(group) => group.split('}').next().unwrap_or_default().split(','),
            None => rest.split(';').next().unwrap_or_default().split(','),
        };
        let first = |name: &str| {
            let letters = name.trim().chars();
            let word = letters.take_while(|c| c.is_alphanumeric() || *c == '_');
            word.collect::<String>()
        };
        match rest.starts_with('{') {
            true => found.extend(names.map(first).filter(|name| !name.is_empty())),
            false => found.extend(names.take(1).map(first)),
        }
    }
    found
}

/// `room imports name` of each import that goes up.
fn upward(room: &str, text: &str) -> Vec<String> {
    let names = imported(text).into_iter();
    let up = names.filter(|name| height(name) > height(room));
    up.map(|name| format!("{room} imports {name}")).collect()
}

#[test]
fn no_room_imports_from_one_above_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut rooms = std::collections::BTreeSet::new();
    for path in sources(&root) {
        let inside = path.strip_prefix(&root).unwrap();
        let room = inside.iter().next().unwrap().to_str().unwrap();
        let room = room.trim_end_matches(".rs").to_owned();
        assert!(
            ROOMS.contains(&room.as_str()),
            "{room} has no place among the rooms"
        );
        let text = std::fs::read_to_string(&path).unwrap();
        if room != "lib" {
            let up = upward(&room, &text).into_iter();
            found.extend(up.map(|up| format!("{}: {up}", inside.display())));
        }
        rooms.insert(room);
    }
    assert_eq!(rooms.len(), ROOMS.len() - 1);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn an_import_that_goes_up_is_found() {
    let up = |room, text| upward(room, text).len();
    assert_eq!(up("solve", "use crate::methods::by_id;"), 1);
    assert_eq!(
        up("solve", "use crate::{CompressError, plan::Plan, job};"),
        2
    );
    assert_eq!(
        up("plan", "let x = crate::job::share::of(a, crate::solve::b);"),
        1
    );
    assert_eq!(up("plan", "use crate::Job;"), 1);
    assert_eq!(
        up(
            "plan",
            "/// See [`crate::job`].\nuse crate::solve::Problem;"
        ),
        0
    );
    assert_eq!(up("job", "use crate::plan::Plan;\nuse crate::journal;"), 1);
}
