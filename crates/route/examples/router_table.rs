//! What routers cost and save on a model folder and a text: perplexity behind routed prompts, accuracy on pairs of texts, seconds of a
//! prompt. Rivals that prune by depth stand beside them.
//!
//! `cargo run --release -p kerf-route --example router_table -- FOLDER TEXT [NAME=VALUE ...]`
//!
//! Names: `windows` (of 512 tokens, or as many as the model takes, 8), `calibration` (windows of the search, 8), `generations` (0: no search), `offspring` (8),
//! `pruner` (tokens of calibration of BlockPruner, 0: left out), `pairs` (of each set, 0), `sets` (folder of sets of pairs), `prefill`
//! (tokens of a prompt, 0), `threads` (1), `ratios` (0.2,0.3,0.4), `seed` (0).

use kerf_kernels::Compute;
use kerf_model::evaluate::{Continuations, Decoded, Pace, Runner};
use kerf_model::gate::{DroppedParts, Gate, PromptOnly, Removal, Settings, by_id};
use kerf_model::{Network, WeightSource};
use kerf_route::{
    Measured, PartPruning, Schedule, Search, SearchOptions, accuracy_kept, by_influence,
    influences, measure, preferred_share, prefill_seconds,
};
use kerf_run::{Event, Host};
use kerf_tasks::{Prompted, completion};
use kerf_tensors::Catalog;
use kerf_tensors::folder::MemWorkspace;
use kerf_text::Tokenizer;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// Tokens of a window, where the model can take as many; three quarters are the prompt.
const WINDOW: usize = 512;

fn window(network: &Network) -> usize {
    WINDOW.min(network.max_context())
}

fn prompt(network: &Network) -> usize {
    window(network) * 3 / 4
}

type Failure = Box<dyn std::error::Error>;
type Pairs = Vec<(Vec<u32>, Vec<u32>)>;

/// Prints progress.
struct Loud;

impl Host for Loud {
    fn event(&mut self, event: Event) {
        eprintln!(
            "{:?} {} {}/{}",
            event.stage, event.name, event.done, event.total
        );
    }

    fn cancelled(&self) -> bool {
        false
    }
}

fn clock() -> f64 {
    static BEGUN: OnceLock<Instant> = OnceLock::new();
    BEGUN.get_or_init(Instant::now).elapsed().as_secs_f64()
}

/// What was asked for.
struct Asked(HashMap<String, String>);

impl Asked {
    fn number(&self, name: &str, default: usize) -> Result<usize, Failure> {
        Ok(self.0.get(name).map_or(Ok(default), |text| text.parse())?)
    }

    fn ratios(&self) -> Result<Vec<f64>, Failure> {
        let text = self.0.get("ratios").map_or("0.2,0.3,0.4", String::as_str);
        Ok(text.split(',').map(str::parse).collect::<Result<_, _>>()?)
    }
}

/// A model, and the texts that it is measured on.
struct Bench<'a> {
    network: &'a Network,
    catalog: &'a Catalog,
    compute: &'a Compute,
    dense: Continuations,
    original: Runner<'a>,
    decoded: Decoded,
    /// By name of the set, with the accuracy of the dense model: each text as a whole, and through the decoding path.
    sets: Vec<(String, Pairs, [f64; 2])>,
}

