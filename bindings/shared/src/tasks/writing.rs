//! What a decoder writes behind prompts, against what people wrote.

use super::Bench;
use crate::api::Writing;
use crate::running::Running;
use crate::{Error, text_file};
use kerf_model::ModelError;
use kerf_model::evaluate::{BleuCounts, rouge_l};
use kerf_model::generate::{Sampling, generate};
use kerf_tasks::{Continued, DataError, Prompted};
use kerf_text::TextStream;

/// A prompt with all completions that a file has for it.
struct Asked<'a> {
    prompt: &'a str,
    references: Vec<&'a str>,
}

/// Writes greedily behind each prompt of a file, up to `most` tokens or the model's end token, and scores the texts without the spaces around
/// them: BLEU as sacrebleu computes it, and the mean F1 of ROUGE-L, both against all completions that the file has for the prompt.
///
/// `WRONG_KIND` for an encoder and for a class without a language head; `BAD_TASK_DATA`, also for good and bad texts; `NO_TOKENIZER`,
/// `MEMORY_LIMIT`, `CANCELLED`.
pub fn writing(bench: &Bench<'_>, path: &str, most: usize) -> Result<Writing, Error> {
    let (model, compute) = (bench.model, bench.compute);
    bench.need_language("writing")?;
    let text = text_file::read(&*bench.host.storage(), path)?;
    let Prompted::Continued(rows) = kerf_tasks::completion(path, &text)? else {
        return Err(DataError {
            path: path.into(),
            line: 1,
            reason: "expected prompt and completion: good and bad texts are not written".into(),
        }
        .into());
    };
    let asked = by_prompt(&rows);
    let tokenizer = model.opened.tokenizer("writing")?;
    let mut prompts = Vec::with_capacity(asked.len());
    for one in &asked {
        let mut ids = tokenizer.encode(one.prompt, true)?;
        if ids.is_empty() {
            ids.extend(model.network.bos());
        }
        prompts.push(ids);
    }
    let longest = prompts.iter().map(Vec::len).max().unwrap_or(0);
    let running = Running::writing(bench.limit_bytes, model, compute, longest, longest + most)?;
    let mut runner = bench.runner(running);
    let reporter = bench.reporter();
    let (mut bleu, mut rouge, mut tokens) = (BleuCounts::default(), 0.0, 0);
    for (index, (one, prompt)) in asked.iter().zip(&prompts).enumerate() {
        let go_on = &mut |_| !bench.host.cancelled();
        let ids = generate(&mut runner, prompt, most, Sampling::default(), go_on)?;
        if !reporter.report(index as u64 + 1, asked.len() as u64) {
            return Err(ModelError::Cancelled {}.into());
        }
        let mut stream = TextStream::new(&tokenizer, prompt);
        let mut written = String::new();
        for id in &ids {
            written.push_str(&stream.push(*id)?);
        }
        written.push_str(&stream.finish()?);
        tokens += ids.len() as u64;
        bleu.add(written.trim(), &one.references);
        rouge += rouge_l(written.trim(), &one.references).f1;
    }
    bench.count(&runner);
    Ok(Writing {
        prompts: asked.len() as u64,
        tokens,
        bleu: bleu.bleu().score,
        rouge_l: rouge / asked.len().max(1) as f64,
    })
}

/// The prompts in the order of the file, each once.
fn by_prompt(rows: &[Continued]) -> Vec<Asked<'_>> {
    let mut asked: Vec<Asked<'_>> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for row in rows {
        let prompt = row.prompt.as_str();
        let place = *places.entry(prompt).or_insert(asked.len());
        if place == asked.len() {
            asked.push(Asked {
                prompt,
                references: Vec::new(),
            });
        }
        asked[place].references.push(row.completion.trim());
    }
    asked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completions_of_a_prompt_are_its_references_wherever_they_stand() {
        let row = |prompt: &str, completion: &str| Continued {
            line: 1,
            prompt: prompt.into(),
            completion: completion.into(),
        };
        let rows = [row("a", " one "), row("b", "two"), row("a", "three")];
        let asked = by_prompt(&rows);
        let all: Vec<_> = asked
            .iter()
            .map(|one| (one.prompt, one.references.clone()))
            .collect();
        assert_eq!(all, [("a", vec!["one", "three"]), ("b", vec!["two"])]);
    }
}
