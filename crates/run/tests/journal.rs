//! A journal over work folders: what is found again after a run was killed.

use kerf_run::{Journal, Record};
use kerf_tensors::folder::FsWorkspace;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;

/// What the owner of these tests says of a unit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Trained {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    step: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    losses: Vec<f64>,
}

fn trained(step: u64, losses: &[f64]) -> Trained {
    Trained {
        step: Some(step),
        losses: losses.to_vec(),
    }
}

fn open(root: &Path, fingerprint: &str) -> Journal<Trained> {
    let workspace = FsWorkspace::open(&root.join("work")).unwrap();
    Journal::open(Arc::new(workspace), fingerprint).unwrap()
}

fn file(root: &Path, name: &str) -> std::path::PathBuf {
    root.join("work").join(name)
}

fn lines(root: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file(root, "journal.jsonl")).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn files(root: &Path) -> usize {
    std::fs::read_dir(root.join("work")).unwrap().count()
}

/// A journal with two units, `one` and `two`.
fn two_units(root: &Path) {
    let mut journal = open(root, "f");
    let payload = trained(7, &[0.1 + 0.2, 1e-300, 3.0]);
    let one = Record::new("one", "one.bin", payload);
    journal.put(one, &[b"ab", b"c"]).unwrap();
    let two = Record::new("two", "two.json", Trained::default());
    journal.put_value(two, &vec![1, 2, 3]).unwrap();
}

#[test]
fn payloads_and_values_come_back_to_the_bit() {
    let root = tempfile::tempdir().unwrap();
    two_units(root.path());
    let journal = open(root.path(), "f");
    assert_eq!(journal.units(), 2);
    let one = journal.get("one").unwrap();
    assert_eq!(one.payload, trained(7, &[0.1 + 0.2, 1e-300, 3.0]));
    assert_eq!(one.digest.len(), 64);
    assert_eq!(std::fs::read(file(root.path(), &one.file)).unwrap(), b"abc");
    assert_eq!(
        journal.value::<Vec<u8>>("two").unwrap(),
        Some(vec![1, 2, 3])
    );
    assert_eq!(journal.value::<Vec<u8>>("three").unwrap(), None);
    assert!(journal.has("two") && !journal.has("three"));
}

