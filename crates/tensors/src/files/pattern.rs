//! Patterns over the names of modules, in the syntax of Python's `re`.

use super::fields::Fields;
use crate::TensorsError;
use fancy_regex::Regex;

/// One regular expression.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    regex: Regex,
}

impl Pattern {
    /// The regular expression `form` with `text` in the place of `{}`. `BAD_CONFIG` about `field` if it is not a regular
    /// expression.
    pub(crate) fn new(
        fields: &Fields<'_>,
        field: &str,
        form: &str,
        text: &str,
    ) -> Result<Self, TensorsError> {
        match Regex::new(&form.replace("{}", text)) {
            Ok(regex) => Ok(Self { regex }),
            Err(_) => Err(fields.bad(field, "a regular expression")),
        }
    }

    /// Whether a name matches. A search that exceeds the limit of backtracking counts as no match.
    pub(crate) fn matches(&self, name: &str) -> bool {
        self.regex.is_match(name).unwrap_or(false)
    }

    /// The number in the group `index` of the pattern. `None` if the name does not match.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        let captures = self.regex.captures(name).ok()??;
        captures.name("index")?.as_str().parse().ok()
    }
}
