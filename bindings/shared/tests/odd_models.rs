//! Models as people have them: without config.json, and with weights far from 1.

mod common;

use common::{err, f64_of, ok, sample, stories, text};
use serde_json::{Value, json};
use std::path::Path;

/// A copy of the model with a matrix times a power of two; files are changed in place.
fn scaled(out: &Path, tensor: &str, factor: f32) {
    for file in std::fs::read_dir(stories()).expect("folder") {
        let file = file.expect("file").path();
        std::fs::copy(&file, out.join(file.file_name().expect("name"))).expect("copy");
    }
    let path = out.join("model.safetensors");
    let mut bytes = std::fs::read(&path).expect("weights");
    let len = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + len]).expect("a header");
    assert_eq!(header[tensor]["dtype"], "F32");
    let offset = |at: usize| {
        header[tensor]["data_offsets"][at]
            .as_u64()
            .expect("an offset") as usize
    };
    for value in bytes[8 + len..][offset(0)..offset(1)].chunks_exact_mut(4) {
        let number = f32::from_le_bytes((&*value).try_into().expect("four bytes")) * factor;
        value.copy_from_slice(&number.to_le_bytes());
    }
    std::fs::write(path, bytes).expect("write");
}

const TENSOR: &str = "model.layers.1.mlp.up_proj.weight";

fn compress(model: &Path, format: &str, method: &str, out: &Path) -> Value {
    let options = json!({ "format": format, "method": method, "tokens": 2048 });
    let request = json!({
        "model": text(model),
        "out": text(out),
        "calibration": { "file": sample() },
        "options": options,
    });
    ok("compress", request)
}

fn layer<'a>(report: &'a Value, name: &str) -> &'a Value {
    let layers = report["layers"].as_array().expect("layers");
    layers
        .iter()
        .find(|layer| layer["name"] == name)
        .expect("the layer")
}

#[test]
fn a_matrix_far_from_1_loses_what_it_loses_near_1_or_stays_f32_with_a_repair() {
    let folder = tempfile::tempdir().expect("folder");
    let near = folder.path().join("near");
    std::fs::create_dir(&near).expect("folder");
    scaled(&near, TENSOR, 1.0);
    for power in [-24, -100, 60] {
        let far = folder.path().join(format!("far{power}"));
        std::fs::create_dir(&far).expect("folder");
        scaled(&far, TENSOR, 2f32.powi(power));
        for (format, method) in [
            ("kerf", "rtn"),
            ("kerf", "obs"),
            ("safetensors", "rtn"),
            ("compressed-tensors", "obs"),
            ("gguf-q8_0", "rtn"),
        ] {
            let name = format!("{format} {method} times 2^{power}");
            let out = |model: &str| folder.path().join(format!("{model}-{format}-{method}"));
            let usual = out("near");
            let usual = match usual.exists() {
                true => continue_with(&usual),
                false => {
                    let report = compress(&near, format, method, &usual);
                    std::fs::write(usual.join("report.txt"), report.to_string()).expect("write");
                    report
                }
            };
            let made = out(&format!("far{power}"));
            let report = compress(&far, format, method, &made);
            let error = |report: &Value| f64_of(layer(report, TENSOR), "relativeWeightError");
            let (error, usual) = (error(&report), error(&usual));
            let repairs = report["repairs"].to_string();
            if format.starts_with("gguf") {
                assert!(
                    repairs.contains("outOfRange") && repairs.contains("\"kept\":true"),
                    "{name}: {repairs}"
                );
                assert_eq!(error, 0.0, "{name}");
                let inspection = ok("inspect", json!({ "model": text(&made) }));
                let tensors = inspection["tensors"].as_array().expect("tensors");
                let tensor = tensors.iter().find(|tensor| tensor["name"] == TENSOR);
                assert_eq!(tensor.expect("the tensor")["stored"], "plain", "{name}");
            } else {
                // What the activations behind it are is another matter.
                assert!(!repairs.contains(TENSOR), "{name}: {repairs}");
                // The same codes, whose sums are in another order nowhere.
                assert!(
                    (error / usual - 1.0).abs() < 1e-3,
                    "{name}: {error} for {usual}"
                );
            }
        }
        let request = |format: &str| json!({ "model": text(&far), "format": format, "out": text(&folder.path().join(format!("converted{power}-{format}"))) });
        let error = err("convert", request("gguf-q4_0"));
        assert_eq!(error.code, "FORMAT_UNSUPPORTED");
        assert!(error.message.contains(TENSOR), "{}", error.message);
        ok("convert", request("compressed-tensors"));
    }
}

fn continue_with(out: &Path) -> Value {
    let report = std::fs::read_to_string(out.join("report.txt")).expect("a report");
    serde_json::from_str(&report).expect("JSON")
}

#[test]
fn weights_without_config_are_compressed_by_themselves_and_an_error_names_the_file() {
    let folder = tempfile::tempdir().expect("folder");
    let weights = format!("{}/model.safetensors", stories());
    let model = folder.path().join("weights");
    std::fs::create_dir(&model).expect("folder");
    std::fs::copy(weights, model.join("model.safetensors")).expect("copy");
    let plan =
        json!({ "model": text(&model), "options": { "method": "magnitude", "sparsity": 0.7 } });
    let notes = ok("plan", plan)["notes"].to_string();
    assert!(notes.contains("config.json"), "{notes}");
    let calibrated = json!({
        "model": text(&model),
        "out": text(&folder.path().join("out")),
        "calibration": { "file": sample() },
    });
    let evaluated = json!({ "model": text(&model), "textFile": sample() });
    let dense = json!({ "model": text(&model), "format": "compressed-tensors", "out": text(&folder.path().join("ct")) });
    for (command, request) in [
        ("compress", calibrated),
        ("evaluate", evaluated),
        ("convert", dense),
    ] {
        let error = err(command, request);
        assert!(
            error.message.contains("config.json") && error.message.contains("fetch it"),
            "{command}: {}",
            error.message
        );
        assert!(!error.message.contains("\"none\""), "{}", error.message);
    }
    // A configuration that names no network.
    std::fs::write(model.join("config.json"), "{}").expect("write");
    let plan =
        json!({ "model": text(&model), "options": { "method": "magnitude", "sparsity": 0.7 } });
    let notes = ok("plan", plan)["notes"].to_string();
    assert!(notes.contains("names no model_type"), "{notes}");
    let error = err(
        "plan",
        json!({ "model": text(&model), "options": { "method": "obs" } }),
    );
    assert_eq!(error.code, "BAD_CONFIG");
}
