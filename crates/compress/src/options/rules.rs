//! Rules: matrices for which something else holds than for the rest. Ordered; the first that matches a matrix decides.

use super::glob::glob;
use crate::CompressError;
use crate::methods::{self, Method};
use crate::options::resolve;
use crate::options::{Options, bad_option};
use crate::solve::pattern::Pattern;
use serde::{Deserialize, Serialize};

/// What holds for the matrices that match. What a rule leaves out is as for all others.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Rule {
    /// Which matrices: a pattern of names (`*` stands for any characters, `?` for one), or conditions of which all must hold.
    #[serde(rename = "match")]
    pub matches: Match,
    /// Leave the matrix as it is; no other field may be set then.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "ts", ts(optional, as = "Option<bool>"))]
    pub keep: bool,
    /// Id of the method table. Embeddings are never calibrated: a method that needs calibration leaves them to `magnitude` where weights are removed, else to `rtn`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Share of the weights to remove. Matrices without one share the `sparsity` of the whole by the schedule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sparsity: Option<f64>,
    /// Bits of a code, 2 to 8; 16 keeps the survivors as floats.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bits: Option<u8>,
    /// Columns that share a scale; 0 = a whole row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_size: Option<usize>,
    /// `unstructured`, `row` or `N:M`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
}

/// Which matrices a rule is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(
    untagged,
    expecting = "a pattern of names such as \"*.down_proj.weight\", or an object with name, role or blocks"
)]
pub enum Match {
    /// By name.
    Name(String),
    /// By several conditions.
    Where(Conditions),
}

impl Default for Match {
    fn default() -> Self {
        Self::Where(Conditions::default())
    }
}

/// Conditions, of which all that are given must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Conditions {
    /// One of these patterns of names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<OneOrMany<String>>,
    /// One of these roles: `q`, `k`, `v`, `o`, `gate`, `up`, `down`, `embedding`, `head`; `plan` shows that of each matrix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<OneOrMany<String>>,
    /// In one of these blocks: a number (-1 is the last), or a range such as `"0-3"` or `"8-"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocks: Option<OneOrMany<Blocks>>,
}

/// One or several.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(untagged)]
pub enum OneOrMany<T> {
    /// One.
    One(T),
    /// Several.
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// A block, or a range of blocks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(untagged)]
pub enum Blocks {
    /// Its number; negative from the end.
    One(#[cfg_attr(feature = "ts", ts(type = "number"))] i64),
    /// `"FIRST-LAST"`, or `"FIRST-"` to the end.
    Range(String),
}

/// What a rule looks at.
pub(crate) struct Subject<'a> {
    pub name: &'a str,
    pub role: &'a str,
    /// Absent for embeddings, and where the architecture is not known.
    pub block: Option<usize>,
    /// Number of blocks of the model.
    pub blocks: usize,
}

impl Rule {
    /// Refuses what cannot be meant, before any model is at hand. `place` is such as `rules[2]`.
    pub(crate) fn check(&self, place: &str) -> Result<(), CompressError> {
        let sets = self.method.is_some()
            || self.sparsity.is_some()
            || self.bits.is_some()
            || self.group_size.is_some()
            || self.pattern.is_some();
        if self.keep == sets {
            let (expected, actual) = match sets {
                true => ("keep alone, or what to do without keep", "both"),
                false => (
                    "keep, method, sparsity, bits, groupSize or pattern",
                    "a rule that changes nothing",
                ),
            };
            return Err(bad_option(place, expected, actual));
        }
        if let Match::Where(conditions) = &self.matches {
            conditions.check(&format!("{place}.match"))?;
        }
        Ok(())
    }

    /// Whether it is for that matrix.
    pub(crate) fn matches(&self, subject: &Subject<'_>) -> bool {
        match &self.matches {
            Match::Name(pattern) => glob(pattern, subject.name),
            Match::Where(conditions) => conditions.hold(subject),
        }
    }

    fn says_numbers(&self) -> bool {
        let grid = self.bits.is_some() || self.group_size.is_some();
        grid || self.sparsity.is_some() || self.pattern.is_some()
    }