impl<'a> Bench<'a> {
    fn runner(&mut self) -> Runner<'a> {
        let runner = Runner::new(self.network, self.catalog, self.compute, u64::MAX);
        runner.with_decoded(std::mem::take(&mut self.decoded))
    }

    fn row(&mut self, name: &str, ratio: f64, gate: &dyn Gate) -> Result<Measured, Failure> {
        // Rebound, since the runner must not outlive the gate.
        let decoded = std::mem::take(&mut self.decoded);
        let runner = Runner::new(self.network, self.catalog, self.compute, u64::MAX);
        let mut routed = runner.with_decoded(decoded).with_gate(gate);
        let own = measure(
            &self.dense,
            &mut self.original,
            &mut routed,
            Pace::AtOnce,
            clock,
        )?;
        let kept = kept(&mut routed, &self.sets)?;
        self.decoded = routed.into_decoded();
        let accuracy = kept.map_or(String::new(), |[whole, decoded]| {
            format!(" {whole:7.3} {decoded:7.3}")
        });
        println!(
            "{ratio:4.2} {name:28} {:6.3} {:6.3} {:6.3} {:7.3} {:7.4} {:7.4} {:6.3} {:7.2}{accuracy}",
            own.skipped(),
            own.prompt.skipped(),
            own.decoding.skipped(),
            own.divergence.small.perplexity,
            own.excess(),
            own.divergence.kl,
            own.divergence.top_token_agreement,
            own.seconds,
        );
        Ok(own)
    }
}

/// Mean accuracy kept over the sets of which the dense model says something, in both ways.
fn kept(
    routed: &mut Runner<'_>,
    sets: &[(String, Pairs, [f64; 2])],
) -> Result<Option<[f64; 2]>, Failure> {
    let (mut sums, mut counts) = ([0.0; 2], [0usize; 2]);
    for (_, pairs, dense) in sets {
        for (way, decoding) in [None, Some(1)].into_iter().enumerate() {
            if accuracy_kept(0.0, dense[way], 0.5).is_none() {
                continue;
            }
            let own = preferred_share(routed, pairs, decoding, 1)?;
            sums[way] += accuracy_kept(own, dense[way], 0.5).unwrap_or(0.0);
            counts[way] += 1;
        }
    }
    let some = counts.iter().all(|count| *count > 0);
    Ok(some.then(|| [0, 1].map(|way| sums[way] / counts[way] as f64)))
}

/// Sets of pairs of a folder.
fn sets(
    folder: &str,
    most: usize,
    tokenizer: &Tokenizer,
    bos: Option<u32>,
) -> Result<Vec<(String, Pairs)>, Failure> {
    let files = std::fs::read_dir(folder)?.map(|file| file.map(|file| file.path()));
    let mut files = files.collect::<Result<Vec<_>, _>>()?;
    files.retain(|file| file.extension().is_some_and(|end| end == "jsonl"));
    files.sort();
    let encode = |text: &str| -> Result<Vec<u32>, Failure> {
        let ids = tokenizer.encode(text, false)?;
        Ok(bos.into_iter().chain(ids).collect())
    };
    let read = |file: &std::path::PathBuf| {
        let name = file.display().to_string();
        let Prompted::Preferences(all) = completion(&name, &std::fs::read_to_string(file)?)? else {
            return Err("a file of good and bad texts".into());
        };
        let pairs = all.iter().take(most);
        let pairs = pairs.map(|pair| Ok((encode(&pair.good)?, encode(&pair.bad)?)));
        Ok((name, pairs.collect::<Result<Pairs, Failure>>()?))
    };
    files.iter().map(read).collect()
}

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("a model folder")?;
    let text = arguments.next().ok_or("a text")?;
    let named = arguments.map(|argument| {
        let (name, value) = argument.split_once('=').ok_or("NAME=VALUE")?;
        Ok((name.to_owned(), value.to_owned()))
    });
    let asked = Asked(named.collect::<Result<_, Failure>>()?);
    let compute = Compute::new(None, asked.number("threads", 1)?).ok_or("no instruction set")?;
    let catalog = Catalog::open_path(Path::new(&folder))?;
    let network = Network::of_catalog(&catalog)?;
    let tokenizer = std::fs::read(Path::new(&folder).join("tokenizer.json"))?;
    let tokenizer = Tokenizer::from_bytes(&tokenizer)?;
    let (count, own) = (asked.number("windows", 8)?, asked.number("calibration", 8)?);
    // Eight bytes a token are more than any text of words has.
    let text: String = std::fs::read_to_string(&text)?;
    let text: String = text.chars().take((count + own) * WINDOW * 8).collect();
    let ids = tokenizer.encode(&text, false)?;
    let mut windows: Vec<Vec<u32>> = ids
        .chunks_exact(window(&network))
        .map(<[u32]>::to_vec)
        .collect();
    windows.truncate(count + own);
    let calibration = windows.split_off(count.min(windows.len()));

    let new = || Runner::new(&network, &catalog, &compute, u64::MAX);
    let mut original = new();
    let dense = Continuations::new(&mut original, windows, prompt(&network), &mut |_, _| true)?;
    let most = asked.number("pairs", 0)?;
    let mut measured_sets = Vec::new();
    if let Some(folder) = asked.0.get("sets").filter(|_| most > 0) {
        for (name, pairs) in sets(folder, most, &tokenizer, network.bos())? {
            let whole = preferred_share(&mut original, &pairs, None, 1)?;
            let decoded = preferred_share(&mut original, &pairs, Some(1), 1)?;
            eprintln!("{name}: {whole:.3} {decoded:.3}");
            measured_sets.push((name, pairs, [whole, decoded]));
        }
    }
    let mut bench = Bench {
        network: &network,
        catalog: &catalog,
        compute: &compute,
        dense,
        original,
        decoded: Decoded::default(),
        sets: measured_sets,
    };
    println!(
        "ask  router                      pairs  prompt decode perplex  excess      kl  agree seconds  kept whole, decoded"
    );
    routers(&mut bench, &asked, &calibration)?;
    rivals(&mut bench, &asked, &calibration)?;
    prefill(&mut bench, &asked, &ids)
}

