//! A small sibling of a model, in memory: one block, random weights, the same names, and no wider than what runs in a moment.
//! Running the real job on it tells what the real run will take.

use kerf_kernels::Compute;
use kerf_model::Network;
use kerf_model::arch::{self, Fixed};
use kerf_tensors::folder::MemFolder;
use kerf_tensors::{Catalog, DType, TensorEntry};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Widest residual stream of a sibling: a block of it takes about a tenth of a second.
pub(super) const WIDEST: usize = 512;
/// Most rows of a token embedding.
pub(super) const VOCAB: usize = 2048;
/// Rows and columns of the matrix that stands for a model whose architecture is not known.
const SQUARE: usize = 1024;

/// What the matrices of a sibling hold.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Fill {
    /// No zeros.
    Dense,
    /// Every other weight of a row is zero.
    HalfZeros,
}

/// A sibling.
pub(super) struct Sibling {
    pub catalog: Catalog,
    /// How many times narrower than the model.
    pub factor: usize,
}

impl Sibling {
    /// The sibling of a model that runs; `None` if its shape cannot be divided.
    pub fn of(
        compute: &Compute,
        catalog: &Catalog,
        network: &Network,
        widest: usize,
        fill: Fill,
    ) -> Option<Self> {
        let config = catalog.files.config.as_ref()?;
        let factor = factor(config, network, widest)?;
        let shrink = Shrink {
            factor,
            head_dim: network.head_dim(),
            vocab: network.vocab(),
            tables: network.embeddings(),
        };
        let folder = MemFolder::new("sibling");
        let entries = catalog
            .tensors
            .iter()
            .filter(|entry| !is_later_block(network, &entry.name));
        let tensors = entries.map(|entry| (entry.name.as_str(), shrink.shape(entry), entry.dtype));
        folder.insert("model.safetensors", safetensors(compute, tensors, fill));
        folder.insert("config.json", shrink.config(config, network).to_string());
        if let Ok(described) = catalog.folder.read(arch::json::FILE) {
            folder.insert(arch::json::FILE, described);
        }
        let catalog = Catalog::open(Arc::new(folder)).ok()?;
        Some(Self { catalog, factor })
    }

    /// One matrix of the element type of most of the model.
    pub fn of_matrices(compute: &Compute, catalog: &Catalog, fill: Fill) -> Option<Self> {
        let largest = catalog
            .tensors
            .iter()
            .max_by_key(|entry| entry.stored_bytes())?;
        let folder = MemFolder::new("sibling");
        // A name that a linear layer may have: others are kept (`unknown.rs`).
        let tensor = ("layers.0.proj.weight", vec![SQUARE, SQUARE], largest.dtype);
        folder.insert(
            "model.safetensors",
            safetensors(compute, std::iter::once(tensor), fill),
        );
        let catalog = Catalog::open(Arc::new(folder)).ok()?;
        Some(Self { catalog, factor: 1 })
    }
}

/// The smallest divisor of all widths that makes the model narrow enough.
fn factor(config: &Value, network: &Network, widest: usize) -> Option<usize> {
    let fields = network.data().fields;
    let size = |field: &str| config[field].as_u64().map(|value| value as usize);
    let heads = size(fields.heads)?;
    let kv_heads = fields.kv_heads.and_then(size).unwrap_or(heads);
    let intermediate = size(fields.intermediate);
    let divides = |factor: &usize| {
        let whole = |value: usize| value.is_multiple_of(*factor);
        whole(network.hidden()) && whole(heads) && whole(kv_heads) && intermediate.is_none_or(whole)
    };
    let wanted = network.hidden().div_ceil(widest);
    (wanted..=2 * wanted).find(divides)
}

/// Whether a tensor belongs to a block after the first.
fn is_later_block(network: &Network, name: &str) -> bool {
    let Some(linear) = network.linears(0).into_iter().next() else {
        return false;
    };
    let other = network.linears(1).into_iter().next();
    let other = other.map(|linear| linear.weight).unwrap_or_default();
    let same = linear
        .weight
        .bytes()
        .zip(other.bytes())
        .take_while(|(a, b)| a == b);
    let before = &linear.weight[..same.count()];
    let number = name
        .strip_prefix(before)
        .and_then(|rest| rest.split('.').next());
    number
        .and_then(|number| number.parse::<usize>().ok())
        .is_some_and(|block| block > 0)
}

