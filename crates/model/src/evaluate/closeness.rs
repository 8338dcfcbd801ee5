//! How far changed models are from one that was run once: the measure of a search.

use super::head::{Head, HeadOf, Place, walk};
use super::softmax::{First, Pair};
use super::{Pooling, Runner, cosine, pool};
use crate::{Batch, Kind, ModelError, Network, WeightSource};
use kerf_kernels::Compute;

/// What a model computes for some sequences, kept to compare others of the same network with it.
pub struct Closeness<'a> {
    /// Each batch with the last hidden states of the model.
    batches: Vec<(Batch, Vec<f32>)>,
    /// Of a decoder.
    head: Option<Head>,
    /// Of the model.
    weights: &'a dyn WeightSource,
    hidden: usize,
    pooling: Pooling,
}

impl<'a> Closeness<'a> {
    /// Runs the model on each sequence. Keeps hidden * tokens numbers, and a head that is no larger than a piece of it would be anyway.
    /// `pooling`: of an encoder.
    pub fn new(
        original: &mut Runner<'a>,
        sequences: &[Vec<u32>],
        pooling: Pooling,
    ) -> Result<Self, ModelError> {
        let run = |ids: &Vec<u32>| {
            let batch = Batch::new(std::slice::from_ref(ids));
            let states = original.hidden(&batch, &mut |_| true)?;
            Ok((batch, states))
        };
        let states = sequences
            .iter()
            .map(run)
            .collect::<Result<_, ModelError>>()?;
        let (network, weights) = (original.network, original.weights);
        Self::of_states(network, original.compute, weights, states, pooling)
    }

    /// The same of some texts, each of a few short sequences: one batch each, which run together, so that each block is read once.
    pub fn by_text(
        original: &mut Runner<'a>,
        texts: &[&[Vec<u32>]],
        pooling: Pooling,
    ) -> Result<Self, ModelError> {
        let batches: Vec<Batch> = texts
            .iter()
            .map(|sequences| Batch::new(sequences))
            .collect();
        let states = original.hidden(&together(batches.iter()), &mut |_| true)?;
        let mut rest = states.as_slice();
        let states = batches.into_iter().map(|batch| {
            let (own, after) = rest.split_at(batch.tokens() * original.network.hidden());
            rest = after;
            (batch, own.to_vec())
        });
        let states = states.collect();
        let (network, weights) = (original.network, original.weights);
        Self::of_states(network, original.compute, weights, states, pooling)
    }

    /// From last hidden states that are at hand, after the final norm: those of each batch, [tokens, hidden].
    pub fn of_states(
        network: &Network,
        compute: &Compute,
        weights: &'a dyn WeightSource,
        states: Vec<(Batch, Vec<f32>)>,
        pooling: Pooling,
    ) -> Result<Self, ModelError> {
        let head = match network.kind() {
            Kind::Decoder => Some(Head::load(network, compute, weights, 0)?),
            Kind::Encoder => None,
        };
        Ok(Self {
            batches: states,
            head,
            weights,
            hidden: network.hidden(),
            pooling,
        })
    }

    /// [`Closeness::distance`] of other models, each by its states for the same batches. They are compared side by side: the head is
    /// read once for all, and what the original says is computed once.
    pub fn between(
        &self,
        compute: &Compute,
        changed: &[Vec<Vec<f32>>],
    ) -> Result<Vec<f64>, ModelError> {
        let mut distances = vec![Distance::default(); changed.len()];
        for (index, (batch, original)) in self.batches.iter().enumerate() {
            let states: Vec<&[f32]> = changed.iter().map(|of| of[index].as_slice()).collect();
            self.add(compute, batch, original, &states, &mut distances)?;
        }
        Ok(distances.iter().map(Distance::mean).collect())
    }

