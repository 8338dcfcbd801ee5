//! `embed`: one vector per text.

use crate::api::{EmbedRequest, Embeddings};
use crate::encoding::Encoding;
use crate::opened::Runnable;
use crate::reporter::Reporter;
use crate::running::Running;
use crate::{Error, Host, machine, text_file};
use kerf_compress::Stage;

/// Cuts each text at the model's maximum, pools and normalises as its sentence-transformers files say. Works for decoders
/// too. Errors: those of opening a model, `NO_TOKENIZER`, `EMPTY`, `CANCELLED`.
pub fn embed(request: EmbedRequest, host: &dyn Host) -> Result<Embeddings, Error> {
    if request.texts.is_empty() {
        return Err(text_file::empty("texts"));
    }
    let compute = machine::compute(request.threads)?;
    let model = Runnable::open(
        &*host.storage(),
        &request.model,
        request.architecture.as_deref(),
    )?;
    let tokenizer = model.opened.tokenizer("embedding")?;
    let encoding = Encoding::of(&model)?;
    let (ids, truncated) = encoding.encode(&tokenizer, &compute, &request.texts)?;
    let reporter = Reporter::new(host, Stage::Generate, "texts", &model.opened.path);
    let progress = &mut |done, total| reporter.report(done, total);
    let limit_bytes = request.max_memory_bytes.unwrap_or(0);
    let running = Running::of(limit_bytes, &[&model], &compute, encoding.max_tokens)?;
    let vectors = running.runner(&model, &compute).embed(
        &ids,
        encoding.pooling,
        encoding.normalize,
        progress,
    )?;
    Ok(Embeddings {
        vectors,
        dimensions: model.network.hidden(),
        truncated,
        notes: encoding.notes,
    })
}