fn gate(
    id: &str,
    schedule: &Schedule,
    network: &Network,
    seed: u64,
) -> Result<Box<dyn Gate>, Failure> {
    let shares = schedule.shares(network)?;
    let row = by_id(id).ok_or("a gate")?;
    Ok((row.build)(&Settings {
        shares,
        seed,
        ..Settings::default()
    }))
}

fn routers(bench: &mut Bench<'_>, asked: &Asked, calibration: &[Vec<u32>]) -> Result<(), Failure> {
    let (network, seed) = (bench.network, asked.number("seed", 0)? as u64);
    let none = gate("none", &Schedule::uniform(network, 0.0), network, seed)?;
    bench.row("none", 0.0, none.as_ref())?;
    for ratio in asked.ratios()? {
        let even = Schedule::uniform(network, ratio);
        for id in ["random", "static"] {
            bench.row(id, ratio, gate(id, &even, network, seed)?.as_ref())?;
        }
        // As many pairs in all, of prompts alone.
        let of_prompt = ratio * (window(network) - 1) as f64 / prompt(network) as f64;
        let of_prompt = of_prompt.min(0.95);
        let even = Schedule::uniform(network, of_prompt);
        for id in ["random", "static"] {
            let gate = gate(id, &even, network, seed)?;
            let name = format!("{id}, decoding dense");
            bench.row(&name, ratio, &PromptOnly(gate.as_ref()))?;
        }
        let generations = asked.number("generations", 0)?;
        if generations == 0 {
            continue;
        }
        for (name, sparsity, prompt_only) in [
            ("static, searched", ratio, false),
            ("static, searched, dec. dense", of_prompt, true),
        ] {
            let search = Search {
                network,
                weights: bench.catalog,
                compute: bench.compute,
                windows: calibration,
                prompt: prompt(network),
                keep_bytes: u64::MAX,
                fingerprint: "",
            };
            let options = SearchOptions {
                sparsity,
                generations,
                offspring: asked.number("offspring", 8)?,
                seed,
                ..SearchOptions::default()
            };
            let build = |shares| -> Box<dyn Gate> {
                let settings = Settings {
                    shares,
                    seed,
                    ..Settings::default()
                };
                let row = by_id("static").expect("a row");
                let gate = (row.build)(&settings);
                match prompt_only {
                    true => Box::new(Owned(gate)),
                    false => gate,
                }
            };
            let workspace = Arc::new(MemWorkspace::default());
            let begun = clock();
            let found = search.run(&options, &build, workspace, &mut Loud)?;
            eprintln!("{:.1} s: {:?}", clock() - begun, found.sparsity);
            let gate = build(found.shares(network)?);
            bench.row(name, ratio, gate.as_ref())?;
        }
    }
    Ok(())
}

