//! Copies of model folders with other tensors in them.
#![allow(dead_code)]

use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// A copy of a model folder that a test changes and saves.
pub struct Edited {
    pub folder: PathBuf,
    tensors: Vec<(String, Tensor)>,
    /// config.json.
    pub config: Value,
}

/// Element type, shape and bytes.
#[derive(Clone)]
pub struct Tensor {
    pub dtype: String,
    pub shape: Vec<usize>,
    pub bytes: Vec<u8>,
}

impl Tensor {
    pub fn f32(shape: &[usize], value: impl Fn(usize) -> f32) -> Self {
        let len: usize = shape.iter().product();
        Self {
            dtype: "F32".into(),
            shape: shape.to_vec(),
            bytes: (0..len)
                .flat_map(|index| value(index).to_le_bytes())
                .collect(),
        }
    }

    pub fn of(dtype: &str, shape: &[usize], bytes: usize) -> Self {
        Self {
            dtype: dtype.into(),
            shape: shape.to_vec(),
            bytes: vec![1; bytes],
        }
    }

    pub fn values(&self) -> Vec<f32> {
        assert_eq!(self.dtype, "F32");
        let values = self.bytes.as_chunks::<4>().0.iter();
        values.map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }
}

impl Edited {
    /// Copies `model`, whose weights are one file of safetensors, to `folder`.
    pub fn copy(model: &Path, folder: PathBuf) -> Self {
        std::fs::create_dir_all(&folder).expect("a folder");
        for entry in std::fs::read_dir(model).expect("a model").flatten() {
            std::fs::copy(entry.path(), folder.join(entry.file_name())).expect("a copy");
        }
        let config = std::fs::read(folder.join("config.json")).expect("a configuration");
        Self {
            tensors: read(&folder.join("model.safetensors")),
            config: serde_json::from_slice(&config).expect("JSON"),
            folder,
        }
    }

    pub fn get(&self, name: &str) -> &Tensor {
        let found = self.tensors.iter().find(|(own, _)| own == name);
        &found.unwrap_or_else(|| panic!("{name} is not there")).1
    }

    pub fn names(&self) -> Vec<String> {
        self.tensors.iter().map(|(name, _)| name.clone()).collect()
    }

    /// Adds a tensor, or puts another in its place.
    pub fn set(&mut self, name: &str, tensor: Tensor) -> &mut Self {
        self.tensors.retain(|(own, _)| own != name);
        self.tensors.push((name.into(), tensor));
        self
    }

    /// Leaves these tensors alone.
    pub fn keep(&mut self, names: &[&str]) -> &mut Self {
        self.tensors
            .retain(|(own, _)| names.contains(&own.as_str()));
        self
    }

    /// Changes values of an F32 tensor.
    pub fn change(&mut self, name: &str, change: impl Fn(&mut [f32])) -> &mut Self {
        let (shape, mut values) = (self.get(name).shape.clone(), self.get(name).values());
        change(&mut values);
        self.set(name, Tensor::f32(&shape, |index| values[index]))
    }

    /// Writes configuration and weights; the path of the folder.
    pub fn save(&self) -> String {
        let write = |file: &str, bytes: &[u8]| {
            std::fs::write(self.folder.join(file), bytes).expect("a written file");
        };
        write("config.json", self.config.to_string().as_bytes());
        let (mut header, mut content) = (Map::new(), Vec::new());
        for (name, tensor) in &self.tensors {
            let begin = content.len();
            content.extend(&tensor.bytes);
            let offsets = [begin, content.len()];
            let entry =
                json!({ "dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": offsets });
            header.insert(name.clone(), entry);
        }
        let header = Value::Object(header).to_string();
        let len = (header.len() as u64).to_le_bytes();
        write(
            "model.safetensors",
            &[&len, header.as_bytes(), &content].concat(),
        );
        super::text(&self.folder)
    }
}

/// Tensors of a file of safetensors, by name.
pub fn read(file: &Path) -> Vec<(String, Tensor)> {
    let bytes = std::fs::read(file).expect("a file");
    let (len, rest) = bytes.split_first_chunk::<8>().expect("a length");
    let (header, content) = rest.split_at(u64::from_le_bytes(*len) as usize);
    let header: Map<String, Value> = serde_json::from_slice(header).expect("a header");
    let tensors = header
        .into_iter()
        .filter(|(name, _)| name != "__metadata__");
    let sizes =
        |value: &Value| -> Vec<usize> { serde_json::from_value(value.clone()).expect("numbers") };
    tensors
        .map(|(name, entry)| {
            let offsets = sizes(&entry["data_offsets"]);
            let tensor = Tensor {
                dtype: entry["dtype"].as_str().expect("a type").into(),
                shape: sizes(&entry["shape"]),
                bytes: content[offsets[0]..offsets[1]].to_vec(),
            };
            (name, tensor)
        })
        .collect()
}
