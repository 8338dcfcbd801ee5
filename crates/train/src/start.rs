//! The model that a training begins with, where it gets a new head: written into the work folder and opened from there.

use kerf_kernels::Compute;
use kerf_model::{FreshTensor, Headed, ModelError, WeightSource};
use kerf_tensors::folder::Instead;
use kerf_tensors::formats::write_as;
use kerf_tensors::safetensors::{OutTensor, plan_files};
use kerf_tensors::{Catalog, DType, Workspace};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Name of the weights in the work folder.
const FILE: &str = "start.safetensors";
/// Name of the weights in the folder that is opened.
const WEIGHTS: &str = "model.safetensors";
const CONFIG: &str = "config.json";

/// A model with a new head, as a folder of one weight file. Tensors keep their element types; new ones get that of the token embedding.
/// Files of sentence-transformers are left out, since they describe a model that gives vectors. Errors are those of reading and writing.
pub fn with_head(
    compute: &Compute,
    catalog: &Catalog,
    headed: &Headed,
    workspace: &Arc<dyn Workspace>,
) -> Result<Catalog, ModelError> {
    let first = headed.kept.iter().map(|(_, old)| catalog.get(old));
    let usual = first.flatten().find(|entry| entry.dtype.is_computable());
    let usual = usual.map_or(DType::F32, |entry| entry.dtype);
    let mut units = Vec::new();
    for (name, old) in &headed.kept {
        let entry = catalog.get(old)?;
        let dtype = match entry.dtype.is_computable() {
            true => entry.dtype,
            false => DType::F32,
        };
        units.push(out(name, dtype, &entry.shape));
    }
    for tensor in &headed.fresh {
        units.push(out(&tensor.name, usual, &tensor.shape));
    }
    let planned = plan_files("model", "safetensors", &units, &BTreeMap::new(), u64::MAX);
    let old: BTreeMap<&str, &str> = pairs(&headed.kept).collect();
    let fresh: BTreeMap<&str, &FreshTensor> = headed
        .fresh
        .iter()
        .map(|new| (new.name.as_str(), new))
        .collect();
    for file in &planned.files {
        let mut sink = workspace.create(FILE)?;
        sink.write(&file.header)?;
        for tensor in &file.tensors {
            let name = tensor.name.as_str();
            match (old.get(name), fresh.get(name)) {
                (Some(old), _) => {
                    let values = catalog.read(compute, old)?;
                    write_as(&compute.kernels, tensor.dtype, &values, sink.as_mut())?;
                }
                (None, Some(fresh)) => {
                    write_as(&compute.kernels, tensor.dtype, &fresh.values, sink.as_mut())?;
                }
                (None, None) => unreachable!("every tensor of the plan is of one kind"),
            }
        }
        sink.finish()?;
    }
    opened(catalog, headed, workspace)
}

/// The folder of the model, with the weights of the work folder and the new config.json.
fn opened(
    catalog: &Catalog,
    headed: &Headed,
    workspace: &Arc<dyn Workspace>,
) -> Result<Catalog, ModelError> {
    let sidecars = catalog.sidecars.iter().map(|(name, _)| name);
    let kept: BTreeSet<String> = sidecars.filter(|name| !of_vectors(name)).cloned().collect();
    let weights = workspace
        .open(FILE)?
        .ok_or_else(|| kerf_tensors::TensorsError::NotFound {
            path: format!("{}/{FILE}", workspace.name()),
        })?;
    let config = format!("{:#}\n", headed.config).into_bytes();
    let folder = Instead::new(catalog.folder.clone(), kept)
        .with(WEIGHTS, weights)
        .with_bytes(CONFIG, config);
    Ok(Catalog::open(Arc::new(folder))?)
}

/// Whether a file says how sentence-transformers makes a vector.
fn of_vectors(file: &str) -> bool {
    let own = [
        "modules.json",
        "sentence_bert_config.json",
        "config_sentence_transformers.json",
    ];
    let module = file.split_once('/').is_some_and(|(folder, _)| {
        folder
            .split_once('_')
            .is_some_and(|(number, _)| number.parse::<u32>().is_ok())
    });
    own.contains(&file) || module
}

fn out(name: &str, dtype: DType, shape: &[usize]) -> (Vec<OutTensor>, BTreeMap<String, String>) {
    let tensor = OutTensor {
        name: name.into(),
        dtype,
        shape: shape.to_vec(),
    };
    (vec![tensor], BTreeMap::new())
}

fn pairs(kept: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    kept.iter().map(|(name, old)| (name.as_str(), old.as_str()))
}