/// A gate for prompts alone that owns the gate.
struct Owned(Box<dyn Gate>);

impl Gate for Owned {
    fn keep(&self, view: &kerf_model::gate::View<'_>) -> kerf_model::gate::Kept {
        PromptOnly(self.0.as_ref()).keep(view)
    }
}

fn rivals(bench: &mut Bench<'_>, asked: &Asked, calibration: &[Vec<u32>]) -> Result<(), Failure> {
    let (network, catalog, compute) = (bench.network, bench.catalog, bench.compute);
    let weights: &dyn WeightSource = catalog;
    let of_blocks = influences(network, weights, compute, calibration, &mut Loud)?;
    eprintln!("influence: {of_blocks:.3?}");
    let mut orders: Vec<(&str, Vec<Removal>)> = vec![("ShortGPT", by_influence(&of_blocks))];
    let tokens = asked.number("pruner", 0)?;
    let ratios = asked.ratios()?;
    if tokens > 0 {
        let sequences: Vec<Vec<u32>> = calibration
            .concat()
            .chunks_exact(tokens.min(256))
            .take(tokens.div_ceil(256))
            .map(<[u32]>::to_vec)
            .collect();
        let pruning = PartPruning {
            network,
            weights,
            compute,
            sequences: &sequences,
            share: ratios.iter().copied().fold(0.0, f64::max),
            fingerprint: "",
        };
        let begun = clock();
        let order = pruning.run(Arc::new(MemWorkspace::default()), &mut Loud)?;
        eprintln!("BlockPruner: {:.1} s", clock() - begun);
        orders.push(("BlockPruner", order.iter().map(|own| own.removal).collect()));
    }
    for ratio in ratios {
        for (name, order) in &orders {
            let gate = DroppedParts::of_share(network, order, ratio);
            bench.row(name, ratio, &gate)?;
        }
    }
    Ok(())
}

/// Seconds of a prompt, dense and routed by turns in one process.
fn prefill(bench: &mut Bench<'_>, asked: &Asked, ids: &[u32]) -> Result<(), Failure> {
    let tokens = asked.number("prefill", 0)?.min(ids.len());
    if tokens == 0 {
        return Ok(());
    }
    let (network, prompt) = (bench.network, &ids[..tokens]);
    let mut runner = bench.runner();
    prefill_seconds(&mut runner, prompt, 1, clock)?;
    let all = asked.ratios()?;
    // `mlp` before it has learned keeps the same tokens, but looks at attention.
    for (ratio, id) in all
        .iter()
        .flat_map(|ratio| [(*ratio, "static"), (*ratio, "mlp")])
    {
        let gate = gate(id, &Schedule::uniform(network, ratio), network, 0)?;
        let mut seconds = [f64::INFINITY; 2];
        for _ in 0..5 {
            seconds[0] = seconds[0].min(prefill_seconds(&mut runner, prompt, 1, clock)?);
            let own = Runner::new(network, bench.catalog, bench.compute, u64::MAX);
            let mut routed = own
                .with_decoded(runner.into_decoded())
                .with_gate(gate.as_ref());
            seconds[1] = seconds[1].min(prefill_seconds(&mut routed, prompt, 1, clock)?);
            let decoded = routed.into_decoded();
            runner =
                Runner::new(network, bench.catalog, bench.compute, u64::MAX).with_decoded(decoded);
        }
        println!(
            "prefill of {tokens} tokens, {id} at {ratio:.2}: dense {:.3} s, routed {:.3} s, {:.2} times as fast; by pairs alone {:.2}",
            seconds[0],
            seconds[1],
            seconds[0] / seconds[1],
            1.0 / (1.0 - ratio)
        );
    }
    Ok(())
}