    /// Adds what the models are away from the original in one batch, to the distance of each.
    fn add(
        &self,
        compute: &Compute,
        batch: &Batch,
        original: &[f32],
        changed: &[&[f32]],
        distances: &mut [Distance],
    ) -> Result<(), ModelError> {
        let hidden = self.hidden;
        let sequences = || (0..batch.sequences()).map(|i| batch.starts[i]..batch.starts[i + 1]);
        let Some(head) = &self.head else {
            for (distance, changed) in distances.iter_mut().zip(changed) {
                for rows in sequences() {
                    let rows = rows.start * hidden..rows.end * hidden;
                    let vector =
                        |states: &[f32]| pool(self.pooling, &states[rows.clone()], hidden, 0);
                    distance.sum += 1.0 - cosine(&vector(original), &vector(changed));
                    distance.terms += 1;
                }
            }
            return Ok(());
        };
        let weights = self.weights;
        let found = divergences(compute, HeadOf { head, weights }, original, changed)?;
        for (distance, of) in distances.iter_mut().zip(&found) {
            for rows in sequences() {
                distance.terms += rows.len();
                distance.sum += of[rows].iter().map(|pair| pair.kl).sum::<f64>();
            }
        }
        Ok(())
    }

    /// Number of batches.
    pub fn sequences(&self) -> usize {
        self.batches.len()
    }

    /// Distance of a changed model on the first `count` batches: the mean KL(original || changed) of the next token in nats with
    /// the original's head for both (decoders), or 1 minus the mean cosine of the pooled vectors (encoders).
    pub fn distance(&self, changed: &mut Runner<'_>, count: usize) -> Result<f64, ModelError> {
        let own = &self.batches[..count.min(self.batches.len())];
        let batch = together(own.iter().map(|own| &own.0));
        let states = changed.hidden(&batch, &mut |_| true)?;
        let original: Vec<&[f32]> = own.iter().map(|(_, states)| states.as_slice()).collect();
        let mut distance = [Distance::default()];
        let (compute, original) = (changed.compute, original.concat());
        self.add(compute, &batch, &original, &[&states], &mut distance)?;
        Ok(distance[0].mean())
    }

    /// Distance of a changed model on each batch. It runs on all together.
    pub fn distance_of_each(&self, changed: &mut Runner<'_>) -> Result<Vec<f64>, ModelError> {
        let batches = self.batches.iter().map(|own| &own.0);
        let states = changed.hidden(&together(batches), &mut |_| true)?;
        let (compute, mut rest) = (changed.compute, states.as_slice());
        let each = self.batches.iter().map(|(batch, original)| {
            let (states, after) = rest.split_at(original.len());
            rest = after;
            let mut distance = [Distance::default()];
            self.add(compute, batch, original, &[states], &mut distance)?;
            Ok(distance[0].mean())
        });
        each.collect()
    }
}

/// The sequences of some batches in one.
fn together<'b>(batches: impl Iterator<Item = &'b Batch>) -> Batch {
    let sequences: Vec<&[u32]> = batches
        .flat_map(|batch| (0..batch.sequences()).map(|index| batch.sequence(index)))
        .collect();
    Batch::new(&sequences)
}

/// A mean while it is summed up.
#[derive(Clone, Default)]
struct Distance {
    sum: f64,
    terms: usize,
}

impl Distance {
    fn mean(&self) -> f64 {
        self.sum / self.terms.max(1) as f64
    }
}

/// KL(original || changed) at each position, for each of the changed models.
fn divergences(
    compute: &Compute,
    head: HeadOf<'_>,
    original: &[f32],
    changed: &[&[f32]],
) -> Result<Vec<Vec<Pair>>, ModelError> {
    let states = std::iter::once(&original).chain(changed);
    let states: Vec<(usize, &[f32])> = states.map(|states| (0, *states)).collect();
    let rows = original.len() / head.head.hidden();
    let mut found = vec![vec![Pair::EMPTY; rows]; changed.len()];
    let (mut of_original, mut firsts) = (Vec::new(), Vec::new());
    let each = &mut |place: Place, logits: &mut Vec<f32>| {
        let width = place.tokens.len();
        if place.state == 0 {
            std::mem::swap(&mut of_original, logits);
            let row = |row: usize| First::of(compute, &of_original[row * width..][..width]);
            firsts = compute.pool.map(place.rows.len(), row);
            return;
        }
        let found = &mut found[place.state - 1][place.rows];
        compute.pool.chunks_mut(found, 1, |row, found| {
            let of = row * width..(row + 1) * width;
            let (p, q) = (&of_original[of.clone()], &logits[of]);
            found[0] = found[0].join(Pair::of(compute, &firsts[row], p, q));
        });
    };
    walk(compute, &[head], &states, each)?;
    Ok(found)
}
