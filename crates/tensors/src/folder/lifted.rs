//! A folder in which the files of one sub-folder appear at the top.

use super::{Folder, Inside};
use crate::{Source, TensorsError};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The files under `path`, with names relative to `path`, and the other files of `base`. A file under `path` hides a file of
/// `base` with the same name.
pub(crate) struct Lifted {
    base: Arc<dyn Folder>,
    path: String,
    inside: Inside,
    lifted: BTreeSet<String>,
}

impl Lifted {
    pub fn new(base: Arc<dyn Folder>, path: &str) -> Result<Self, TensorsError> {
        let inside = Inside::new(base.clone(), path);
        let lifted = inside.list()?.into_iter().collect();
        Ok(Self {
            path: format!("{path}/"),
            base,
            inside,
            lifted,
        })
    }

    fn of(&self, file: &str) -> Result<&dyn Folder, TensorsError> {
        match (self.lifted.contains(file), file.starts_with(&self.path)) {
            (true, _) => Ok(&self.inside),
            (false, false) => Ok(self.base.as_ref()),
            (false, true) => Err(TensorsError::NotFound {
                path: format!("{}/{file}", self.name()),
            }),
        }
    }
}

impl Folder for Lifted {
    fn name(&self) -> String {
        self.base.name()
    }

    fn list(&self) -> Result<Vec<String>, TensorsError> {
        let others = self.base.list()?.into_iter();
        let others = others.filter(|file| !file.starts_with(&self.path));
        let all: BTreeSet<String> = others.chain(self.lifted.iter().cloned()).collect();
        Ok(all.into_iter().collect())
    }

    fn open(&self, file: &str) -> Result<Arc<dyn Source>, TensorsError> {
        self.of(file)?.open(file)
    }

    fn read(&self, file: &str) -> Result<Vec<u8>, TensorsError> {
        self.of(file)?.read(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::MemFolder;

    #[test]
    fn a_sub_folder_lies_at_the_top_and_hides_what_is_there() {
        let base = MemFolder::new("model");
        for file in [
            "modules.json",
            "config.json",
            "0_T/config.json",
            "0_T/x",
            "1_P/y",
        ] {
            base.insert(file, file.as_bytes().to_vec());
        }
        let lifted = Lifted::new(Arc::new(base), "0_T").unwrap();
        assert_eq!(
            lifted.list().unwrap(),
            ["1_P/y", "config.json", "modules.json", "x"]
        );
        assert_eq!(lifted.read("config.json").unwrap(), b"0_T/config.json");
        assert_eq!(lifted.read("1_P/y").unwrap(), b"1_P/y");
        assert_eq!(lifted.open("0_T/x").err().unwrap().code(), "NOT_FOUND");
        assert_eq!(lifted.read("x").unwrap(), b"0_T/x");
    }
}
