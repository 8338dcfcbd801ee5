//! How long a run will take: the real job does one block of a small sibling of the model, and what that took is scaled up.

mod scaled;
mod sibling;

use crate::calibration::MAX_WINDOW;
use crate::job::{Sample, sample as sample_job};
use crate::options::recover::{By, Recover, RecoverOption};
use crate::plan::Plan;
use crate::prepass;
use crate::prepass::search::search_tokens;
use crate::{CompressError, Job, JobInputs, Options};
use kerf_kernels::{Compute, Stop};
use kerf_model::{Kind, Network};
use kerf_run::OutFactory;
use kerf_tensors::folder::{MemFolder, MemOutFolder, MemWorkspace};
use kerf_tensors::{Catalog, OutFolder};
use scaled::Scaled;
use sibling::{Fill, Sibling};
use std::sync::Arc;

/// Tokens that the sibling sees: as many as run at once.
const TOKENS: usize = 2048;
/// Length of an encoder's texts where it is not known.
const TEXT_TOKENS: usize = 32;
/// Rate at which a result is written and synced.
const WRITTEN_BYTES_PER_SECOND: f64 = 600e6;
/// Rate at which the source is read from a disk of today, or from what the system keeps of it.
const READ_BYTES_PER_SECOND: f64 = 4e9;

/// A sample that took less than this is taken twice.
const AGAIN_BELOW_SECONDS: f64 = 0.5;

/// Seconds of solving, statistics, forward passes and writing, without the reading of the calibration text. `sequences`: lengths
/// of the calibration if they are known. `None` where the model is such that no sibling can be made. Takes about a fifth of a
/// second, whatever the size of the model, and some 50 MB.
pub fn seconds(
    plan: &Plan,
    catalog: &Catalog,
    output_bytes: u64,
    sequences: Option<&[usize]>,
    clock: fn() -> f64,
) -> Option<f64> {
    let compute = Compute::new(plan.settings.isa, plan.settings.options.threads)?;
    let calibrated = plan.network.as_ref().filter(|_| plan.calibrated());
    // Matrices without zeros have no support to be refitted on.
    let fill = match plan.settings.options.keep_mask {
        true => Fill::HalfZeros,
        false => Fill::Dense,
    };
    let sibling = match calibrated {
        Some(network) => Sibling::of(&compute, catalog, network, sibling::WIDEST, fill)?,
        None => Sibling::of_matrices(&compute, catalog, fill)?,
    };
    let begun = clock();
    let mut seen = sample(plan, &sibling, calibrated, sequences, clock).ok()?;
    if clock() - begun < AGAIN_BELOW_SECONDS {
        // Something else may have run meanwhile, and the first pages are the slowest; the better of two tells more.
        let again = sample(plan, &sibling, calibrated, sequences, clock).ok()?;
        seen.keep_shorter(again);
    }
    let rate = match sibling.factor {
        1 if !plan.searches() && plan.recovery.is_none() => f64::INFINITY,
        _ => scaled::product_rate(&compute, clock),
    };
    let scaled = Scaled {
        plan,
        sample: &seen,
        factor: sibling.factor as f64,
        flops_per_second: match sibling.factor {
            1 => f64::INFINITY,
            _ => rate,
        },
    };
    let tokens = match sequences {
        Some(lengths) => lengths.iter().sum(),
        None => plan.tokens,
    };
    let before = tokens_before(plan, tokens);
    let run = calibrated.map_or(0.0, |network| {
        let logits = logits_flops(plan, network, tokens) / rate;
        scaled.run(network, tokens)
            + scaled.run(network, before)
            + scaled.probe(network, tokens)
            + scaled.recover(network, tokens)
            + taught_logits_flops(plan, network, tokens) / rate
            + logits
    });
    // The sibling is read from memory too; only what the disk adds to it is counted here.
    let files = output_bytes as f64 / WRITTEN_BYTES_PER_SECOND
        + catalog.bytes() as f64 / READ_BYTES_PER_SECOND;
    Some(run + scaled.solve() + files)
}

/// Tokens that the dense model and candidates of a search see before the first matrix is solved.
fn tokens_before(plan: &Plan, tokens: usize) -> usize {
    let planned = prepass::planned(&plan.settings, &plan.targets);
    let each = planned
        .iter()
        .map(|prepass| prepass.tokens(&plan.settings, tokens));
    each.sum()
}

