//! What decides the bytes of the units: a work folder of other units is of no use to a run.

use crate::plan::Plan;
use crate::{CompressError, Options};
use kerf_kernels::Compute;
use kerf_tensors::{Catalog, Digest};

/// Options that decide nothing about the units. All others are part of the fingerprint.
const UNDECISIVE: [&str; 8] = [
    // They fill in others, which count.
    "preset",
    "quality",
    // The calibration, the batches and the instruction set that they leave count.
    "tokens",
    "maxMemoryBytes",
    "isa",
    // Any number gives the same bytes.
    "threads",
    // They are asked for when all units are done.
    "maxLoss",
    "maxShardBytes",
];

/// Digest of model, options, texts (of the calibration, and what is taught), instruction set, and the program.
pub(super) fn of(
    catalog: &Catalog,
    plan: &Plan,
    texts: [&[Vec<u32>]; 2],
    compute: &Compute,
) -> Result<String, CompressError> {
    let mut digest = Digest::default();
    digest
        .update(env!("CARGO_PKG_VERSION").as_bytes())
        .update(catalog.fingerprint()?.as_bytes())
        .update(decisive(&plan.settings.options).to_string().as_bytes())
        .update(format!("{:?}", plan.settings.budget).as_bytes())
        .update(compute.kernels.isa().id().as_bytes())
        .update(&(plan.memory.batch_tokens as u64).to_le_bytes());
    if let Some(recovery) = &plan.recovery {
        digest.update(recovery.by.id().as_bytes());
    }
    for sequence in texts.into_iter().flatten() {
        digest.update(&(sequence.len() as u64).to_le_bytes());
        for id in sequence {
            digest.update(&id.to_le_bytes());
        }
    }
    Ok(digest.hex())
}

/// The options that count, by name.
fn decisive(options: &Options) -> serde_json::Value {
    let mut options = serde_json::to_value(options).expect("options are plain data");
    if let Some(fields) = options.as_object_mut() {
        // The others keep their order.
        fields.retain(|name, _| !UNDECISIVE.contains(&name.as_str()));
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name that is no option would leave one in the fingerprint that shall not be there, or hide a new one.
    #[test]
    fn what_does_not_count_are_options() {
        let options = Options {
            preset: Some("light".into()),
            quality: Some("fast".into()),
            tokens: Some(1),
            isa: Some("portable".into()),
            max_loss: Some(1.0),
            ..Options::default()
        };
        let all = serde_json::to_value(&options).unwrap();
        for name in UNDECISIVE {
            assert!(all.get(name).is_some(), "{name}");
        }
        let left = decisive(&options);
        let count = |value: &serde_json::Value| value.as_object().unwrap().len();
        assert_eq!(count(&left) + UNDECISIVE.len(), count(&all));
    }
}
