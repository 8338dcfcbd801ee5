//! What several tests need.
#![allow(dead_code)] // No test uses all of it.

use kerf_kernels::{Compute, Isa};
use kerf_tensors::folder::MemFolder;
use kerf_tensors::formats::{Format, ModelInfo, Output, Replacement};
use kerf_tensors::kerf::Coding;
use kerf_tensors::safetensors::{OutTensor, PlannedFile, plan_files};
use kerf_tensors::{
    Catalog, DType, EncodedTensor, Grid, Mask, OutFolder, QuantizedMatrix, Scales, TensorEntry,
    TensorsError, Values,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The shipped model of that name, or `None` with a word about it.
pub fn shared(model: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/models");
    let path = root.join(model);
    if !path.exists() {
        println!("skipped: {model} is not in ../shared");
    }
    path.exists().then_some(path)
}

pub fn compute(threads: usize) -> Compute {
    Compute::new(None, threads).unwrap()
}

pub fn portable() -> Compute {
    Compute::new(Some(Isa::Portable), 1).unwrap()
}

/// A small generator, so that a test says what it tests with by its seed.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

/// What a matrix looks like.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub rows: usize,
    pub cols: usize,
    /// Percent of the weights that are pruned; `None`: no mask.
    pub pruned: Option<usize>,
    pub body: Body,
}

#[derive(Clone, Copy, Debug)]
pub enum Body {
    Grid(u8, usize),
    /// A grid of kerf's own, with codes as a solver makes them: small ones are more frequent.
    Lattice(u8, usize),
    /// Codes whose width follows from the scale of their row and the factor of their column.
    Columns(u8),
    Float(DType),
}

/// A random matrix as a solver would give it.
pub fn matrix(shape: Shape, seed: u64) -> QuantizedMatrix {
    let Shape { rows, cols, .. } = shape;
    let mut random = Random(seed);
    let mask = shape.pruned.map(|percent| {
        let mut mask = Mask::empty(rows, cols);
        for at in 0..rows * cols {
            mask.set(at / cols, at % cols, random.below(100) >= percent);
        }
        mask
    });
    let kept = |at: usize| {
        mask.as_ref()
            .is_none_or(|mask| mask.kept(at / cols, at % cols))
    };
    let values = match shape.body {
        Body::Grid(bits, group_size) => {
            let grid = Grid::new(bits, group_size);
            let code = |at| match kept(at) {
                true => (random.below(1 << bits) as i16 + i16::from(grid.range().lo)) as i8,
                false => 0,
            };
            let codes = (0..rows * cols).map(code).collect();
            let mut scale = || half::f16::from_bits(random.below(0x7c00) as u16).to_f32();
            let scales = (0..rows * grid.groups(cols)).map(|_| scale()).collect();
            Values::Codes {
                grid,
                codes,
                scales,
                columns: Vec::new(),
            }
        }
        Body::Lattice(bits, group_size) => {
            let scales = Scales::Float5;
            let grid = Grid {
                scales,
                ..Grid::new(bits, group_size)
            };
            let half = 1 << (bits - 1);
            let code = |at| match kept(at) {
                true => {
                    (random.below(half) as i16 + random.below(half) as i16 - (half as i16 - 1))
                        as i8
                }
                false => 0,
            };
            let codes = (0..rows * cols).map(code).collect();
            let mut scale = || scales.nearest((900 + random.below(500)) as f32 / 1e4);
            let scales = (0..rows * grid.groups(cols)).map(|_| scale()).collect();
            Values::Codes {
                grid,
                codes,
                scales,
                columns: Vec::new(),
            }
        }
        Body::Columns(bits) => {
            let grid = Grid {
                scales: Scales::Columns,
                ..Grid::new(bits, 0)
            };
            let mut power =
                |least: i32, count: usize| 2f32.powi(random.below(count) as i32 + least);
            let scales: Vec<f32> = (0..rows).map(|_| power(-8, 2)).collect();
            let columns: Vec<f32> = (0..cols).map(|_| 1.25 * power(-3, 6)).collect();
            let most = f32::from(grid.range().hi);
            let code = |at: usize| {
                let width = (200.0 * scales[at / cols] / columns[at % cols]).clamp(1.0, most);
                let sum = random.below(width as usize + 1) + random.below(width as usize + 1);
                if kept(at) {
                    (sum as f32 - width).clamp(-most, most) as i8
                } else {
                    0
                }
            };
            let codes = (0..rows * cols).map(code).collect();
            Values::Codes {
                grid,
                codes,
                scales,
                columns,
            }
        }
        Body::Float(dtype) => {
            let mut value = |at| {
                let value = (random.next() as i32 as f32) / 1e9;
                match (kept(at), dtype) {
                    (false, _) => 0.0,
                    (_, DType::F16) => half::f16::from_f32(value).to_f32(),
                    (_, DType::BF16) => half::bf16::from_f32(value).to_f32(),
                    _ => value,
                }
            };
            let values = (0..rows * cols).map(&mut value).collect();
            Values::Float { dtype, values }
        }
    };
    QuantizedMatrix {
        rows,
        cols,
        mask,
        values,
    }
}

