//! The router that a request names: a folder that `route` wrote, or a rule that needs no learning.

use crate::Error;
use crate::api::Routing;
use crate::error::bad_option;
use crate::open_model::Runnable;
use crate::storage::Storage;
use kerf_kernels::Compute;
use kerf_model::evaluate::Runner;
use kerf_model::gate::{Gate, Pairs, Phase, Settings, by_id, table};
use kerf_model::{Kind, ModelError};
use kerf_route::{SavedRouter, Schedule};

/// A mean that differs by less is the share that was asked for: a searched schedule meets it to half a level of one block.
const CLOSE: f64 = 0.03;

/// What a request says of a router.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// A folder, or the id of a rule.
    pub router: Option<&'a str>,
    /// Mean share of tokens that blocks skip.
    pub token_sparsity: Option<f64>,
    /// A folder whose schedule counts.
    pub schedule: Option<&'a str>,
    /// Of a rule that draws.
    pub seed: u64,
}

/// A gate with what a user knows of it.
pub struct Chosen {
    /// The gate.
    pub gate: Box<dyn Gate>,
    /// Id of the router.
    pub router: String,
    /// Mean share of tokens that blocks are to skip.
    pub token_sparsity: f64,
}

/// Ids of the rules that need no folder.
pub fn rules() -> Vec<&'static str> {
    let rules = table().iter().filter(|row| row.has_shares && !row.learned);
    rules.map(|row| row.id).collect()
}

impl Wanted<'_> {
    /// The gate for a model; `None` if no router is asked for.
    ///
    /// `BAD_OPTION` for a rule without a share, for a share that is not that of the folder, and for options without a router;
    /// `WRONG_KIND` for an encoder; `WRONG_MODEL`, `BAD_ROUTER`, `ROUTER_VERSION` and the errors of reading a folder.
    pub fn choose(
        &self,
        model: &Runnable,
        compute: &Compute,
        storage: &dyn Storage,
    ) -> Result<Option<Chosen>, Error> {
        let Some(router) = self.router else {
            return self.refuse_lonely().map(|()| None);
        };
        need_decoder(model, "routing")?;
        let share = self.token_sparsity;
        if let Some(wrong) = share.filter(|share| !(0.0..=1.0).contains(share)) {
            return Err(bad_option("tokenSparsity", "a share from 0 to 1", wrong));
        }
        let read = |path: &str| SavedRouter::read(&*storage.folder(path)?, compute);
        let digest = || model.opened.catalog.weights_digest();
        let is_rule = rules().contains(&router);
        if let (false, Some(schedule)) = (is_rule, self.schedule) {
            let expected = "left out beside a router that is a folder, which has a schedule";
            return Err(bad_option("schedule", expected, format!("{schedule:?}")));
        }
        let folder = match (is_rule, self.schedule) {
            (false, _) => Some(read(router)?),
            (true, Some(schedule)) => Some(read(schedule)?),
            (true, None) => None,
        };
        let shares = match &folder {
            Some(folder) => folder.shares(&model.network, &digest()?)?,
            None => {
                let Some(share) = share else {
                    let expected = format!(
                        "a share from 0 to 1, which router {router} needs without `schedule`"
                    );
                    return Err(bad_option("tokenSparsity", &expected, "nothing"));
                };
                Schedule::uniform(&model.network, share).shares(&model.network)?
            }
        };
        let mean = match &folder {
            Some(folder) => folder.schedule.mean(),
            None => share.unwrap_or(0.0),
        };
        if let Some(share) = share.filter(|share| (share - mean).abs() > CLOSE) {
            let expected = format!("left out, or {mean:.3}, which the folder's schedule skips");
            return Err(bad_option("tokenSparsity", &expected, share));
        }
        let (id, gate) = match (folder, by_id(router).filter(|_| is_rule)) {
            (Some(folder), None) => (folder.router.clone(), folder.gate(shares)),
            (_, row) => {
                let settings = Settings {
                    shares,
                    seed: self.seed,
                    ..Settings::default()
                };
                let row = row.expect("a rule, since there is no folder");
                (row.id.to_owned(), (row.build)(&settings))
            }
        };
        Ok(Some(Chosen {
            gate,
            router: id,
            token_sparsity: mean,
        }))
    }

    /// `BAD_OPTION` for what belongs to a router where there is none.
    fn refuse_lonely(&self) -> Result<(), Error> {
        let expected = "left out without `router`, to which it belongs";
        if let Some(share) = self.token_sparsity {
            return Err(bad_option("tokenSparsity", expected, share));
        }
        match self.schedule {
            Some(schedule) => Err(bad_option("schedule", expected, format!("{schedule:?}"))),
            None => Ok(()),
        }
    }
}

/// `WRONG_KIND` for an encoder: its tokens see those that come later, and no cache is filled.
pub fn need_decoder(model: &Runnable, operation: &str) -> Result<(), Error> {
    if model.network.kind() == Kind::Decoder {
        return Ok(());
    }
    Err(ModelError::WrongKind {
        operation: operation.into(),
        expected: "a decoder".into(),
        architecture: model.network.architecture().into(),
    }
    .into())
}

impl Chosen {
    /// What was skipped, of pairs of prompts and of tokens behind them.
    pub fn routing(&self, [prompt, decoding]: [Pairs; 2]) -> Routing {
        let mut all = prompt;
        all += decoding;
        let share = |pairs: Pairs| (pairs.arrived > 0).then(|| pairs.skipped());
        Routing {
            router: self.router.clone(),
            token_sparsity: self.token_sparsity,
            skipped: all.skipped(),
            prompt_skipped: share(prompt),
            decoding_skipped: share(decoding),
            ..Routing::default()
        }
    }
}

/// Pairs of a runner in both phases.
pub fn pairs_of(runner: &Runner<'_>) -> [Pairs; 2] {
    [Phase::Prompt, Phase::Decoding].map(|phase| runner.pairs(phase))
}
