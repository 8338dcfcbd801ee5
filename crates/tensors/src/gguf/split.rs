//! Models in several GGUF files: `NAME-00001-of-00003.gguf`, each with a header of its own.

/// The parts of a file name: the stem that all files of the model share, the number of the file (from 1), and the number of
/// files.
type Part<'a> = (&'a str, usize, usize);

/// Parses the name of a file. `None` if it is not one of several.
fn part(file: &str) -> Option<Part<'_>> {
    let stem = file.strip_suffix(".gguf")?;
    let (rest, count) = stem.rsplit_once("-of-")?;
    let (shared, number) = rest.rsplit_once('-')?;
    let read = |text: &str| match text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit())
    {
        true => text.parse().ok(),
        false => None,
    };
    let (number, count): (usize, usize) = (read(number)?, read(count)?);
    (1..=count)
        .contains(&number)
        .then_some((shared, number, count))
}

/// Whether two files belong to one model in several files.
pub(crate) fn same_model(a: &str, b: &str) -> bool {
    match (part(a), part(b)) {
        (Some(a), Some(b)) => (a.0, a.2) == (b.0, b.2),
        _ => false,
    }
}

/// Checks that the files, which are sorted, are all files of one model. The error says what is wrong, with the fix.
pub(crate) fn check(files: &[String]) -> Result<(), String> {
    let Some((first, others)) = files.split_first() else {
        return Ok(());
    };
    if !others.iter().all(|other| same_model(first, other)) {
        return Err("it has several .gguf files; name one of them".into());
    }
    let Some((shared, _, count)) = part(first) else {
        return Ok(());
    };
    let missing = (1..=count).find(|number| {
        let name = format!("{shared}-{number:05}-of-{count:05}.gguf");
        !files.contains(&name)
    });
    match missing {
        None => Ok(()),
        Some(number) => Err(format!(
            "the model is in {count} files, and {shared}-{number:05}-of-{count:05}.gguf is missing: put all of them into one folder"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(files: &[&str]) -> Result<(), String> {
        let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
        check(&files)
    }

    #[test]
    fn all_parts_of_one_model_or_one_file() {
        assert_eq!(checked(&["x.gguf"]), Ok(()));
        assert_eq!(
            checked(&["x-00001-of-00002.gguf", "x-00002-of-00002.gguf"]),
            Ok(())
        );
        assert!(
            checked(&["a.gguf", "b.gguf"])
                .unwrap_err()
                .contains("name one")
        );
        for files in [
            &["x-00002-of-00002.gguf"][..],
            &["x-00001-of-00003.gguf", "x-00003-of-00003.gguf"],
        ] {
            assert!(checked(files).unwrap_err().contains("is missing"));
        }
        assert!(checked(&["x-00001-of-00002.gguf", "y-00002-of-00002.gguf"]).is_err());
        // The name has no number, or an impossible one, so it is an ordinary name.
        for file in [
            "x-1-of-2.gguf",
            "x-00000-of-00002.gguf",
            "x-00003-of-00002.gguf",
        ] {
            assert_eq!(checked(&[file]), Ok(()));
        }
    }
}
