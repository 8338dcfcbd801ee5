//! Patterns over names of modules, as Python's `re` reads them.

use super::fields::Fields;
use crate::TensorsError;
use fancy_regex::Regex;

/// One regular expression.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    regex: Regex,
}

impl Pattern {
    /// From the text that stands in `field`, put where `{}` is in `form`. `BAD_CONFIG` if it is no regular expression.
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

    /// Whether a name matches. A pattern that takes for ever does not.
    pub(crate) fn matches(&self, name: &str) -> bool {
        self.regex.is_match(name).unwrap_or(false)
    }

    /// The number that the group `index` of the pattern captures.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        let captures = self.regex.captures(name).ok()??;
        captures.name("index")?.as_str().parse().ok()
    }
}
