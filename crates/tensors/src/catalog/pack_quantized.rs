//! The tensors of compressed-tensors' `pack-quantized`: three plain tensors are one matrix. Config.json and the headers are
//! checked against one another. The only content that is read is the tensor with the shape of a matrix.

use super::foreign::Body;
use super::{ForeignMatrix, Span, Stored, TensorEntry};
use crate::files::quantization::PackedScheme;
use crate::foreign::Words;
use crate::formats::target_matches;
use crate::safetensors::HeaderTensor;
use crate::{DType, Grid, Scales, Source, TensorsError};

const PACKED: &str = "_packed";
const SCALE: &str = "_scale";
const SHAPE: &str = "_shape";

/// The schemes of config.json.
pub(super) struct Groups<'a>(pub(super) &'a [PackedScheme]);

impl Groups<'_> {
    /// The scheme of a module: the one that names the module, else the one for all linear layers.
    fn of(&self, module: &str) -> Option<&PackedScheme> {
        let by = |test: &dyn Fn(&str) -> bool| {
            let has = |group: &&PackedScheme| group.targets.iter().any(|target| test(target));
            self.0.iter().find(has)
        };
        by(&|target| target_matches(target, module)).or_else(|| by(&|target| target == "Linear"))
    }

    /// Replaces the three plain tensors of each packed matrix by one entry.
    pub(super) fn fold(
        &self,
        source: &dyn Source,
        shard: usize,
        tensors: Vec<HeaderTensor>,
    ) -> Result<Vec<TensorEntry>, TensorsError> {
        let is_packed = |tensor: &HeaderTensor| tensor.name.ends_with(PACKED);
        let (packed, mut rest): (Vec<_>, Vec<_>) = tensors.into_iter().partition(is_packed);
        let mut entries = Vec::new();
        for tensor in packed {
            let name = tensor.name[..tensor.name.len() - PACKED.len()].to_owned();
            let mut part = |end: &str| {
                let at = rest
                    .iter()
                    .position(|part| part.name == format!("{name}{end}"))?;
                Some(rest.swap_remove(at))
            };
            let parts = (part(SCALE), part(SHAPE));
            let folded = self.matrix(source, shard, &name, &tensor, parts);
            entries.push(folded.map_err(|failure| match failure {
                Failure::Read(error) => error,
                Failure::Rule(reason) => TensorsError::BadHeader {
                    path: source.name().to_owned(),
                    reason: format!("tensor {name}: {reason}"),
                },
            })?);
        }
        let plain = |tensor: HeaderTensor| TensorEntry {
            stored: Stored::Plain(span(shard, &tensor)),
            name: tensor.name,
            dtype: tensor.dtype,
            shape: tensor.shape,
        };
        entries.extend(rest.into_iter().map(plain));
        entries.sort_by_key(|entry| match &entry.stored {
            Stored::Plain(span) => span.offset,
            Stored::Foreign(foreign) => foreign.span().offset,
            Stored::Packed { .. } | Stored::Merged(_) => 0,
        });
        Ok(entries)
    }

    fn matrix(
        &self,
        source: &dyn Source,
        shard: usize,
        name: &str,
        packed: &HeaderTensor,
        parts: (Option<HeaderTensor>, Option<HeaderTensor>),
    ) -> Result<TensorEntry, Failure> {
        let (Some(scales), Some(shape)) = parts else {
            return Err(Failure::from("a part of it is missing"));
        };
        let module = name.strip_suffix(".weight").unwrap_or(name);
        let group = self
            .of(module)
            .ok_or(Failure::from("no scheme is for it"))?;
        if shape.dtype != DType::I64 || shape.shape != [2] || packed.dtype != DType::I32 {
            return Err(Failure::from("its parts are of other types or shapes"));
        }
        let mut bytes = [0; 16];
        source
            .read_at(shape.offset, &mut bytes)
            .map_err(Failure::Read)?;
        let [rows, cols] = [0, 8].map(|at| {
            let number = u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
            usize::try_from(number).unwrap_or(usize::MAX)
        });
        let weights = rows.checked_mul(cols).and_then(|n| n.checked_mul(8));
        if weights.is_none_or(|bytes| bytes > isize::MAX as usize) {
            return Err(Failure::Rule(format!("shape {rows} x {cols} is too large")));
        }
        let scales_of = match scales.dtype {
            DType::F32 => Scales::F32Product,
            DType::F16 => Scales::F16Product,
            DType::BF16 => Scales::Bf16Product,
            other => return Err(Failure::Rule(format!("scales of {}", other.name()))),
        };
        let grid = Grid {
            scales: scales_of,
            ..Grid::new(group.bits, group.group_size)
        };
        let words = Words {
            bits: grid.bits,
            cols,
        };
        let expected = [vec![rows, words.row_words()], vec![rows, grid.groups(cols)]];
        if [&packed.shape, &scales.shape] != [&expected[0], &expected[1]] {
            let (packed, scales) = (&packed.shape, &scales.shape);
            return Err(Failure::Rule(format!(
                "{packed:?} words and {scales:?} scales for {rows} x {cols} weights"
            )));
        }
        Ok(TensorEntry {
            name: name.to_owned(),
            dtype: scales.dtype,
            shape: vec![rows, cols],
            stored: Stored::Foreign(ForeignMatrix {
                grid: Some(grid),
                body: Body::Words {
                    packed: span(shard, packed),
                    scales: span(shard, &scales),
                },
            }),
        })
    }
}

enum Failure {
    Rule(String),
    Read(TensorsError),
}

impl From<&str> for Failure {
    fn from(reason: &str) -> Self {
        Self::Rule(reason.to_owned())
    }
}

fn span(shard: usize, tensor: &HeaderTensor) -> Span {
    Span {
        shard,
        offset: tensor.offset,
        len_bytes: tensor.len_bytes,
    }
}
