//! Folders on the file system and in memory: nothing under the final name before it is complete, nothing left behind.

mod workspaces;

use kerf_tensors::folder::{
    Existing, FsFolder, FsOutFolder, FsWorkspace, MemFolder, MemOutFolder, MemWorkspace,
};
use kerf_tensors::{Folder, OutFolder, Workspace};
use std::fs;
use std::path::Path;

fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn write(out: &mut dyn OutFolder, file: &str, bytes: &[u8]) {
    let mut sink = out.create(file).unwrap();
    sink.write(bytes).unwrap();
    sink.finish().unwrap();
}

#[test]
fn a_result_appears_at_once_or_never() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("new/parent/out");
    let mut out = Box::new(FsOutFolder::create(&target).unwrap());
    write(out.as_mut(), "model.kerf", b"content");
    write(out.as_mut(), "1_Pooling/config.json", b"{}");
    assert!(!target.exists());
    out.commit().unwrap();
    assert_eq!(fs::read(target.join("model.kerf")).unwrap(), b"content");
    assert_eq!(names(&target), ["1_Pooling", "model.kerf"]);
    assert_eq!(names(target.parent().unwrap()), ["out"]);
    let error = FsOutFolder::create(&target).unwrap_err();
    assert_eq!(error.code(), "OUTPUT_EXISTS");
}

#[test]
fn an_abandoned_or_dropped_result_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for abandon in [true, false] {
        let mut out = Box::new(FsOutFolder::create(&dir.path().join("out")).unwrap());
        write(out.as_mut(), "a/b", b"x");
        if abandon {
            out.abandon();
        } else {
            drop(out);
        }
        assert_eq!(names(dir.path()), [""; 0]);
    }
}

#[test]
fn a_result_never_replaces_what_appeared_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("out");
    let mut out = Box::new(FsOutFolder::create(&target).unwrap());
    write(out.as_mut(), "a", b"x");
    fs::write(&target, "somebody else's").unwrap();
    assert_eq!(out.commit().unwrap_err().code(), "OUTPUT_EXISTS");
    assert_eq!(names(dir.path()), ["out"]);
    assert_eq!(fs::read(&target).unwrap(), b"somebody else's");
}

/// A file with weights as kerf writes it, or as another program does.
fn weights(from_kerf: bool) -> Vec<u8> {
    let mark = match from_kerf {
        true => r#""kerf.producer":"kerf 0.0.0""#,
        false => r#""format":"pt""#,
    };
    let header = format!(r#"{{"__metadata__":{{{mark}}}}}"#);
    let length = (header.len() as u64).to_le_bytes();
    [&length[..], header.as_bytes()].concat()
}

#[test]
fn what_kerf_wrote_gives_way_where_that_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("out");
    let result = |file: &str, content: &[u8]| {
        let mut out = Box::new(FsOutFolder::over(&target, Existing::GivesWay)?);
        write(out.as_mut(), "model.kerf", &weights(true));
        write(out.as_mut(), file, content);
        // The old one is there until the new one is whole.
        out.commit()
    };
    result("old.json", b"{}").unwrap();
    assert_eq!(
        FsOutFolder::create(&target).unwrap_err().code(),
        "OUTPUT_EXISTS"
    );
    result("new.json", b"{}").unwrap();
    assert_eq!(names(&target), ["model.kerf", "new.json"]);
    assert_eq!(names(dir.path()), ["out"]);
    let mut unfinished = FsOutFolder::over(&target, Existing::GivesWay).unwrap();
    write(&mut unfinished, "half", b"");
    drop(unfinished);
    assert_eq!(names(&target), ["model.kerf", "new.json"]);
    assert_eq!(names(dir.path()), ["out"]);
}

