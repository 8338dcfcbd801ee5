//! Work folders.

use super::*;

/// What every workspace promises.
fn workspace_battery(workspace: &dyn Workspace) {
    assert_eq!(workspace.get("a").unwrap(), None);
    assert!(workspace.open("a").unwrap().is_none());
    workspace.remove("a").unwrap();
    workspace.put("units/a", &[b"one"]).unwrap();
    workspace.put("units/a", &[b"t", b"wo"]).unwrap();
    assert_eq!(workspace.get("units/a").unwrap().unwrap(), b"two");
    workspace.append_line("journal", "1").unwrap();
    workspace.append_line("journal", "2").unwrap();
    assert_eq!(workspace.get("journal").unwrap().unwrap(), b"1\n2\n");
    workspace.put("torn", &[b"1\n2"]).unwrap();
    workspace.append_line("torn", "3").unwrap();
    assert_eq!(workspace.get("torn").unwrap().unwrap(), b"1\n2\n3\n");
    let mut sink = workspace.create("spill").unwrap();
    sink.write(b"abc").unwrap();
    sink.write(b"def").unwrap();
    sink.finish().unwrap();
    let mut part = [0; 2];
    workspace
        .open("spill")
        .unwrap()
        .unwrap()
        .read_at(2, &mut part)
        .unwrap();
    assert_eq!(&part, b"cd");
    workspace.remove("spill").unwrap();
    assert!(workspace.open("spill").unwrap().is_none());
    workspace.clear().unwrap();
    assert_eq!(workspace.get("journal").unwrap(), None);
}

#[test]
fn workspaces_keep_their_promises() {
    workspace_battery(&MemWorkspace::default());
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("deep/work");
    let workspace = FsWorkspace::open(&root).unwrap();
    workspace_battery(&workspace);
    assert!(!root.exists());
    workspace.clear().unwrap();
    drop(workspace);
    workspace_battery(&FsWorkspace::open(&root).unwrap());
}

#[test]
fn a_work_folder_has_one_owner_and_a_left_lock_file_blocks_nobody() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("kerf.lock"), "").unwrap();
    let first = FsWorkspace::open(dir.path()).unwrap();
    let second = FsWorkspace::open(dir.path()).unwrap_err();
    assert_eq!(second.code(), "WORK_DIR_BUSY");
    drop(first);
    FsWorkspace::open(dir.path()).unwrap();
}
