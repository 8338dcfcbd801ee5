//! From the options of a request to those of a training, defaults filled in.

use super::request::{FinetuneOptions, FinetuneRequest};
use crate::Error;
use crate::error::bad_option;
use kerf_tasks::TASKS;
use kerf_train::prune::{self, Pruner};
use kerf_train::{AdamW, Curve, PruneOptions, Rate, TrainOptions};

/// Ways in which a learning rate falls, by name.
pub const CURVES: [(&str, Curve); 3] = [
    ("linear", Curve::Linear),
    ("cosine", Curve::Cosine),
    ("constant", Curve::Constant),
];
/// Bytes of activations that are kept for the way back.
const KEEP_BYTES: u64 = 1 << 30;
/// Seconds between two checkpoints.
const CHECKPOINT_SECONDS: f64 = 60.0;

/// `BAD_OPTION` for a task that there is none of.
pub fn check_task(task: &str) -> Result<(), Error> {
    let ids: Vec<&str> = TASKS.iter().map(|row| row.id).collect();
    match ids.contains(&task) {
        true => Ok(()),
        false => {
            let expected = format!("one of {}", ids.join(", "));
            Err(bad_option("task", &expected, format!("{task:?}")))
        }
    }
}

/// What decides the bytes of a result, beside model and data, as text.
pub fn decisive(request: &FinetuneRequest) -> String {
    let mut options = request.options.clone();
    options.threads = 0;
    options.max_memory_bytes = 0;
    let options = serde_json::to_string(&options).expect("options are plain data");
    format!("{} {:?} {options}", request.task, request.max_tokens)
}

/// Options of a training on so many examples. `BAD_OPTION`.
pub fn resolved(request: &FinetuneRequest, examples: usize) -> Result<TrainOptions, Error> {
    let given = &request.options;
    let pruner = pruner(given)?;
    let prunes = pruner.prunes();
    let windows = matches!(request.task.as_str(), "language" | "answering");
    let options = TrainOptions {
        epochs: given.epochs.unwrap_or(3.0),
        steps: given.steps,
        batch: given.batch.unwrap_or(if windows { 8 } else { 32 }),
        accumulate: given.accumulate.unwrap_or(1),
        rate: Rate {
            peak: given
                .learning_rate
                .unwrap_or(if prunes { 1e-4 } else { 5e-5 }),
            end: given.end_rate.unwrap_or(0.01),
            warm_up: given.warm_up.unwrap_or(0.06),
            curve: curve(given)?,
        },
        adam: AdamW {
            weight_decay: given.weight_decay.unwrap_or(0.0),
            ..AdamW::default()
        },
        clip: given
            .clip
            .unwrap_or(if pruner.id() == "mgpp" { 0.0 } else { 1.0 }),
        seed: given.seed,
        evaluate_every: 1,
        patience: given.patience.unwrap_or(0),
        distill: given.distill.unwrap_or(0.0),
        prune: pruning(given, pruner)?,
        keep_bytes: KEEP_BYTES,
        checkpoint_seconds: CHECKPOINT_SECONDS,
    };
    options.check()?;
    let steps = options.steps_of(examples.max(1));
    let every = given.evaluate_every.unwrap_or((steps / 10).clamp(1, 200));
    let options = TrainOptions {
        evaluate_every: every,
        ..options
    };
    options.check()?;
    Ok(options)
}

fn curve(given: &FinetuneOptions) -> Result<Curve, Error> {
    let name = given.rate_schedule.as_deref().unwrap_or(CURVES[0].0);
    let found = CURVES.iter().find(|(id, _)| *id == name);
    found.map(|(_, curve)| *curve).ok_or_else(|| {
        let ids = CURVES.map(|(id, _)| id).join(", ");
        bad_option(
            "rateSchedule",
            &format!("one of {ids}"),
            format!("{name:?}"),
        )
    })
}

fn pruner(given: &FinetuneOptions) -> Result<&'static dyn Pruner, Error> {
    let prunes = given.sparsity.is_some_and(|sparsity| sparsity > 0.0);
    let usual = if prunes { "mgpp" } else { "dense" };
    let id = given.method.as_deref().unwrap_or(usual);
    prune::by_id(id).ok_or_else(|| {
        let expected = format!("one of {}", prune::ids().join(", "));
        bad_option("method", &expected, format!("{id:?}"))
    })
}

fn pruning(given: &FinetuneOptions, pruner: &'static dyn Pruner) -> Result<PruneOptions, Error> {
    let usual = PruneOptions::default();
    let alone = [
        ("initialSparsity", given.initial_sparsity),
        ("pruneStart", given.prune_start),
        ("pruneEnd", given.prune_end),
        ("pruneEvery", given.prune_every.map(|every| every as f64)),
    ];
    if let (false, Some((name, Some(value)))) = (
        pruner.prunes(),
        alone.iter().find(|(_, value)| value.is_some()),
    ) {
        let expected = format!("left out for method {}, which removes nothing", pruner.id());
        return Err(bad_option(name, &expected, value));
    }
    let mut params = Vec::with_capacity(given.params.len());
    for (name, value) in &given.params {
        let all = prune::all_params();
        let Some(param) = all.iter().find(|param| param.name == name) else {
            let known: Vec<&str> = all.iter().map(|param| param.name).collect();
            let expected = format!("one of {}", known.join(", "));
            return Err(bad_option("params", &expected, format!("{name:?}")));
        };
        params.push((param.name, *value));
    }
    Ok(PruneOptions {
        pruner,
        sparsity: given.sparsity.unwrap_or(0.0),
        initial: given.initial_sparsity.unwrap_or(usual.initial),
        start: given.prune_start.unwrap_or(usual.start),
        end: given.prune_end.unwrap_or(usual.end),
        every: given.prune_every.unwrap_or(usual.every),
        params,
    })
}
