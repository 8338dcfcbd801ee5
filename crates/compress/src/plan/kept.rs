//! What a run leaves as it is, or out, and why: for plan and report.

use crate::plan::unknown::{self, Guess};
use kerf_tensors::formats::ModelInfo;
use kerf_tensors::{Catalog, TensorEntry};
use std::collections::{BTreeMap, HashMap};

/// Why tensors are not compressed, by name: those of which there is something to say.
pub type Reasons = HashMap<String, &'static str>;

const DEAD: &str = "read by nobody";
const UNREAD: &str = "not read by the network";

/// Reasons and notes of a model: by its network, or else by what is guessed.
pub fn reasons(catalog: &Catalog, model_info: &ModelInfo) -> (Reasons, Vec<String>) {
    let of: Vec<Option<&'static str>> = match model_info.known {
        true => catalog
            .tensors
            .iter()
            .map(|entry| known(model_info, entry))
            .collect(),
        false => {
            let guesses = unknown::guesses_of(catalog).into_iter();
            let reason = |guess| match guess {
                Guess::Kept(reason) => Some(reason),
                _ => None,
            };
            guesses.map(reason).collect()
        }
    };
    let told = || {
        catalog
            .tensors
            .iter()
            .zip(&of)
            .filter_map(|(entry, reason)| Some((entry, (*reason)?)))
    };
    let of_kind = |wanted: &dyn Fn(&str) -> bool, why| {
        let tensors = told().filter(|(_, reason)| wanted(reason));
        note(
            tensors.map(|(entry, reason)| (entry.name.as_str(), reason, entry.stored_bytes())),
            why,
        )
    };
    let notes = [
        of_kind(
            &|reason| reason == DEAD,
            "are left out of the result: readers compute them, or have them from the token table",
        ),
        of_kind(
            &|reason| reason == UNREAD,
            "are kept as they are: the network does not read them, others may",
        ),
        of_kind(
            &|reason| reason == unknown::STACKS,
            "are kept as they are: kerf compresses matrices, and these have three dimensions",
        ),
        of_kind(
            &|reason| ![DEAD, UNREAD, unknown::STACKS].contains(&reason),
            "are kept as they are: they are no weights of linear layers, or may be none",
        ),
    ];
    let reasons = told()
        .map(|(entry, reason)| (entry.name.clone(), reason))
        .collect();
    (reasons, notes.into_iter().flatten().collect())
}

fn known(model_info: &ModelInfo, entry: &TensorEntry) -> Option<&'static str> {
    match () {
        () if model_info.dead.contains(&entry.name) => Some(DEAD),
        () if model_info.unread.contains(&entry.name) => Some(UNREAD),
        () => None,
    }
}

/// One sentence with bytes: `tensors` are names, what they are, and bytes. `None` if there are none.
fn note<'a>(
    tensors: impl Iterator<Item = (&'a str, &'static str, u64)>,
    why: &str,
) -> Option<String> {
    /// More patterns than anybody reads; the plan has them all.
    const LISTED: usize = 24;
    let mut groups: BTreeMap<(&str, String), (u64, u64)> = BTreeMap::new();
    for (name, what, bytes) in tensors {
        let group = groups.entry((what, without_numbers(name))).or_default();
        *group = (group.0 + 1, group.1 + bytes);
    }
    let total: u64 = groups.values().map(|(_, bytes)| bytes).sum();
    let describe = |((what, pattern), (count, bytes)): (&(&str, String), &(u64, u64))| {
        let count = match count {
            1 => String::new(),
            _ => format!("{count}, "),
        };
        let what = match *what {
            DEAD | UNREAD | unknown::STACKS => String::new(),
            what => format!("{what} "),
        };
        format!("{what}{pattern} ({count}{})", readable(*bytes))
    };
    let mut listed: Vec<String> = groups.iter().take(LISTED).map(describe).collect();
    if groups.len() > LISTED {
        listed.push(format!("{} more", groups.len() - LISTED));
    }
    (!groups.is_empty()).then(|| format!("{} {why}: {}", readable(total), listed.join("; ")))
}

/// A name with `*` for the numbers of blocks and experts.
fn without_numbers(name: &str) -> String {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts = name.split('.');
    let starred: Vec<&str> = parts
        .map(|part| if is_number(part) { "*" } else { part })
        .collect();
    starred.join(".")
}

/// Bytes for people.
fn readable(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} bytes"),
        1000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_of_all_blocks_are_one_entry() {
        let tensors = [
            ("layers.0.mlp.gate.weight", "routers", 2048),
            ("layers.1.mlp.gate.weight", "routers", 2048),
            ("wpe.weight", "tables of positions", 1_500_000),
        ];
        assert_eq!(
            note(tensors.into_iter(), "are kept").unwrap(),
            "1.5 MB are kept: routers layers.*.mlp.gate.weight (2, 4.1 kB); tables of positions wpe.weight (1.5 MB)"
        );
        assert_eq!(note([].into_iter(), "are kept"), None);
        let names: Vec<String> = (0..40).map(|index| format!("t{index}")).collect();
        let many = names.iter().map(|name| (name.as_str(), "tables", 1));
        assert!(note(many, "are kept").unwrap().ends_with("; 16 more"));
    }
}
