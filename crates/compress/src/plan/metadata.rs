//! What a result says of the run that made it, under `kerf.options`.

use super::Plan;
use crate::options::params;
use crate::options::recover::Text;
use crate::schedules::Knowledge;
use crate::solve::effort::{ITERATIONS, SWEEPS};
use crate::solve::param::Param;
use serde_json::json;
use std::collections::BTreeMap;

/// Metadata of a result. Nothing that changes from run to run.
pub(crate) fn run_metadata(plan: &Plan) -> BTreeMap<String, String> {
    let options = options_of(plan).to_string();
    BTreeMap::from([("kerf.options".to_string(), options)])
}

/// The options of the run, those that say nothing of it left out.
fn options_of(plan: &Plan) -> serde_json::Value {
    let options = &plan.settings.options;
    let values = plan.settings.params();
    let say = |param: &Param| params::to_json(param, values.real(param));
    let mut decisive = json!({
        "method": options.method,
        "sparsity": options.sparsity,
        "bits": options.bits,
        "groupSize": options.group_size,
        "pattern": options.pattern,
        "schedule": options.schedule,
        "embeddingBits": options.embedding_bits,
        "headBits": options.head_bits,
        "embeddingSparsity": options.embedding_sparsity,
    });
    if options.keep_mask {
        decisive["keepMask"] = json!(true);
    }
    if !options.rules.is_empty() {
        decisive["rules"] = json!(options.rules);
    }
    if plan.settings.format.id() != "kerf" {
        // Its grid decides what is solved.
        decisive["format"] = json!(plan.settings.format.id());
    }
    if plan.surveyed() || plan.settings.schedule.needs() > Knowledge::Nothing {
        decisive["granularity"] = json!(options.granularity);
    }
    if plan.surveyed() {
        decisive["levels"] = json!(options.levels);
        decisive["slope"] = json!(options.slope);
        decisive["lossScale"] = json!(options.loss_scale);
    }
    if plan.searches() {
        decisive["generations"] = json!(options.generations);
    }
    if let Some(bits) = options.target_bits {
        decisive["targetBits"] = json!(bits);
    }
    if let Some(bytes) = options.target_bytes {
        decisive["targetBytes"] = json!(bytes);
    }
    if plan.calibrated() {
        decisive["dampingRel"] = json!(options.damping_rel);
        decisive["blend"] = json!(options.blend);
        decisive["tokens"] = json!(plan.tokens);
        // Results of calibrated runs have always said both, whichever method made them.
        for param in [ITERATIONS, SWEEPS] {
            decisive[param.name] = say(&param);
        }
        decisive["seed"] = json!(options.seed);
    }
    if let Some(recovery) = &plan.recovery {
        decisive["recover"] = json!({
            "by": recovery.by.id(),
            "tokens": recovery.tokens,
            "learningRate": recovery.rate(),
        });
        if recovery.text != Text::Calibration {
            decisive["recover"]["text"] = json!(recovery.text.id());
        }
    }
    for param in params::all() {
        if options.params.get(param.name).is_some() {
            decisive[param.name] = say(param);
        }
    }
    decisive
}
