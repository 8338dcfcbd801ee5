//! Chooses the files of a folder that hold the weights.

use super::adapter;
use crate::TensorsError;
use serde_json::Value;

/// Where the weights are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Weights {
    /// In these files, which are sorted.
    Files(Vec<String>),
    /// In the files that this index names.
    Index(String),
}

/// Chooses by the names of the files at the top of the folder. `files` must be sorted. `class` gives the class of the model by
/// config.json; it is called only for the error about a folder without weights. `is_file` says that the user named one file,
/// whose path is then `folder`.
pub(super) fn weights(
    folder: &str,
    is_file: bool,
    files: &[String],
    class: &dyn Fn() -> Class,
) -> Result<Weights, TensorsError> {
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
        None => Err(not_a_model(folder, why_not(top(), is_file, class))),
    }
}

const ADAPTER_ALONE: &str = "it holds an adapter without its model; put the files of the model beside it (base_model_name_or_path in \
     adapter_config.json names it), or merge them in Python: \
     PeftModel.from_pretrained(BASE_MODEL, DIR).merge_and_unload().save_pretrained(OUT)";

/// The file `model.EXTENSION`, else the index `model.EXTENSION.index.json`, else all files with that extension.
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

/// The class of transformers that loads all weights of a model, the head included.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Class {
    /// Name of the class. `None` if config.json does not name one.
    name: Option<String>,
    /// Whether the folder holds the code of the class.
    is_remote: bool,
}

impl Class {
    /// The first class in `architectures` of config.json. If the folder holds its code, the name is that of the `Auto` class that
    /// loads it.
    pub(super) fn of(config: Option<&Value>) -> Self {
        let config = config.unwrap_or(&Value::Null);
        let name = config["architectures"][0].as_str();
        let is_name = |name: &&str| {
            name.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        let Some(name) = name.filter(is_name) else {
            return Self::default();
        };
        let remote = config["auto_map"].as_object().into_iter().flatten();
        let of_it = |(auto, code): (&String, &Value)| {
            let ends = code.as_str()?.rsplit(['.', '-']).next()? == name;
            ends.then(|| auto.clone())
        };
        let auto = remote.clone().find_map(of_it);
        Self {
            is_remote: auto.is_some(),
            name: Some(auto.unwrap_or_else(|| name.to_owned())),
        }
    }

    /// Python code that loads all weights and writes them as safetensors.
    fn conversion(&self, argument: &str) -> String {
        let name = self.name.as_deref().unwrap_or("CLASS");
        let remote = if self.is_remote {
            ", trust_remote_code=True"
        } else {
            ""
        };
        let which = match self.name {
            Some(_) => "",
            None => {
                "; CLASS is AutoModelForCausalLM for a language model and AutoModel for an encoder: another class may drop its head"
            }
        };
        format!(
            "from transformers import {name}; {name}.from_pretrained(DIR{argument}{remote}).save_pretrained(OUT), then copy tokenizer and configuration files to OUT{which}"
        )
    }
}

/// The reason why a folder has no weights that kerf reads: what it holds instead, and how to convert that to safetensors.
fn why_not<'a>(
    top: impl Iterator<Item = &'a String>,
    is_file: bool,
    class: &dyn Fn() -> Class,
) -> String {
    let names: Vec<&str> = top.map(String::as_str).collect();
    let find = |is_it: &dyn Fn(&str) -> bool| names.iter().copied().find(|name| is_it(name));
    let is_bin = |name: &str| name.ends_with(".bin") || name.ends_with(".bin.index.json");
    let is_model = |name: &str| is_bin(name) && name.contains("model");
    let convert = |file: &str, kind: &str, argument: &str, more: &str| {
        let python = class().conversion(argument);
        format!(
            "its weights are {kind} ({file}); convert them to safetensors first, in Python{more}: {python}"
        )
    };
    // Kinds of files that the fix can convert come first.
    if let Some(file) = find(&is_model) {
        return convert(file, "PyTorch's", "", "");
    }
    if let Some(file) = find(&|name| name.ends_with(".h5")) {
        return convert(
            file,
            "TensorFlow's",
            ", from_tf=True",
            " with transformers 4",
        );
    }
    if let Some(file) = find(&|name| name.ends_with(".msgpack")) {
        return convert(file, "Flax's", ", from_flax=True", " with transformers 4");
    }
    if let Some(file) = find(&|name| name.ends_with(".onnx") || name.ends_with(".onnx_data")) {
        return format!(
            "its weights are a graph of ONNX ({file}), which cannot be converted to safetensors; take the model that it was exported from"
        );
    }
    let ends = [".bin", ".pt", ".pth", ".ckpt"];
    match find(&|name| ends.iter().any(|end| name.ends_with(end))) {
        Some(file) => format!(
            "its weights are PyTorch's ({file}), in a layout of their own: load them with the program that wrote them and save what state_dict() gives with safetensors.torch.save_file"
        ),
        // The user named one file, and it holds no weights.
        None if is_file => {
            "name the folder of a model, or a .safetensors, .kerf or .gguf file".to_owned()
        }
        None => "there is no .safetensors, .kerf or .gguf file in it".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn choose(files: &[&str]) -> Result<Weights, TensorsError> {
        let mut files: Vec<_> = files.iter().map(|file| (*file).to_owned()).collect();
        files.sort();
        weights("dir", false, &files, &Class::default)
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
        assert!(text.contains("AutoModelForCausalLM"), "{text}");
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

    fn advice(config: Value, file: &str) -> String {
        let files = ["config.json".to_owned(), file.to_owned()];
        let class = || Class::of(Some(&config));
        weights("dir", false, &files, &class)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn the_advice_names_the_class_that_has_the_head() {
        let bert = json!({"architectures": ["BertForSequenceClassification"]});
        let says = advice(bert.clone(), "pytorch_model.bin");
        let python = "BertForSequenceClassification.from_pretrained(DIR).save_pretrained(OUT)";
        assert!(
            says.contains(python) && !says.contains("AutoModel"),
            "{says}"
        );
        assert!(advice(bert.clone(), "tf_model.h5").contains("from_tf=True"));
        assert!(advice(bert.clone(), "flax_model.msgpack").contains("from_flax=True"));
        let says = advice(bert.clone(), "model.onnx");
        assert!(
            says.contains("cannot be converted") && !says.contains("from_pretrained"),
            "{says}"
        );
        assert!(advice(bert, "training_args.bin").contains("program that wrote them"));
    }

    #[test]
    fn a_class_whose_code_is_in_the_folder_is_reached_by_its_auto_class() {
        let config = json!({
            "architectures": ["NomicBertModel"],
            "auto_map": {"AutoConfig": "repo--c.NomicBertConfig", "AutoModel": "repo--m.NomicBertModel"},
        });
        let says = advice(config, "pytorch_model.bin");
        assert!(
            says.contains("AutoModel.from_pretrained(DIR, trust_remote_code=True)"),
            "{says}"
        );
        // A value that is not a name of a class must not appear in the code.
        let says = advice(
            json!({"architectures": ["x; import os"]}),
            "pytorch_model.bin",
        );
        assert!(!says.contains("import os"), "{says}");
    }
}
