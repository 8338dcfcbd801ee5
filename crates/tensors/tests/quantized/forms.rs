//! What codes and dense models become in another form.

use super::*;

/// A container has the codes, and going back from there gives the same file.
pub(super) fn codes_go_on_to_other_forms(
    model: &Catalog,
    model_info: &ModelInfo,
    units: &Units,
    name: &str,
) {
    let kerf = kerf_tensors::formats::by_id("kerf").unwrap();
    let output = plan(model, model_info, kerf, &NothingReplaced, true);
    let (folder, _) = write_output(&compute(1), &output);
    let container = open(&folder);
    assert_eq!(container.form, "kerf");
    for (tensor, (_, matrix)) in &units.0 {
        let entry = container.get(tensor).unwrap();
        let read = container.read_matrix(&compute(1), entry).unwrap();
        assert!(codes(&read) == codes(matrix), "{name} {tensor}");
    }
    let dense = kerf_tensors::formats::by_id("safetensors").unwrap();
    let (folder, _) = write_output(
        &compute(1),
        &plan(&container, model_info, dense, &NothingReplaced, true),
    );
    let config = String::from_utf8(folder.read("config.json").unwrap()).unwrap();
    assert!(!config.contains("quantization_config"), "{config}");
}

pub(super) fn dense_models_are_rounded(format: &'static dyn Format, dtype: DType) {
    let (source, model_info) = (source(dtype), model_info());
    let output = plan(&source, &model_info, format, &NothingReplaced, true);
    let notes = output.notes().join("\n");
    assert!(
        notes.contains("rounded to the nearest") && notes.contains("172"),
        "{notes}"
    );
    let (folder, _) = write_output(&compute(1), &output);
    let model = open(&folder);
    for entry in &source.tensors {
        let ours = model.get(&entry.name).unwrap();
        let Some(grid) = ours.grid() else { continue };
        let [rows, cols] = entry.shape[..] else {
            panic!("a vector of codes")
        };
        let w = source.read_f32(&compute(1), entry).unwrap();
        let expected = round_to_grid(&compute(1), &w, rows, cols, grid, None);
        let read = model.read_matrix(&compute(1), ours).unwrap();
        assert!(
            codes(&read) == codes(&expected),
            "{} {}",
            format.id(),
            entry.name
        );
    }
    // From its own form nothing is rounded again.
    let again = plan(&model, &model_info, format, &NothingReplaced, true);
    assert!(
        !again.notes().join("").contains("rounded"),
        "{:?}",
        again.notes()
    );
    let (copy, files) = write_output(&compute(1), &again);
    for file in files {
        assert_eq!(
            copy.read(&file.file).unwrap(),
            folder.read(&file.file).unwrap()
        );
    }
}
