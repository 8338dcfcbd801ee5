//! Maps the tensors of a file that kerf wrote to tensors of the model.

use super::header::{GgufTensor, Header};
use super::metadata::Found;
use super::{HEAD_ROWS, NAMES, PLUS_ONE};
use crate::TensorsError;

/// A tensor of the model in a file that kerf wrote.
pub(crate) struct OwnTensor {
    /// Name in the model.
    pub name: String,
    /// Rows of a head if rows were moved, else 0.
    pub head_rows: usize,
    /// Whether 1 was added to the values.
    pub plus_one: bool,
    pub tensor: GgufTensor,
}

/// The tensors of the model, in the order of their bytes. `None` for a file of another program. `BAD_HEADER` if kerf's values
/// contradict the tensors. `path` is the name of the file in errors.
pub(crate) fn own_tensors(
    path: &str,
    header: &Header,
) -> Result<Option<Vec<OwnTensor>>, TensorsError> {
    let bad = |reason: String| TensorsError::BadHeader {
        path: path.to_owned(),
        reason,
    };
    let of_type = |key: &str| bad(format!("{key} is of another type"));
    let names = match header.values.get(NAMES) {
        None => return Ok(None),
        Some(Found::Texts(names)) => names,
        Some(_) => return Err(of_type(NAMES)),
    };
    let head_rows = match header.values.get(HEAD_ROWS) {
        Some(Found::Wholes(rows)) => &rows[..],
        None => &[],
        Some(_) => return Err(of_type(HEAD_ROWS)),
    };
    let plus_one = match header.values.get(PLUS_ONE) {
        Some(Found::Flags(flags)) => &flags[..],
        None => &[],
        Some(_) => return Err(of_type(PLUS_ONE)),
    };
    if [names.len(), head_rows.len(), plus_one.len()] != [header.tensors.len(); 3] {
        return Err(bad(
            "kerf's values are not as many as the tensors".to_owned()
        ));
    }
    let mut tensors = Vec::new();
    for (index, tensor) in header.tensors.iter().enumerate() {
        let name = &names[index];
        let rows = tensor.shape[0];
        let head_rows = usize::try_from(head_rows[index]).unwrap_or(usize::MAX);
        if !head_rows.is_multiple_of(2) || (head_rows > 0 && !rows.is_multiple_of(head_rows)) {
            return Err(bad(format!("{name} has {rows} rows, heads of {head_rows}")));
        }
        if tensor.shape.len() > 2 {
            return Err(bad(format!("{name} has more than two dimensions")));
        }
        // A tensor without a name has no counterpart in the model; only llama.cpp needs it.
        if !name.is_empty() {
            tensors.push(OwnTensor {
                name: name.clone(),
                head_rows,
                plus_one: plus_one[index],
                tensor: tensor.clone(),
            });
        }
    }
    tensors.sort_by_key(|own| (own.tensor.offset, own.tensor.len_bytes));
    Ok(Some(tensors))
}