#[test]
fn what_kerf_did_not_write_never_gives_way() {
    let dir = tempfile::tempdir().unwrap();
    /// Names, and what is in the files.
    type Files<'a> = &'a [(&'a str, Vec<u8>)];
    let cases: [(&str, Files<'_>); 6] = [
        (
            "of another program",
            &[("model.safetensors", weights(false))],
        ),
        (
            "in part of another program",
            &[
                ("model.kerf", weights(true)),
                ("b.safetensors", weights(false)),
            ],
        ),
        ("without weights", &[("notes.txt", b"mine".to_vec())]),
        ("empty", &[]),
        (
            "with a hidden file",
            &[("model.kerf", weights(true)), (".gitignore", Vec::new())],
        ),
        ("damaged", &[("model.kerf", b"kerf.producer".to_vec())]),
    ];
    for (what, files) in cases {
        let target = dir.path().join(what);
        fs::create_dir(&target).unwrap();
        for (file, content) in files {
            fs::write(target.join(file), content).unwrap();
        }
        let before = names(&target);
        let error = FsOutFolder::over(&target, Existing::GivesWay).unwrap_err();
        assert_eq!(error.code(), "OUTPUT_EXISTS", "{what}");
        assert!(error.to_string().contains("`force`"), "{error}");
        assert_eq!(names(&target), before, "{what}");
    }
    let file = dir.path().join("file");
    fs::write(&file, "mine").unwrap();
    let error = FsOutFolder::over(&file, Existing::GivesWay).unwrap_err();
    assert_eq!(error.code(), "OUTPUT_EXISTS");
}

#[test]
fn a_result_that_a_killed_run_moved_aside_is_put_back() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("out");
    let aside = dir.path().join(".out.kerf-tmp-999-0.old");
    let lock = dir.path().join(".out.kerf-tmp-999-0.lock");
    fs::create_dir(&aside).unwrap();
    fs::write(aside.join("model.kerf"), weights(true)).unwrap();
    fs::write(&lock, "").unwrap();
    let error = FsOutFolder::create(&target).unwrap_err();
    assert_eq!(error.code(), "OUTPUT_EXISTS");
    assert_eq!(names(&target), ["model.kerf"]);
    assert_eq!(names(dir.path()), ["out"]);
}

#[test]
fn what_a_killed_run_left_is_removed_and_a_living_run_is_not_disturbed() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("out");
    fs::create_dir(dir.path().join(".out.kerf-tmp-999-0")).unwrap();
    fs::write(dir.path().join(".out.kerf-tmp-999-0/model.kerf"), "half").unwrap();
    fs::write(dir.path().join(".out.kerf-tmp-999-0.lock"), "").unwrap();
    let mut living = Box::new(FsOutFolder::create(&target).unwrap());
    write(living.as_mut(), "a", b"x");
    assert!(!names(dir.path()).iter().any(|name| name.contains("-999-")));
    drop(FsOutFolder::create(&target).unwrap());
    living.commit().unwrap();
    assert_eq!(names(dir.path()), ["out"]);
}

#[test]
fn names_that_leave_the_folder_are_refused_everywhere() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("secret"), "x").unwrap();
    let inner = dir.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let folder = FsFolder::open(&inner).unwrap();
    let workspace = FsWorkspace::open(&inner).unwrap();
    let mut out = FsOutFolder::create(&dir.path().join("out")).unwrap();
    for bad in ["../secret", "/etc/passwd", "a/../../secret"] {
        assert_eq!(folder.open(bad).err().unwrap().code(), "IO", "{bad}");
        assert_eq!(workspace.put(bad, &[]).unwrap_err().code(), "IO", "{bad}");
        assert_eq!(out.create(bad).err().unwrap().code(), "IO", "{bad}");
    }
}

#[test]
fn a_folder_lists_regular_files_without_the_hidden_ones() {
    let dir = tempfile::tempdir().unwrap();
    for file in [
        "b.safetensors",
        "a.json",
        ".git/config",
        ".hidden",
        "1_Pooling/config.json",
    ] {
        let path = dir.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file).unwrap();
    }
    let folder = FsFolder::open(dir.path()).unwrap();
    assert_eq!(
        folder.list().unwrap(),
        ["1_Pooling/config.json", "a.json", "b.safetensors"]
    );
    assert_eq!(folder.read("a.json").unwrap(), b"a.json");
    assert_eq!(folder.open("absent").err().unwrap().code(), "NOT_FOUND");
    assert_eq!(folder.open("1_Pooling").err().unwrap().code(), "NOT_FOUND");
    let missing = FsFolder::open(&dir.path().join("nothing")).unwrap_err();
    assert_eq!(missing.code(), "NOT_FOUND");
}

#[test]
fn a_single_file_brings_its_neighbours_but_not_other_weights() {
    let dir = tempfile::tempdir().unwrap();
    for file in ["one.safetensors", "two.safetensors", "config.json"] {
        fs::write(dir.path().join(file), "").unwrap();
    }
    let folder = FsFolder::open(&dir.path().join("two.safetensors")).unwrap();
    assert_eq!(folder.list().unwrap(), ["config.json", "two.safetensors"]);
}

