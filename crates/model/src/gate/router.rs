//! Gather, block, scatter: a gate at work on one batch.

use super::standing::standings;
use super::{Gate, Pairs, Phase, StandIn, Standing, View};
use crate::arch::Order;
use crate::attention_heads::Heads;
use crate::positions::Positions;
use crate::{Batch, BlockCache, BlockWeights, Look, Network, Part};
use kerf_kernels::Compute;

/// A gate at work on one batch, from its first block to its last. It knows what attention each token received last, where the gate
/// wants to know it.
pub struct Router<'a> {
    gate: &'a dyn Gate,
    phase: Phase,
    /// See [`Standing::score`].
    scores: Vec<f32>,
    pairs: Pairs,
}

/// What a block is run with.
struct Work<'a, 'b> {
    network: &'a Network,
    compute: &'a Compute,
    block: &'a BlockWeights,
    batch: &'a Batch,
    /// One for each sequence.
    caches: Option<&'a mut [&'b mut BlockCache]>,
}

impl<'a> Router<'a> {
    /// Begins with the first block of a batch.
    pub fn new(gate: &'a dyn Gate, phase: Phase, batch: &Batch) -> Self {
        let watched = match gate.watches_attention() {
            true => batch.tokens(),
            false => 0,
        };
        Self {
            gate,
            phase,
            scores: vec![1.0; watched],
            pairs: Pairs::default(),
        }
    }

    /// Pairs of a token and a block so far.
    pub fn pairs(&self) -> Pairs {
        self.pairs
    }

    /// Share of (token, block) pairs that were skipped so far; 0 before the first block.
    pub fn skipped(&self) -> f64 {
        self.pairs.skipped()
    }

    /// Runs one block on the tokens that the gate keeps. `x` [tokens, hidden] are the hidden states of all tokens; those of
    /// skipped tokens stay as they are. `caches`, one for each sequence, get the kept tokens alone. Otherwise as
    /// [`Network::run_block`], and the same to the bit where all tokens are kept.
    ///
    /// Beside the block it costs a copy of the kept states there and back, and for a gate that watches attention heads * queries *
    /// keys additions: with heads of width d one flop for each 4 d of attention itself.
    pub fn run_block(
        &mut self,
        network: &Network,
        compute: &Compute,
        block: &BlockWeights,
        batch: &Batch,
        x: &mut [f32],
        caches: Option<&mut [&mut BlockCache]>,
    ) {
        let mut work = Work {
            network,
            compute,
            block,
            batch,
            caches,
        };
        if !self.gate.splits_blocks() {
            let kept = self.keep(&mut work, Part::Block, x);
            return self.run(&mut work, Part::Block, kept, x);
        }
        let attention = self.keep(&mut work, Part::Attention, x);
        if network.settings.order != Order::Parallel {
            self.run(&mut work, Part::Attention, attention, x);
            let mlp = self.keep(&mut work, Part::Mlp, x);
            return self.run(&mut work, Part::Mlp, mlp, x);
        }
        // The MLP of a parallel block sees what attention saw.
        let mlp = self.keep(&mut work, Part::Mlp, x);
        if attention.is_none() && mlp.is_none() {
            return self.run(&mut work, Part::Block, None, x);
        }
        let mut other = x.to_vec();
        self.run(&mut work, Part::Mlp, mlp, &mut other);
        for (other, x) in other.iter_mut().zip(&*x) {
            *other -= x;
        }
        self.run(&mut work, Part::Attention, attention, x);
        compute.kernels.add(&other, x);
    }

    /// Places of the tokens that go through a part of a block; `None`: all of them. Counts them.
    fn keep(&mut self, work: &mut Work<'_, '_>, part: Part, x: &[f32]) -> Option<Vec<usize>> {
        let (network, batch) = (work.network, work.batch);
        let block = work.block.index;
        let standing = match (self.gate.watches_attention(), part) {
            (false, _) => Vec::new(),
            (true, part) => self.standing(batch, work.caches.as_deref_mut(), part),
        };
        let passed: Vec<usize> = match &work.caches {
            Some(caches) => caches.iter().map(|cache| cache.tokens()).collect(),
            None => vec![0; batch.sequences()],
        };
        let kept = self.gate.keep(&View {
            block,
            part,
            phase: self.phase,
            batch,
            states: x,
            standing: &standing,
            passed: &passed,
        });
        let kept = match self.phase {
            Phase::Prompt if self.gate.keeps_ends() => kept.with_ends(batch),
            _ => kept,
        };
        let kept = kept.places(batch.tokens());
        let [attention, mlp] = network.part_weights();
        let weights = match part {
            Part::Block => attention + mlp,
            Part::Attention => attention,
            Part::Mlp => mlp,
        };
        let passed = kept.as_ref().map_or(batch.tokens(), Vec::len);
        let skipped = (batch.tokens() - passed) as u64;
        let instead = self.stand_in(part).map_or(0, StandIn::weights_per_token);
        self.pairs += Pairs {
            arrived: weights * batch.tokens() as u64,
            passed: weights * passed as u64 + instead * skipped,
        };
        kept
    }