    /// The options of the whole with those of the rule in their place.
    pub(crate) fn over(&self, options: &Options) -> Options {
        let mut options = options.clone();
        if let Some(id) = &self.method {
            // What the method before implied holds no longer; a share of the whole does, for a method that removes.
            let removes = methods::by_id(id).is_some_and(Method::prunes);
            options.pattern = None;
            options.sparsity = options.sparsity.filter(|share| removes && *share > 0.0);
        } else if self.says_numbers() && chooses_rate(&options) {
            // Entropy-constrained rounding takes no numbers: such a matrix is for the method that does.
            options.method = Some("joint".into());
        }
        if self.pattern.is_some() {
            options.sparsity = None;
        }
        let put = |from: &Option<String>, to: &mut Option<String>| {
            if from.is_some() {
                to.clone_from(from);
            }
        };
        put(&self.method, &mut options.method);
        put(&self.pattern, &mut options.pattern);
        let pattern = self.pattern.as_deref().and_then(Pattern::parse);
        if self.sparsity.is_some() || pattern.and_then(Pattern::sparsity).is_some() {
            options.keep_mask = false; // Such a rule says itself what is removed.
        }
        options.sparsity = self.sparsity.or(options.sparsity);
        options.bits = self.bits.or(options.bits);
        options.group_size = self.group_size.or(options.group_size);
        options
    }
}

/// Whether the method of all matrices decides about bits and zeros itself.
fn chooses_rate(options: &Options) -> bool {
    let method = options.method.as_deref().and_then(methods::by_id);
    method.is_some_and(Method::chooses_rate)
}

impl Conditions {
    fn check(&self, place: &str) -> Result<(), CompressError> {
        if *self == Self::default() {
            let expected = "a pattern of names, or an object with name, role or blocks";
            return Err(bad_option(place, expected, "nothing"));
        }
        for blocks in self.blocks.iter().flat_map(OneOrMany::as_slice) {
            if blocks.ends().is_none() {
                let expected = "the number of a block, or a range such as \"0-3\" or \"8-\"";
                let actual = serde_json::to_string(blocks).unwrap_or_default();
                return Err(bad_option(&format!("{place}.blocks"), expected, actual));
            }
        }
        Ok(())
    }

    fn hold(&self, subject: &Subject<'_>) -> bool {
        let any = |list: &Option<OneOrMany<String>>, test: &dyn Fn(&str) -> bool| {
            list.as_ref()
                .is_none_or(|list| list.as_slice().iter().any(|item| test(item)))
        };
        any(&self.name, &|pattern| glob(pattern, subject.name))
            && any(&self.role, &|role| role == subject.role)
            && self.blocks.as_ref().is_none_or(|list| {
                let holds = |block| {
                    let mut ranges = list.as_slice().iter();
                    ranges.any(|range| range.has(block, subject.blocks))
                };
                subject.block.is_some_and(holds)
            })
    }
}

impl Blocks {
    /// First and last block, negative from the end; `None` if the text is no range.
    fn ends(&self) -> Option<(i64, i64)> {
        match self {
            Self::One(block) => Some((*block, *block)),
            Self::Range(text) => {
                let number = |text: &str| text.trim().parse::<u32>().ok().map(i64::from);
                match text.split_once('-') {
                    None => number(text).map(|block| (block, block)),
                    Some((first, last)) if last.trim().is_empty() => Some((number(first)?, -1)),
                    Some((first, last)) => {
                        let (first, last) = (number(first)?, number(last)?);
                        (first <= last).then_some((first, last))
                    }
                }
            }
        }
    }

