//! The battery of formats with a grid of their own: every matrix that their grid has comes back code by code, everything else is
//! brought to it, and sizes are known before.

#![allow(dead_code)] // No test uses all of it.

mod forms;
mod limits;

use crate::common::{Random, compute, open, unit, write_output};
use forms::{codes_go_on_to_other_forms, dense_models_are_rounded};
use kerf_tensors::folder::{MemFolder, MemOutFolder};
use kerf_tensors::formats::{
    Format, GgufInfo, GgufName, GridChange, ModelInfo, NothingReplaced, Output, Replacement,
    grid_change,
};
use kerf_tensors::rounding::round_to_grid;
use kerf_tensors::safetensors::{OutTensor, plan_files};
use kerf_tensors::{
    Catalog, DType, EncodedTensor, Folder, Grid, Mask, OutFolder, QuantizedMatrix, TensorEntry,
    TensorsError, Values,
};
use std::collections::BTreeMap;

/// Names, shapes: matrices of every kind of row, one whose rows move, an embedding, and what is neither.
const SHAPES: [(&str, &[usize]); 7] = [
    ("q.weight", &[16, 64]),
    ("up.weight", &[5, 256]),
    ("odd.weight", &[7, 172]),
    ("short.weight", &[3, 32]),
    ("embed.weight", &[9, 64]),
    ("norm.weight", &[64]),
    ("q.bias", &[16]),
];

fn model_info() -> ModelInfo {
    let targets = ["q.weight", "up.weight", "odd.weight", "short.weight"];
    let name = |(name, _): (&str, &[usize])| {
        let gguf = GgufName {
            name: format!("blk.0.{name}"),
            head_rows: if name.starts_with('q') { 8 } else { 0 },
            plus_one: name == "norm.weight",
        };
        (name.to_owned(), gguf)
    };
    ModelInfo {
        architecture: "test".into(),
        known: true,
        linears: targets.map(str::to_owned).into(),
        embeddings: ["embed.weight".to_owned()].into(),
        gguf: Some(Ok(GgufInfo {
            architecture: "test".into(),
            tensors: SHAPES.map(name).into(),
            rope_factors: Some(vec![1.0, 2.0, 3.0]),
            ..GgufInfo::default()
        })),
        tokenizer: Some(Ok(Vec::new())),
        ..ModelInfo::default()
    }
}

/// Weights with outliers, zero rows and many zeros.
fn weights(rows: usize, cols: usize, seed: u64) -> Vec<f32> {
    let mut random = Random(seed);
    let weight = |at: usize| match (at / cols, random.below(40)) {
        (1, _) => 0.0,
        (_, 0) => 40.0 * (random.below(3) as f32 - 1.0),
        (_, kind) if kind < 20 => 0.0,
        _ => (random.next() as i32) as f32 / 2e10,
    };
    (0..rows * cols).map(weight).collect()
}

fn source(dtype: DType) -> Catalog {
    source_times(dtype, 1.0)
}

