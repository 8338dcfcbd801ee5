//! A student on its course as bytes, and back: what a resumed job goes on from, to the same bytes. Neither way holds a copy of all.

use super::rate::Price;
use super::student::State;
use super::teach::{Standing, Teaching};
use kerf_tensors::bytes::{as_bytes, as_bytes_mut};
use kerf_tensors::{QuantizedMatrix, SourceReader, TensorsError, Values};
use serde::{Deserialize, Serialize};

/// What stands before the arrays, as JSON behind its length.
#[derive(Serialize, Deserialize)]
struct Head {
    standing: Standing,
    price: Price,
    best: bool,
}

/// More bytes than any head has: what says so is no state.
const LONGEST_HEAD: u64 = 1 << 16;

/// The head as bytes: a part of [`pieces`] that is made for it.
pub(crate) fn head(teaching: &Teaching<'_>) -> Vec<u8> {
    let head = Head {
        standing: teaching.standing,
        price: teaching.student.price,
        best: teaching.best.is_some(),
    };
    let json = serde_json::to_vec(&head).expect("plain data");
    let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
    bytes.extend(json);
    bytes
}

/// The pieces of the file: head, floats and moments in the order of names, the rounded state, the best one.
pub(crate) fn pieces<'t>(head: &'t [u8], teaching: &'t Teaching<'_>) -> Vec<&'t [u8]> {
    let student = &teaching.student;
    let mut pieces = vec![head];
    for name in student.masters.names() {
        let (first, second) = teaching.optimizer.moments(name).unwrap_or_default();
        let own = student.masters.get(name).unwrap_or_default();
        pieces.extend([own, first, second].map(as_bytes));
    }
    let learners = student.learners.iter();
    pieces.extend(learners.flat_map(|learner| arrays(&learner.rounded)));
    for vector in &student.vectors {
        pieces.push(as_bytes(student.seen.get(&vector.name).unwrap_or_default()));
    }
    if let Some(best) = &teaching.best {
        pieces.extend(best.matrices.iter().flat_map(arrays));
        pieces.extend(best.vectors.iter().map(|values| as_bytes(values)));
    }
    pieces
}

/// Fills a student at the start of its course with what was kept. `None` if that is something else.
pub(crate) fn recall(
    teaching: &mut Teaching<'_>,
    reader: &mut SourceReader,
) -> Result<Option<()>, TensorsError> {
    let mut length = [0; 8];
    reader.fill(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST_HEAD {
        return Ok(None);
    }
    let mut json = vec![0; length as usize];
    reader.fill(&mut json)?;
    let Ok(head) = serde_json::from_slice::<Head>(&json) else {
        return Ok(None);
    };
    let student = &mut teaching.student;
    let names: Vec<String> = student.masters.names().map(String::from).collect();
    for name in &names {
        reader.fill(as_bytes_mut(
            student.masters.get_mut(name).unwrap_or_default(),
        ))?;
        if let Some((first, second)) = teaching.optimizer.moments_mut(name) {
            reader.fill(as_bytes_mut(first))?;
            reader.fill(as_bytes_mut(second))?;
        }
    }
    let mut state = student.state();
    fill(&mut state, reader)?;
    student.show(&state);
    let best = match head.best {
        true => {
            fill(&mut state, reader)?;
            Some(state)
        }
        false => None,
    };
    if reader.left() > 0 {
        return Ok(None);
    }
    student.price = head.price;
    teaching.optimizer.resume(head.standing.steps);
    teaching.standing = head.standing;
    teaching.best = best;
    Ok(Some(()))
}

fn fill(state: &mut State, reader: &mut SourceReader) -> Result<(), TensorsError> {
    for matrix in &mut state.matrices {
        match &mut matrix.values {
            Values::Codes { codes, scales, .. } => {
                reader.fill(as_bytes_mut(codes))?;
                reader.fill(as_bytes_mut(scales))?;
            }
            Values::Float { values, .. } => reader.fill(as_bytes_mut(values))?,
        }
    }
    let mut vectors = state.vectors.iter_mut();
    vectors.try_for_each(|values| reader.fill(as_bytes_mut(values)))
}

/// The arrays of a matrix that change while it learns, in order.
fn arrays(matrix: &QuantizedMatrix) -> Vec<&[u8]> {
    match &matrix.values {
        Values::Codes { codes, scales, .. } => vec![as_bytes(codes), as_bytes(scales)],
        Values::Float { values, .. } => vec![as_bytes(values)],
    }
}