pub fn encode(compute: &Compute, name: &str, matrix: &QuantizedMatrix) -> EncodedTensor {
    EncodedTensor::encode(compute, name, DType::F32, "obs", &"ab".repeat(32), matrix)
}

pub fn encode_in(
    compute: &Compute,
    name: &str,
    matrix: &QuantizedMatrix,
    coding: Coding,
) -> EncodedTensor {
    let digest = "ab".repeat(32);
    EncodedTensor::encode_in(compute, name, DType::F32, "obs", &digest, matrix, coding)
}

/// What a matrix is after entropy coding: survivors whose code is 0 are pruned.
pub fn without_zero_survivors(matrix: &QuantizedMatrix) -> QuantizedMatrix {
    let mut matrix = matrix.clone();
    if let (Some(mask), Values::Codes { codes, .. }) = (&mut matrix.mask, &matrix.values) {
        let zeros = (0..codes.len()).filter(|at| codes[*at] == 0);
        zeros.for_each(|at| mask.set(at / matrix.cols, at % matrix.cols, false));
    }
    matrix
}

/// A unit file, as a model of its own.
pub fn unit(tensor: &EncodedTensor) -> Catalog {
    let folder = MemFolder::new("unit");
    folder.insert("unit.kerf", tensor.to_bytes());
    open(&folder)
}

/// A tensor on its way out.
pub type Outgoing<'a> = (&'a Catalog, &'a TensorEntry);

pub fn only_tensor(unit: &Catalog) -> Outgoing<'_> {
    (unit, &unit.tensors[0])
}

/// Tensors from anywhere in place of those of a source.
struct Tensors<'a>(&'a [Outgoing<'a>]);

impl Replacement for Tensors<'_> {
    fn open(&self, entry: &TensorEntry) -> Result<Option<Catalog>, TensorsError> {
        let found = self.0.iter().find(|(_, tensor)| tensor.name == entry.name);
        Ok(found.map(|(catalog, _)| (*catalog).clone()))
    }
}

/// Writes a whole model in memory, as the pipeline does.
pub fn write_model(
    compute: &Compute,
    format: &'static dyn Format,
    tensors: &[Outgoing<'_>],
    max_file_bytes: u64,
) -> (MemFolder, Vec<PlannedFile>) {
    let model_info = ModelInfo::default();
    let source = skeleton(tensors);
    let replacement = Tensors(tensors);
    let metadata = BTreeMap::new();
    let output = Output::plan(
        &source,
        &model_info,
        format,
        &replacement,
        metadata,
        max_file_bytes,
        false,
    );
    write_output(compute, &output.unwrap())
}

/// A catalog with plain tensors of these names and shapes.
fn skeleton(tensors: &[Outgoing<'_>]) -> Catalog {
    let unit = |(_, entry): &Outgoing<'_>| {
        let tensor = OutTensor {
            name: entry.name.clone(),
            dtype: entry.dtype,
            shape: entry.shape.clone(),
        };
        (vec![tensor], BTreeMap::new())
    };
    // One file each keeps their order.
    let units: Vec<_> = tensors.iter().map(unit).collect();
    let plan = plan_files("model", "safetensors", &units, &BTreeMap::new(), 0);
    let folder = MemFolder::new("skeleton");
    for file in &plan.files {
        let mut bytes = file.header.clone();
        bytes.resize(file.len_bytes() as usize, 0);
        folder.insert(&file.file, bytes);
    }
    if let Some((name, json)) = plan.index {
        folder.insert(&name, json.into_bytes());
    }
    open(&folder)
}

/// Writes all files of an output in memory.
pub fn write_output(compute: &Compute, output: &Output<'_>) -> (MemFolder, Vec<PlannedFile>) {
    let folder = MemFolder::new("out");
    let mut out = Box::new(kerf_tensors::folder::MemOutFolder::create(&folder).unwrap());
    let mut told = 0;
    let count = &mut |_: &str, bytes: u64| -> Result<(), TensorsError> {
        told += bytes;
        Ok(())
    };
    output.write(compute, out.as_mut(), count).unwrap();
    assert_eq!(told, output.total_bytes());
    out.commit().unwrap();
    (folder, output.files().to_vec())
}

pub fn open(folder: &MemFolder) -> Catalog {
    Catalog::open(Arc::new(folder.clone())).unwrap()
}
