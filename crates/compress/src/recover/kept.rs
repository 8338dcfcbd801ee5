//! A student on its course as bytes, and back: what a resumed job goes on from, to the same bytes.

use super::rate::Price;
use super::student::State;
use super::teach::{Standing, Teaching};
use kerf_tensors::Values;
use kerf_tensors::bytes::{as_bytes, as_bytes_mut};
use serde::{Deserialize, Serialize};

/// What stands before the arrays, as JSON behind its length.
#[derive(Serialize, Deserialize)]
struct Head {
    standing: Standing,
    price: Price,
    best: bool,
}

/// The pieces of the file: head, floats and moments in the order of names, the rounded state, the best one.
pub(crate) fn pieces(teaching: &Teaching<'_>) -> Vec<Vec<u8>> {
    let head = Head {
        standing: teaching.standing,
        price: teaching.student.price,
        best: teaching.best.is_some(),
    };
    let json = serde_json::to_vec(&head).expect("plain data");
    let mut pieces = vec![(json.len() as u64).to_le_bytes().to_vec(), json];
    for name in teaching.student.masters.names() {
        let (first, second) = teaching.optimizer.moments(name).unwrap_or_default();
        let own = teaching.student.masters.get(name).unwrap_or_default();
        pieces.extend([own, first, second].map(|array| as_bytes(array).to_vec()));
    }
    let mut now = teaching.student.state();
    let mut best = teaching.best.clone();
    for state in std::iter::once(&mut now).chain(&mut best) {
        each_array(state, &mut |bytes| pieces.push(bytes.to_vec()));
    }
    pieces
}

/// Fills a student at the start of its course with what was kept. `None` if that is something else.
pub(crate) fn recall(teaching: &mut Teaching<'_>, bytes: &[u8]) -> Option<()> {
    let mut rest = bytes;
    let mut length = [0; 8];
    take(&mut rest, &mut length)?;
    let (json, after) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(length)).ok()?)?;
    let head: Head = serde_json::from_slice(json).ok()?;
    rest = after;
    let names: Vec<String> = teaching.student.masters.names().map(String::from).collect();
    let mut moments = Vec::new();
    for name in &names {
        let own = teaching.student.masters.get_mut(name)?;
        take(&mut rest, as_bytes_mut(own))?;
        let mut pair = (vec![0f32; own.len()], vec![0f32; own.len()]);
        take(&mut rest, as_bytes_mut(&mut pair.0))?;
        take(&mut rest, as_bytes_mut(&mut pair.1))?;
        moments.push(pair);
    }
    let mut read = || {
        let mut state = teaching.student.state();
        let mut whole = Some(());
        each_array(&mut state, &mut |bytes| {
            whole = whole.and_then(|()| take(&mut rest, bytes));
        });
        whole.map(|()| state)
    };
    let now = read()?;
    let best = match head.best {
        true => Some(read()?),
        false => None,
    };
    if !rest.is_empty() {
        return None;
    }
    teaching.student.show(&now);
    teaching.student.price = head.price;
    teaching.optimizer.resume(head.standing.steps, moments);
    teaching.standing = head.standing;
    teaching.best = best;
    Some(())
}

fn take(rest: &mut &[u8], out: &mut [u8]) -> Option<()> {
    let (own, after) = rest.split_at_checked(out.len())?;
    out.copy_from_slice(own);
    *rest = after;
    Some(())
}

/// The arrays of a state, in order.
fn each_array(state: &mut State, each: &mut dyn FnMut(&mut [u8])) {
    for matrix in &mut state.matrices {
        match &mut matrix.values {
            Values::Codes { codes, scales, .. } => {
                each(as_bytes_mut(codes));
                each(as_bytes_mut(scales));
            }
            Values::Float { values, .. } => each(as_bytes_mut(values)),
        }
    }
    for values in &mut state.vectors {
        each(as_bytes_mut(values));
    }
}
