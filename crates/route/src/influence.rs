//! Influence of blocks, by which ShortGPT drops them (Men et al., arXiv 2403.03853): 1 minus the cosine of what comes into a block
//! and what goes out of it, mean over tokens. A block of little influence can go.

use crate::RouteError;
use crate::passage::Passage;
use kerf_kernels::Compute;
use kerf_model::evaluate::cosine;
use kerf_model::gate::{DroppedParts, Removal};
use kerf_model::{Network, Part, WeightSource};
use kerf_run::{CancelCheck, Event, Host, Stage};

/// The influence of each block of a decoder on some sequences, from 0 to 2. All of it is one pass of the model. Memory: all decoded
/// blocks, and the hidden states of the sequences twice.
///
/// `EMPTY` without a prediction, `CANCELLED`, and what may go wrong with a model.
pub fn influences(
    network: &Network,
    weights: &dyn WeightSource,
    compute: &Compute,
    sequences: &[Vec<u32>],
    host: &mut dyn Host,
) -> Result<Vec<f64>, RouteError> {
    let passage = Passage::new(network, weights, compute, sequences)?;
    let cancel = CancelCheck::new(compute.pool.clone(), String::new());
    let (whole, hidden) = (DroppedParts::default(), network.hidden());
    let mut x = passage.start()?;
    let mut influences = Vec::with_capacity(network.blocks());
    for block in 0..network.blocks() {
        let (done, total) = (block as u64, network.blocks() as u64);
        let name = format!("block {block}");
        let event = Event::new(Stage::Survey, done + 1, total, "blocks", &name);
        let before = x.clone();
        passage.step(block, &whole, &mut x);
        cancel.check(host)?;
        host.event(event.with_share(done + 1, total));
        let pairs = before.chunks_exact(hidden).zip(x.chunks_exact(hidden));
        let sum: f64 = pairs.map(|(a, b)| 1.0 - cosine(a, b)).sum();
        influences.push(sum / passage.batch.tokens() as f64);
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
