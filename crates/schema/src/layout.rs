//! Makes the declarations of ts-rs pleasant to read: one field a line, short comments on one line.

/// Lays out one declaration with its comments.
pub fn tidy(declaration: &str) -> String {
    let mut out = String::new();
    let mut comment: Option<Vec<String>> = None;
    let mut depth = 0;
    for line in declaration
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        match (&mut comment, line) {
            (None, "/**") => comment = Some(Vec::new()),
            (Some(lines), "*/") => {
                push_comment(&mut out, lines, depth);
                comment = None;
            }
            (Some(lines), text) => lines.push(text.trim_start_matches('*').trim().into()),
            (None, code) => push_code(&mut out, code, &mut depth),
        }
    }
    out
}

fn push_comment(out: &mut String, lines: &[String], depth: usize) {
    let indent = "  ".repeat(depth);
    match lines {
        [one] => out.push_str(&format!("{indent}/** {one} */\n")),
        many => {
            out.push_str(&format!("{indent}/**\n"));
            many.iter()
                .for_each(|line| out.push_str(&format!("{indent} * {line}\n")));
            out.push_str(&format!("{indent} */\n"));
        }
    }
}

/// A line of code: the head of an object (ends in `{`), a field (ends in `,`), or the last field with the end of the object.
fn push_code(out: &mut String, code: &str, depth: &mut usize) {
    let indent = "  ".repeat(*depth);
    let code = code.replace('"', "'");
    let (field, closes) = match code.strip_suffix("};").filter(|_| *depth > 0) {
        Some(field) => (field.trim_end(), true),
        None => (code.as_str(), false),
    };
    let field = field.trim_end_matches([',', ';']).replace(", }", " }");
    out.push_str(&format!("{indent}{field}\n"));
    if code.ends_with('{') {
        *depth += 1;
    }
    if closes {
        *depth -= 1;
        out.push_str("}\n");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn fields_and_comments_get_lines() {
        let text = "/**\n * A.\n */\nexport type A = { \n/**\n * One.\n */\na: number, \n/**\n * Two\n * lines.\n */\nb?: \"x\" | \"y\", };";
        let tidy = "/** A. */\nexport type A = {\n  /** One. */\n  a: number\n  /**\n   * Two\n   * lines.\n   */\n  b?: 'x' | 'y'\n}\n";
        assert_eq!(super::tidy(text), tidy);
    }

    #[test]
    fn unions_stay_on_one_line() {
        let text = "export type B = { \"k\": \"x\", n: number, } | \"y\";";
        assert_eq!(
            super::tidy(text),
            "export type B = { 'k': 'x', n: number } | 'y'\n"
        );
    }
}
