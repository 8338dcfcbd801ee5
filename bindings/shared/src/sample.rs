//! The text that ships with kerf: what a compression calibrates on without a text of its own, and the probe, other text of the same
//! kinds on which its result is measured. data/README.md says where all of it is from.

/// Text of one kind.
pub struct Sample {
    /// What kind, in a word; for tests.
    #[cfg_attr(not(test), allow(dead_code))]
    pub kind: &'static str,
    /// Documents, a blank line between two.
    pub text: &'static str,
}

/// The kinds of a folder of data.
macro_rules! samples {
    ($folder:literal: $($kind:literal),*) => {
        &[$(Sample {
            kind: $kind,
            text: include_str!(concat!("../data/", $folder, "/", $kind, ".txt")),
        }),*]
    };
    ($folder:literal) => {
        samples!($folder: "prose", "encyclopedia", "news", "dialogue", "code", "lists", "languages")
    };
}

/// Text to calibrate on, by kind.
pub const CALIBRATION: &[Sample] = samples!("calibration");
/// Text to measure on, by kind: nothing of it is in [`CALIBRATION`].
pub const PROBE: &[Sample] = samples!("probe");

/// Documents of one kind that stand together before the next kind has its turn, in bytes: long enough for a context, and short enough
/// that a window of a few thousand tokens sees several kinds.
const SECTION_BYTES: usize = 1500;

/// All kinds in turn, each by its share of the whole: a reader that stops early has seen something of each.
pub fn mixed(samples: &[Sample]) -> String {
    let mut kinds: Vec<(Sections<'_>, usize)> = samples
        .iter()
        .map(|sample| (Sections::of(sample.text), 0))
        .collect();
    let mut text = String::new();
    loop {
        let behind = kinds
            .iter_mut()
            .filter(|(sections, _)| !sections.rest.is_empty())
            .min_by(|a, b| a.0.share(a.1).total_cmp(&b.0.share(b.1)));
        let Some((sections, taken)) = behind else {
            return text;
        };
        let section = sections.next();
        *taken += section.len();
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        text.push_str(section);
    }
}

/// Documents of a kind, some at a time.
struct Sections<'a> {
    rest: &'a str,
    bytes: usize,
}

impl<'a> Sections<'a> {
    fn of(text: &'a str) -> Self {
        let rest = text.trim_matches('\n');
        Self {
            rest,
            bytes: rest.len(),
        }
    }

    fn share(&self, taken: usize) -> f64 {
        taken as f64 / self.bytes as f64
    }

    /// Whole documents of [`SECTION_BYTES`] together, at least.
    fn next(&mut self) -> &'a str {
        let rest = self.rest;
        let from = (0..=SECTION_BYTES.min(rest.len()))
            .rev()
            .find(|at| rest.is_char_boundary(*at))
            .unwrap_or(0);
        let end = rest[from..].find("\n\n").map_or(rest.len(), |at| from + at);
        self.rest = rest[end..].trim_start_matches('\n');
        &rest[..end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_is_there_once_and_every_kind_early() {
        let text = mixed(CALIBRATION);
        for sample in CALIBRATION {
            let documents: Vec<&str> = sample
                .text
                .split("\n\n")
                .map(|document| document.trim_matches('\n'))
                .filter(|document| !document.is_empty())
                .collect();
            assert!(documents.len() > 3, "{}", sample.kind);
            let missing = documents.iter().find(|document| !text.contains(**document));
            assert_eq!(missing, None, "{}", sample.kind);
            let first = text.find(documents[0]).unwrap_or(text.len());
            assert!(first < 40_000, "{} begins at {first}", sample.kind);
        }
        let bytes: usize = CALIBRATION.iter().map(|sample| sample.text.len()).sum();
        assert!(text.len() <= bytes + 2000);
    }

    #[test]
    fn the_probe_has_nothing_of_the_calibration_text() {
        let text = mixed(CALIBRATION);
        let lines = PROBE.iter().flat_map(|sample| sample.text.lines());
        for line in lines.filter(|line| line.chars().count() > 30) {
            assert!(!text.contains(line), "{line}");
        }
    }
}
