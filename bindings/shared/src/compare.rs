//! `compare`: what a compressed model lost against its original.

use crate::api::{CompareRequest, Comparison};
use crate::evaluate::{
    context, fill_perplexity, fill_text, refuse_unused, text_to_measure, turn_to_pairs,
};
use crate::open_model::Runnable;
use crate::reporter::Reporter;
use crate::running::{FEWER_THREADS, Running, SHORTER_WINDOWS};
use crate::sentences::{Sentences, mean_cosine};
use crate::share::Part;
use crate::text_file::Text;
use crate::text_tokens::TextTokens;
use crate::vectors::{Vectors, Wish};
use crate::{Error, Host, machine, pairs};
use kerf_kernels::Compute;
use kerf_model::evaluate::divergence_of;
use kerf_model::finite;
use kerf_run::Stage;
use web_time::Instant;

/// Both models see the same token ids, those of the original's tokenizer and after its default prompt, and their vectors are made as
/// the original says. `seconds` of
/// both evaluations is the time of the whole comparison, since the models run side by side. Errors as `evaluate` has them.
pub fn compare(request: CompareRequest, host: &dyn Host) -> Result<Comparison, Error> {
    let started = Instant::now();
    let storage = host.storage();
    let text = text_to_measure(
        &*storage,
        request.text.as_deref(),
        request.text_file.as_deref(),
        request.pairs_file.as_deref(),
    )?;
    refuse_unused(&[("context", request.context, text.is_some(), "`text`")])?;
    let compute = machine::compute(request.threads)?.with_stop(host.stop());
    let both = Both {
        original: Runnable::open(
            &*storage,
            &request.original,
            request.architecture.as_deref(),
        )?,
        small: Runnable::open(&*storage, &request.small, request.architecture.as_deref())?,
        compute,
        limit_bytes: request.max_memory_bytes.unwrap_or(0),
    };
    let mut result = Comparison {
        original_bytes: both.original.opened.catalog.bytes(),
        small_bytes: both.small.opened.catalog.bytes(),
        ..Comparison::default()
    };
    let turn = turn_to_pairs(&*storage, text.as_ref(), request.pairs_file.as_deref());
    if let Some(text) = text {
        let host = &Part::of(host, 0.0, turn);
        both.text(text, request.context, host, &mut result)?;
    }
    if let Some(path) = &request.pairs_file {
        both.pairs(path, &Part::of(host, turn, 1.0), &mut result)?;
    }
    result.original.seconds = started.elapsed().as_secs_f64();
    result.small.seconds = result.original.seconds;
    Ok(result)
}

struct Both {
    original: Runnable,
    small: Runnable,
    compute: Compute,
    limit_bytes: u64,
}

impl Both {
    /// Both run on sequences of at most `longest` tokens.
    fn running(&self, longest: usize, fix: &str) -> Result<Running, Error> {
        let models = [&self.original, &self.small];
        Running::of(self.limit_bytes, &models, &self.compute, longest, fix)
    }

    fn text(
        &self,
        text: Text,
        asked: Option<usize>,
        host: &dyn Host,
        result: &mut Comparison,
    ) -> Result<(), Error> {
        let tokenizer = self.original.opened.tokenizer("perplexity")?;
        let mut tokens = TextTokens::of(text, &tokenizer);
        let context = context(&self.original.network, asked)?;
        let running = self.running(context, SHORTER_WINDOWS)?;
        let mut original = running.runner(&self.original, &self.compute);
        let mut small = running.runner(&self.small, &self.compute);
        let reporter = Reporter::new(host, Stage::Evaluate, "tokens", &self.small.opened.path);
        let progress = &mut |done, total| reporter.report(done, total);
        let measured = divergence_of(&mut original, &mut small, &mut tokens, context, progress)?;
        let (path, small) = (&self.original.opened.path, &self.small.opened.path);
        fill_perplexity(&mut result.original, &measured.original, path)?;
        fill_perplexity(&mut result.small, &measured.small, small)?;
        fill_text(&mut result.original, &tokens, context);
        fill_text(&mut result.small, &tokens, context);
        result.kl = Some(finite::metric("KL", small, measured.kl)?);
        let agreement = measured.top_token_agreement;
        result.top_token_agreement = Some(finite::metric("top token agreement", small, agreement)?);
        Ok(())
    }

    fn pairs(&self, path: &str, host: &dyn Host, result: &mut Comparison) -> Result<(), Error> {
        let pairs = pairs::read(&*host.storage(), path)?;
        let made = Vectors::of(&self.original, &self.compute, &Wish::default())?;
        let sentences = Sentences::new(&pairs, &made, &self.compute)?;
        let count = sentences.len() as u64;
        let running = self.running(made.encoding.max_tokens, FEWER_THREADS)?;
        let embed = |model: &Runnable, offset: u64| {
            let reporter = Reporter::new(host, Stage::Evaluate, "texts", &model.opened.path)
                .part(offset, 2 * count);
            sentences.embed(model, &made, &self.compute, running, &reporter)
        };
        let original = embed(&self.original, 0)?;
        let small = embed(&self.small, count)?;
        for (evaluation, vectors) in [
            (&mut result.original, &original),
            (&mut result.small, &small),
        ] {
            evaluation.spearman = Some(sentences.spearman(path, vectors)?);
            evaluation.pairs = Some(pairs.len() as u64);
            evaluation.notes.extend(made.notes.iter().cloned());
        }
        let first = pairs.len();
        let of = |count: usize| {
            let cosine = mean_cosine(&original[..count], &small[..count]);
            finite::metric("mean cosine", &self.small.opened.path, cosine)
        };
        result.mean_cosine = Some(of(original.len())?);
        result.mean_cosine_first = Some(of(first)?);
        Ok(())
    }
}
