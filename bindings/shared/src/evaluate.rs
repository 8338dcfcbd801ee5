//! `evaluate`: perplexity on a text, agreement with people on sentence pairs, heads on the files of tasks.

use crate::api::{EvaluateRequest, Evaluation, Routing};
use crate::error::bad_option;
use crate::held;
use crate::open_model::Runnable;
use crate::reporter::Reporter;
use crate::routed_text::{self, RoutedText};
use crate::routing::{Chosen, Wanted};
use crate::running::{FEWER_THREADS, Running, SHORTER_WINDOWS};
use crate::sentences::Sentences;
use crate::share::{Part, ends};
use crate::storage::Storage;
use crate::tasks::{Bench, Windows, answering, classification, completion, writing};
use crate::text_file::{self, Text};
use crate::text_tokens::TextTokens;
use crate::vectors::{Vectors, Wish};
use crate::{Error, Host, machine, pairs};
use kerf_compress::calibration::MAX_WINDOW;
use kerf_kernels::Compute;
use kerf_model::evaluate::Perplexity;
use kerf_model::gate::Pairs;
use kerf_model::{Network, finite};
use kerf_run::Stage;
use std::cell::Cell;
use web_time::Instant;

/// Encodes the text as it is read and scores it in windows; embeds both columns of the pairs; runs the head of the model on the files of
/// tasks. Errors: those of opening a model, `WRONG_KIND` for a model without the head that is measured, `NOT_UTF8`, `EMPTY`, `BAD_PAIRS`,
/// `BAD_TASK_DATA`, `MEMORY_LIMIT`, `CANCELLED`, and those of a router ([`Wanted::choose`]).
pub fn evaluate(request: EvaluateRequest, host: &dyn Host) -> Result<Evaluation, Error> {
    let started = Instant::now();
    let storage = host.storage();
    let files = [
        &request.pairs_file,
        &request.task,
        &request.qa,
        &request.completion,
    ];
    let text = text_file::one_of(
        &*storage,
        request.text.as_deref(),
        request.text_file.as_deref(),
    )?;
    if text.is_none() && files.iter().all(|file| file.is_none()) {
        return Err(nothing_to_measure(
            "`pairsFile`, `task`, `qa` or `completion`",
        ));
    }
    let (has_text, asks) = (text.is_some(), request.qa.is_some());
    refuse_unused(&[
        (
            "context",
            request.context,
            has_text || asks,
            "`text` or `qa`",
        ),
        ("stride", request.stride, asks, "`qa`"),
        ("maxAnswer", request.max_answer, asks, "`qa`"),
        (
            "generate",
            request.generate,
            request.completion.is_some(),
            "`completion`",
        ),
    ])?;
    let compute = machine::compute(request.threads)?.with_stop(host.stop());
    let architecture = request.architecture.as_deref();
    let model = held::model(&request.model, &*storage, architecture)?;
    let chosen = router_of(&request, &model, &compute, &*storage)?;
    let (chosen, mut skipped) = (chosen.as_ref(), Skipped::default());
    let mut result = Evaluation::default();
    let limit_bytes = request.max_memory_bytes.unwrap_or(0);
    let bytes = |path: &Option<String>| {
        let path = path.as_deref();
        path.map_or(0, |path| storage.len_bytes(path).unwrap_or(0).max(1))
    };
    let of_files = files.map(bytes);
    let of_text = text.as_ref().map_or(0, |text| text.bytes().max(1));
    let weights = [of_text, of_files[0], of_files[1], of_files[2], of_files[3]];
    let ends = ends(weights.map(|bytes| bytes as f64));
    let part = |index: usize| match index {
        0 => Part::of(host, 0.0, ends[0]),
        _ => Part::of(host, ends[index - 1], ends[index]),
    };
    if let Some(text) = text {
        let measuring = OfText {
            model: &model,
            compute: &compute,
            limit_bytes,
            context: request.context,
            host: &part(0),
        };
        match chosen {
            Some(chosen) => skipped.of_text(measuring.routed(text, chosen, &mut result)?),
            None => measuring.dense(text, &mut result)?,
        }
    }
    if let Some(path) = &request.pairs_file {
        score_pairs(&model, &compute, limit_bytes, path, &part(1), &mut result)?;
    }
    let mut bench = |host: Part<'_>, run: &mut dyn FnMut(&Bench<'_>) -> Result<(), Error>| {
        let bench = Bench {
            model: &model,
            compute: &compute,
            limit_bytes,
            host: &host,
            stage: Stage::Evaluate,
            router: chosen,
            routed: Cell::default(),
        };
        run(&bench)?;
        skipped.add(bench.routed.get());
        Ok::<(), Error>(())
    };
    if let Some(path) = &request.task {
        bench(part(2), &mut |bench| {
            result.classification = Some(classification(bench, path)?);
            Ok(())
        })?;
    }
    if let Some(path) = &request.qa {
        let most = model.network.max_context();
        let windows = Windows::of(most, request.context, request.stride, request.max_answer)?;
        bench(part(3), &mut |bench| {
            result.answering = Some(answering(bench, path, windows)?);
            Ok(())
        })?;
    }
    if let Some(path) = &request.completion {
        bench(part(4), &mut |bench| {
            result.completions = Some(completion(bench, path)?);
            let most = request.generate;
            result.writing = most.map(|most| writing(bench, path, most)).transpose()?;
            Ok(())
        })?;
    }
    result.routing = chosen.map(|chosen| skipped.routing(chosen));
    result.seconds = started.elapsed().as_secs_f64();
    Ok(result)
}

