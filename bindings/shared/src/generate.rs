//! `generate`: continues a text.

use crate::api::{GenerateRequest, Generation};
use crate::error::bad_option;
use crate::held;
use crate::routing::{Wanted, pairs_of};
use crate::running::Running;
use crate::writer::{StopStrings, Writer, Written};
use crate::{Error, Host, machine};
use kerf_model::ModelError;
use kerf_model::generate::{Sampling, generate as continue_ids};
use kerf_tensors::files::Generation as Says;
use kerf_text::TextStream;
use web_time::Instant;

/// New tokens without a limit of the user.
const DEFAULT_TOKENS: usize = 128;

/// Each piece of text is an event of stage `generate` (`name` is the piece). A cancelled call is no error: it returns what was
/// written so far. Errors: those of opening a model, `NO_TOKENIZER`, `WRONG_KIND` for encoders, `TOO_LONG`, `EMPTY`, and
/// those of a router ([`Wanted::choose`]).
pub fn generate(request: GenerateRequest, host: &dyn Host) -> Result<Generation, Error> {
    let started = Instant::now();
    check(&request)?;
    let limit = request.max_tokens.unwrap_or(DEFAULT_TOKENS);
    let compute = machine::compute(request.threads)?.with_stop(host.stop());
    let architecture = request.architecture.as_deref();
    let model = held::model(&request.model, &*host.storage(), architecture)?;
    let sampling = sampling(&request, &model.opened.catalog.files.generation)?;
    let wanted = Wanted {
        router: request.router.as_deref(),
        token_sparsity: request.token_sparsity,
        schedule: request.schedule.as_deref(),
        seed: request.seed,
    };
    let chosen = wanted.choose(&model, &compute, &*host.storage())?;
    let tokenizer = model.opened.tokenizer("generation")?;
    let special = request.special_tokens.unwrap_or(true);
    let mut prompt = tokenizer.encode(&request.prompt, special)?;
    if prompt.is_empty() {
        prompt.extend(model.network.bos());
    }
    let room = model.network.max_context().saturating_sub(prompt.len());
    let stream = TextStream::new(&tokenizer, &prompt);
    let limit_here = limit.min(room) as u64;
    let mut writer = Writer::new(stream, host, limit_here, StopStrings::new(&request.stop));
    let total = prompt.len() + limit.min(room);
    let limit_bytes = request.max_memory_bytes.unwrap_or(0);
    let running = Running::writing(limit_bytes, &model, &compute, prompt.len(), total)?;
    let mut runner = running.compact(true).runner(&model, &compute);
    if let Some(chosen) = &chosen {
        runner = runner.with_gate(chosen.gate.as_ref());
    }
    let on_token = &mut |id| writer.take(id);
    match continue_ids(&mut runner, &prompt, limit, sampling, on_token) {
        Err(ModelError::Cancelled {}) => writer.cancelled = true,
        result => drop(result?),
    }
    let Written {
        text,
        tokens,
        finish,
    } = writer.finish()?;
    Ok(Generation {
        finish: finish.into(),
        text,
        tokens,
        prompt_tokens: prompt.len(),
        routing: chosen
            .as_ref()
            .map(|chosen| chosen.routing(pairs_of(&runner))),
        seconds: started.elapsed().as_secs_f64(),
    })
}

/// What the request says, then generation_config.json, then defaults.
fn sampling(request: &GenerateRequest, says: &Says) -> Result<Sampling, Error> {
    let drawing = match (request.sample, request.temperature) {
        (Some(sample), _) => sample,
        (None, Some(temperature)) => temperature > 0.0,
        (None, None) => says.sample.unwrap_or(false),
    };
    let asked = |asked: Option<f32>, says: Option<f64>| asked.or(says.map(|says| says as f32));
    let temperature = asked(request.temperature, says.temperature);
    let repetition_penalty = asked(request.repetition_penalty, says.repetition_penalty);
    let greedy = Sampling {
        repetition_penalty: repetition_penalty.unwrap_or(1.0),
        seed: request.seed,
        ..Sampling::default()
    };
    if !drawing {
        return Ok(greedy);
    }
    let top_k = request
        .top_k
        .map(|k| k as usize)
        .or(says.top_k.map(|k| k as usize));
    Ok(Sampling {
        temperature: temperature.unwrap_or(1.0),
        top_p: asked(request.top_p, says.top_p).unwrap_or(1.0),
        top_k: top_k.unwrap_or(0),
        ..greedy
    })
}

/// `BAD_OPTION` for what nothing can be drawn with.
fn check(request: &GenerateRequest) -> Result<(), Error> {
    let temperature = request.temperature.unwrap_or(0.0);
    if !(temperature.is_finite() && temperature >= 0.0) {
        return Err(bad_option(
            "temperature",
            "a number of at least 0",
            temperature,
        ));
    }
    let top_p = request.top_p.unwrap_or(1.0);
    if !(top_p > 0.0 && top_p <= 1.0) {
        return Err(bad_option(
            "topP",
            "a number of more than 0, at most 1",
            top_p,
        ));
    }
    if request.stop.iter().any(String::is_empty) {
        return Err(bad_option("stop", "strings that are not empty", "\"\""));
    }
    let penalty = request.repetition_penalty.unwrap_or(1.0);
    if !(penalty.is_finite() && penalty > 0.0) {
        return Err(bad_option(
            "repetitionPenalty",
            "a number of more than 0",
            penalty,
        ));
    }
    Ok(())
}
