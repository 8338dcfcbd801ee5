//! Messages of serde about JSON that does not fit a type, split into the fields of an error.

/// What was expected at a path, and what was found there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Dotted path of the value. Empty for the whole document.
    pub path: String,
    /// What the value may be.
    pub expected: String,
    /// What the value is.
    pub actual: String,
}

impl Complaint {
    /// Splits a sentence of serde: `unknown field ..., expected ...`, `invalid type: ..., expected ...` or `missing field ...`.
    /// `path` is the path of the value, `.` for the whole document.
    pub fn new(path: &str, reason: &str) -> Self {
        let reason = reason
            .split(" at line ")
            .next()
            .unwrap_or(reason)
            .replace('`', "");
        let path = path.trim_start_matches('.').to_string();
        if let Some(missing) = reason.strip_prefix("missing field ") {
            let path = match path.as_str() {
                "" => missing.to_string(),
                path => format!("{path}.{missing}"),
            };
            return Self {
                path,
                expected: "a value".into(),
                actual: "none".into(),
            };
        }
        let (received, expected) = reason
            .split_once(", expected ")
            .unwrap_or((&reason, "valid JSON"));
        let received = received
            .trim_start_matches("invalid type: ")
            .trim_start_matches("invalid value: ");
        Self {
            path,
            expected: expected.into(),
            actual: received.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Complaint;

    #[test]
    fn sentences_are_taken_apart() {
        let complaint = |path: &str, reason: &str| {
            let Complaint {
                path,
                expected,
                actual,
            } = Complaint::new(path, reason);
            [path, expected, actual]
        };
        assert_eq!(
            complaint("a.b", "missing field `c` at line 1 column 2"),
            ["a.b.c", "a value", "none"]
        );
        assert_eq!(
            complaint(".", "missing field `c`"),
            ["c", "a value", "none"]
        );
        assert_eq!(
            complaint("a", "invalid type: integer `3`, expected a string"),
            ["a", "a string", "integer 3"]
        );
        assert_eq!(
            complaint("a", "EOF while parsing"),
            ["a", "valid JSON", "EOF while parsing"]
        );
    }
}
