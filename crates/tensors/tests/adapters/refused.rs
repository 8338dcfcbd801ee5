//! What an adapter that cannot be merged is refused with.

use super::*;

/// Code and sentence of the error.
fn refusal(files: &BTreeMap<String, Vec<u8>>) -> (String, String) {
    let error = open(files).expect_err("a refusal");
    (error.code().into(), error.to_string())
}

#[test]
fn an_adapter_that_does_not_fit_is_refused_by_name() {
    let q = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight";
    let edits: [(&str, &str, Edit<'_>); 8] = [
        (
            "lora_A.weight",
            "no tensor model.layers.0.self_attn.qq_proj.weight",
            &|tensors| {
                let tensor = tensors.remove(q).unwrap();
                tensors.insert(q.replace("q_proj", "qq_proj"), tensor);
                let b = q.replace("lora_A", "lora_B");
                let tensor = tensors.remove(&b).unwrap();
                tensors.insert(b.replace("q_proj", "qq_proj"), tensor);
            },
        ),
        (
            "layers.0.self_attn.q_proj",
            "factors is missing",
            &|tensors| {
                tensors.remove(q);
            },
        ),
        ("layers.0.self_attn.q_proj", "rank 2", &|tensors| {
            tensors.get_mut(q).unwrap().shape = vec![1, 16];
        }),
        (
            "layers.0.self_attn.q_proj",
            "does the adapter belong to it",
            &|tensors| {
                let tensor = tensors.get_mut(q).unwrap();
                (tensor.shape, tensor.dtype) = (vec![2, 16], Dtype::F16);
            },
        ),
        ("layers.0.self_attn.q_proj", "no matrices", &|tensors| {
            tensors.get_mut(q).unwrap().shape = vec![2, 2, 4];
        }),
        (
            "layers.0.self_attn.q_proj",
            "several adapters",
            &|tensors| {
                let tensor = tensors[q].clone();
                tensors.insert(q.replace(".weight", ".other.weight"), tensor);
            },
        ),
        (
            "lora_magnitude_vector",
            "does not know how to merge",
            &|tensors| {
                let tensor = tensors[q].clone();
                tensors.insert(q.replace("lora_A.weight", "lora_magnitude_vector"), tensor);
            },
        ),
        ("score.weight", "has no tensor score.weight", &|tensors| {
            let tensor = tensors[q].clone();
            tensors.insert("base_model.model.score.weight".into(), tensor);
        }),
    ];
    for (named, why, edit) in edits {
        let (code, text) = refusal(&rewritten("plain", edit));
        assert_eq!(code, "BAD_ADAPTER", "{text}");
        assert!(text.starts_with(WEIGHTS) && text.contains(named), "{text}");
        assert!(
            text.contains(why) && text.contains("merge_and_unload"),
            "{text}"
        );
    }
    let (code, _) = refusal(&rewritten("plain", |tensors| {
        let tensor = tensors.get_mut(q).unwrap();
        (tensor.dtype, tensor.bytes) = (Dtype::I32, vec![0; 64]);
    }));
    assert_eq!(code, "WRONG_DTYPE");
}

#[test]
fn a_configuration_that_contradicts_the_tensors_is_refused() {
    for (why, edit) in [
        (
            "leaves this module out",
            json!({"target_modules": ["v_proj"]}),
        ),
        (
            "leaves this module out",
            json!({"exclude_modules": ["q_proj"]}),
        ),
        (
            "leaves this module out",
            json!({"layers_to_transform": [1]}),
        ),
        ("gives it rank 3", json!({"r": 3})),
        ("gives it rank 1", json!({"rank_pattern": {"q_proj": 1}})),
        (
            "lm_head.weight is of a module",
            json!({"modules_to_save": ["lm_head"]}),
        ),
        ("use_dora", json!({"use_dora": true})),
        ("IA3", json!({"peft_type": "IA3"})),
    ] {
        let files = configured("plain", |config| {
            for (field, value) in edit.as_object().unwrap() {
                config[field] = value.clone();
            }
        });
        let (code, text) = refusal(&files);
        assert_eq!(code, "BAD_ADAPTER", "{text}");
        assert!(text.contains(why), "{why}: {text}");
    }
}

#[test]
fn a_folder_without_all_of_an_adapter_is_refused() {
    let without = |file: &str| {
        let mut files = files("plain");
        files.remove(file);
        files
    };
    let (code, text) = refusal(&without(CONFIG));
    assert_eq!(code, "BAD_ADAPTER");
    assert!(text.contains("without adapter_config.json"), "{text}");
    let (code, text) = refusal(&without(WEIGHTS));
    assert_eq!(code, "BAD_ADAPTER");
    assert!(
        text.contains("adapter_model.safetensors, are missing"),
        "{text}"
    );
    let mut pickled = without(WEIGHTS);
    pickled.insert("adapter_model.bin".into(), b"PK".to_vec());
    let (code, text) = refusal(&pickled);
    assert_eq!(code, "BAD_ADAPTER");
    assert!(
        text.starts_with("adapter_model.bin") && text.contains("merge_and_unload"),
        "{text}"
    );
    let (code, text) = refusal(&without("model.safetensors"));
    assert_eq!(code, "NOT_A_MODEL");
    assert!(text.contains("files of the model beside it"), "{text}");
    let empty = rewritten("plain", Tensors::clear);
    assert!(refusal(&empty).1.contains("holds no tensor"));
}

#[test]
fn an_adapter_beside_a_packed_model_is_refused() {
    let mut plain = files("plain");
    let adapter = [CONFIG, WEIGHTS].map(|file| (file.to_owned(), plain.remove(file).unwrap()));
    let shape = Shape {
        rows: 8,
        cols: 8,
        pruned: None,
        body: Body::Grid(4, 8),
    };
    let name = "model.layers.0.self_attn.q_proj.weight";
    let packed = encode(&compute(1), name, &matrix(shape, 1)).to_bytes();
    let mut files: BTreeMap<_, _> = adapter.into_iter().collect();
    files.insert("model.kerf".into(), packed);
    let (code, text) = refusal(&files);
    assert_eq!(code, "BAD_ADAPTER");
    assert!(text.contains("packed (kerf)"), "{text}");
}
