//! The head: hidden states to logits, a piece of the vocabulary and some rows at a time.
//!
//! The matrix [vocab, hidden] and the logits [tokens, vocab] are the largest things of a model with a large vocabulary. Neither is
//! ever needed whole: whoever sums over a vocabulary does so piece by piece ([`super::softmax`]). The pieces follow from the shape
//! alone, so the sums are the same whether the matrix is kept in memory or read anew.

use crate::block::read;
use crate::{ModelError, Network, WeightSource};
use kerf_kernels::{CompactMatrix, Compute, MatMut, MatRef};
use kerf_tensors::TensorsError;
use std::borrow::Cow;
use std::ops::Range;

/// Most bytes of the weights of a piece.
const PIECE_BYTES: usize = 8 << 20;
/// Most tokens of the vocabulary in a piece, and of what their number is a multiple: the side of a tile of a product.
const MOST_TOKENS: usize = 8192;
const TILE: usize = 256;
/// Logits that are in memory at once, and most rows of them.
const LOGITS: usize = 2 << 20;
const MOST_ROWS: usize = 1024;

/// How a vocabulary is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pieces {
    vocab: usize,
    hidden: usize,
    /// Tokens of the vocabulary in a piece.
    width: usize,
}

impl Pieces {
    /// Of a vocabulary of so many tokens, and hidden states so wide.
    pub fn new(vocab: usize, hidden: usize) -> Self {
        let fit = PIECE_BYTES / (4 * hidden.max(1)) / TILE * TILE;
        let width = fit.clamp(TILE, MOST_TOKENS).min(vocab.max(1));
        Self {
            vocab,
            hidden,
            width,
        }
    }

    /// Of a network.
    pub fn of(network: &Network) -> Self {
        Self::new(network.vocab(), network.hidden())
    }

    /// The pieces, in order.
    pub fn ranges(self) -> impl Iterator<Item = Range<usize>> {
        let starts = (0..self.vocab).step_by(self.width);
        starts.map(move |start| start..(start + self.width).min(self.vocab))
    }

    /// Hidden states that are worked on at once: enough for an efficient product, few enough for the memory.
    pub fn rows(self) -> usize {
        (LOGITS / self.width).clamp(32, MOST_ROWS)
    }

    /// Bytes of the weights of a piece.
    pub fn weight_bytes(self) -> u64 {
        4 * (self.width * self.hidden) as u64
    }

    /// Bytes of the logits of so many hidden states that are in memory at once.
    pub fn logits_bytes(self, rows: usize) -> u64 {
        4 * (rows.min(self.rows()) * self.width) as u64
    }
}

/// What of the matrix is in memory.
enum Kept {
    /// Nothing: it is read piece by piece.
    Nothing,
    /// All values.
    Values(Vec<f32>),
    /// As it is stored.
    Compact(CompactMatrix),
}

/// The matrix [vocab, hidden] that turns hidden states into logits.
pub(crate) struct Head {
    name: String,
    kept: Kept,
    bias: Option<Vec<f32>>,
    /// Soft cap of logits.
    cap: Option<f32>,
    vocab: usize,
    hidden: usize,
}

impl Head {
    /// Reads the matrix if it takes no more than `keep_bytes` (or is one piece anyway). `TENSOR_MISSING` for a decoder that is stored
    /// without head.
    pub fn load(
        network: &Network,
        compute: &Compute,
        weights: &dyn WeightSource,
        keep_bytes: u64,
    ) -> Result<Self, ModelError> {
        let stem = network.arch.head.as_ref().map_or("head", |head| head.stem);
        let name = network.head().ok_or_else(|| TensorsError::TensorMissing {
            tensor: format!("{stem}.weight"),
        })?;
        let (vocab, hidden) = (network.vocab(), network.hidden());
        let bytes = 4 * (vocab * hidden) as u64;
        let kept = match bytes <= keep_bytes.max(Pieces::of(network).weight_bytes()) {
            true => Kept::Values(read(compute, weights, name, (vocab, hidden))?),
            false => Kept::Nothing,
        };
        Self::of(network, compute, weights, name, kept)
    }

