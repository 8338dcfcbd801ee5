//! Folders over files that a host gives: a result appears at once or never, a work folder reads what it wrote, names stay inside,
//! and what the host says went wrong is what the caller hears.

use kerf_tensors::folder::{Existing, HostFiles, HostedFolder, HostedOutFolder, HostedWorkspace};
use kerf_tensors::{Folder, OutFolder, TensorsError, Workspace};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Files in memory, and room for a number of bytes.
#[derive(Default)]
struct Files {
    files: Mutex<BTreeMap<String, Vec<u8>>>,
    room: Mutex<Option<usize>>,
}

impl Files {
    fn with(files: &[(&str, &str)]) -> Arc<Self> {
        let new = Self::default();
        let owned = files
            .iter()
            .map(|(path, text)| (path.to_string(), text.as_bytes().to_vec()));
        new.files.lock().unwrap().extend(owned);
        Arc::new(new)
    }

    fn paths(&self) -> Vec<String> {
        self.files.lock().unwrap().keys().cloned().collect()
    }

    fn text(&self, path: &str) -> String {
        String::from_utf8(self.files.lock().unwrap()[path].clone()).unwrap()
    }
}

impl HostFiles for Files {
    fn list(&self, folder: &str) -> Result<Vec<String>, TensorsError> {
        let prefix = match folder {
            "" => String::new(),
            folder => format!("{}/", folder.trim_end_matches('/')),
        };
        let files = self.files.lock().unwrap();
        let inside = files.keys().filter_map(|path| path.strip_prefix(&prefix));
        Ok(inside.rev().map(str::to_owned).collect())
    }

    fn len_bytes(&self, path: &str) -> Result<Option<u64>, TensorsError> {
        let files = self.files.lock().unwrap();
        Ok(files.get(path).map(|bytes| bytes.len() as u64))
    }

