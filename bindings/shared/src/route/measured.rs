//! What a router does on held-out windows, beside its rivals.

use super::request::{KeptTokens, PrefillTime, RouteReport, RouterMeasure};
use super::windows::RouteWindows;
use crate::long_run::seconds;
use crate::open_model::Runnable;
use crate::{Error, Host};
use kerf_kernels::Compute;
use kerf_model::ModelError;
use kerf_model::evaluate::Runner;
use kerf_model::gate::{Gate, Settings, by_id};
use kerf_route::{OnText, SavedRouter, Schedule, kept_tokens, measure_text, prefill_seconds};
use kerf_run::{Event, Stage};
use kerf_text::TextStream;

/// Tokens of the prompt whose time is measured, at most.
const PREFILL_TOKENS: usize = 1024;
/// How often.
const RUNS: usize = 3;
/// Tokens of a prompt that are shown.
const SHOWN_TOKENS: usize = 64;

/// What measures.
pub struct Measuring<'a> {
    /// The model.
    pub model: &'a Runnable,
    /// What computes.
    pub compute: &'a Compute,
    /// The held-out windows are those that count.
    pub windows: &'a RouteWindows,
    /// Most bytes of decoded weights of a runner.
    pub keep_bytes: u64,
    /// Who hears of progress.
    pub host: &'a dyn Host,
}

/// A router of the table that needs no weights.
pub fn rule(id: &str, settings: Settings) -> Box<dyn Gate> {
    let row = by_id(id).expect("a row of the table");
    (row.build)(&settings)
}

impl<'a> Measuring<'a> {
    /// The report with all measures of a router, after those of its rivals. `NOT_FINITE`, `CANCELLED`, and the errors of running a model.
    pub fn fill(&self, saved: &SavedRouter, mut report: RouteReport) -> Result<RouteReport, Error> {
        let network = &self.model.network;
        let even = Schedule::uniform(network, saved.schedule.mean()).shares(network)?;
        let found = saved.schedule.shares(network)?;
        let settings = |shares| Settings {
            shares,
            seed: saved.seed,
            ..Settings::default()
        };
        let mut rows = vec![
            ("random", "uniform", rule("random", settings(even.clone()))),
            ("static", "uniform", rule("static", settings(even))),
        ];
        if saved.router != "static" {
            let gate = rule("static", settings(found.clone()));
            rows.push(("static", "searched", gate));
        }
        rows.push((&saved.router, "searched", saved.gate(found)));
        let count = rows.len();
        for (index, (router, schedule, gate)) in rows.iter().enumerate() {
            let on = self.measure(gate.as_ref(), index, count)?;
            let own = &on.measured;
            report.dense_perplexity = own.divergence.original.perplexity;
            report.dense_seconds = on.dense_seconds;
            report.measured.push(RouterMeasure {
                router: (*router).into(),
                schedule: (*schedule).into(),
                skipped: own.skipped(),
                perplexity: own.divergence.small.perplexity,
                kl: own.divergence.kl,
                top_token_agreement: own.divergence.top_token_agreement,
                seconds: own.seconds,
            });
        }
        let (_, _, gate) = rows.last().expect("the router");
        report.prefill = self.prefill(gate.as_ref())?;
        report.kept = self.kept(gate.as_ref())?;
        Ok(report)
    }

    fn runner(&self) -> Runner<'a> {
        let (network, catalog) = (&self.model.network, &self.model.opened.catalog);
        Runner::new(network, catalog, self.compute, self.keep_bytes)
    }

    fn measure(&self, gate: &dyn Gate, index: usize, count: usize) -> Result<OnText, Error> {
        let (mut original, mut routed) = (self.runner(), self.runner().with_gate(gate));
        let (held, prompt) = (&self.windows.held, self.windows.prompt());
        let progress = &mut |done: u64, total: u64| {
            let (done, total) = (done + index as u64 * total, total * count as u64);
            let event = Event::new(Stage::Measure, done, total, "tokens", "held-out text");
            self.host.event(event.with_share(done, total));
            !self.host.cancelled()
        };
        let on = measure_text(&mut original, &mut routed, held, prompt, seconds, progress)?;
        let model = &self.model.opened.path;
        kerf_model::finite::metric("perplexity", model, on.measured.divergence.small.perplexity)?;
        Ok(on)
    }

    fn prefill(&self, gate: &dyn Gate) -> Result<PrefillTime, Error> {
        let most = PREFILL_TOKENS.min(self.model.network.max_context());
        let ids = self.windows.held.iter().chain(&self.windows.own).flatten();
        let prompt: Vec<u32> = ids.copied().take(most).collect();
        let dense = prefill_seconds(&mut self.runner(), &prompt, RUNS, seconds)?;
        self.go_on()?;
        let mut routed = self.runner().with_gate(gate);
        Ok(PrefillTime {
            tokens: prompt.len(),
            dense_seconds: dense,
            routed_seconds: prefill_seconds(&mut routed, &prompt, RUNS, seconds)?,
        })
    }

    fn kept(&self, gate: &dyn Gate) -> Result<KeptTokens, Error> {
        self.go_on()?;
        let first = &self.windows.held[0];
        let prompt = &first[..first.len().min(SHOWN_TOKENS)];
        let network = &self.model.network;
        let weights = &self.model.opened.catalog;
        let blocks = kept_tokens(network, weights, self.compute, gate, prompt)?;
        let tokenizer = self.model.opened.tokenizer("routing")?;
        let mut stream = TextStream::new(&tokenizer, &[]);
        let tokens = prompt.iter().map(|id| stream.push(*id));
        Ok(KeptTokens {
            tokens: tokens.collect::<Result<_, _>>()?,
            blocks,
        })
    }

    fn go_on(&self) -> Result<(), Error> {
        match self.host.cancelled() {
            true => Err(ModelError::Cancelled {}.into()),
            false => Ok(()),
        }
    }
}