    /// [`Head::load`] with the matrix as it is stored, where that form runs.
    pub fn load_compact(
        network: &Network,
        compute: &Compute,
        weights: &dyn WeightSource,
        keep_bytes: u64,
    ) -> Result<Self, ModelError> {
        let shape = (network.vocab(), network.hidden());
        if let Some(name) = network.head()
            && let Some(matrix) = weights.compact(compute, name)?
            && (matrix.rows(), matrix.cols()) == shape
            && matrix.bytes() <= keep_bytes
        {
            return Self::of(network, compute, weights, name, Kept::Compact(matrix));
        }
        Self::load(network, compute, weights, keep_bytes)
    }

    fn of(
        network: &Network,
        compute: &Compute,
        weights: &dyn WeightSource,
        name: &str,
        kept: Kept,
    ) -> Result<Self, ModelError> {
        let (vocab, hidden) = (network.vocab(), network.hidden());
        let bias = network.head_bias();
        let bias = bias.map(|name| read(compute, weights, name, (vocab, 1)));
        Ok(Self {
            name: name.into(),
            kept,
            bias: bias.transpose()?,
            cap: network.settings.logit_cap,
            vocab,
            hidden,
        })
    }

    /// Width of the hidden states.
    pub fn hidden(&self) -> usize {
        self.hidden
    }

    /// Soft cap of its logits.
    #[cfg(feature = "train")]
    pub fn cap(&self) -> Option<f32> {
        self.cap
    }

    /// Bytes that this keeps.
    pub fn bytes(&self) -> u64 {
        let kept = match &self.kept {
            Kept::Nothing => 0,
            Kept::Values(values) => 4 * values.len() as u64,
            Kept::Compact(matrix) => matrix.bytes(),
        };
        kept + 4 * self.bias.as_ref().map_or(0, Vec::len) as u64
    }

    /// Weights of some tokens of the vocabulary.
    pub(crate) fn piece(
        &self,
        compute: &Compute,
        weights: &dyn WeightSource,
        tokens: Range<usize>,
    ) -> Result<Cow<'_, [f32]>, ModelError> {
        let (first, end) = (tokens.start * self.hidden, tokens.end * self.hidden);
        let values = match &self.kept {
            Kept::Values(kept) => return Ok(Cow::Borrowed(&kept[first..end])),
            Kept::Compact(matrix) => {
                let mut values = vec![0.0; end - first];
                compute.compact_values(matrix, tokens.clone(), &mut values);
                values
            }
            Kept::Nothing => weights.read_rows(compute, &self.name, tokens.clone())?,
        };
        if values.len() == end - first {
            return Ok(Cow::Owned(values));
        }
        Err(TensorsError::WrongShape {
            tensor: self.name.clone(),
            expected: vec![tokens.len(), self.hidden],
            actual: vec![values.len()],
        }
        .into())
    }

    /// Logits [rows, tokens] of hidden states [rows, hidden], from the weights of those tokens of the vocabulary.
    pub(crate) fn logits_into(
        &self,
        compute: &Compute,
        hidden: &[f32],
        (weight, tokens): (&[f32], Range<usize>),
        out: &mut Vec<f32>,
    ) {
        let (rows, width) = (hidden.len() / self.hidden, tokens.len());
        out.resize(rows * width, 0.0);
        let result = MatMut::dense(out, rows, width);
        let x = MatRef::dense(hidden, rows, self.hidden);
        let weight = MatRef::dense(weight, width, self.hidden);
        compute.linalg.gemm_nt(result, x, weight, 1.0, 0.0);
        self.finish(compute, tokens, out);
    }

    /// Adds the bias to products [rows, tokens] of some tokens of the vocabulary, and caps them.
    fn finish(&self, compute: &Compute, tokens: Range<usize>, out: &mut [f32]) {
        if self.bias.is_none() && self.cap.is_none() {
            return;
        }
        let width = tokens.len();
        let kernels = &compute.kernels;
        compute.pool.chunks_mut(out, width, |_, row| {
            if let Some(bias) = &self.bias {
                kernels.add(&bias[tokens.clone()], row);
            }
            if let Some(cap) = self.cap {
                row.iter_mut().for_each(|logit| *logit /= cap);
                kernels.tanh(row);
                row.iter_mut().for_each(|logit| *logit *= cap);
            }
        });
    }

    /// All logits [rows, vocab] of hidden states [rows, hidden]: for a few rows.
    pub fn logits(
        &self,
        compute: &Compute,
        weights: &dyn WeightSource,
        hidden: &[f32],
    ) -> Result<Vec<f32>, ModelError> {
        let rows = hidden.len() / self.hidden;
        let mut out = vec![0.0; rows * self.vocab];
        if let Kept::Compact(matrix) = &self.kept {
            let result = MatMut::dense(&mut out, rows, self.vocab);
            let x = MatRef::dense(hidden, rows, self.hidden);
            compute.compact_nt(result, x, matrix, false);
            self.finish(compute, 0..self.vocab, &mut out);
            return Ok(out);
        }
        let head = HeadOf {
            head: self,
            weights,
        };
        let vocab = self.vocab;
        walk(compute, &[head], &[(0, hidden)], &mut |place, logits| {
            let (first, width) = (place.tokens.start, place.tokens.len());
            for (row, logits) in place.rows.zip(logits.chunks_exact(width)) {
                out[row * vocab + first..][..width].copy_from_slice(logits);
            }
        })?;
        Ok(out)
    }
}