    fn read(&self, path: &str, offset: u64, buf: &mut [u8]) -> Result<usize, TensorsError> {
        let files = self.files.lock().unwrap();
        let rest = &files[path][offset as usize..];
        // A host may give less than was asked for.
        let count = rest.len().min(buf.len()).min(3);
        buf[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn create(&self, path: &str) -> Result<(), TensorsError> {
        self.files.lock().unwrap().insert(path.into(), Vec::new());
        Ok(())
    }

    fn write(&self, path: &str, offset: u64, bytes: &[u8]) -> Result<(), TensorsError> {
        let mut room = self.room.lock().unwrap();
        if room.is_some_and(|room| room < bytes.len()) {
            return Err(TensorsError::DiskFull { path: path.into() });
        }
        *room = room.map(|room| room - bytes.len());
        let mut files = self.files.lock().unwrap();
        let file = files.get_mut(path).unwrap();
        file.resize(file.len().max(offset as usize + bytes.len()), 0);
        file[offset as usize..offset as usize + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn flush(&self, path: &str) -> Result<(), TensorsError> {
        assert!(self.files.lock().unwrap().contains_key(path));
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), TensorsError> {
        let mut files = self.files.lock().unwrap();
        let moved: Vec<_> = files
            .keys()
            .filter(|path| *path == from || path.starts_with(&format!("{from}/")))
            .cloned()
            .collect();
        for path in moved {
            let bytes = files.remove(&path).unwrap();
            files.insert(format!("{to}{}", &path[from.len()..]), bytes);
        }
        Ok(())
    }

    fn remove(&self, path: &str) -> Result<(), TensorsError> {
        let inside = format!("{path}/");
        let mut files = self.files.lock().unwrap();
        let before: usize = files.values().map(Vec::len).sum();
        files.retain(|file, _| file != path && !file.starts_with(&inside));
        let freed = before - files.values().map(Vec::len).sum::<usize>();
        let mut room = self.room.lock().unwrap();
        *room = room.map(|room| room + freed);
        Ok(())
    }
}

fn write(out: &mut dyn OutFolder, file: &str, bytes: &[u8]) -> Result<(), TensorsError> {
    let mut sink = out.create(file)?;
    bytes
        .chunks(100_000)
        .try_for_each(|piece| sink.write(piece))?;
    sink.finish()
}

#[test]
fn a_folder_shows_what_the_file_system_would() {
    let files = Files::with(&[
        ("models/m/config.json", "{}"),
        ("models/m/a.safetensors", "weights"),
        ("models/m/b.safetensors", "others"),
        ("models/m/1_Pooling/config.json", "pooling"),
        ("models/m/.git/config", "hidden"),
        ("models/m/a/b/c/d/e", "too deep"),
        ("models/n/config.json", "another"),
    ]);
    let folder = HostedFolder::open(files.clone(), "models/m").unwrap();
    let expected = [
        "1_Pooling/config.json",
        "a.safetensors",
        "b.safetensors",
        "config.json",
    ];
    assert_eq!(folder.list().unwrap(), expected);
    assert_eq!(folder.read("1_Pooling/config.json").unwrap(), b"pooling");
    let source = folder.open("a.safetensors").unwrap();
    let mut middle = [0; 4];
    source.read_at(2, &mut middle).unwrap();
    assert_eq!((&middle, source.len_bytes()), (b"ight", 7));
    assert_eq!(
        source.read_at(4, &mut middle).unwrap_err().code(),
        "TRUNCATED"
    );
    assert_eq!(folder.open("absent").err().unwrap().code(), "NOT_FOUND");
    assert_eq!(folder.open("../n/config.json").err().unwrap().code(), "IO");
    let one = HostedFolder::open(files.clone(), "models/m/a.safetensors").unwrap();
    assert_eq!(
        one.list().unwrap(),
        ["1_Pooling/config.json", "a.safetensors", "config.json"]
    );
    assert_eq!(
        HostedFolder::open(files, "models/x").err().unwrap().code(),
        "NOT_FOUND"
    );
}

#[test]
fn a_result_appears_at_once_or_never() {
    let files = Files::with(&[("out/.small.kerf-tmp/half", "of a killed run")]);
    let mut out = Box::new(HostedOutFolder::create(files.clone(), "out/small").unwrap());
    let content: Vec<u8> = (0..700_000u32).map(|i| i as u8).collect();
    write(out.as_mut(), "model.kerf", &content).unwrap();
    write(out.as_mut(), "1_Pooling/config.json", b"{}").unwrap();
    assert!(
        files
            .paths()
            .iter()
            .all(|path| path.starts_with("out/.small.kerf-tmp/"))
    );
    out.commit().unwrap();
    assert_eq!(
        files.paths(),
        ["out/small/1_Pooling/config.json", "out/small/model.kerf"]
    );
    assert_eq!(files.files.lock().unwrap()["out/small/model.kerf"], content);
    let again = HostedOutFolder::create(files.clone(), "out/small")
        .err()
        .unwrap();
    assert_eq!(again.code(), "OUTPUT_EXISTS");
    let mut other = Box::new(HostedOutFolder::create(files.clone(), "other").unwrap());
    write(other.as_mut(), "a", b"x").unwrap();
    files.create("other").unwrap();
    assert_eq!(other.commit().unwrap_err().code(), "OUTPUT_EXISTS");
    assert!(files.paths().iter().all(|path| !path.contains("kerf-tmp")));
}

#[test]
fn what_kerf_wrote_gives_way_where_that_is_asked_for() {
    let header = br#"{"__metadata__":{"kerf.version":"1"}}"#;
    let weights = [&(header.len() as u64).to_le_bytes()[..], header].concat();
    let files = Files::with(&[("mine/notes.txt", "mine")]);
    for file in ["old.json", "new.json"] {
        let over = HostedOutFolder::over(files.clone(), "small", Existing::GivesWay);
        let mut out = Box::new(over.unwrap());
        write(out.as_mut(), "model.kerf", &weights).unwrap();
        write(out.as_mut(), file, b"{}").unwrap();
        out.commit().unwrap();
    }
    let expected = ["mine/notes.txt", "small/model.kerf", "small/new.json"];
    assert_eq!(files.paths(), expected);
    let foreign = HostedOutFolder::over(files.clone(), "mine", Existing::GivesWay);
    assert_eq!(foreign.err().unwrap().code(), "OUTPUT_EXISTS");
    // Between two renames there was nothing under the final name.
    files.rename("small", ".small.kerf-old").unwrap();
    let stays = HostedOutFolder::create(files.clone(), "small");
    assert_eq!(stays.err().unwrap().code(), "OUTPUT_EXISTS");
    assert_eq!(files.paths(), expected);
}

#[test]
fn a_full_disk_leaves_nothing() {
    let files = Files::with(&[]);
    *files.room.lock().unwrap() = Some(400_000);
    let mut out = HostedOutFolder::create(files.clone(), "small").unwrap();
    let error = write(&mut out, "model.kerf", &[1; 900_000]).unwrap_err();
    assert_eq!(error.code(), "DISK_FULL");
    drop(out);
    let work = HostedWorkspace::open(files.clone(), "work");
    work.put("unit", &[b"old"]).unwrap();
    *files.room.lock().unwrap() = Some(2);
    assert_eq!(
        work.put("unit", &[b"newer"]).unwrap_err().code(),
        "DISK_FULL"
    );
    assert_eq!(files.paths(), ["work/unit"]);
    assert_eq!(work.get("unit").unwrap().unwrap(), b"old");
}

#[test]
fn a_work_folder_reads_what_it_wrote() {
    let files = Files::with(&[("beside", "stays")]);
    let work = HostedWorkspace::open(files.clone(), "work/");
    assert!(work.get("a").unwrap().is_none() && work.open("a").unwrap().is_none());
    work.put("units/a", &[b"one", b"two"]).unwrap();
    work.put("units/a", &[b"one", b" and ", b"two"]).unwrap();
    assert_eq!(work.get("units/a").unwrap().unwrap(), b"one and two");
    work.append_line("journal", "first").unwrap();
    files.write("work/journal", 6, b"to").unwrap();
    work.append_line("journal", "second").unwrap();
    assert_eq!(files.text("work/journal"), "first\nto\nsecond\n");
    let mut scratch = work.create("scratch").unwrap();
    scratch.write(b"spilled").unwrap();
    scratch.finish().unwrap();
    assert_eq!(work.open("scratch").unwrap().unwrap().len_bytes(), 7);
    assert_eq!(work.put("../beside", &[]).unwrap_err().code(), "IO");
    work.remove("scratch").unwrap();
    work.remove("scratch").unwrap();
    assert_eq!(files.paths(), ["beside", "work/journal", "work/units/a"]);
    work.clear().unwrap();
    assert_eq!(files.paths(), ["beside"]);
}
