//! Which files of a folder hold the weights.

use super::adapter;
use crate::TensorsError;

/// Where the weights are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Weights {
    /// In these files, sorted.
    Files(Vec<String>),
    /// In the files that this index names.
    Index(String),
}

/// Decides from the names at the top of the folder. `files` is sorted.
pub(super) fn weights(folder: &str, files: &[String]) -> Result<Weights, TensorsError> {
    let at_top = || files.iter().filter(|file| !file.contains('/'));
    let top = || at_top().filter(|file| !adapter::is_weights(file));
    let mut found = Vec::new();
    for extension in ["kerf", "safetensors", "gguf"] {
        found.extend(by_extension(top, extension));
    }
    if found.len() > 1 {
        let reason = "it has weights of several forms (.kerf, .safetensors, .gguf); name one of the files instead of the folder";
        return Err(not_a_model(folder, reason.to_owned()));
    }
    match found.pop() {
        Some(weights) => Ok(weights),
        None if at_top().count() > top().count() => {
            Err(not_a_model(folder, ADAPTER_ALONE.to_owned()))
        }
        None => Err(not_a_model(folder, why_not(top()))),
    }
}

const ADAPTER_ALONE: &str = "it holds an adapter without its model; put the files of the model beside it (base_model_name_or_path in \
     adapter_config.json names it), or merge them in Python: \
     PeftModel.from_pretrained(BASE_MODEL, DIR).merge_and_unload().save_pretrained(OUT)";

/// The single file of the usual name, else the index, else everything with that extension.
fn by_extension<'a, I: Iterator<Item = &'a String>>(
    top: impl Fn() -> I,
    extension: &str,
) -> Option<Weights> {
    let single = format!("model.{extension}");
    let index = format!("{single}.index.json");
    if top().any(|file| *file == single) {
        return Some(Weights::Files(vec![single]));
    }
    if top().any(|file| *file == index) {
        return Some(Weights::Index(index));
    }
    let end = format!(".{extension}");
    let all: Vec<_> = top().filter(|file| file.ends_with(&end)).cloned().collect();
    (!all.is_empty()).then_some(Weights::Files(all))
}

fn not_a_model(folder: &str, reason: String) -> TensorsError {
    TensorsError::NotAModel {
        path: folder.to_owned(),
        reason,
    }
}

/// What to say of a folder without weights that can be read.
fn why_not<'a>(mut top: impl Iterator<Item = &'a String>) -> String {
    const OTHERS: [(&str, &str); 6] = [
        (".bin", "PyTorch"),
        (".pt", "PyTorch"),
        (".pth", "PyTorch"),
        (".h5", "TensorFlow"),
        (".msgpack", "Flax"),
        (".onnx", "ONNX"),
    ];
    let known = top.find_map(|file| {
        let (_, kind) = OTHERS.iter().find(|(end, _)| file.ends_with(end))?;
        Some((file, kind))
    });
    match known {
        Some((file, kind)) => format!(
            "its weights are {kind} ({file}); convert them to safetensors first, in Python: \
             AutoModel.from_pretrained(DIR).save_pretrained(OUT, safe_serialization=True)"
        ),
        None => "there is no .safetensors, .kerf or .gguf file in it".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(files: &[&str]) -> Result<Weights, TensorsError> {
        let mut files: Vec<_> = files.iter().map(|file| (*file).to_owned()).collect();
        files.sort();
        weights("dir", &files)
    }

    fn files(names: &[&str]) -> Weights {
        Weights::Files(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn the_usual_name_then_the_index_then_all() {
        let single = choose(&[
            "model.safetensors",
            "reference.safetensors",
            "model.safetensors.index.json",
        ]);
        assert_eq!(single.unwrap(), files(&["model.safetensors"]));
        let index = choose(&["model-1.safetensors", "model.safetensors.index.json"]).unwrap();
        assert_eq!(index, Weights::Index("model.safetensors.index.json".into()));
        let all = choose(&["b.safetensors", "a.safetensors", "sub/c.safetensors"]).unwrap();
        assert_eq!(all, files(&["a.safetensors", "b.safetensors"]));
        assert_eq!(choose(&["model.kerf"]).unwrap(), files(&["model.kerf"]));
        let with_adapter = choose(&["adapter_model.safetensors", "base.safetensors"]);
        assert_eq!(with_adapter.unwrap(), files(&["base.safetensors"]));
    }

    #[test]
    fn a_folder_without_readable_weights_says_what_to_do() {
        let pytorch = choose(&["config.json", "pytorch_model.bin"]).unwrap_err();
        assert_eq!(pytorch.code(), "NOT_A_MODEL");
        let text = pytorch.to_string();
        assert!(text.contains("pytorch_model.bin") && text.contains("convert them to safetensors"));
        assert_eq!(choose(&[]).unwrap_err().code(), "NOT_A_MODEL");
        assert_eq!(
            choose(&["onnx/model.onnx"]).unwrap_err().code(),
            "NOT_A_MODEL"
        );
        for adapter in ["adapter_model.safetensors", "adapter_model.bin"] {
            let alone = choose(&["adapter_config.json", adapter]).unwrap_err();
            assert_eq!(alone.code(), "NOT_A_MODEL");
            assert!(alone.to_string().contains("files of the model beside it"));
        }
        let both = choose(&["model.kerf", "model.safetensors"]).unwrap_err();
        assert_eq!(both.code(), "NOT_A_MODEL");
    }
}
