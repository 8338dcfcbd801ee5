//! `embed`: one vector per text.

use crate::api::{EmbedRequest, Embeddings};
use crate::held;
use crate::reporter::Reporter;
use crate::running::{FEWER_THREADS, Running};
use crate::vectors::{Vectors, Wish};
use crate::{Error, Host, machine, text_file};
use kerf_run::Stage;

/// Most tokens for which weights run as they are stored. More of them are worth a list of the nonzeros of each matrix, made once.
const COMPACT_TOKENS: usize = 1024;

/// Does with each text what the model's sentence-transformers files say: prompt, cut at the maximum, pooling and the modules after
/// it. Works for decoders too. Errors: those of opening a model, `NO_TOKENIZER`, `BAD_CONFIG`, `BAD_OPTION`, `EMPTY`, `CANCELLED`.
pub fn embed(request: EmbedRequest, host: &dyn Host) -> Result<Embeddings, Error> {
    if request.texts.is_empty() {
        return Err(text_file::empty("texts"));
    }
    let compute = machine::compute(request.threads)?.with_stop(host.stop());
    let architecture = request.architecture.as_deref();
    let model = held::model(&request.model, &*host.storage(), architecture)?;
    let wish = Wish {
        prompt: request.prompt,
        prompt_name: request.prompt_name,
        dimensions: request.dimensions,
    };
    let made = Vectors::of(&model, &compute, &wish)?;
    let (ids, truncated) = made
        .encoding
        .encode(&made.tokenizer, &compute, &request.texts)?;
    let reporter = Reporter::new(host, Stage::Embed, "texts", &model.opened.path);
    let limit_bytes = request.max_memory_bytes.unwrap_or(0);
    let running = Running::of(
        limit_bytes,
        &[&model],
        &compute,
        made.encoding.max_tokens,
        FEWER_THREADS,
    )?;
    let tokens: usize = ids.iter().map(Vec::len).sum();
    let running = running.compact(tokens <= COMPACT_TOKENS);
    let vectors = made.make(&model, &compute, running, &ids, &reporter)?;
    Ok(Embeddings {
        vectors: in_one(vectors),
        dimensions: made.head.dimensions(),
        tokens: ids.iter().map(Vec::len).sum(),
        truncated,
        notes: made.notes,
    })
}

/// All vectors in one piece; each is let go as soon as it is copied.
fn in_one(vectors: Vec<Vec<f32>>) -> Vec<f32> {
    let mut all = Vec::with_capacity(vectors.iter().map(Vec::len).sum());
    vectors.into_iter().for_each(|vector| all.extend(vector));
    all
}
