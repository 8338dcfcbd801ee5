//! What a function that goes on by steps needs: a clock, a host, a work folder.

use crate::error::bad_option;
use crate::{Error, Host};
use kerf_run::Event;
use std::path::Path;
use std::sync::OnceLock;
use web_time::Instant;

/// A hidden sibling of the result. `BAD_OPTION` for a result without a name.
pub fn default_work_dir(out: &Path) -> Result<String, Error> {
    let Some(name) = out.file_name() else {
        return Err(bad_option("out", "a folder with a name", out.display()));
    };
    let work_dir = out.with_file_name(format!(".{}.kerf-work", name.to_string_lossy()));
    Ok(work_dir.display().to_string())
}

/// Seconds since the first call.
pub fn seconds() -> f64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs_f64()
}

/// The host of a call, as a run wants it.
pub struct Forward<'a>(pub &'a dyn Host);

impl kerf_run::Host for Forward<'_> {
    fn event(&mut self, event: Event) {
        self.0.event(event);
    }

    fn cancelled(&self) -> bool {
        self.0.cancelled()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_folder_is_beside_the_result() {
        let work = default_work_dir(Path::new("a/small")).expect("a name");
        assert_eq!(Path::new(&work), Path::new("a/.small.kerf-work"));
        assert_eq!(
            default_work_dir(Path::new("/"))
                .expect_err("no name")
                .code(),
            "BAD_OPTION"
        );
    }
}
