//! A router as a folder: `schedule.json`, `router.safetensors` if something was learned, and a card.

use crate::RouteError;
use crate::schedule::{Schedule, named};
use kerf_kernels::Compute;
use kerf_model::gate::{Gate, HiddenRouter, RouterWeights, Settings, Shares, StandIn, by_id};
use kerf_model::{MemoryWeights, Network, WeightSource};
use kerf_tensors::folder::{MemFolder, ROUTER_FILE, ROUTER_MARK, write_file};
use kerf_tensors::safetensors::{OutTensor, plan_files, stream_file};
use kerf_tensors::{Catalog, DType, Folder, OutFolder, TensorsError, bytes, kerf};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a router learned.
pub const WEIGHTS_FILE: &str = "router.safetensors";
/// For people.
pub const CARD_FILE: &str = "README.md";
/// Version of the folder.
const VERSION: u64 = 1;

/// A router: which gate it is, how much each block skips, and the model that it is for.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedRouter {
    /// Id of the gate in `kerf_model::gate::table`.
    pub router: String,
    /// Mean share of tokens that was asked for.
    pub token_sparsity: f64,
    /// Seed of the search, of the training, and of a gate that draws.
    pub seed: u64,
    /// Whether a learned gate keeps its shares to the token.
    pub strict: bool,
    /// What each block skips.
    pub schedule: Schedule,
    /// [`Catalog::weights_digest`] of the model.
    pub model_digest: String,
    /// What the gate `mlp` learned.
    pub weights: Option<Arc<RouterWeights>>,
    /// What the gate `hidden` learned.
    pub hidden: Option<Arc<HiddenRouter>>,
    /// What skipped tokens get.
    pub stand_in: Option<Arc<StandIn>>,
}

/// What `schedule.json` says.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Said {
    format: String,
    version: u64,
    router: String,
    token_sparsity: f64,
    seed: u64,
    strict: bool,
    model: Model,
    /// By block.
    sparsity: Vec<f64>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Model {
    architecture: String,
    blocks: usize,
    hidden: usize,
    digest: String,
}

impl SavedRouter {
    /// Reads a folder. `BAD_ROUTER` if it has no `schedule.json`, or one that is damaged; `ROUTER_VERSION` if another version wrote it;
    /// `TENSOR_MISSING`, `WRONG_SHAPE`, `NOT_FINITE` and the errors of a file of weights for `router.safetensors`.
    pub fn read(folder: &dyn Folder, compute: &Compute) -> Result<Self, RouteError> {
        let said = Said::read(folder)?;
        let learned = by_id(&said.router).is_some_and(|row| row.learned);
        let weights = learned.then(|| weights_file(folder)).transpose()?;
        let (blocks, hidden) = (said.model.blocks, said.model.hidden);
        let (mut mlp, mut states, mut stand_in) = (None, None, None);
        if let Some(source) = &weights {
            match said.router.as_str() {
                "hidden" => states = Some(HiddenRouter::open(compute, source, blocks, hidden)?),
                _ => mlp = Some(RouterWeights::open(compute, source)?),
            }
            stand_in = StandIn::open(compute, source, blocks, hidden)?;
        }
        Ok(Self {
            router: said.router,
            token_sparsity: said.token_sparsity,
            seed: said.seed,
            strict: said.strict,
            schedule: Schedule {
                architecture: said.model.architecture,
                hidden: said.model.hidden,
                sparsity: said.sparsity,
            },
            model_digest: said.model.digest,
            weights: mlp.map(Arc::new),
            hidden: states.map(Arc::new),
            stand_in: stand_in.map(Arc::new),
        })
    }

    /// Writes all files and gives their bytes. The caller must commit the folder.
    pub fn write(&self, out: &mut dyn OutFolder, card: &str) -> Result<u64, RouteError> {
        let mut text = serde_json::to_string_pretty(&Said::of(self)).expect("plain data");
        text.push('\n');
        write_file(out, ROUTER_FILE, text.as_bytes())?;
        write_file(out, CARD_FILE, card.as_bytes())?;
        let learned = self.learned()?;
        let bytes = match learned.names().next() {
            Some(_) => write_weights(&learned, out)?,
            None => 0,
        };
        Ok((text.len() + card.len()) as u64 + bytes)
    }

    /// Everything that was learned, under the names of its file.
    fn learned(&self) -> Result<MemoryWeights, RouteError> {
        let mut all = match &self.weights {
            Some(weights) => weights.to_weights()?,
            None => MemoryWeights::new(),
        };
        if let Some(hidden) = &self.hidden {
            hidden.add_to(&mut all)?;
        }
        if let Some(stand_in) = &self.stand_in {
            stand_in.add_to(&mut all)?;
        }
        Ok(all)
    }

