//! Influence of blocks, by which ShortGPT drops them (Men et al., arXiv 2403.03853): 1 minus the cosine of what comes into a block
//! and what goes out of it, mean over tokens. A block of little influence can go.

use crate::RouteError;
use kerf_kernels::Compute;
use kerf_model::evaluate::cosine;
use kerf_model::gate::Removal;
use kerf_model::{Batch, ModelError, Network, Part, WeightSource};
use kerf_run::{CancelCheck, Event, Host, Stage};

/// The influence of each block of a model on some sequences, from 0 to 2. All of it is one pass of the model. Memory: one decoded
/// block, and the hidden states of the sequences twice.
///
/// `EMPTY` without a token, `CANCELLED`, and what may go wrong with a model.
pub fn influences(
    network: &Network,
    weights: &dyn WeightSource,
    compute: &Compute,
    sequences: &[Vec<u32>],
    host: &mut dyn Host,
) -> Result<Vec<f64>, RouteError> {
    let batch = Batch::new(sequences);
    if batch.tokens() == 0 {
        return Err(ModelError::Empty {
            what: "the calibration text".into(),
            fix: "give a text of a token at least".into(),
        }
        .into());
    }
    let cancel = CancelCheck::new(compute.pool.clone(), String::new());
    let hidden = network.hidden();
    let mut x = network.embed(compute, weights, &batch)?;
    let mut influences = Vec::with_capacity(network.blocks());
    for block in 0..network.blocks() {
        let (done, total) = (block as u64, network.blocks() as u64);
        let name = format!("block {block}");
        let event = Event::new(Stage::Survey, done + 1, total, "blocks", &name);
        let before = x.clone();
        let block = network.load_block(compute, weights, block)?;
        network.run_block(compute, &block, &batch, &mut x, None);
        cancel.check(host)?;
        host.event(event.with_share(done + 1, total));
        let pairs = before.chunks_exact(hidden).zip(x.chunks_exact(hidden));
        let sum: f64 = pairs.map(|(a, b)| 1.0 - cosine(a, b)).sum();
        influences.push(sum / batch.tokens() as f64);
    }
    Ok(influences)
}

/// Blocks in the order in which ShortGPT drops them: the least influence first, of equals the first first.
pub fn by_influence(influences: &[f64]) -> Vec<Removal> {
    let mut order: Vec<usize> = (0..influences.len()).collect();
    order.sort_by(|a, b| influences[*a].total_cmp(&influences[*b]));
    let removal = |block| Removal {
        block,
        part: Part::Block,
    };
    order.into_iter().map(removal).collect()
}