/// What a router skipped of all that was measured.
#[derive(Default)]
struct Skipped {
    pairs: [Pairs; 2],
    on_text: Routing,
}

impl Skipped {
    fn add(&mut self, pairs: [Pairs; 2]) {
        for (sum, own) in self.pairs.iter_mut().zip(pairs) {
            *sum += own;
        }
    }

    fn of_text(&mut self, (on_text, pairs): (Routing, [Pairs; 2])) {
        self.on_text = on_text;
        self.add(pairs);
    }

    fn routing(self, chosen: &Chosen) -> Routing {
        let all = chosen.routing(self.pairs);
        Routing {
            router: all.router,
            token_sparsity: all.token_sparsity,
            skipped: all.skipped,
            prompt_skipped: all.prompt_skipped,
            decoding_skipped: all.decoding_skipped,
            ..self.on_text
        }
    }
}

/// `BAD_OPTION` for an option of a measure that was not asked for: its name, its value, whether it is used, and what it belongs to.
pub fn refuse_unused(options: &[(&str, Option<usize>, bool, &str)]) -> Result<(), Error> {
    for (option, value, used, of) in options {
        if let Some(value) = value.filter(|_| !used) {
            let expected = format!("left out without {of}, to which it belongs");
            return Err(bad_option(option, &expected, value));
        }
    }
    Ok(())
}

fn nothing_to_measure(others: &str) -> Error {
    Error::BadRequest {
        field: "textFile".into(),
        expected: format!("a text (`text` or `textFile`) or {others}"),
        actual: "neither".into(),
    }
}

/// The text of a request, if it gives one. `BAD_REQUEST` if there is nothing to measure on, pairs neither.
pub fn text_to_measure(
    storage: &dyn Storage,
    text: Option<&str>,
    text_file: Option<&str>,
    pairs_file: Option<&str>,
) -> Result<Option<Text>, Error> {
    let text = text_file::one_of(storage, text, text_file)?;
    if text.is_some() || pairs_file.is_some() {
        return Ok(text);
    }
    Err(nothing_to_measure("`pairsFile`"))
}

/// Share of the work after which pairs follow a text: that of its bytes.
pub fn turn_to_pairs(storage: &dyn Storage, text: Option<&Text>, pairs: Option<&str>) -> f64 {
    let of_pairs = pairs.map_or(0, |path| storage.len_bytes(path).unwrap_or(0));
    let of_text = text.map_or(0, Text::bytes);
    match pairs {
        None => 1.0,
        Some(_) => of_text as f64 / (of_text + of_pairs).max(1) as f64,
    }
}

/// Window in tokens: what was asked for, else the model's maximum, at most 2048.
pub fn context(network: &Network, asked: Option<usize>) -> Result<usize, Error> {
    match asked {
        Some(context) if context < 2 => Err(bad_option("context", "at least 2 tokens", context)),
        Some(context) => Ok(context),
        None => Ok(network.max_context().min(MAX_WINDOW)),
    }
}

