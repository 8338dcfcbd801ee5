//! From the options of a request to what is searched for, defaults filled in.

use super::request::{RouteOptions, RouteRequest};
use crate::Error;
use crate::error::bad_option;
use kerf_route::{RouterTrainingOptions, SearchOptions};

/// Routers that can be made.
pub const ROUTERS: [&str; 2] = ["static", LEARNED];
/// The one that learns.
pub const LEARNED: &str = "mlp";
/// Tokens of calibration text where nothing is said.
const USUAL_TOKENS: usize = 8192;
/// Fewer tokens have no window to search on and one to measure on.
const LEAST_TOKENS: usize = 64;
/// A block that skips more keeps nothing of a short prompt.
const MOST_SPARSITY: f64 = 0.95;

/// What a request asks for.
pub struct Resolved {
    /// Id of the router.
    pub router: String,
    /// Most tokens of calibration text.
    pub tokens: usize,
    /// The search.
    pub search: SearchOptions,
    /// The training; `None` for a router that does not learn.
    pub training: Option<RouterTrainingOptions>,
}

/// Options with their defaults. `BAD_OPTION`.
pub fn resolved(given: &RouteOptions) -> Result<Resolved, Error> {
    let router = given.router.clone().unwrap_or_else(|| ROUTERS[0].into());
    if !ROUTERS.contains(&router.as_str()) {
        let expected = format!("one of {}", ROUTERS.join(", "));
        return Err(bad_option("router", &expected, format!("{router:?}")));
    }
    let sparsity = given.token_sparsity.unwrap_or(0.3);
    if !(sparsity > 0.0 && sparsity <= MOST_SPARSITY) {
        let expected = format!("a share of more than 0, at most {MOST_SPARSITY}");
        return Err(bad_option("tokenSparsity", &expected, sparsity));
    }
    let tokens = given.tokens.unwrap_or(USUAL_TOKENS);
    if tokens < LEAST_TOKENS {
        return Err(bad_option(
            "tokens",
            &format!("at least {LEAST_TOKENS}"),
            tokens,
        ));
    }
    let usual = SearchOptions::default();
    let offspring = given.offspring.unwrap_or(usual.offspring);
    if offspring == 0 {
        return Err(bad_option("offspring", "at least 1", offspring));
    }
    let training = training(given, &router)?;
    Ok(Resolved {
        router,
        training,
        tokens,
        search: SearchOptions {
            sparsity,
            generations: given.generations.unwrap_or(usual.generations),
            offspring,
            survivors: usual.survivors.min(offspring),
            seed: given.seed,
        },
    })
}

/// How the router learns. `BAD_OPTION` for what belongs to learning beside a router that does not.
fn training(given: &RouteOptions, router: &str) -> Result<Option<RouterTrainingOptions>, Error> {
    if router != LEARNED {
        let expected = format!("left out for router {router}, which does not learn");
        let rank = given.rank.map(|rank| rank.to_string());
        for (option, value) in [
            ("steps", given.steps.map(|steps| steps.to_string())),
            (
                "learningRate",
                given.learning_rate.map(|rate| rate.to_string()),
            ),
            ("rank", rank),
        ] {
            if let Some(value) = value {
                return Err(bad_option(option, &expected, value));
            }
        }
        return Ok(None);
    }
    let usual = RouterTrainingOptions::default();
    let training = RouterTrainingOptions {
        steps: given.steps.unwrap_or(usual.steps),
        learning_rate: given.learning_rate.unwrap_or(usual.learning_rate),
        rank: given.rank.unwrap_or(usual.rank),
        seed: given.seed,
        ..usual
    };
    match training.steps {
        0 => Err(bad_option("steps", "at least 1", 0)),
        _ => Ok(Some(training)),
    }
}

/// What decides a result, beside model and text, as text.
pub fn decisive(request: &RouteRequest) -> String {
    let mut options = request.options.clone();
    options.threads = 0;
    options.max_memory_bytes = 0;
    serde_json::to_string(&options).expect("options are plain data")
}