/// Operations of the head in a search: what each candidate and the dense model say of each token.
fn logits_flops(plan: &Plan, network: &Network, tokens: usize) -> f64 {
    if !plan.searches() || network.head().is_none() {
        return 0.0;
    }
    let generations = plan.settings.options.generations.unwrap_or_default();
    let measured = search_tokens(generations, tokens) - search_tokens(0, tokens);
    4.0 * measured as f64 * network.vocab() as f64 * network.hidden() as f64
}

/// Operations of the heads of both models while a whole decoder is taught: two passes of each, and two back.
fn taught_logits_flops(plan: &Plan, network: &Network, tokens: usize) -> f64 {
    let Some(recovery) = plan.recovery.filter(|_| plan.recovers_whole()) else {
        return 0.0;
    };
    if network.head().is_none() {
        return 0.0;
    }
    let products = 6.0 * recovery.tokens as f64 + 4.0 * scaled::looked_tokens(tokens);
    2.0 * products * network.vocab() as f64 * network.hidden() as f64
}

/// Runs the job on the sibling.
fn sample(
    plan: &Plan,
    sibling: &Sibling,
    network: Option<&Network>,
    sequences: Option<&[usize]>,
    clock: fn() -> f64,
) -> Result<Sample, CompressError> {
    let mut options = Options {
        rules: Vec::new(),
        // Bits are filled in, and a budget would be that of the whole model.
        target_bits: None,
        target_bytes: None,
        preset: None,
        quality: None,
        format: "kerf".into(),
        max_memory_bytes: 0,
        strict: false,
        max_loss: None,
        // A whole model is its blocks, and a head.
        recover: plan.recovery.map(|_| {
            RecoverOption::On(Recover {
                by: Some(By::Block.id().into()),
                tokens: TOKENS,
                ..Recover::default()
            })
        }),
        ..plan.settings.options.clone()
    };
    if plan.settings.solving.method.chooses_rate() {
        // It takes none of these, also not as they were filled in. A budget of bytes becomes the usual one of bits.
        (options.sparsity, options.bits, options.pattern) = (None, None, None);
        options.target_bits = plan.settings.options.target_bits;
    }
    let out = |name: &str| -> OutFactory {
        let folder = MemFolder::new(name);
        Box::new(move || Ok(Box::new(MemOutFolder::create(&folder)?) as Box<dyn OutFolder>))
    };
    let calibration = network.map_or_else(Vec::new, |network| draw(plan, network, sequences));
    let tokens = calibration.iter().map(Vec::len).sum();
    let settings = options.resolve()?;
    let inputs = JobInputs {
        catalog: sibling.catalog.clone(),
        calibration,
        workspace: Arc::new(MemWorkspace::default()),
        out: out("out of a sibling"),
        out_name: "sibling".into(),
        beside: (out("beside a sibling"), "sibling".into()),
        held: Vec::new(),
        taught: Vec::new(),
        clock,
        stop: Stop::default(),
    };
    let plan = Plan::new(&sibling.catalog, settings, Some(tokens), None)?;
    let mut job = Job::open(plan, inputs)?;
    sample_job(&mut job)
}

