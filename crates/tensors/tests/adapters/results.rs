//! What a merged model is read as and written to.

use super::*;

#[test]
fn names_of_other_versions_mean_the_same() {
    let expected = values(&open(&files("embeddings")).unwrap());
    let outer = "base_model.model.";
    let with_adapter = |name: &str| {
        let name = name.replace(".lora_A.weight", ".lora_A.default.weight");
        let name = name.replace(".lora_B.weight", ".lora_B.default.weight");
        match name.contains("lora_embedding") {
            true => format!("{name}.default"),
            false => name,
        }
    };
    let renamings: [&dyn Fn(&str) -> String; 3] =
        [&with_adapter, &|name| name.replace(outer, ""), &|name| {
            name.replace("base_model.model.model.", outer)
        }];
    for rename in renamings {
        let catalog = open(&renamed("embeddings", rename)).unwrap();
        assert_eq!(values(&catalog), expected);
    }
    let expected = values(&open(&files("whole-modules")).unwrap());
    for between in ["modules_to_save", "modules_to_save.default"] {
        let rename = |name: &str| match name.contains("lora_") {
            true => name.to_owned(),
            false => name.replace(".weight", &format!(".{between}.weight")),
        };
        let mut files = renamed("whole-modules", rename);
        assert_eq!(values(&open(&files).unwrap()), expected, "{between}");
        // An adapter of an old version keeps a copy of what it replaces.
        let copied = rewritten("whole-modules", |tensors| {
            let tensor = tensors["base_model.model.lm_head.weight"].clone();
            tensors.insert(
                "base_model.model.lm_head.original_module.weight".into(),
                tensor,
            );
        });
        files.insert(WEIGHTS.into(), copied[WEIGHTS].clone());
        assert_eq!(values(&open(&files).unwrap()), expected, "{between}");
    }
}

#[test]
fn results_hold_merged_weights_in_the_type_of_the_model() {
    for (case, format) in [
        ("bf16", "safetensors"),
        ("bf16", "kerf"),
        ("conv1d", "kerf"),
    ] {
        let catalog = open(&files(case)).unwrap();
        let model = written(&catalog, format).unwrap();
        let mut files = model.folder.list().unwrap();
        files.retain(|file| file.starts_with("adapter"));
        assert!(files.is_empty(), "{files:?}");
        assert!(model.files.adapter.is_none());
        for entry in &catalog.tensors {
            let (expected, dtype) = (catalog.read_f32(&compute(1), entry).unwrap(), entry.dtype);
            let rounded: Vec<f32> = expected
                .iter()
                .map(|value| match dtype {
                    DType::BF16 => half::bf16::from_f32(*value).to_f32(),
                    _ => *value,
                })
                .collect();
            let ours = model.get(&entry.name).unwrap();
            assert_eq!(ours.dtype, dtype);
            assert!(matches!(ours.stored, Stored::Plain(_)), "{}", entry.name);
            let ours = model.read_f32(&compute(1), ours).unwrap();
            assert_eq!(ours, rounded, "{case}: {}", entry.name);
        }
    }
}

#[test]
fn a_whole_tensor_of_another_type_is_rounded_to_the_models() {
    let (name, wide) = ("base_model.model.lm_head.weight", 1.000_000_1_f32);
    let files = rewritten("bf16", |tensors| {
        let tensor = tensors.get_mut(name).unwrap();
        tensor.dtype = Dtype::F32;
        tensor.bytes = wide.to_le_bytes().repeat(24 * 8);
    });
    let catalog = open(&files).unwrap();
    let entry = catalog.get("lm_head.weight").unwrap();
    assert_eq!(entry.dtype, DType::BF16);
    assert_eq!(
        catalog.read_f32(&compute(1), entry).unwrap()[..2],
        [wide; 2]
    );
    let model = written(&catalog, "safetensors").unwrap();
    let entry = model.get("lm_head.weight").unwrap();
    assert_eq!(entry.dtype, DType::BF16);
    assert_eq!(model.read_f32(&compute(1), entry).unwrap()[..2], [1.0; 2]);
}