    fn has(&self, block: usize, blocks: usize) -> bool {
        let from_start = |end: i64| if end < 0 { end + blocks as i64 } else { end };
        self.ends().is_some_and(|(first, last)| {
            (from_start(first)..=from_start(last)).contains(&(block as i64))
        })
    }
}

/// Which rule decides about each subject, first match first. A rule that decides about none is a `BAD_OPTION`.
pub(crate) fn assign(
    rules: &[resolve::ResolvedRule],
    subjects: &[Subject<'_>],
) -> Result<Vec<Option<usize>>, CompressError> {
    let first = |subject: &Subject<'_>| rules.iter().position(|rule| rule.rule.matches(subject));
    let assigned: Vec<Option<usize>> = subjects.iter().map(first).collect();
    for (index, rule) in rules.iter().enumerate() {
        if assigned.contains(&Some(index)) {
            continue;
        }
        let taken = subjects.iter().any(|subject| rule.rule.matches(subject));
        return Err(useless(index, &rule.rule, taken, subjects));
    }
    Ok(assigned)
}

fn useless(index: usize, rule: &Rule, taken: bool, subjects: &[Subject<'_>]) -> CompressError {
    let matches = serde_json::to_string(&rule.matches).unwrap_or_default();
    let place = format!("rules[{index}].match");
    if taken {
        let expected = "a matrix that no earlier rule takes (the first match decides: put this rule before the others)";
        return bad_option(&place, expected, matches);
    }
    let mut roles: Vec<&str> = Vec::new();
    for subject in subjects {
        if !roles.contains(&subject.role) {
            roles.push(subject.role);
        }
    }
    let blocks = subjects.first().map_or(0, |subject| subject.blocks);
    let blocks = match blocks {
        0 => String::new(),
        count => format!(", blocks 0 to {}", count - 1),
    };
    let example = subjects
        .iter()
        .rfind(|subject| subject.block.is_some())
        .or(subjects.last());
    let expected = format!(
        "something that matches a matrix of this model (roles {}{blocks}, names such as {:?}; kerf plan lists all)",
        roles.join(", "),
        example.map_or("", |subject| subject.name),
    );
    bad_option(&place, &expected, matches)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(name: &'static str, role: &'static str, block: Option<usize>) -> Subject<'static> {
        Subject {
            name,
            role,
            block,
            blocks: 4,
        }
    }

    fn rule(matches: &str) -> Rule {
        serde_json::from_str(&format!(r#"{{"match": {matches}, "bits": 8}}"#)).unwrap()
    }

    #[test]
    fn conditions_hold_together() {
        let q1 = subject("layers.1.q", "q", Some(1));
        let v3 = subject("layers.3.v", "v", Some(3));
        let table = subject("embed", "embedding", None);
        for (matches, expected) in [
            (r#""*.q""#, [true, false, false]),
            (r#"{"role": "q"}"#, [true, false, false]),
            (r#"{"role": ["q", "v"]}"#, [true, true, false]),
            (
                r#"{"role": ["q", "v"], "blocks": -1}"#,
                [false, true, false],
            ),
            (r#"{"blocks": "0-1"}"#, [true, false, false]),
            (r#"{"blocks": "2-"}"#, [false, true, false]),
            (r#"{"blocks": [1, "3"]}"#, [true, true, false]),
            (r#"{"blocks": "0-"}"#, [true, true, false]),
            (r#"{"name": ["em*", "*.v"]}"#, [false, true, true]),
            (r#"{"role": "embedding"}"#, [false, false, true]),
        ] {
            let rule = rule(matches);
            rule.check("rules[0]").unwrap();
            let got = [&q1, &v3, &table].map(|subject| rule.matches(subject));
            assert_eq!(got, expected, "{matches}");
        }
    }

    #[test]
    fn rules_that_cannot_be_meant_are_refused() {
        for (json, option) in [
            (r#"{"match": "*"}"#, "rules[0]"),
            (r#"{"match": "*", "keep": true, "bits": 4}"#, "rules[0]"),
            (r#"{"match": {}, "bits": 4}"#, "rules[0].match"),
            (r#"{"bits": 4}"#, "rules[0].match"),
            (
                r#"{"match": {"blocks": "3-1"}, "bits": 4}"#,
                "rules[0].match.blocks",
            ),
            (
                r#"{"match": {"blocks": "first"}, "bits": 4}"#,
                "rules[0].match.blocks",
            ),
        ] {
            let rule: Rule = serde_json::from_str(json).unwrap();
            match rule.check("rules[0]").unwrap_err() {
                CompressError::BadOption { option: named, .. } => {
                    assert_eq!(named, option, "{json}")
                }
                other => panic!("{other}"),
            }
        }
        let unknown = serde_json::from_str::<Rule>(r#"{"match": {"layer": 3}, "bits": 4}"#);
        assert!(
            unknown
                .unwrap_err()
                .to_string()
                .contains("a pattern of names")
        );
    }
}
