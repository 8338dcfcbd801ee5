//! Links in model folders.

use super::*;
use std::fs;
use std::os::unix::fs::symlink;

fn write(dir: &Path, file: &str, content: impl AsRef<[u8]>) {
    let path = dir.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn model(dir: &Path) {
    write(dir, "model.safetensors", file(&[("a", &[1.0])]));
    write(dir, "config.json", "{}");
}

fn names(dir: &Path) -> Vec<String> {
    FsFolder::open(dir).unwrap().list().unwrap()
}

#[test]
fn a_linked_module_folder_is_part_of_the_model_and_of_a_result() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("model");
    model(&root);
    write(
        dir.path(),
        "elsewhere/config.json",
        r#"{"pooling_mode":"mean"}"#,
    );
    symlink(dir.path().join("elsewhere"), root.join("1_Pooling")).unwrap();
    let catalog = Catalog::open_path(&root).unwrap();
    assert!(
        catalog
            .sidecars
            .contains(&("1_Pooling/config.json".into(), 23))
    );
    let model_info = ModelInfo::default();
    let dense = formats::by_id("safetensors").unwrap();
    let output = Output::plan(
        &catalog,
        &model_info,
        dense,
        &NothingReplaced,
        BTreeMap::new(),
        u64::MAX,
        true,
    );
    let (written, _) = write_output(&compute(1), &output.unwrap());
    assert_eq!(written.read("1_Pooling/config.json").unwrap().len(), 23);
}

#[test]
fn links_in_a_circle_end_and_a_link_to_much_is_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("model");
    model(&root);
    symlink(&root, root.join("itself")).unwrap();
    symlink("/", root.join("all")).unwrap();
    write(dir.path(), "one/x", "");
    symlink(dir.path().join("two"), dir.path().join("one/two")).unwrap();
    write(dir.path(), "two/y", "");
    symlink(dir.path().join("one"), dir.path().join("two/one")).unwrap();
    symlink(dir.path().join("one"), root.join("1_One")).unwrap();
    for at in 0..1_001 {
        write(dir.path(), &format!("many/{at}"), "");
    }
    symlink(dir.path().join("many"), root.join("data")).unwrap();
    assert_eq!(
        names(&root),
        ["1_One/two/y", "1_One/x", "config.json", "model.safetensors"]
    );
}

#[test]
fn a_link_to_nothing_is_named_with_its_target() {
    for link in [
        "model.safetensors",
        "config.json",
        "tokenizer.json",
        "1_Pooling",
        "2_Dense/config.json",
    ] {
        let dir = tempfile::tempdir().unwrap();
        model(dir.path());
        let path = dir.path().join(link);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&path);
        symlink("../../blobs/4d7a2146", &path).unwrap();
        let error = Catalog::open_path(dir.path()).unwrap_err();
        assert_eq!(error.code(), "BROKEN_LINK", "{link}: {error}");
        let text = error.to_string();
        assert!(
            text.contains(link) && text.contains("../../blobs/4d7a2146"),
            "{text}"
        );
        // Somebody who asks for a file below it hears the same.
        let folder = FsFolder::open(dir.path()).unwrap();
        let below = folder.open(&format!("{link}/config.json")).err().unwrap();
        assert_eq!(below.code(), "BROKEN_LINK", "{below}");
    }
}

#[test]
fn a_shard_or_a_model_behind_a_broken_link_is_named() {
    let dir = tempfile::tempdir().unwrap();
    write(
        dir.path(),
        INDEX,
        r#"{"weight_map":{"a":"one.safetensors"}}"#,
    );
    symlink("gone", dir.path().join("one.safetensors")).unwrap();
    let error = Catalog::open_path(dir.path()).unwrap_err();
    assert_eq!(error.code(), "BROKEN_LINK");
    let whole = dir.path().join("whole");
    symlink("nowhere", &whole).unwrap();
    let error = FsFolder::open(&whole).unwrap_err();
    assert!(
        error.to_string().contains("whole is a link to nowhere"),
        "{error}"
    );
    assert_eq!(
        FsFolder::open(&dir.path().join("absent"))
            .unwrap_err()
            .code(),
        "NOT_FOUND"
    );
}

#[test]
fn a_broken_link_beside_the_model_is_nobodys_error() {
    let dir = tempfile::tempdir().unwrap();
    model(dir.path());
    for link in ["train.py", "onnx/model.onnx", "README.md"] {
        fs::create_dir_all(dir.path().join(link).parent().unwrap()).unwrap();
        symlink("gone", dir.path().join(link)).unwrap();
    }
    let catalog = Catalog::open_path(dir.path()).unwrap();
    assert!(catalog.files.notes().join("").contains("README.md"));
}