/// A head, and where its weights are if it does not keep them.
#[derive(Clone, Copy)]
pub(super) struct HeadOf<'a> {
    pub head: &'a Head,
    pub weights: &'a dyn WeightSource,
}

/// Which logits [`walk`] is at.
pub(super) struct Place {
    /// Index among the states.
    pub state: usize,
    /// Rows of the states.
    pub rows: Range<usize>,
    /// Tokens of the vocabulary.
    pub tokens: Range<usize>,
}

/// Goes through the logits of some states [rows, hidden], all of as many rows: by pieces of the vocabulary (of which each is read
/// once), by some rows, and state by state; `states`: the head of each among `heads`, which have one vocabulary. `each` may take the
/// logits [rows, tokens] and leave another buffer.
pub(super) fn walk(
    compute: &Compute,
    heads: &[HeadOf<'_>],
    states: &[(usize, &[f32])],
    each: &mut dyn FnMut(Place, &mut Vec<f32>),
) -> Result<(), ModelError> {
    let Some(first) = heads.first() else {
        return Ok(());
    };
    let widest = heads.iter().map(|of| of.head.hidden).max().unwrap_or(0);
    let pieces = Pieces::new(first.head.vocab, widest);
    let rows = states
        .iter()
        .map(|(of, x)| x.len() / heads[*of].head.hidden);
    let rows = rows.min().unwrap_or(0);
    let mut logits = Vec::new();
    for tokens in pieces.ranges() {
        let weights = heads
            .iter()
            .map(|of| of.head.piece(compute, of.weights, tokens.clone()));
        let weights = weights.collect::<Result<Vec<_>, _>>()?;
        for start in (0..rows).step_by(pieces.rows()) {
            let rows = start..(start + pieces.rows()).min(rows);
            for (state, (of, x)) in states.iter().enumerate() {
                let head = heads[*of].head;
                let x = &x[rows.start * head.hidden..rows.end * head.hidden];
                head.logits_into(compute, x, (&weights[*of], tokens.clone()), &mut logits);
                let place = Place {
                    state,
                    rows: rows.clone(),
                    tokens: tokens.clone(),
                };
                each(place, &mut logits);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_the_vocabulary_and_are_bounded() {
        for (vocab, hidden) in [
            (1, 8),
            (512, 64),
            (49_152, 576),
            (256_000, 64),
            (256_000, 4096),
        ] {
            let pieces = Pieces::new(vocab, hidden);
            let ranges: Vec<Range<usize>> = pieces.ranges().collect();
            assert_eq!((ranges[0].start, ranges[ranges.len() - 1].end), (0, vocab));
            assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start));
            assert!(
                pieces.weight_bytes() <= PIECE_BYTES as u64,
                "{vocab} {hidden}"
            );
            assert!(pieces.logits_bytes(1 << 20) <= 4 * LOGITS as u64);
        }
    }
}
