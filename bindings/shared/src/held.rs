//! Models that stay open between calls: `open`, `close` and `memory`.

use crate::api::{ChatFormat, HeldModel, ModelRef, OpenRequest, Released};
use crate::error::bad_option;
use crate::inspect::kind;
use crate::open_model::Runnable;
use crate::storage::Storage;
use crate::{Error, Host};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// By number. One table for the process, so that worker threads of a host see the same models.
static HELD: Mutex<BTreeMap<u64, Arc<Runnable>>> = Mutex::new(BTreeMap::new());
/// The number of the next model. None is used twice.
static NEXT: AtomicU64 = AtomicU64::new(1);

fn held() -> MutexGuard<'static, BTreeMap<u64, Arc<Runnable>>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens a model and keeps it: its headers now, its tokenizer and decoded weights from the first call that needs them. Errors: those of
/// opening a model.
pub fn open(request: OpenRequest, host: &dyn Host) -> Result<HeldModel, Error> {
    let architecture = request.architecture.as_deref();
    let model = Runnable::open(&*host.storage(), &request.model, architecture)?;
    let open = NEXT.fetch_add(1, Ordering::Relaxed);
    let answer = describe(open, &model);
    held().insert(open, Arc::new(model));
    Ok(answer)
}

/// What is known of an open model. `BAD_REQUEST` for a number that is none.
pub fn memory(request: Released, _host: &dyn Host) -> Result<HeldModel, Error> {
    let model = of_number(request.open)?;
    Ok(describe(request.open, &model))
}

/// Lets a model go; calls that use it end first. One that is not there is let go already.
pub fn close(request: Released, _host: &dyn Host) -> Result<Released, Error> {
    held().remove(&request.open);
    Ok(request)
}

/// The model that a request means: one that is open, or a path, which is opened for this call alone.
pub fn model(
    reference: &ModelRef,
    storage: &dyn Storage,
    architecture: Option<&str>,
) -> Result<Arc<Runnable>, Error> {
    match reference {
        ModelRef::Open { open } => match architecture {
            None => of_number(*open),
            Some(path) => Err(bad_option(
                "architecture",
                "left out beside an open model, which was opened with one or without",
                format!("{path:?}"),
            )),
        },
        ModelRef::Path(path) => Ok(Arc::new(Runnable::open(storage, path, architecture)?)),
    }
}

fn of_number(open: u64) -> Result<Arc<Runnable>, Error> {
    let found = held().get(&open).cloned();
    found.ok_or_else(|| Error::BadRequest {
        field: "model.open".into(),
        expected: "the number of a model that is open".into(),
        actual: format!("{open}"),
    })
}

fn describe(open: u64, model: &Runnable) -> HeldModel {
    HeldModel {
        open,
        kind: kind(model.network.kind()).into(),
        bytes: model.kept_bytes(),
        chat: chat(model),
    }
}

fn chat(model: &Runnable) -> Option<ChatFormat> {
    let says = &model.opened.catalog.files.tokenizer;
    Some(ChatFormat {
        template: says.chat_template.clone()?,
        bos_token: says.bos_token.clone(),
        eos_token: says.eos_token.clone(),
        pad_token: says.pad_token.clone(),
    })
}
