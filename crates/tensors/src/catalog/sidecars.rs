//! The files beside the weights that a copy of the model needs: configuration, tokenizer, sentence-transformers folders.

use crate::files::{Fact, ModelFiles};
use crate::folder::stand_in_of;
use crate::{Folder, TensorsError};

/// Largest sidecar, unless it lies in a folder that modules.json names. A larger file is not a sidecar, whatever its name.
const MAX_BYTES: u64 = 64 << 20;

const NAMES: [&str; 12] = [
    "config.json",
    "kerf-architecture.json",
    "generation_config.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "special_tokens_map.json",
    "added_tokens.json",
    "modules.json",
    "config_sentence_transformers.json",
    "README.md",
    "preprocessor_config.json",
];

/// The sidecars among `files`, with their sizes in bytes. All files in the folders of modules.json are sidecars, of any size.
/// `BROKEN_LINK` for a link to nothing, and `NOT_A_MODEL` for a Git LFS pointer or a web page in place of the file, because a
/// result would copy it. For prose such a fault is only noted.
pub(super) fn find(
    folder: &dyn Folder,
    files: &[String],
    described: &mut ModelFiles,
) -> Result<Vec<(String, u64)>, TensorsError> {
    let modules = described.module_folders().to_vec();
    let facts = &mut described.facts;
    let of_module = |file: &str| {
        let rests = modules
            .iter()
            .map(|module| file.strip_prefix(module.as_str()));
        rests.flatten().any(|rest| rest.starts_with('/'))
    };
    let mut found = Vec::new();
    for file in files {
        let needed = of_module(file);
        if !needed && !is_sidecar(file) {
            continue;
        }
        match size(folder, file) {
            Ok(len_bytes) if needed || len_bytes <= MAX_BYTES => {
                found.push((file.clone(), len_bytes));
            }
            Ok(len_bytes) => {
                let says =
                    format!("it is larger than {MAX_BYTES} bytes and not copied to a result");
                facts.push(Fact::noted(file, "", len_bytes, says));
            }
            Err(error) if is_prose(file) => {
                let says = format!("it is not copied to a result: {error}");
                facts.push(Fact::noted(file, "", "", says));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Size of a file in bytes. An error if the file is only a stand-in for the real one.
fn size(folder: &dyn Folder, file: &str) -> Result<u64, TensorsError> {
    let source = folder.open(file)?;
    match stand_in_of(source.as_ref())? {
        None => Ok(source.len_bytes()),
        Some(reason) => Err(TensorsError::NotAModel {
            path: source.name().to_owned(),
            reason: reason.to_owned(),
        }),
    }
}

/// Whether a file only describes the model to people. Its content does not change what the model computes.
pub(super) fn is_prose(file: &str) -> bool {
    file == "README.md" || file.starts_with("LICENSE")
}

fn is_sidecar(file: &str) -> bool {
    match file.split_once('/') {
        Some((module, _)) => is_module_folder(module),
        None => {
            // Without a `/` the name is a link to a folder that does not exist.
            is_module_folder(file)
                || NAMES.contains(&file)
                || is_prose(file)
                || file.starts_with("chat_template")
                || (file.starts_with("tokenizer") && file.ends_with(".json"))
                || (file.starts_with("sentence_") && file.ends_with("_config.json"))
                || file.ends_with(".model")
        }
    }
}

/// `1_Pooling`, `2_Dense`: whether a folder has the name of a module of a sentence-transformers model. Its files may include
/// small weights.
fn is_module_folder(name: &str) -> bool {
    match name.split_once('_') {
        Some((number, kind)) => {
            !number.is_empty()
                && number.bytes().all(|byte| byte.is_ascii_digit())
                && !kind.is_empty()
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_copy_needs_and_nothing_else() {
        for file in [
            "config.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "tokenizer.model",
            "spiece.model",
            "vocab.txt",
            "merges.txt",
            "1_Pooling/config.json",
            "2_Dense/model.safetensors",
            "LICENSE",
            "LICENSE.txt",
            "README.md",
            "chat_template.jinja",
        ] {
            assert!(is_sidecar(file), "{file}");
        }
        for file in [
            "pytorch_model.bin",
            "model.safetensors",
            "onnx/model.onnx",
            "openvino/config.json",
            "tf_model.h5",
            "model.gguf",
            "flax_model.msgpack",
            "train.py",
            "model.safetensors.index.json",
            "_x/y",
            "data_1/x",
        ] {
            assert!(!is_sidecar(file), "{file}");
        }
    }
}