/// Token ids of the lengths that the real calibration has.
fn draw(plan: &Plan, network: &Network, sequences: Option<&[usize]>) -> Vec<Vec<u32>> {
    let total = TOKENS.min(plan.tokens.max(1));
    let longest = network.max_context().min(MAX_WINDOW).min(total);
    let usual = match network.kind() {
        Kind::Decoder => longest,
        Kind::Encoder => TEXT_TOKENS.min(longest),
    };
    let (mut drawn, mut tokens) = (Vec::new(), 0);
    let mut lengths = sequences
        .unwrap_or_default()
        .iter()
        .copied()
        .chain(std::iter::repeat(usual));
    let vocab = network.vocab().min(sibling::VOCAB);
    while tokens < total {
        let length = lengths.next().unwrap_or(usual).clamp(1, longest);
        let ids = (tokens..tokens + length).map(|index| (index * 7919 % vocab) as u32);
        drawn.push(ids.collect());
        tokens += length;
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::params::GivenParams;
    use std::path::Path;
    use std::time::Instant;

    fn clock() -> f64 {
        static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        START.get_or_init(Instant::now).elapsed().as_secs_f64()
    }

    fn goldens() -> Vec<Catalog> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../test/golden/model");
        let folders = std::fs::read_dir(folder).unwrap();
        let catalogs = folders.map(|entry| Catalog::open_path(&entry.unwrap().path()).unwrap());
        let catalogs: Vec<Catalog> = catalogs.collect();
        assert!(catalogs.len() > 15);
        catalogs
    }

    fn plan(catalog: &Catalog, method: &str) -> Plan {
        let options = Options {
            method: Some(method.into()),
            group_size: Some(8),
            ..Options::default()
        };
        Plan::new(catalog, options.resolve().unwrap(), None, None).unwrap()
    }

    #[test]
    fn every_architecture_has_a_sibling_of_its_own_width_and_of_half() {
        let compute = Compute::new(None, 1).unwrap();
        let mut halved = Vec::new();
        for catalog in goldens() {
            let plan = plan(&catalog, "obs");
            let network = plan.network.as_ref().unwrap();
            let id = network.architecture();
            for widest in [network.hidden(), network.hidden() / 2] {
                let sibling = Sibling::of(&compute, &catalog, network, widest, Fill::Dense);
                let Some(sibling) = sibling else {
                    assert!(widest < network.hidden(), "{id}");
                    continue;
                };
                let sample = sample(&plan, &sibling, Some(network), None, clock).unwrap();
                assert_eq!(sample.moves.len(), network.inputs() + 1, "{id}");
                assert!(sample.solved.len() >= network.linears(0).len(), "{id}");
                if sibling.factor == 2 {
                    halved.push(id);
                }
            }
        }
        assert!(halved.len() > 8, "{halved:?}");
    }

    #[test]
    fn more_blocks_and_more_tokens_take_longer_and_data_free_runs_are_foreseen_too() {
        let catalog = goldens().into_iter().find(|catalog| {
            catalog
                .files
                .config
                .as_ref()
                .is_some_and(|config| config["model_type"] == "llama")
        });
        let catalog = catalog.unwrap();
        let foresee = |method: &str, lengths: &[usize]| {
            seconds(
                &plan(&catalog, method),
                &catalog,
                1000,
                Some(lengths),
                clock,
            )
            .unwrap()
        };
        assert!(foresee("obs", &[60; 2000]) > foresee("obs", &[60; 20]));
        assert!(foresee("rtn", &[]) > 0.0);
    }

    #[test]
    fn a_probe_is_part_of_what_is_foreseen() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../test/fixtures/stories260K");
        let catalog = Catalog::open_path(&folder).unwrap();
        let compute = Compute::new(None, 1).unwrap();
        for (schedule, probes) in [("probe", true), ("uniform", false)] {
            let options = Options {
                sparsity: Some(0.5),
                params: GivenParams::of([("iterations", 1.0)]),
                schedule: Some(schedule.into()),
                ..Options::default()
            };
            let plan = Plan::new(&catalog, options.resolve().unwrap(), None, None).unwrap();
            let network = plan.network.as_ref().unwrap();
            let widest = sibling::WIDEST;
            let sibling = Sibling::of(&compute, &catalog, network, widest, Fill::Dense).unwrap();
            let sample = sample(&plan, &sibling, Some(network), None, clock).unwrap();
            let scaled = Scaled {
                plan: &plan,
                sample: &sample,
                factor: sibling.factor as f64,
                flops_per_second: f64::INFINITY,
            };
            assert_eq!(sample.probed.is_some(), probes, "{schedule}");
            assert_eq!(scaled.probe(network, 2000) > 0.0, probes, "{schedule}");
        }
    }

    #[test]
    fn a_run_under_a_budget_is_foreseen() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../test/fixtures/stories260K");
        let catalog = Catalog::open_path(&folder).unwrap();
        let budgets = [(Some(3.0), None), (None, Some(130_000))];
        for (target_bits, target_bytes) in budgets {
            let options = Options {
                target_bits,
                target_bytes,
                ..Options::default()
            };
            let plan = Plan::new(&catalog, options.resolve().unwrap(), None, None).unwrap();
            assert!(plan.settings.solving.method.chooses_rate());
            let foreseen = seconds(&plan, &catalog, 130_000, Some(&[60; 20]), clock);
            assert!(foreseen.unwrap() > 0.0, "{target_bits:?} {target_bytes:?}");
        }
    }
}