    /// What tokens get that skip this part of a block.
    fn stand_in(&self, part: Part) -> Option<&'a StandIn> {
        self.gate.stand_in().filter(|_| part == Part::Block)
    }

    /// How the tokens stand among those of their sequences. A cache keeps the scores of its tokens as they came to the block, for the
    /// tokens after them.
    fn standing(
        &self,
        batch: &Batch,
        mut caches: Option<&mut [&mut BlockCache]>,
        part: Part,
    ) -> Vec<Standing> {
        let mut all = Vec::with_capacity(batch.tokens());
        for (index, pair) in batch.starts.windows(2).enumerate() {
            let own = &self.scores[pair[0]..pair[1]];
            let cache = caches
                .as_deref_mut()
                .map(|caches| &mut caches[index].scores);
            // The attention of the block was asked for before its MLP, and told these scores already.
            let known = cache.as_ref().map_or(0, |scores| scores.len());
            let known = known
                - if part == Part::Mlp {
                    own.len().min(known)
                } else {
                    0
                };
            let before = cache.as_ref().map_or(&[][..], |scores| &scores[..known]);
            all.extend(standings(before, own, self.phase));
            if let (Some(scores), Part::Block | Part::Attention) = (cache, part) {
                scores.extend_from_slice(own);
            }
        }
        all
    }

    /// Runs a part of a block on the tokens at these places.
    fn run(
        &mut self,
        work: &mut Work<'_, '_>,
        part: Part,
        places: Option<Vec<usize>>,
        x: &mut [f32],
    ) {
        let Some(places) = places else {
            let scores = self.run_on(work, part, work.batch, x);
            if let Some(scores) = scores {
                self.scores = scores;
            }
            return;
        };
        let hidden = work.network.hidden();
        if let Some(stand_in) = self.stand_in(part) {
            let others = others(&places, work.batch.tokens());
            let mut own = rows(x, hidden, &others);
            stand_in.add(work.compute, work.block.index, &mut own);
            put(&own, hidden, &others, x);
        }
        if places.is_empty() {
            return;
        }
        let mut own = rows(x, hidden, &places);
        let batch = work.batch.gather(&places);
        let scores = self.run_on(work, part, &batch, &mut own);
        put(&own, hidden, &places, x);
        for (place, score) in places.iter().zip(scores.into_iter().flatten()) {
            self.scores[*place] = score;
        }
    }

    /// Runs a part of a block; the score of each token of `batch`, where the gate watches it.
    fn run_on(
        &self,
        work: &mut Work<'_, '_>,
        part: Part,
        batch: &Batch,
        x: &mut [f32],
    ) -> Option<Vec<f32>> {
        let Work {
            network,
            compute,
            block,
            caches,
            ..
        } = work;
        if part == Part::Mlp || !self.gate.watches_attention() {
            let caches = caches.as_deref_mut().filter(|_| part != Part::Mlp);
            network.run_part(compute, block, part, batch, x, caches, None);
            return None;
        }
        let look = match self.phase {
            Phase::Prompt => Look::Received,
            Phase::Decoding => Look::Own,
        };
        let mut observed = Vec::new();
        let told = Some((look, &mut observed));
        network.run_part(compute, block, part, batch, x, caches.as_deref_mut(), told);
        let heads = Heads::of(network, block.index, None);
        Some(scores(&heads, batch, caches.as_deref(), look, &observed))
    }
}

/// The places of a batch that are not among these.
pub(crate) fn others(places: &[usize], tokens: usize) -> Vec<usize> {
    let is_other = |place: &usize| places.binary_search(place).is_err();
    (0..tokens).filter(is_other).collect()
}

/// The states at some places.
pub(crate) fn rows(x: &[f32], hidden: usize, places: &[usize]) -> Vec<f32> {
    let mut own = Vec::with_capacity(places.len() * hidden);
    for place in places {
        own.extend_from_slice(&x[place * hidden..][..hidden]);
    }
    own
}

/// Puts states back to their places.
pub(crate) fn put(own: &[f32], hidden: usize, places: &[usize], x: &mut [f32]) {
    for (place, row) in places.iter().zip(own.chunks_exact(hidden)) {
        x[place * hidden..][..hidden].copy_from_slice(row);
    }
}

/// What each token of a batch received, in parts of what even attention would give it.
fn scores(
    heads: &Heads<'_>,
    batch: &Batch,
    caches: Option<&[&mut BlockCache]>,
    look: Look,
    observed: &[f64],
) -> Vec<f32> {
    let mut scores = Vec::with_capacity(batch.tokens());
    let mut rest = observed;
    for (index, pair) in batch.starts.windows(2).enumerate() {
        let queries = &batch.positions[pair[0]..pair[1]];
        let keys = match caches {
            Some(caches) => caches[index].positions(),
            None => queries,
        };
        let (received, given) = heads.even(queries, Positions::new(keys));
        let even = match look {
            Look::Received => received,
            Look::Own => given,
        };
        let (own, others) = rest.split_at(even.len());
        rest = others;
        // A cache tells of older tokens too, whose scores stay.
        let older = even.len() - queries.len();
        let pairs = own[older..].iter().zip(&even[older..]);
        scores.extend(pairs.map(|(own, even)| (own / even) as f32));
    }
    scores
}
