//! A gate that remembers: what a router saw and decided before each block while the model ran, for the way back.

use super::learner::Learner;
use crate::RouteError;
use kerf_model::evaluate::{Prompt, Runner};
use kerf_model::gate::{FACTORS, Gate, Kept, Phase, Shares, StandIn, StaticGate, View, kept_by};
use kerf_model::{Batch, Cache};
use std::sync::{Mutex, PoisonError};

/// Decides as a gate with the router does, and remembers it.
pub struct Recorder<'a, L> {
    pub router: &'a L,
    pub shares: &'a Shares,
    pub strict: bool,
    pub stand_in: Option<&'a StandIn>,
    /// The rule that the guide loss wants.
    rule: StaticGate,
    seen: Mutex<Vec<Record>>,
}

/// What was before one block in one phase, by the places of the batch.
struct Record {
    states: Vec<f32>,
    tokens: Vec<Token>,
    factors: Vec<[f32; FACTORS]>,
}

/// What was decided about a token before a block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Token {
    pub z: f32,
    /// Whether it went through.
    pub kept: bool,
    /// Whether it went through whatever the router says: the first token of a sequence, and the last one of a prompt.
    pub forced: bool,
    /// Whether the static rule keeps it.
    pub wanted: bool,
    /// Whether it belongs to a prompt.
    pub prompt: bool,
}

/// Before one block: the tokens of all sequences of a [`Trace`].
#[derive(Default)]
pub struct Before {
    /// [tokens, hidden].
    pub states: Vec<f32>,
    pub tokens: Vec<Token>,
    /// Empty if the router does not watch attention.
    pub factors: Vec<[f32; FACTORS]>,
}

impl Before {
    /// Places of the tokens that went through.
    pub fn kept(&self) -> Vec<usize> {
        let all = self.tokens.iter().enumerate();
        all.filter(|(_, token)| token.kept)
            .map(|(place, _)| place)
            .collect()
    }
}

/// A run of the routed model on windows, prompts and what follows them end to end, as if each window had been one text.
pub struct Trace {
    /// The windows without their last tokens, which predict nothing.
    pub batch: Batch,
    pub blocks: Vec<Before>,
    /// States after the last block, [tokens, hidden].
    pub out: Vec<f32>,
    /// Places of the tokens that predict what is behind the prompts, and how many each window has of them.
    pub predicting: Vec<usize>,
    pub predictions: Vec<usize>,
}

impl<'a, L: Learner> Recorder<'a, L> {
    pub fn new(
        router: &'a L,
        shares: &'a Shares,
        strict: bool,
        stand_in: Option<&'a StandIn>,
    ) -> Self {
        Self {
            router,
            shares,
            strict,
            stand_in,
            rule: StaticGate {
                shares: shares.clone(),
            },
            seen: Mutex::default(),
        }
    }

    /// Runs windows through a runner that has this gate.
    pub fn run(
        &self,
        runner: &mut Runner<'_>,
        windows: &[&[u32]],
        prompt: Prompt,
    ) -> Result<Trace, RouteError> {
        let blocks = runner.network.blocks();
        let fed: Vec<&[u32]> = windows.iter().map(|own| &own[..own.len() - 1]).collect();
        let ends: Vec<usize> = windows.iter().map(|own| prompt.of(own.len())).collect();
        let batch = Batch::new(&fed);
        let mut caches = vec![Cache::new(blocks); windows.len()];
        let mut trace = Trace {
            blocks: (0..blocks).map(|_| Before::default()).collect(),
            out: Vec::new(),
            predicting: Vec::new(),
            predictions: Vec::new(),
            batch,
        };
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for (index, pair) in trace.batch.starts.windows(2).enumerate() {
            let end = pair[0] + ends[index];
            first.extend(pair[0]..end);
            second.extend(end..pair[1]);
            trace.predicting.extend(end - 1..pair[1]);
            trace.predictions.push(pair[1] + 1 - end);
        }
        let parts = |part: fn(&[u32], usize) -> &[u32]| -> Vec<&[u32]> {
            let both = fed.iter().zip(&ends);
            both.map(|(own, end)| part(own, *end)).collect()
        };
        let prompts = parts(|own, end| &own[..end]);
        let out = runner.advance(Phase::Prompt, &prompts, &mut caches)?;
        self.collect(&mut trace, &first, &out);
        if !second.is_empty() {
            let rest = parts(|own, end| &own[end..]);
            let out = runner.advance(Phase::Decoding, &rest, &mut caches)?;
            self.collect(&mut trace, &second, &out);
        }
        Ok(trace)
    }