    /// The share of tokens that goes through each block of a model, whose digest is that of [`Catalog::weights_digest`].
    /// `WRONG_MODEL` for another model than that the router is for.
    pub fn shares(&self, network: &Network, digest: &str) -> Result<Shares, RouteError> {
        let shares = self.schedule.shares(network)?;
        if self.model_digest == digest {
            return Ok(shares);
        }
        let model = named(network.architecture(), network.hidden(), network.blocks());
        let with = |digest: &str| format!("{model}, weights {}", short(digest));
        Err(RouteError::WrongModel {
            expected: with(&self.model_digest),
            actual: with(digest),
        })
    }

    /// The gate with these shares.
    pub fn gate(&self, shares: Shares) -> Box<dyn Gate> {
        let row = by_id(&self.router).expect("checked when it was read or made");
        (row.build)(&Settings {
            shares,
            seed: self.seed,
            weights: self.weights.clone(),
            hidden: self.hidden.clone(),
            stand_in: self.stand_in.clone(),
            strict: self.strict,
        })
    }
}

/// As much of a digest as tells models apart for people.
fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

impl Said {
    fn of(router: &SavedRouter) -> Self {
        let schedule = &router.schedule;
        Self {
            format: ROUTER_MARK.into(),
            version: VERSION,
            router: router.router.clone(),
            token_sparsity: router.token_sparsity,
            seed: router.seed,
            strict: router.strict,
            model: Model {
                architecture: schedule.architecture.clone(),
                blocks: schedule.sparsity.len(),
                hidden: schedule.hidden,
                digest: router.model_digest.clone(),
            },
            sparsity: schedule.sparsity.clone(),
        }
    }

    fn read(folder: &dyn Folder) -> Result<Self, RouteError> {
        let bad = |reason: String| RouteError::BadRouter {
            path: folder.name(),
            reason,
        };
        let bytes = match folder.read(ROUTER_FILE) {
            Err(TensorsError::NotFound { .. }) => {
                return Err(bad(format!("it has no {ROUTER_FILE}")));
            }
            read => read?,
        };
        let value: Value = serde_json::from_slice(&bytes)
            .map_err(|error| bad(format!("{ROUTER_FILE} is no JSON: {error}")))?;
        if value["format"] != ROUTER_MARK {
            return Err(bad(format!(
                "`format` of {ROUTER_FILE} is not {ROUTER_MARK:?}"
            )));
        }
        match value["version"].as_u64() {
            Some(VERSION) => {}
            Some(version) => {
                return Err(RouteError::RouterVersion {
                    path: folder.name(),
                    version,
                    known: VERSION,
                });
            }
            None => return Err(bad(format!("`version` of {ROUTER_FILE} is no number"))),
        }
        let said: Self = serde_json::from_value(value)
            .map_err(|error| bad(format!("{ROUTER_FILE}: {error}")))?;
        said.wrong().map_or(Ok(()), |reason| Err(bad(reason)))?;
        Ok(said)
    }

    /// What cannot be, if anything.
    fn wrong(&self) -> Option<String> {
        let is_share = |share: &f64| (0.0..=1.0).contains(share);
        let (count, blocks) = (self.sparsity.len(), self.model.blocks);
        let router = by_id(&self.router).filter(|row| row.has_shares);
        match () {
            () if router.is_none() => Some(format!("there is no router {:?}", self.router)),
            () if count != blocks => Some(format!(
                "`sparsity` has {count} shares, and the model has {blocks} blocks"
            )),
            () if !self.sparsity.iter().all(is_share) || !is_share(&self.token_sparsity) => {
                Some("a share is not between 0 and 1".into())
            }
            () => None,
        }
    }
}

/// The file of learned weights of a folder, opened.
fn weights_file(folder: &dyn Folder) -> Result<Catalog, RouteError> {
    let alone = MemFolder::new(&folder.name());
    alone.insert("model.safetensors", folder.read(WEIGHTS_FILE)?);
    Ok(Catalog::open(Arc::new(alone))?)
}

/// Writes learned weights as 32-bit floats and gives the bytes of the file.
fn write_weights(weights: &MemoryWeights, out: &mut dyn OutFolder) -> Result<u64, TensorsError> {
    let tensors = weights.names().map(|name| OutTensor {
        name: name.into(),
        dtype: DType::F32,
        shape: weights.shape(name).unwrap_or_default(),
    });
    let unit = [(tensors.collect(), BTreeMap::new())];
    let (stem, extension) = WEIGHTS_FILE.split_once('.').expect("a name with an end");
    let metadata = BTreeMap::from([kerf::producer()]);
    let mut planned = plan_files(stem, extension, &unit, &metadata, u64::MAX);
    let file = planned.files.swap_remove(0);
    stream_file(out, &file, &mut |tensor, sink| {
        let values = weights.get(&tensor.name).unwrap_or_default();
        sink.write(bytes::as_bytes(values))
    })?;
    Ok(file.len_bytes())
}
