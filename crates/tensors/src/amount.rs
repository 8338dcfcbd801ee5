//! Numbers of bytes as text for sentences.

/// `812 bytes`, `4.10 kB`, `276 MB`: three digits and decimal units, which disks and downloads use as well.
pub fn bytes(count: u64) -> String {
    rounded(count, f64::round)
}

/// The text of [`bytes`], rounded up. A limit set to the number in this text is never below `count`.
pub fn bytes_at_least(count: u64) -> String {
    rounded(count, f64::ceil)
}

/// The texts of [`bytes`] for two numbers. If the numbers differ and their texts do not, both are given to the byte.
pub(crate) fn bytes_apart(one: u64, other: u64) -> (String, String) {
    match (bytes(one), bytes(other)) {
        (a, b) if a == b && one != other => (exact(one), exact(other)),
        both => both,
    }
}

fn rounded(count: u64, round: fn(f64) -> f64) -> String {
    if count < 1000 {
        return exact(count);
    }
    let mut unit = 1e3;
    let mut names = ["kB", "MB", "GB", "TB", "PB", "EB"].iter();
    let mut name = names.next();
    // A value that rounds to 1000 of a unit is written as 1 of the next unit.
    while round(count as f64 / unit) >= 1000.0 {
        unit *= 1e3;
        name = names.next();
    }
    let value = count as f64 / unit;
    let decimals = match value {
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    let scale = 10f64.powi(decimals);
    let value = round(value * scale) / scale;
    format!("{value:.*} {}", decimals as usize, name.unwrap_or(&"EB"))
}

fn exact(count: u64) -> String {
    match count {
        1 => "1 byte".into(),
        count => format!("{count} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_in_the_unit_that_fits() {
        for (count, expected) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (1000, "1.00 kB"),
            (4096, "4.10 kB"),
            (999_499, "999 kB"),
            (999_500, "1.00 MB"),
            (276_171_792, "276 MB"),
            (5_000_000_000, "5.00 GB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(bytes(count), expected, "{count}");
        }
    }

    #[test]
    fn what_must_be_allowed_is_rounded_up() {
        for (count, expected) in [
            (276_171_792, "277 MB"),
            (276_000_000, "276 MB"),
            (999_000_001, "1.00 GB"),
            (1001, "1.01 kB"),
        ] {
            assert_eq!(bytes_at_least(count), expected, "{count}");
        }
    }

    #[test]
    fn different_numbers_read_differently() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(bytes_apart(5_000_000, 7), pair("5.00 MB", "7 bytes"));
        let near = bytes_apart(5_000_000, 5_000_001);
        assert_eq!(near, pair("5000000 bytes", "5000001 bytes"));
    }
}