#[test]
fn reading_past_the_end_is_truncated() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("f"), [1, 2, 3, 4]).unwrap();
    let on_disk = FsFolder::open(dir.path()).unwrap().open("f").unwrap();
    let in_memory = MemFolder::new("mem")
        .insert("f", [1, 2, 3, 4])
        .open("f")
        .unwrap();
    for source in [on_disk, in_memory] {
        let mut buf = [0; 3];
        source.read_at(1, &mut buf).unwrap();
        assert_eq!(buf, [2, 3, 4]);
        let error = source.read_at(2, &mut buf).unwrap_err();
        assert_eq!(error.code(), "TRUNCATED");
        assert_eq!(error.data().details["actualBytes"], 4);
        assert_eq!(
            source.read_at(u64::MAX, &mut buf).unwrap_err().code(),
            "TRUNCATED"
        );
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_disk_full() {
    let dir = tempfile::tempdir().unwrap();
    let workspace = FsWorkspace::open(dir.path()).unwrap();
    for file in ["journal", "spill"] {
        std::os::unix::fs::symlink("/dev/full", dir.path().join(file)).unwrap();
    }
    let error = workspace.append_line("journal", "x").unwrap_err();
    assert_eq!(error.code(), "DISK_FULL");
    let mut sink = workspace.create("spill").unwrap();
    assert_eq!(sink.write(&[0; 1 << 20]).unwrap_err().code(), "DISK_FULL");
}

#[test]
fn a_work_folder_that_starts_anew_is_locked_again_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("work");
    let workspace = FsWorkspace::open(&root).unwrap();
    workspace.clear().unwrap();
    assert!(!root.exists());
    workspace.append_line("journal", "x").unwrap();
    let second = FsWorkspace::open(&root).unwrap_err();
    assert_eq!(second.code(), "WORK_DIR_BUSY");
    workspace.clear().unwrap();
    assert!(!root.exists());
    let other = FsWorkspace::open(&root).unwrap();
    let late = workspace.put("unit", &[b"x"]).unwrap_err();
    assert_eq!(late.code(), "WORK_DIR_BUSY", "another run was quicker");
    drop(other);
}

#[test]
fn memory_results_appear_on_commit() {
    let target = MemFolder::new("out");
    let mut out = Box::new(MemOutFolder::create(&target).unwrap());
    write(out.as_mut(), "a", b"x");
    assert!(target.list().unwrap().is_empty());
    out.commit().unwrap();
    assert_eq!(target.read("a").unwrap(), b"x");
    assert_eq!(
        MemOutFolder::create(&target).unwrap_err().code(),
        "OUTPUT_EXISTS"
    );
}

const CHILD: &str = "KERF_TEST_KILLED_CHILD";

/// Not a test of its own: what the next test runs in a process that it kills.
#[test]
fn child_that_is_killed() {
    let Some(dir) = std::env::var_os(CHILD) else {
        return;
    };
    let dir = Path::new(&dir);
    let workspace = FsWorkspace::open(&dir.join("work")).unwrap();
    workspace.append_line("journal", "done: 1").unwrap();
    let mut out = FsOutFolder::create(&dir.join("out")).unwrap();
    write(&mut out, "model.kerf", b"half");
    fs::write(dir.join("ready"), "").unwrap();
    std::thread::sleep(std::time::Duration::from_secs(60));
}

#[test]
fn a_killed_process_blocks_nobody_and_its_rubbish_goes() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_is_killed"])
        .env(CHILD, dir.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let started = std::time::Instant::now();
    while !dir.path().join("ready").exists() {
        assert!(
            started.elapsed().as_secs() < 50,
            "the child does not get ready"
        );
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let busy = FsWorkspace::open(&dir.path().join("work")).unwrap_err();
    assert_eq!(busy.code(), "WORK_DIR_BUSY");
    let alive = names(dir.path()).len();
    drop(FsOutFolder::create(&dir.path().join("out")).unwrap());
    assert_eq!(
        names(dir.path()).len(),
        alive,
        "a living run lost its files"
    );
    child.kill().unwrap();
    child.wait().unwrap();
    let workspace = FsWorkspace::open(&dir.path().join("work")).unwrap();
    assert_eq!(workspace.get("journal").unwrap().unwrap(), b"done: 1\n");
    drop(FsOutFolder::create(&dir.path().join("out")).unwrap());
    assert_eq!(names(dir.path()), ["ready", "work"]);
}

#[test]
fn reading_a_model_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let model = dir.path().join("model");
    fs::create_dir(&model).unwrap();
    let empty = [&2u64.to_le_bytes()[..], b"{}"].concat();
    fs::write(model.join("model.safetensors"), empty).unwrap();
    let mut permissions = fs::metadata(&model).unwrap().permissions();
    let writable = permissions.clone();
    permissions.set_readonly(true);
    fs::set_permissions(&model, permissions).unwrap();
    let before = names(dir.path());
    let catalog = kerf_tensors::Catalog::open_path(&model).unwrap();
    catalog.fingerprint().unwrap();
    assert_eq!(names(&model), ["model.safetensors"]);
    assert_eq!(names(dir.path()), before);
    fs::set_permissions(&model, writable).unwrap();
}