/// Copies what was measured into the response. `NOT_FINITE` if it is no number; `model` is whose it is.
pub fn fill_perplexity(
    result: &mut Evaluation,
    measured: &Perplexity,
    model: &str,
) -> Result<(), Error> {
    result.nll = Some(finite::metric("nll", model, measured.nll)?);
    result.perplexity = Some(finite::metric("perplexity", model, measured.perplexity)?);
    result.tokens = Some(measured.tokens);
    Ok(())
}

/// What was used of the text: whole windows, or all of a text that is shorter than one.
pub fn fill_text(result: &mut Evaluation, text: &TextTokens<'_>, context: usize) {
    let context = context as u64;
    let used = match text.tokens() / context {
        0 => text.tokens(),
        windows => windows * context,
    };
    result.text = Some(text.use_of(used));
    result.notes.extend(text.note());
}

/// The router of a request. `BAD_OPTION` beside pairs: their vectors are made without a router.
fn router_of(
    request: &EvaluateRequest,
    model: &Runnable,
    compute: &Compute,
    storage: &dyn Storage,
) -> Result<Option<Chosen>, Error> {
    let wanted = Wanted {
        router: request.router.as_deref(),
        token_sparsity: request.token_sparsity,
        schedule: request.schedule.as_deref(),
        seed: 0,
    };
    let chosen = wanted.choose(model, compute, storage)?;
    match (&chosen, &request.pairs_file) {
        (Some(_), Some(pairs)) => {
            let expected = "left out with `router`: vectors are made of all tokens";
            Err(bad_option("pairsFile", expected, format!("{pairs:?}")))
        }
        _ => Ok(chosen),
    }
}

/// What a text is measured with.
struct OfText<'a> {
    model: &'a Runnable,
    compute: &'a Compute,
    limit_bytes: u64,
    context: Option<usize>,
    host: &'a dyn Host,
}

impl OfText<'_> {
    /// Perplexity in windows.
    fn dense(&self, text: Text, result: &mut Evaluation) -> Result<(), Error> {
        let (model, limit_bytes) = (self.model, self.limit_bytes);
        let context = context(&model.network, self.context)?;
        let running = Running::of(
            limit_bytes,
            &[model],
            self.compute,
            context,
            SHORTER_WINDOWS,
        )?;
        let tokenizer = model.opened.tokenizer("perplexity")?;
        let mut tokens = TextTokens::of(text, &tokenizer);
        let mut runner = running.runner(model, self.compute);
        let reporter = Reporter::new(self.host, Stage::Evaluate, "tokens", &model.opened.path);
        let progress = &mut |done, total| reporter.report(done, total);
        let measured: Result<Perplexity, Error> =
            runner.perplexity_of(&mut tokens, context, progress);
        fill_perplexity(result, &measured?, &model.opened.path)?;
        fill_text(result, &tokens, context);
        Ok(())
    }

    /// The same behind routed prompts.
    fn routed(
        &self,
        text: Text,
        chosen: &Chosen,
        result: &mut Evaluation,
    ) -> Result<(Routing, [Pairs; 2]), Error> {
        let tokenizer = self.model.opened.tokenizer("perplexity")?;
        let routed = RoutedText {
            chosen,
            model: self.model,
            compute: self.compute,
            limit_bytes: self.limit_bytes,
            window: routed_text::window(self.model, self.context)?,
            host: self.host,
        };
        routed.measure(&mut TextTokens::of(text, &tokenizer), result)
    }
}

fn score_pairs(
    model: &Runnable,
    compute: &Compute,
    limit_bytes: u64,
    path: &str,
    host: &dyn Host,
    result: &mut Evaluation,
) -> Result<(), Error> {
    let pairs = pairs::read(&*host.storage(), path)?;
    let made = Vectors::of(model, compute, &Wish::default())?;
    let sentences = Sentences::new(&pairs, &made, compute)?;
    let reporter = Reporter::new(host, Stage::Evaluate, "texts", &model.opened.path);
    let running = Running::of(
        limit_bytes,
        &[model],
        compute,
        made.encoding.max_tokens,
        FEWER_THREADS,
    )?;
    let vectors = sentences.embed(model, &made, compute, running, &reporter)?;
    result.spearman = Some(sentences.spearman(path, &vectors)?);
    result.pairs = Some(pairs.len() as u64);
    result.notes.extend(made.notes);
    Ok(())
}
