//! Rows of pruning by depth.

use crate::bench::Bench;
use crate::{Asked, Failure, Loud, clock};
use kerf_model::WeightSource;
use kerf_model::gate::{DroppedParts, Removal};
use kerf_route::{PartPruning, by_influence, influences};
use kerf_tensors::folder::MemWorkspace;
use std::sync::Arc;

/// Blocks dropped by influence, and parts of blocks by perplexity.
pub fn rivals(
    bench: &mut Bench<'_>,
    asked: &Asked,
    calibration: &[Vec<u32>],
) -> Result<(), Failure> {
    let (network, catalog, compute) = (bench.network, bench.catalog, bench.compute);
    let weights: &dyn WeightSource = catalog;
    let of_blocks = influences(network, weights, compute, calibration, &mut Loud)?;
    eprintln!("influence: {of_blocks:.3?}");
    let mut orders: Vec<(&str, Vec<Removal>)> = vec![("ShortGPT", by_influence(&of_blocks))];
    let tokens = asked.number("pruner", 0)?;
    let ratios = asked.ratios()?;
    if tokens > 0 {
        let sequences: Vec<Vec<u32>> = calibration
            .concat()
            .chunks_exact(tokens.min(256))
            .take(tokens.div_ceil(256))
            .map(<[u32]>::to_vec)
            .collect();
        let pruning = PartPruning {
            network,
            weights,
            compute,
            sequences: &sequences,
            share: ratios.iter().copied().fold(0.0, f64::max),
            fingerprint: "",
        };
        let begun = clock();
        let order = pruning.run(Arc::new(MemWorkspace::default()), &mut Loud)?;
        eprintln!("BlockPruner: {:.1} s", clock() - begun);
        orders.push(("BlockPruner", order.iter().map(|own| own.removal).collect()));
    }
    for ratio in ratios {
        for (name, order) in &orders {
            let gate = DroppedParts::of_share(network, order, ratio);
            bench.row(name, ratio, &gate)?;
        }
    }
    Ok(())
}
