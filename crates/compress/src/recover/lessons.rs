//! Which lessons a student learns from, and which are watched.

/// Lessons to learn from, and those to watch: from the end, about an eighth of them. A single lesson is both.
pub(crate) fn split(count: usize) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
    if count < 2 {
        return (0..count, 0..count);
    }
    let held = (count / 8).max(1);
    (0..count - held, count - held..count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_lessons_are_not_learned() {
        assert_eq!(split(0), (0..0, 0..0));
        assert_eq!(split(1), (0..1, 0..1));
        assert_eq!(split(2), (0..1, 1..2));
        assert_eq!(split(16), (0..14, 14..16));
    }
}
