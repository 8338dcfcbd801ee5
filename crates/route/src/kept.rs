//! Which tokens of a prompt go through which blocks, to be shown.

use crate::RouteError;
use kerf_model::evaluate::Runner;
use kerf_model::gate::{Gate, Kept, Phase, StandIn, View};
use kerf_model::{Cache, Network, WeightSource};
use std::sync::{Mutex, PoisonError};

/// Another gate, and what it kept of the one sequence that went through.
struct Watched<'a> {
    gate: &'a dyn Gate,
    /// By block, by place.
    kept: Mutex<Vec<Vec<bool>>>,
}

impl Gate for Watched<'_> {
    fn watches_attention(&self) -> bool {
        self.gate.watches_attention()
    }

    fn splits_blocks(&self) -> bool {
        self.gate.splits_blocks()
    }

    fn keeps_ends(&self) -> bool {
        self.gate.keeps_ends()
    }

    fn stand_in(&self) -> Option<&StandIn> {
        self.gate.stand_in()
    }

    fn keep(&self, view: &View<'_>) -> Kept {
        let kept = self.gate.keep(view);
        let tokens = view.batch.tokens();
        let mut own = vec![matches!(kept, Kept::All); tokens];
        if let Kept::Places(places) = &kept {
            places.iter().for_each(|place| own[*place] = true);
        }
        if self.keeps_ends() && tokens > 0 {
            own[0] = true;
            own[tokens - 1] = true;
        }
        let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get_mut(view.block) {
            // The other part of a block: a token that went through one of the parts counts.
            Some(known) => known
                .iter_mut()
                .zip(own)
                .for_each(|(known, own)| *known |= own),
            None => all.push(own),
        }
        kept
    }
}

/// For each block, which tokens of a prompt go through it. One pass of the model. Errors are those of running it.
pub fn kept_tokens(
    network: &Network,
    weights: &dyn WeightSource,
    compute: &kerf_kernels::Compute,
    gate: &dyn Gate,
    prompt: &[u32],
) -> Result<Vec<Vec<bool>>, RouteError> {
    let watched = Watched {
        gate,
        kept: Mutex::default(),
    };
    let mut runner = Runner::new(network, weights, compute, 0).with_gate(&watched);
    let mut caches = [Cache::new(network.blocks())];
    runner.continue_states(Phase::Prompt, &[prompt], &mut caches)?;
    drop(runner);
    Ok(watched
        .kept
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner))
}
