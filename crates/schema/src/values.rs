//! Ids of the tables, defaults and error codes.

use crate::meanings::meanings;
use kerf_compress::options::params;
use kerf_compress::solve::param::{Kind, Param};
use kerf_compress::{CompressError, Options, methods, presets, schedules};
use kerf_kernels::Isa;
use kerf_model::{ModelError, arch};
use kerf_route::RouteError;
use kerf_run::RunError;
use kerf_tensors::{TensorsError, formats};
use kerf_train::{TrainError, prune};
use std::collections::BTreeSet;

/// Constants, in the order of the file.
pub fn constants() -> Vec<String> {
    let formats: Vec<_> = formats::table().iter().map(|format| format.id()).collect();
    let isas: Vec<_> = Isa::ALL.iter().map(|isa| isa.id()).collect();
    let tasks: Vec<_> = kerf_tasks::TASKS.iter().map(|task| task.id).collect();
    let curves = kerf_bindings::finetune::CURVES.map(|(id, _)| id);
    let architectures: Vec<_> = arch::table().iter().map(|row| row.id).collect();
    vec![
        list(
            "Functions of the core.",
            "COMMANDS",
            &kerf_bindings::commands(),
        ),
        list("Ids of the method table.", "METHODS", &methods::ids()),
        list("Ids of the schedule table.", "SCHEDULES", &schedules::ids()),
        list(
            "What a schedule gives a share of its own.",
            "GRANULARITIES",
            &schedules::Granularity::IDS,
        ),
        list(
            "What makes losses of different matrices comparable.",
            "LOSS_SCALES",
            &schedules::LossScale::IDS,
        ),
        params_constant(
            "Parameters of methods, each an option.",
            "METHOD_PARAMS",
            params::all()
                .into_iter()
                .map(|param| (param, params::owners(param), params::sentences(param))),
        ),
        list("Kinds of tasks.", "TASKS", &tasks),
        abouts(
            "What the file of a task looks like.",
            "TASK_FORMS",
            kerf_tasks::TASKS.iter().map(|task| (task.id, task.form)),
        ),
        list("Ids of the table of pruners.", "PRUNERS", &prune::ids()),
        abouts(
            "What each pruner does, in one line.",
            "PRUNER_ABOUT",
            prune::table()
                .iter()
                .map(|pruner| (pruner.id(), pruner.about())),
        ),
        params_constant(
            "Parameters of pruners, each an option.",
            "PRUNER_PARAMS",
            prune::all_params()
                .into_iter()
                .map(|param| (param, prune::owners(param), prune::sentences(param))),
        ),
        list("How a learning rate may fall.", "RATE_SCHEDULES", &curves),
        list(
            "Routers that can be made.",
            "ROUTERS",
            &kerf_bindings::route::ROUTERS,
        ),
        list(
            "Routers that need no folder.",
            "ROUTER_RULES",
            &kerf_bindings::router_rules(),
        ),
        list(
            "Named sizes of the option `preset`.",
            "PRESETS",
            &presets::size_ids(),
        ),
        abouts(
            "What to expect of each preset, in one line.",
            "PRESET_ABOUT",
            presets::sizes().iter().map(|size| (size.id, size.about)),
        ),
        list(
            "Named efforts of the option `quality`.",
            "QUALITIES",
            &presets::quality_ids(),
        ),
        list("Ids of the format table.", "FORMATS", &formats),
        list("Ids of the instruction sets.", "ISAS", &isas),
        list(
            "Ids of the architectures that kerf can run.",
            "ARCHITECTURES",
            &architectures,
        ),
        list(
            "Codes of all errors of the core.",
            "ERROR_CODES",
            &error_codes(),
        ),
        error_code(),
        defaults(),
    ]
}

/// Codes of all error enums, in alphabetical order.
fn error_codes() -> Vec<&'static str> {
    let all = [
        TensorsError::CODES,
        ModelError::CODES,
        RunError::CODES,
        CompressError::CODES,
        RouteError::CODES,
        TrainError::CODES,
        kerf_bindings::Error::CODES,
    ];
    all.concat()
        .into_iter()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

/// The type of the codes, with what each of them means.
fn error_code() -> String {
    let codes = error_codes();
    let rows: String = codes
        .iter()
        .zip(meanings(&codes))
        .map(|(code, meaning)| format!(" * - `{code}`: {meaning}\n"))
        .collect();
    format!(
        "/**\n * Code of an error of the core.\n *\n{rows} */\nexport type ErrorCode = (typeof ERROR_CODES)[number]\n"
    )
}

fn list(doc: &str, name: &str, ids: &[&str]) -> String {
    let ids: String = ids.iter().map(|id| format!("  '{id}',\n")).collect();
    format!("/** {doc} */\nexport const {name} = [\n{ids}] as const\n")
}

fn abouts(
    doc: &str,
    name: &str,
    table: impl Iterator<Item = (&'static str, &'static str)>,
) -> String {
    let rows = table.map(|(id, about)| {
        let about = serde_json::to_string(about).expect("text is JSON");
        format!("  {id}: {about},\n")
    });
    let rows: String = rows.collect();
    format!("/** {doc} */\nexport const {name} = {{\n{rows}}} as const\n")
}

/// What is known of each parameter of some rows: with the ids of the rows that have it, and what it is in sentences.
fn params_constant<'a>(
    doc: &str,
    name: &str,
    params: impl Iterator<Item = (&'a Param, Vec<&'static str>, String)>,
) -> String {
    let rows = params.map(|(param, owners, about)| {
        let kind = match param.kind {
            Kind::Integer => "integer",
            Kind::Real => "real",
            Kind::Flag => "flag",
        };
        let about = serde_json::to_string(&about).expect("text is JSON");
        format!(
            "  {}: {{ kind: '{kind}', least: {}, most: {}, methods: ['{}'], about: {about} }},\n",
            param.name,
            param.least,
            param.most,
            owners.join("', '"),
        )
    });
    let rows: String = rows.collect();
    format!("/** {doc} */\nexport const {name} = {{\n{rows}}} as const\n")
}

fn defaults() -> String {
    let mut options = Options::default()
        .resolve()
        .expect("defaults are valid")
        .options;
    // These depend on method and pattern.
    (options.sparsity, options.pattern) = (None, None);
    let mut options = serde_json::to_value(options).expect("options are plain data");
    for param in params::all() {
        // Of all methods, as the quality that is the default has them.
        options[param.name] = params::to_json(param, param.defaults[1]);
    }
    let fields: String = options
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("  {name}: {},\n", value.to_string().replace('"', "'")))
        .collect();
    format!(
        "/** What an option is when it is not given; those that are absent here depend on others. */\nexport const DEFAULT_OPTIONS = {{\n{fields}}} as const satisfies Options\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_upper_snake_case_and_cover_every_enum() {
        let codes = error_codes();
        let is_upper_snake = |code: &str| {
            code.bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
        };
        assert!(codes.iter().all(|code| is_upper_snake(code)), "{codes:?}");
        for code in [
            "IO",
            "UNKNOWN_ARCHITECTURE",
            "MEMORY_LIMIT",
            "BAD_REQUEST",
            "CANCELLED",
        ] {
            assert!(codes.contains(&code), "{code}");
        }
    }
}