    /// Puts what was remembered since the last time to its places in a trace.
    fn collect(&self, trace: &mut Trace, places: &[usize], out: &[f32]) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let tokens = trace.batch.tokens();
        for (record, own) in seen.drain(..).zip(&mut trace.blocks) {
            spread(&record.states, places, tokens, 0.0, &mut own.states);
            let nothing = Token {
                z: 0.0,
                kept: false,
                forced: true,
                wanted: false,
                prompt: false,
            };
            spread(&record.tokens, places, tokens, nothing, &mut own.tokens);
            spread(
                &record.factors,
                places,
                tokens,
                [0.0; FACTORS],
                &mut own.factors,
            );
        }
        spread(out, places, tokens, 0.0, &mut trace.out);
    }
}

/// Puts rows to their places among those of so many tokens. No rows stay none.
fn spread<T: Copy>(rows: &[T], places: &[usize], tokens: usize, nothing: T, out: &mut Vec<T>) {
    if rows.is_empty() {
        return;
    }
    let width = rows.len() / places.len();
    out.resize(tokens * width, nothing);
    for (place, row) in places.iter().zip(rows.chunks_exact(width)) {
        out[place * width..][..width].copy_from_slice(row);
    }
}

impl<L: Learner> Gate for Recorder<'_, L> {
    fn watches_attention(&self) -> bool {
        L::WATCHES
    }

    /// It keeps them by itself, to remember it.
    fn keeps_ends(&self) -> bool {
        false
    }

    fn stand_in(&self) -> Option<&StandIn> {
        self.stand_in
    }

    fn keep(&self, view: &View<'_>) -> Kept {
        let share = self.shares.of_block(view.block);
        let (batch, count) = (view.batch, view.batch.tokens());
        let mut z = vec![0.0; count];
        let mut factors = Vec::new();
        for (sequence, pair) in batch.starts.windows(2).enumerate() {
            for (place, z) in (pair[0]..).zip(&mut z[pair[0]..pair[1]]) {
                *z = self.router.decide(view, sequence, place, share);
                if L::WATCHES {
                    factors.push(view.factors(sequence, place, share));
                }
            }
        }
        let is_prompt = view.phase == Phase::Prompt;
        let with_ends = |kept: Kept| match is_prompt {
            true => kept.with_ends(batch),
            false => kept,
        };
        let kept = with_ends(kept_by(view, share, self.strict, |_, place| z[place]));
        let kept_ones = flags(&kept, count);
        let wanted = flags(&with_ends(self.rule.keep(view)), count);
        let forced = flags(&with_ends(Kept::Places(Vec::new())), count);
        let token = |place: usize| Token {
            z: z[place],
            kept: kept_ones[place],
            forced: forced[place],
            wanted: wanted[place],
            prompt: is_prompt,
        };
        let record = Record {
            states: view.states.to_vec(),
            tokens: (0..count).map(token).collect(),
            factors,
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push(record);
        kept
    }
}

/// Which tokens are kept.
fn flags(kept: &Kept, tokens: usize) -> Vec<bool> {
    match kept {
        Kept::All => vec![true; tokens],
        Kept::Places(places) => {
            let mut flags = vec![false; tokens];
            places.iter().for_each(|place| flags[*place] = true);
            flags
        }
    }
}