/// The same weights times `factor`.
fn source_times(dtype: DType, factor: f64) -> Catalog {
    let unit = |(name, shape): (&str, &[usize])| {
        let tensor = OutTensor {
            name: name.into(),
            dtype,
            shape: shape.to_vec(),
        };
        (vec![tensor], BTreeMap::new())
    };
    let units = SHAPES.map(unit);
    let plan = plan_files("model", "safetensors", &units, &BTreeMap::new(), u64::MAX);
    let mut bytes = plan.files[0].header.clone();
    for tensor in &plan.files[0].tensors {
        let (rows, cols) = (tensor.shape[0], tensor.shape[1..].iter().product());
        for value in weights(rows, cols, tensor.name.len() as u64) {
            let value = (f64::from(value) * factor) as f32;
            match dtype {
                DType::F16 => bytes.extend(half::f16::from_f32(value).to_le_bytes()),
                DType::BF16 => bytes.extend(half::bf16::from_f32(value).to_le_bytes()),
                _ => bytes.extend(value.to_le_bytes()),
            }
        }
    }
    let folder = MemFolder::new("source");
    folder.insert("model.safetensors", bytes);
    folder.insert("config.json", br#"{"model_type":"test"}"#.to_vec());
    open(&folder)
}

/// Solved matrices, as containers of their own.
struct Units(BTreeMap<String, (Catalog, QuantizedMatrix)>);

impl Replacement for Units {
    fn open(&self, entry: &TensorEntry) -> Result<Option<Catalog>, TensorsError> {
        Ok(self.0.get(&entry.name).map(|(catalog, _)| catalog.clone()))
    }
}

/// A whole model in a format.
pub fn written(format: &'static dyn Format) -> MemFolder {
    let (source, model_info) = (source(DType::F32), model_info());
    let output = plan(&source, &model_info, format, &NothingReplaced, true);
    write_output(&compute(1), &output).0
}

/// Every target on the format's grid where it has one, with a mask.
fn units(format: &dyn Format, source: &Catalog, grid: Grid) -> Units {
    let compute = compute(1);
    let targets = source
        .tensors
        .iter()
        .filter(|entry| model_info().linears.contains(&entry.name));
    let solved = targets.filter_map(|entry| {
        let (rows, cols) = (entry.shape[0], entry.shape[1]);
        let grid = format.grid(grid, entry.dtype, cols)?;
        let w = source.read_f32(&compute, entry).unwrap();
        let mut mask = Mask::empty(rows, cols);
        (0..w.len()).for_each(|at| mask.set(at / cols, at % cols, w[at] != 0.0));
        let matrix = round_to_grid(&compute, &w, rows, cols, grid, Some(mask));
        let catalog = unit(&EncodedTensor::encode(
            &compute,
            &entry.name,
            entry.dtype,
            "obs",
            "",
            &matrix,
        ));
        Some((entry.name.clone(), (catalog, matrix)))
    });
    Units(solved.collect())
}

fn codes(matrix: &QuantizedMatrix) -> (Grid, &[i8], &[f32]) {
    match &matrix.values {
        Values::Codes {
            grid,
            codes,
            scales,
            ..
        } => (*grid, codes, scales),
        Values::Float { .. } => panic!("floats"),
    }
}

fn plan<'a>(
    source: &'a Catalog,
    model_info: &'a ModelInfo,
    format: &'static dyn Format,
    units: &'a dyn Replacement,
    convert: bool,
) -> Output<'a> {
    Output::plan(
        source,
        model_info,
        format,
        units,
        BTreeMap::new(),
        u64::MAX,
        convert,
    )
    .unwrap()
}

pub fn battery(format: &'static dyn Format) {
    let grids: &[(u8, usize)] = match format.defaults().bits {
        Some(8) => &[(8, 32)],
        Some(_) => &[(4, 32)],
        None => &[
            (2, 32),
            (3, 64),
            (4, 128),
            (4, 0),
            (5, 8),
            (6, 16),
            (7, 0),
            (8, 128),
        ],
    };
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        for (bits, group) in grids {
            solved_matrices_come_back(format, dtype, Grid::new(*bits, *group));
        }
        dense_models_are_rounded(format, dtype);
    }
}

fn solved_matrices_come_back(format: &'static dyn Format, dtype: DType, grid: Grid) {
    let name = format!("{} {dtype:?} {grid:?}", format.id());
    let (source, model_info) = (source(dtype), model_info());
    let units = units(format, &source, grid);
    let output = plan(&source, &model_info, format, &units, false);
    let (folder, _) = write_output(&compute(2), &output);
    let model = open(&folder);
    assert_eq!(
        (model.form, model.bytes()),
        (format.form(), output.total_bytes()),
        "{name}"
    );
    assert_eq!(model.tensors.len(), SHAPES.len());
    for (tensor, (_, matrix)) in &units.0 {
        let entry = model.get(tensor).unwrap();
        let read = model.read_matrix(&compute(1), entry).unwrap();
        assert!(codes(&read) == codes(matrix), "{name} {tensor}");
        let expected = matrix.dequantize(&compute(1).kernels);
        assert_eq!(
            model.read_f32(&compute(1), entry).unwrap(),
            expected,
            "{name} {tensor}"
        );
        let rows = model.read_rows_f32(&compute(1), entry, 1..3).unwrap();
        assert_eq!(
            rows,
            expected[matrix.cols..3 * matrix.cols],
            "{name} {tensor}"
        );
        let mask = matrix.mask.as_ref().unwrap();
        let pruned =
            (0..expected.len()).filter(|at| !mask.kept(at / matrix.cols, at % matrix.cols));
        assert!(!format.keeps_zeros() || pruned.clone().all(|at| expected[at] == 0.0));
    }
    for tensor in ["norm.weight", "q.bias"] {
        let read = |catalog: &Catalog| {
            let entry = catalog.get(tensor).unwrap();
            catalog.read_f32(&compute(1), entry).unwrap()
        };
        // 1 + w - 1 has the bits that 1 + w has.
        for (a, b) in read(&model).iter().zip(read(&source)) {
            assert!((a - b).abs() <= 4e-6, "{name} {tensor}: {a} {b}");
        }
    }
    // The plan of a run knows the size of its result.
    let grids = source.tensors.iter();
    let grids = grids
        .map(|entry| Some(codes(&units.0.get(&entry.name)?.1).0))
        .collect();
    let foreseen = Output::foresee(
        &source,
        &model_info,
        format,
        grids,
        BTreeMap::new(),
        u64::MAX,
    );
    let foreseen = foreseen.unwrap();
    assert_eq!(foreseen.tensor_bytes(), output.tensor_bytes(), "{name}");
    assert_eq!(foreseen.total_bytes(), output.total_bytes(), "{name}");
    // Same bytes for any number of threads.
    let (again, files) = write_output(&compute(1), &output);
    for file in files {
        assert_eq!(
            again.read(&file.file).unwrap(),
            folder.read(&file.file).unwrap()
        );
    }
    codes_go_on_to_other_forms(&model, &model_info, &units, &name);
}

