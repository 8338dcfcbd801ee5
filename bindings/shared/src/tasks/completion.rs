//! How likely a decoder finds completions, and which of two texts it prefers.

use super::Bench;
use crate::api::Completions;
use crate::running::FEWER_THREADS;
use crate::{Error, text_file};
use kerf_model::evaluate::{Completion, Pace, Progress, Runner, preferred};
use kerf_model::{ModelError, finite};
use kerf_tasks::{DataError, Prompted};
use kerf_text::Tokenizer;
use std::collections::BTreeMap;

/// A completion in its file.
struct Asked<'a> {
    line: u64,
    prompt: &'a str,
    completion: &'a str,
}

/// Measures a decoder on a file; see `kerf_tasks::completion` for its form. Tokens that the tokenizer puts before a text are given. Without
/// such a token, and without a prompt, the first token of a text is given. Behind a router what is given is a routed prompt.
///
/// `WRONG_KIND` for an encoder and for a class without a language head; `BAD_TASK_DATA`, also for a text that is too long, or too short
/// to have a token that is predicted; `NO_TOKENIZER`, `EMPTY`, `NOT_FINITE`, `MEMORY_LIMIT`, `CANCELLED`.
pub fn completion(bench: &Bench<'_>, path: &str) -> Result<Completions, Error> {
    let model = bench.model;
    bench.need_language("completion")?;
    let text = text_file::read(&*bench.host.storage(), path)?;
    let prompted = kerf_tasks::completion(path, &text)?;
    let asked: Vec<Asked<'_>> = asked(&prompted);
    let texts = encode_all(bench, &asked, path)?;
    let longest = texts.iter().map(|text| text.ids.len()).max();
    let running = bench.running(longest.unwrap_or(0), FEWER_THREADS)?;
    let reporter = bench.reporter();
    let progress = &mut |done, total| reporter.report(done, total);
    let mut runner = bench.runner(running);
    let all = match bench.router {
        Some(_) => behind_prompts(&mut runner, &texts, progress)?,
        None => runner.log_likelihoods(&texts, progress)?,
    };
    bench.count(&runner);
    // Of pairs every other text is the good one.
    let pairs: Option<Vec<(f64, f64)>> = match prompted {
        Prompted::Continued(_) => None,
        Prompted::Preferences(_) => {
            let pairs = all.chunks_exact(2);
            Some(pairs.map(|pair| (pair[0], pair[1])).collect())
        }
    };
    let step = 1 + usize::from(pairs.is_some());
    let sum: f64 = all.iter().step_by(step).sum();
    let counted = texts.iter().step_by(step);
    let tokens: usize = counted.map(|text| text.ids.len() - text.from).sum();
    let count = texts.len() / step;
    let measure = |what: &str, value: f64| finite::metric(what, &model.opened.path, value);
    measure("logLikelihood", all.iter().sum())?;
    Ok(Completions {
        texts: count as u64,
        tokens: tokens as u64,
        log_likelihood: measure("logLikelihood", sum / count as f64)?,
        perplexity: measure("perplexity", (-sum / tokens as f64).exp())?,
        preferred: pairs.map(|pairs| preferred(&pairs)).transpose()?,
    })
}

/// The log likelihoods of a routed model: what is given of a text is a routed prompt, and the rest goes through the decoding path, so that
/// nothing looks ahead. Texts with prompts of one length run together.
fn behind_prompts(
    runner: &mut Runner<'_>,
    texts: &[Completion],
    progress: &mut Progress<'_>,
) -> Result<Vec<f64>, ModelError> {
    let mut by_prompt: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, text) in texts.iter().enumerate() {
        by_prompt.entry(text.from).or_default().push(index);
    }
    let (mut all, mut done) = (vec![0.0; texts.len()], 0);
    for (prompt, indices) in by_prompt {
        let own: Vec<&Completion> = indices.iter().map(|index| &texts[*index]).collect();
        let go_on = &mut |_, _| progress(done, texts.len() as u64);
        let losses = runner.forced_losses(&own, prompt, Pace::AtOnce, go_on)?;
        for (index, loss) in indices.iter().zip(losses) {
            all[*index] = -loss;
        }
        done += own.len() as u64;
    }
    match progress(done, texts.len() as u64) {
        true => Ok(all),
        false => Err(ModelError::Cancelled {}),
    }
}

/// All texts in order; of pairs the good one and then the bad one.
fn asked(prompted: &Prompted) -> Vec<Asked<'_>> {
    match prompted {
        Prompted::Continued(rows) => rows
            .iter()
            .map(|row| Asked {
                line: row.line,
                prompt: &row.prompt,
                completion: &row.completion,
            })
            .collect(),
        Prompted::Preferences(rows) => rows
            .iter()
            .flat_map(|row| {
                [&row.good, &row.bad].map(|text| Asked {
                    line: row.line,
                    prompt: &row.prompt,
                    completion: text,
                })
            })
            .collect(),
    }
}

/// Token ids of all completions behind their prompts.
fn encode_all(
    bench: &Bench<'_>,
    asked: &[Asked<'_>],
    path: &str,
) -> Result<Vec<Completion>, Error> {
    let tokenizer = bench.model.opened.tokenizer("completion")?;
    let most = bench.model.network.max_context();
    let encoded = bench.compute.pool.map(asked.len(), |index| {
        encode(&tokenizer, &asked[index], most, path)
    });
    encoded.into_iter().collect()
}

/// Token ids of the completions of a file, each behind its prompt. `BAD_TASK_DATA` also for pairs of a good and a bad text, of which no
/// one follows from a prompt.
#[cfg(feature = "train")]
pub fn continued(bench: &Bench<'_>, path: &str) -> Result<Vec<Completion>, Error> {
    let text = text_file::read(&*bench.host.storage(), path)?;
    let prompted = kerf_tasks::completion(path, &text)?;
    let asked = asked(&prompted);
    match (&prompted, asked.first()) {
        (Prompted::Preferences(_), Some(first)) => Err(DataError {
            path: path.into(),
            line: first.line,
            reason: "expected prompt and completion; good and bad texts are only measured".into(),
        }
        .into()),
        _ => encode_all(bench, &asked, path),
    }
}

/// The ids of prompt and completion as one text, without what the tokenizer puts after it. The completion begins at the first token
/// that reaches beyond the prompt; spaces at the end of the prompt count as the completion's, since they often are in one token.
fn encode(
    tokenizer: &Tokenizer,
    asked: &Asked<'_>,
    most: usize,
    path: &str,
) -> Result<Completion, Error> {
    let whole = tokenizer.encode_pair(&format!("{}{}", asked.prompt, asked.completion), None)?;
    let given = asked.prompt.trim_end().chars().count();
    let own = whole.tokens_of(0);
    let bad = |reason: String| -> Error {
        DataError {
            path: path.into(),
            line: asked.line,
            reason,
        }
        .into()
    };
    let first = own.clone().find(|token| whole.offsets[*token].1 > given);
    let from = first.unwrap_or(own.end).max(1);
    if from >= own.end {
        return Err(bad(format!(
            "{:?} has no token that is predicted: the first token of a text is given",
            asked.completion
        )));
    }
    if own.end > most {
        return Err(bad(format!(
            "the text has {} tokens, and the model reads {most}",
            own.end
        )));
    }
    Ok(Completion {
        ids: whole.ids[..own.end].to_vec(),
        from,
    })
}
