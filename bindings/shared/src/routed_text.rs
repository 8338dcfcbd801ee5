//! Perplexity of a routed decoder: windows whose first three quarters are a routed prompt, the rest through the decoding path.

use crate::api::{Evaluation, Routing};
use crate::evaluate::fill_perplexity;
use crate::long_run::seconds;
use crate::open_model::Runnable;
use crate::reporter::Reporter;
use crate::routing::Chosen;
use crate::running::{Running, SHORTER_WINDOWS};
use crate::text_tokens::TextTokens;
use crate::{Error, Host};
use kerf_kernels::Compute;
use kerf_model::ModelError;
use kerf_model::gate::Pairs;
use kerf_route::measure_text;
use kerf_run::Stage;

/// Tokens of a window, where the model reads as many.
pub const WINDOW: usize = 512;
/// Tokens of the shortest window.
const LEAST_WINDOW: usize = 8;

/// Tokens of a window of which 3 of 4 are a prompt. `BAD_OPTION`, `TOO_LONG`.
pub fn window(model: &Runnable, asked: Option<usize>) -> Result<usize, Error> {
    let most = model.network.max_context();
    let window = asked.unwrap_or(WINDOW.min(most));
    if window < LEAST_WINDOW || window > most {
        let expected = format!("{LEAST_WINDOW} to {most} tokens, the model's maximum");
        return Err(crate::error::bad_option("context", &expected, window));
    }
    Ok(window)
}

/// Tokens of the prompt of a window.
pub fn prompt_of(window: usize) -> usize {
    window * 3 / 4
}

/// A text behind prompts, and what it is measured with.
pub struct RoutedText<'a> {
    /// The router.
    pub chosen: &'a Chosen,
    /// The model.
    pub model: &'a Runnable,
    /// What computes.
    pub compute: &'a Compute,
    /// Most memory of the process, 0 without a limit.
    pub limit_bytes: u64,
    /// Tokens of a window.
    pub window: usize,
    /// Who hears of progress.
    pub host: &'a dyn Host,
}

impl RoutedText<'_> {
    /// Measures a text and fills in what was measured; gives what is known of the router beside the pairs, and the pairs. A text that is
    /// shorter than a window is one window.
    ///
    /// `EMPTY` for a text of fewer than 8 tokens; `NOT_FINITE`, `MEMORY_LIMIT`, `CANCELLED`.
    pub fn measure(
        &self,
        text: &mut TextTokens<'_>,
        result: &mut Evaluation,
    ) -> Result<(Routing, [Pairs; 2]), Error> {
        let (model, compute) = (self.model, self.compute);
        let ids = text.all()?;
        let window = self.window.min(ids.len());
        if window < LEAST_WINDOW {
            return Err(ModelError::Empty {
                what: "what is predicted of the text".into(),
                fix: format!("give a text of {LEAST_WINDOW} tokens at least"),
            }
            .into());
        }
        let windows: Vec<Vec<u32>> = ids.chunks_exact(window).map(<[u32]>::to_vec).collect();
        let (limit, both) = (self.limit_bytes, [model, model]);
        let running = Running::of(limit, &both, compute, window, SHORTER_WINDOWS)?;
        let mut original = running.runner(model, compute);
        let gate = self.chosen.gate.as_ref();
        let mut routed = running.runner(model, compute).with_gate(gate);
        let path = &model.opened.path;
        let reporter = Reporter::new(self.host, Stage::Evaluate, "tokens", path);
        let progress = &mut |done, total| reporter.report(done, total);
        let prompt = prompt_of(window);
        let on = measure_text(
            &mut original,
            &mut routed,
            &windows,
            prompt,
            seconds,
            progress,
        )?;
        let own = &on.measured;
        fill_perplexity(result, &own.divergence.small, path)?;
        result.text = Some(text.use_of((windows.len() * window) as u64));
        result.notes.extend(text.note());
        let known = Routing {
            window: Some(window),
            prompt: Some(prompt),
            dense_perplexity: Some(own.divergence.original.perplexity),
            kl: Some(own.divergence.kl),
            top_token_agreement: Some(own.divergence.top_token_agreement),
            seconds: Some(own.seconds),
            dense_seconds: Some(on.dense_seconds),
            ..Routing::default()
        };
        Ok((known, [own.prompt, own.decoding]))
    }
}
