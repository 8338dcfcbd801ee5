//! How far changed models are from one that was run once: the measure of a search.

use super::divergence::kl;
use super::head::Head;
use super::{Pooling, Runner, cosine, pool};
use crate::{Batch, Kind, ModelError, Network, WeightSource};
use kerf_kernels::Compute;

/// What a model computes for some sequences, kept to compare others of the same network with it.
pub struct Closeness {
    /// Each sequence with the last hidden states of the model.
    sequences: Vec<(Batch, Vec<f32>)>,
    /// Of a decoder.
    head: Option<Head>,
    pooling: Pooling,
}

impl Closeness {
    /// Runs the model. Keeps hidden * tokens numbers and the head. `pooling`: of an encoder.
    pub fn new(
        original: &mut Runner<'_>,
        sequences: &[Vec<u32>],
        pooling: Pooling,
    ) -> Result<Self, ModelError> {
        let head = match original.network.kind() {
            Kind::Decoder => Some(original.take_head()?),
            Kind::Encoder => None,
        };
        let run = |ids: &Vec<u32>| {
            let batch = Batch::new(std::slice::from_ref(ids));
            let states = original.hidden(&batch, &mut |_| true)?;
            Ok((batch, states))
        };
        let sequences = sequences
            .iter()
            .map(run)
            .collect::<Result<_, ModelError>>()?;
        Ok(Self {
            sequences,
            head,
            pooling,
        })
    }

    /// From last hidden states that are at hand, after the final norm: those of each batch, [tokens, hidden].
    pub fn of_states(
        network: &Network,
        compute: &Compute,
        weights: &dyn WeightSource,
        states: Vec<(Batch, Vec<f32>)>,
        pooling: Pooling,
    ) -> Result<Self, ModelError> {
        let head = match network.kind() {
            Kind::Decoder => Some(Head::load(network, compute, weights)?),
            Kind::Encoder => None,
        };
        Ok(Self {
            sequences: states,
            head,
            pooling,
        })
    }

    /// [`Closeness::distance`] of the states of another model for the same batches.
    pub fn between(&self, compute: &Compute, hidden: usize, changed: &[Vec<f32>]) -> f64 {
        let mut distance = Distance::default();
        for ((batch, original), changed) in self.sequences.iter().zip(changed) {
            for index in 0..batch.sequences() {
                let rows = batch.starts[index] * hidden..batch.starts[index + 1] * hidden;
                let pair = (&original[rows.clone()], &changed[rows]);
                self.add(compute, hidden, pair, &mut distance);
            }
        }
        distance.mean()
    }

    fn add(
        &self,
        compute: &Compute,
        hidden: usize,
        (original, changed): (&[f32], &[f32]),
        distance: &mut Distance,
    ) {
        match &self.head {
            Some(head) => {
                distance.sum += divergences(compute, head, hidden, original, changed);
                distance.terms += original.len() / hidden;
            }
            None => {
                let vector = |states| pool(self.pooling, states, hidden, 0);
                distance.sum += 1.0 - cosine(&vector(original), &vector(changed));
                distance.terms += 1;
            }
        }
    }

    /// Number of sequences.
    pub fn sequences(&self) -> usize {
        self.sequences.len()
    }

    /// Distance of a changed model on the first `count` sequences: the mean KL(original || changed) of the next token in nats with
    /// the original's head for both (decoders), or 1 minus the mean cosine of the pooled vectors (encoders).
    pub fn distance(&self, changed: &mut Runner<'_>, count: usize) -> Result<f64, ModelError> {
        let own = &self.sequences[..count.min(self.sequences.len())];
        let ids: Vec<&[u32]> = own.iter().map(|(batch, _)| batch.sequence(0)).collect();
        let batch = Batch::new(&ids);
        let states = changed.hidden(&batch, &mut |_| true)?;
        let hidden = changed.network.hidden();
        let mut distance = Distance::default();
        for (index, (_, original)) in own.iter().enumerate() {
            let states = &states[batch.starts[index] * hidden..batch.starts[index + 1] * hidden];
            self.add(changed.compute, hidden, (original, states), &mut distance);
        }
        Ok(distance.mean())
    }
}

/// A mean while it is summed up.
#[derive(Default)]
struct Distance {
    sum: f64,
    terms: usize,
}

impl Distance {
    fn mean(&self) -> f64 {
        self.sum / self.terms.max(1) as f64
    }
}

/// Sum of the divergences of all positions.
fn divergences(
    compute: &Compute,
    head: &Head,
    hidden: usize,
    original: &[f32],
    states: &[f32],
) -> f64 {
    let rows = head.rows_at_once() * hidden;
    let (mut p, mut q) = (Vec::new(), Vec::new());
    let mut sum = 0.0;
    for (original, states) in original.chunks(rows).zip(states.chunks(rows)) {
        head.logits_into(compute, original, &mut p);
        head.logits_into(compute, states, &mut q);
        let count = original.len() / hidden;
        let vocab = p.len() / count;
        let row = |row: usize| row * vocab..(row + 1) * vocab;
        let terms = compute
            .pool
            .map(count, |i| kl(compute, &p[row(i)], &q[row(i)]));
        sum += terms.iter().sum::<f64>();
    }
    sum
}