struct Shrink {
    factor: usize,
    head_dim: usize,
    vocab: usize,
    /// Tensors whose rows are looked up.
    tables: Vec<String>,
}

impl Shrink {
    fn shape(&self, entry: &TensorEntry) -> Vec<usize> {
        let table = entry.shape.len() == 2 && self.tables.contains(&entry.name);
        let dims = entry.shape.iter().enumerate();
        dims.map(|(index, dim)| match *dim {
            dim if dim == self.vocab => dim.min(VOCAB),
            dim if (table && index == 0) || dim == self.head_dim => dim,
            dim if dim.is_multiple_of(self.factor) => dim / self.factor,
            dim => dim,
        })
        .collect()
    }

    fn config(&self, config: &Value, network: &Network) -> Value {
        let fields = network.data().fields;
        let mut config = config.clone();
        let blocks = network.blocks();
        for (_, value) in config.as_object_mut().into_iter().flatten() {
            // One entry a block, such as the kinds of its layers.
            if let Value::Array(list) = value
                && list.len() == blocks
            {
                list.truncate(1);
            }
        }
        let narrow = [
            Some(fields.hidden),
            Some(fields.heads),
            fields.kv_heads,
            Some(fields.intermediate),
        ];
        for field in narrow.into_iter().flatten() {
            if let Some(value) = config[field].as_u64() {
                config[field] = json!(value / self.factor as u64);
            }
        }
        for requirement in network.data().fixed {
            if let Fixed::SameAs(other) = requirement.value
                && !config[requirement.field].is_null()
            {
                config[requirement.field] = config[other].clone();
            }
        }
        config[fields.blocks] = json!(1);
        config[fields.vocab] = json!(self.vocab.min(VOCAB));
        if let Some(field) = fields.head_dim {
            config[field] = json!(self.head_dim);
        }
        config
    }
}

/// A safetensors file: scales of norms are 1, shifts 0, everything else random and small.
fn safetensors<'t>(
    compute: &Compute,
    tensors: impl Iterator<Item = (&'t str, Vec<usize>, DType)>,
    fill: Fill,
) -> Vec<u8> {
    let (mut header, mut data) = (BTreeMap::new(), Vec::new());
    for (name, shape, dtype) in tensors {
        let dtype = if dtype.is_computable() {
            dtype
        } else {
            DType::F32
        };
        let start = data.len();
        let values = values(name, &shape, fill);
        match dtype {
            DType::BF16 | DType::F16 => {
                let mut narrow = vec![0; values.len()];
                match dtype {
                    DType::BF16 => compute.kernels.f32_to_bf16(&values, &mut narrow),
                    _ => compute.kernels.f32_to_f16(&values, &mut narrow),
                }
                data.extend(narrow.iter().flat_map(|value: &u16| value.to_le_bytes()));
            }
            _ => data.extend(values.iter().flat_map(|value| value.to_le_bytes())),
        }
        let entry = json!({
            "dtype": format!("{dtype:?}"), "shape": shape, "data_offsets": [start, data.len()],
        });
        header.insert(name.to_owned(), entry);
    }
    let header = json!(header).to_string();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.into_bytes());
    file.extend(data);
    file
}

fn values(name: &str, shape: &[usize], fill: Fill) -> Vec<f32> {
    let count = shape.iter().product();
    if shape.len() < 2 {
        let scale = name.ends_with("weight") || name.ends_with("gamma");
        return vec![if scale { 1.0 } else { 0.0 }; count];
    }
    let reach = (3.0 / *shape.last().unwrap_or(&1) as f32).sqrt();
    let mut state = 0x9e37_79b9u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        reach * ((state >> 8) as f32 / (1u32 << 23) as f32 - 1.0)
    };
    let mut values: Vec<f32> = std::iter::repeat_with(next).take(count).collect();
    if fill == Fill::HalfZeros {
        values.iter_mut().step_by(2).for_each(|value| *value = 0.0);
    }
    values
}