/// Weights of any magnitude lose no more than weights near 1, in a run and in a conversion; else the format says that it does not hold
/// them. `rounds`: whether the format rounds what is converted.
pub fn magnitudes(format: &'static dyn Format) {
    for dtype in [DType::F32, DType::BF16, DType::F16] {
        let factors: Vec<f64> = match dtype {
            // Times 40: the largest weight of the model.
            DType::F16 => vec![1e-3, 1e-2, 1e2, 1e3],
            _ => (-30..=30)
                .step_by(3)
                .map(|exponent| 1e1f64.powi(exponent))
                .collect(),
        };
        for factor in factors {
            let name = format!("{} {dtype:?} times {factor:e}", format.id());
            let Ok(losses) = losses(format, dtype, factor) else {
                assert!(
                    format.id().starts_with("gguf") && !(1e-4..1e3).contains(&factor),
                    "{name}"
                );
                continue;
            };
            // The same digits near 1.
            let near = factor / 2f64.powi(factor.log2().floor() as i32);
            let usual = self::losses(format, dtype, near).expect("weights near 1");
            for ((tensor, loss), (_, usual)) in losses.iter().zip(&usual) {
                // Weights of f16 near its end are no finer than its scales are.
                let times = if dtype == DType::F16 { 4.0 } else { 1.001 };
                assert!(
                    *loss <= (times * usual).max(2e-5),
                    "{name}: {tensor} loses {loss:e}, near 1 {usual:e}"
                );
            }
        }
    }
}

/// Of each target on a grid the share of its squares that it loses, solved and, where the format rounds, converted. The error is that of a
/// format which does not hold the weights.
fn losses(
    format: &'static dyn Format,
    dtype: DType,
    factor: f64,
) -> Result<Vec<(String, f64)>, TensorsError> {
    let (source, model_info) = (source_times(dtype, factor), model_info());
    let asked = Grid::new(format.defaults().bits.unwrap_or(4), 32);
    let mut losses = Vec::new();
    let mut compare = |model: &Catalog, kind: &str| {
        for entry in source
            .tensors
            .iter()
            .filter(|entry| model_info.linears.contains(&entry.name))
        {
            let read = |catalog: &Catalog| {
                let entry = catalog.get(&entry.name).unwrap();
                catalog.read_f32(&compute(1), entry).unwrap()
            };
            let (before, after) = (read(&source), read(model));
            let square = |value: f64| value * value;
            let lost = before
                .iter()
                .zip(&after)
                .map(|(a, b)| square(f64::from(*a) - f64::from(*b)));
            let all: f64 = before.iter().map(|a| square(f64::from(*a))).sum();
            losses.push((format!("{} {kind}", entry.name), lost.sum::<f64>() / all));
        }
    };
    let units = units(format, &source, asked);
    let holds = |entry: &TensorEntry| {
        let w = source.read_f32(&compute(1), entry).unwrap();
        let grid = format.grid(asked, dtype, entry.shape[1]);
        let found = grid.and_then(|grid| grid.out_of_range(&compute(1), &w, entry.shape[1]));
        !found.is_some_and(|found| found.is_visible())
    };
    let held = source
        .tensors
        .iter()
        .filter(|entry| units.0.contains_key(&entry.name))
        .all(holds);
    if held {
        let output = plan(&source, &model_info, format, &units, false);
        compare(&open(&try_write(&output)?), "solved");
    }
    let converted = try_write(&plan(&source, &model_info, format, &NothingReplaced, true))?;
    compare(&open(&converted), "converted");
    assert!(held, "{} converts what it does not hold", format.id());
    Ok(losses)
}

fn try_write(output: &Output<'_>) -> Result<MemFolder, TensorsError> {
    let folder = MemFolder::new("out");
    let mut out = Box::new(MemOutFolder::create(&folder).unwrap());
    let written = output.write(&compute(1), out.as_mut(), &mut |_, _| {
        Ok::<_, TensorsError>(())
    });
    if let Err(error) = written {
        assert_eq!(error.code(), "FORMAT_UNSUPPORTED", "{error}");
        assert!(error.to_string().contains("weight"), "{error}");
        return Err(error);
    }
    out.commit().unwrap();
    Ok(folder)
}
