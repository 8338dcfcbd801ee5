//! Every type that crosses the boundary.

use crate::layout;
use kerf_bindings::api::*;
use kerf_compress::measured::{Measured, MeasuredOn};
use kerf_compress::options::FilledOptions;
use kerf_compress::report::PlannedTensor;
use kerf_compress::rules::{Blocks, Conditions, Match, OneOrMany};
use kerf_compress::{
    Event, LayerReport, Options, PlanReport, Repair, Report, Rule, Stage, TextUse, Work,
};
use kerf_tensors::files::{Fact, Outcome};
use ts_rs::{Config, TS};

/// Declarations, in the order of the file. A type that is used and not listed fails the compilation of the TypeScript.
pub fn declarations() -> Vec<String> {
    // A number in JSON and in JavaScript; sizes and counts stay far below 2^53.
    let config = Config::default().with_large_int("number");
    macro_rules! declare {
        ($($type:ty),+ $(,)?) => { vec![$(declaration::<$type>(&config)),+] };
    }
    declare![
        Options,
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
        Evaluation,
        CompareRequest,
        Comparison,
        GenerateRequest,
        Generation,
        EmbedRequest,
        Embeddings,
        ConvertRequest,
        Conversion,
        Stage,
        Event,
    ]
}

fn declaration<T: TS>(config: &Config) -> String {
    let docs = T::docs().unwrap_or_default();
    layout::tidy(&format!("{docs}export {}", T::decl(config)))
}
