//! Every type that crosses the boundary.

use crate::layout;
use kerf_bindings::api::*;
use kerf_bindings::finetune::request::*;
use kerf_bindings::route::request::*;
use kerf_compress::measured::{Measured, MeasuredOn};
use kerf_compress::methods::{self, Method};
use kerf_compress::options::recover::{Recover, RecoverOption};
use kerf_compress::options::{FilledOptions, params};
use kerf_compress::report::{PlannedTensor, RecoveredPart};
use kerf_compress::rules::{Blocks, Conditions, Match, OneOrMany};
use kerf_compress::solve::param::{Kind, Param};
use kerf_compress::solve::statistics::Needs;
use kerf_compress::{
    LayerReport, Options, PlanReport, Repair, Report, Rule, TextUse, Work, schedules,
};
use kerf_run::{Event, Stage};
use kerf_tensors::files::{Fact, Outcome};
use kerf_train::prune;
use ts_rs::{Config, TS};

/// Declarations, in the order of the file. A type that is used and not listed fails the compilation of the TypeScript.
pub fn declarations() -> Vec<String> {
    // A number in JSON and in JavaScript; sizes and counts stay far below 2^53.
    let config = Config::default().with_large_int("number");
    macro_rules! declare {
        ($($type:ty),+ $(,)?) => { vec![$(declaration::<$type>(&config)),+] };
    }
    let mut all = vec![options(&config), pruner_params()];
    all.extend(declare![
        Rule,
        Match,
        Conditions,
        OneOrMany<String>,
        Blocks,
        GivenOptions,
        FilledOptions,
        Calibration,
        CompressRequest,
        Repair,
        LayerReport,
        RecoverOption,
        Recover,
        RecoveredPart,
        Measured,
        MeasuredOn,
        TextUse,
        Work,
        Report,
        PlannedTensor,
        PlanReport,
        InspectRequest,
        TensorInfo,
        Outcome,
        Fact,
        Inspection,
        EvaluateRequest,
        Classification,
        Answering,
        Completions,
        Writing,
        Evaluation,
        CompareRequest,
        Comparison,
        GenerateRequest,
        Generation,
        ModelRef,
        OpenRequest,
        HeldModel,
        ChatFormat,
        Released,
        EmbedRequest,
        Embeddings,
        ClassifyRequest,
        Classes,
        FinetuneRequest,
        FinetuneOptions,
        LearningPoint,
        FinetuneReport,
        Routing,
        RouteRequest,
        RouteOptions,
        RouterMeasure,
        RouterPoint,
        RouterLearning,
        PrefillTime,
        KeptTokens,
        RouteReport,
        ConvertRequest,
        Conversion,
        Stage,
        Event,
    ]);
    all
}

/// What comments of the options say of tables, and the rows for which it holds: they stand behind it in parentheses.
fn facts() -> [(&'static str, String); 5] {
    let methods = |holds: &dyn Fn(&dyn Method) -> bool| {
        let rows = methods::table().iter().filter(|method| holds(**method));
        listed(rows.map(|method| method.id()))
    };
    [
        ("Id of the method table", listed(methods::ids())),
        ("Id of the schedule table", listed(schedules::ids())),
        (
            "Methods that only remove weights",
            methods(&|method| method.only_removes()),
        ),
        ("that of the method", {
            let probing = methods(&|method| method.default_schedule() == "probe");
            format!("`probe` for {probing}")
        }),
        ("what the method is known for", {
            let own = |method: &dyn Method| {
                method.needs() > Needs::Nothing && method.default_blend() == 0.0
            };
            format!("0 for {}", methods(&own))
        }),
    ]
}

fn listed<'a>(ids: impl IntoIterator<Item = &'a str>) -> String {
    let ids: Vec<_> = ids.into_iter().map(|id| format!("`{id}`")).collect();
    ids.join(", ")
}

/// The options, with a field for each parameter of a method.
fn options(config: &Config) -> String {
    let mut declaration = declaration::<Options>(config);
    for (phrase, ids) in facts() {
        assert!(declaration.contains(phrase), "no comment says {phrase:?}");
        declaration = declaration.replacen(phrase, &format!("{phrase} ({ids})"), 1);
    }
    let end = declaration.rfind('}').expect("options are an object");
    let field = |param: &&Param| {
        let kind = match param.kind {
            Kind::Flag => "boolean",
            Kind::Integer | Kind::Real => "number",
        };
        format!(
            "  /** {} */\n  {}?: {kind}\n",
            params::sentences(param),
            param.name
        )
    };
    let fields: String = params::all().iter().map(field).collect();
    declaration.insert_str(end, &fields);
    declaration
}

/// A field for each parameter of a pruner.
fn pruner_params() -> String {
    let field = |param: &&Param| {
        format!(
            "  /** {} */\n  {}?: number\n",
            prune::sentences(param),
            param.name
        )
    };
    let fields: String = prune::all_params().iter().map(field).collect();
    format!("/** Parameters of pruners. */\nexport type PrunerParams = {{\n{fields}}}\n")
}

fn declaration<T: TS>(config: &Config) -> String {
    let docs = T::docs().unwrap_or_default();
    layout::tidy(&format!("{docs}export {}", T::decl(config)))
}
