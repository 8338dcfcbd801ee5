//! What tokens become before the first block: token, position and type embeddings, and their norm.

use crate::forward::rows_per_chunk;
use crate::norm::NormWeights;
use crate::{Batch, ModelError, Network, WeightSource};
use kerf_kernels::Compute;
use std::ops::Range;

/// Rows between two needed ones that are read along, rather than starting a new read.
const GAP_BYTES: usize = 64 << 10;
/// Largest piece of an embedding that is in memory at once.
const PIECE_BYTES: usize = 16 << 20;

/// Embeds a batch. See [`Network::embed`].
pub(crate) fn embed(
    network: &Network,
    compute: &Compute,
    weights: &dyn WeightSource,
    batch: &Batch,
) -> Result<Vec<f32>, ModelError> {
    let mut x = embed_bare(network, compute, weights, batch)?;
    if let Some(stem) = network.arch.embeddings.norm {
        let stem = network.name(stem, 0);
        NormWeights::load(network, compute, weights, &stem, network.hidden())?
            .apply(compute, &mut x);
    }
    Ok(x)
}

/// [`embed`] short of its norm.
pub(crate) fn embed_bare(
    network: &Network,
    compute: &Compute,
    weights: &dyn WeightSource,
    batch: &Batch,
) -> Result<Vec<f32>, ModelError> {
    check(network, batch)?;
    let hidden = network.hidden();
    let mut x = vec![0.0; batch.tokens() * hidden];
    let mut wanted: Vec<(usize, usize)> = batch
        .ids
        .iter()
        .enumerate()
        .map(|(token, id)| (*id as usize, token))
        .collect();
    wanted.sort_unstable();
    let table = network.token_embedding();
    let scale = network.settings.embedding_scale;
    for (rows, tokens) in pieces(&wanted, hidden) {
        let values = weights.read_rows(compute, &table, rows.clone())?;
        for (id, token) in &wanted[tokens] {
            let from = (id - rows.start) * hidden;
            let out = &mut x[token * hidden..][..hidden];
            out.copy_from_slice(&values[from..from + hidden]);
            if scale != 1.0 {
                out.iter_mut().for_each(|value| *value *= scale);
            }
        }
    }
    add_places(network, compute, weights, batch, &mut x)?;
    Ok(x)
}

fn check(network: &Network, batch: &Batch) -> Result<(), ModelError> {
    let maximum = network.max_context();
    let actual = batch.span().end;
    if actual > maximum {
        return Err(ModelError::TooLong { actual, maximum });
    }
    if let Some(last) = batch.types.iter().flatten().max()
        && *last >= network.token_types()
    {
        let field = network
            .arch
            .embeddings
            .token_type
            .map(|kind| kind.count.field);
        return Err(ModelError::BadConfig {
            field: field.unwrap_or("model_type").into(),
            expected: format!("a model with token type {last}"),
            actual: format!("{} types", network.token_types()),
        });
    }
    let vocab = network.vocab();
    match batch.ids.iter().find(|id| **id as usize >= vocab) {
        Some(id) => Err(ModelError::BadToken { id: *id, vocab }),
        None => Ok(()),
    }
}

/// Cuts the wanted rows (sorted) into pieces that are read at once: (rows of the table, range of `wanted`).
fn pieces(wanted: &[(usize, usize)], hidden: usize) -> Vec<(Range<usize>, Range<usize>)> {
    let gap = GAP_BYTES / (4 * hidden) + 1;
    let largest = (PIECE_BYTES / (4 * hidden)).max(1);
    let mut pieces: Vec<(Range<usize>, Range<usize>)> = Vec::new();
    for (index, (id, _)) in wanted.iter().enumerate() {
        match pieces.last_mut() {
            Some((rows, tokens)) if *id < rows.end + gap && *id - rows.start < largest => {
                rows.end = id + 1;
                tokens.end = index + 1;
            }
            _ => pieces.push((*id..id + 1, index..index + 1)),
        }
    }
    pieces
}

/// Adds position and type embeddings.
fn add_places(
    network: &Network,
    compute: &Compute,
    weights: &dyn WeightSource,
    batch: &Batch,
    x: &mut [f32],
) -> Result<(), ModelError> {
    let hidden = network.hidden();
    let span = batch.span();
    let positions = match network.position_embedding() {
        Some(name) => {
            let offset = network.settings.position_rows.1;
            let rows = span.start + offset..span.end + offset;
            Some(weights.read_rows(compute, &name, rows)?)
        }
        None => None,
    };
    let last = batch.types.iter().flatten().max().copied().unwrap_or(0);
    let kinds = match network.type_embedding() {
        Some(name) => Some(weights.read_rows(compute, &name, 0..last + 1)?),
        None => None,
    };
    if positions.is_none() && kinds.is_none() {
        return Ok(());
    }
    let places = &batch.positions;
    let chunk = rows_per_chunk(hidden);
    compute.pool.chunks_mut(x, chunk * hidden, |index, rows| {
        let tokens = index * chunk..;
        for ((row, place), token) in rows
            .chunks_exact_mut(hidden)
            .zip(&places[tokens.clone()])
            .zip(tokens)
        {
            if let Some(kinds) = &kinds {
                let kind = batch.types.as_ref().map_or(0, |types| types[token]);
                compute.kernels.add(&kinds[kind * hidden..][..hidden], row);
            }
            if let Some(positions) = &positions {
                compute
                    .kernels
                    .add(&positions[(place - span.start) * hidden..][..hidden], row);
            }
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_every_wanted_row_once_and_skip_wide_gaps() {
        let hidden = 1024; // gap of 17 rows
        let ids = [3, 3, 5, 21, 500, 501];
        let wanted: Vec<(usize, usize)> = ids.iter().copied().zip(0..).collect();
        let pieces = pieces(&wanted, hidden);
        assert_eq!(pieces, vec![(3..22, 0..4), (500..502, 4..6)]);
    }

    #[test]
    fn a_piece_is_never_larger_than_the_limit() {
        let hidden = PIECE_BYTES / 4 / 8; // 8 rows a piece
        let wanted: Vec<(usize, usize)> = (0..20).map(|id| (id, id)).collect();
        let pieces = pieces(&wanted, hidden);
        assert_eq!(
            pieces.iter().map(|piece| piece.0.len()).collect::<Vec<_>>(),
            [8, 8, 4]
        );
    }
}