#[test]
fn the_fields_of_a_payload_stand_beside_those_of_the_record() {
    let root = tempfile::tempdir().unwrap();
    two_units(root.path());
    let lines = lines(root.path());
    assert_eq!(lines[0], r#"{"kerf_journal":2,"fingerprint":"f"}"#);
    let end = r#","step":7,"losses":[0.30000000000000004,1e-300,3.0]}"#;
    assert!(lines[1].starts_with(r#"{"unit":"one","file":"one.bin","digest":""#));
    assert!(lines[1].ends_with(end), "{}", lines[1]);
    // A payload that says nothing leaves nothing in the line.
    assert!(lines[2].starts_with(r#"{"unit":"two","file":"two.json","digest":""#));
    assert!(lines[2].ends_with(r#""}"#) && !lines[2].contains("step"));
}

#[test]
fn a_torn_line_is_no_record_and_does_not_spoil_the_next() {
    let root = tempfile::tempdir().unwrap();
    two_units(root.path());
    let path = file(root.path(), "journal.jsonl");
    let text = std::fs::read(&path).unwrap();
    let second = lines(root.path())[..2].join("\n").len() + 1;
    for end in second + 1..text.len() - 1 {
        std::fs::write(&path, &text[..end]).unwrap();
        let mut journal = open(root.path(), "f");
        assert_eq!(journal.units(), 1, "torn at {end}");
        let two = Record::new("two", "two.json", Trained::default());
        journal.put_value(two, &0).unwrap();
        drop(journal);
        assert_eq!(open(root.path(), "f").units(), 2, "torn at {end}");
        std::fs::write(file(root.path(), "two.json"), "[1,2,3]").unwrap();
    }
}

#[test]
fn a_unit_whose_file_has_another_digest_or_is_gone_is_not_done() {
    let root = tempfile::tempdir().unwrap();
    two_units(root.path());
    std::fs::write(file(root.path(), "one.bin"), b"abd").unwrap();
    let mut journal = open(root.path(), "f");
    assert!(!journal.has("one") && journal.has("two"));
    std::fs::remove_file(file(root.path(), "two.json")).unwrap();
    assert!(journal.has("two"));
    journal.forget_missing().unwrap();
    assert_eq!(journal.units(), 0);
    drop(journal);
    // The right file counts again.
    std::fs::write(file(root.path(), "one.bin"), b"abc").unwrap();
    assert!(open(root.path(), "f").has("one"));
}

#[test]
fn the_folder_of_another_run_is_cleared() {
    let root = tempfile::tempdir().unwrap();
    two_units(root.path());
    assert_eq!(open(root.path(), "g").units(), 0);
    assert_eq!(
        lines(root.path()),
        [r#"{"kerf_journal":2,"fingerprint":"g"}"#]
    );
    assert!(!file(root.path(), "one.bin").exists());
    assert_eq!(open(root.path(), "f").units(), 0);
}

#[test]
fn a_forgotten_unit_is_gone_for_the_next_run_too() {
    let root = tempfile::tempdir().unwrap();
    two_units(root.path());
    let mut journal = open(root.path(), "f");
    journal.forget("one").unwrap();
    journal.forget("never").unwrap();
    drop(journal);
    let journal = open(root.path(), "f");
    assert!(!journal.has("one") && journal.has("two"));
    assert!(!file(root.path(), "one.bin").exists());
}

/// Checkpoints 1 to `last` of a training, whose losses are the halves of their steps.
fn train(journal: &mut Journal<Trained>, last: u64) {
    let at = journal.get("checkpoint").map(|record| &record.payload);
    let mut losses = at.map_or(Vec::new(), |at| at.losses.clone());
    for step in losses.len() as u64 + 1..=last {
        losses.push(step as f64 / 2.0);
        let record = Record::new("checkpoint", "weights.f32", trained(step, &losses));
        journal.replace(record, &[&step.to_le_bytes()]).unwrap();
    }
}

fn weights(root: &Path, journal: &Journal<Trained>) -> (u64, u64) {
    let record = journal.get("checkpoint").unwrap();
    let bytes = std::fs::read(file(root, &record.file)).unwrap();
    let weights = u64::from_le_bytes(bytes.try_into().unwrap());
    (record.payload.step.unwrap(), weights)
}

#[test]
fn a_checkpoint_replaces_the_one_before_and_two_files_are_all_there_are() {
    let root = tempfile::tempdir().unwrap();
    let mut journal = open(root.path(), "f");
    let before = files(root.path());
    train(&mut journal, 20);
    assert_eq!(journal.units(), 1);
    assert_eq!(files(root.path()), before + 2);
    assert_eq!(weights(root.path(), &journal), (20, 20));
    drop(journal);
    let mut journal = open(root.path(), "f");
    assert_eq!(weights(root.path(), &journal), (20, 20));
    let losses = &journal.get("checkpoint").unwrap().payload.losses;
    assert_eq!(losses[..3], [0.5, 1.0, 1.5]);
    assert_eq!(losses.len(), 20);
    journal
        .forget_replaced("checkpoint", "weights.f32")
        .unwrap();
    assert_eq!(files(root.path()), before);
    drop(journal);
    assert_eq!(open(root.path(), "f").units(), 0);
}

#[test]
fn a_torn_checkpoint_leaves_the_one_before_and_the_run_goes_on_there() {
    let root = tempfile::tempdir().unwrap();
    let mut journal = open(root.path(), "f");
    train(&mut journal, 7);
    let torn = journal.get("checkpoint").unwrap().file.clone();
    drop(journal);
    std::fs::write(file(root.path(), &torn), b"half").unwrap();
    let mut journal = open(root.path(), "f");
    assert_eq!(weights(root.path(), &journal), (6, 6));
    train(&mut journal, 9);
    drop(journal);
    let journal = open(root.path(), "f");
    assert_eq!(weights(root.path(), &journal), (9, 9));
    let losses = &journal.get("checkpoint").unwrap().payload.losses;
    assert_eq!(losses.len(), 9);
}

#[test]
fn a_checkpoint_that_was_written_without_its_line_does_not_count() {
    let root = tempfile::tempdir().unwrap();
    let mut journal = open(root.path(), "f");
    train(&mut journal, 4);
    drop(journal);
    // Killed after the file of step 5, which takes the place of that of step 3.
    let path = file(root.path(), "journal.jsonl");
    let (text, at) = (std::fs::read(&path).unwrap(), lines(root.path()));
    let mut journal = open(root.path(), "f");
    train(&mut journal, 5);
    drop(journal);
    std::fs::write(&path, &text).unwrap();
    assert_eq!(lines(root.path()), at);
    let journal = open(root.path(), "f");
    assert_eq!(weights(root.path(), &journal), (4, 4));
}

#[test]
fn a_journal_needs_no_payload() {
    #[derive(Serialize, Deserialize)]
    struct Nothing {}
    let root = tempfile::tempdir().unwrap();
    let workspace = || Arc::new(FsWorkspace::open(&root.path().join("work")).unwrap());
    let mut journal = Journal::<Nothing>::open(workspace(), "f").unwrap();
    journal
        .put(Record::new("one", "one.bin", Nothing {}), &[b"a"])
        .unwrap();
    drop(journal);
    let journal = Journal::<Nothing>::open(workspace(), "f").unwrap();
    assert!(journal.has("one"));
}
