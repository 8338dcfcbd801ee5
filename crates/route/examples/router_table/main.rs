//! What routers cost and save on a model folder and a text: perplexity behind routed prompts, KL on short texts and along sampled text,
//! seconds of a prompt, accuracy on pairs of texts. Rivals that prune by depth stand beside them.
//!
//! `cargo run --release -p kerf-route --example router_table -- FOLDER TEXT [NAME=VALUE ...]`
//!
//! Names: `windows` (of 512 tokens, or as many as the model takes, 8), `calibration` (long windows of the search, 8; as many short ones
//! for each 2), `training` (long windows to train on, 32), `text2` (a text for calibration and training; else the rest of TEXT),
//! `generations` (0: no search), `offspring` (8), `steps` (of training, 0: none), `rate` (learning rate, 0.003), `batch` (1), `rank` (of
//! the stand-in, 8), `rows` (names of trained rows, + between; all), `sampled` (prompts to write behind, 2), `pruner`
//! (tokens of calibration of BlockPruner, 0: left out), `pairs` (of each set, 0), `sets` (folder of sets of pairs), `prefill` (tokens of
//! a prompt, 0), `threads` (1), `ratios` (0.2,0.3,0.4), `seed` (0).

mod bench;
mod rivals;
mod routers;

use bench::Bench;
use kerf_kernels::Compute;
use kerf_model::Network;
use kerf_model::evaluate::{Continuations, Decoded, Prompt, Runner};
use kerf_route::preferred_share;
use kerf_run::{Event, Host};
use kerf_tasks::{Prompted, completion};
use kerf_tensors::Catalog;
use kerf_text::Tokenizer;
use std::collections::HashMap;
use std::path::Path;
use std::sync::OnceLock;
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

    fn real(&self, name: &str, default: f64) -> Result<f64, Failure> {
        Ok(self.0.get(name).map_or(Ok(default), |text| text.parse())?)
    }

    /// Whether a row is asked for.
    fn has_row(&self, name: &str) -> bool {
        let rows = self.0.get("rows");
        rows.is_none_or(|rows| rows.split('+').any(|own| own == name))
    }

    fn ratios(&self) -> Result<Vec<f64>, Failure> {
        let text = self.0.get("ratios").map_or("0.2,0.3,0.4", String::as_str);
        Ok(text.split(',').map(str::parse).collect::<Result<_, _>>()?)
    }
}

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("a model folder")?;
    let folder_text = arguments.next().ok_or("a text")?;
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
    let text = |path: &str, windows: usize| -> Result<Vec<u32>, Failure> {
        // Eight bytes a token are more than any text of words has.
        let text: String = std::fs::read_to_string(path)?;
        let text: String = text.chars().take(windows * WINDOW * 8).collect();
        Ok(tokenizer.encode(&text, false)?)
    };
    let (count, own) = (asked.number("windows", 8)?, asked.number("calibration", 8)?);
    let training = asked.number("training", 32)?;
    let ids = text(&folder_text, count + own + training + 8)?;
    let mut long: Vec<Vec<u32>> = ids
        .chunks_exact(window(&network))
        .map(<[u32]>::to_vec)
        .collect();
    let rest = long.split_off(count.min(long.len()));
    let rest = match asked.0.get("text2") {
        Some(path) => {
            let ids = text(path, own + training + 8)?;
            ids.chunks_exact(window(&network))
                .map(<[u32]>::to_vec)
                .collect()
        }
        None => rest,
    };
    let calibration = Calibration::new(rest, own, training, network.bos());

    let mut original = Runner::new(&network, &catalog, &compute, u64::MAX);
    let cut = Prompt::UpTo(prompt(&network));
    let go_on = &mut |_, _| true;
    let short = short_windows(&long, 8 * count, network.bos());
    let short = Continuations::new(&mut original, short, cut, go_on)?;
    let prompts = long.iter().take(asked.number("sampled", 2)?);
    let prompts = prompts
        .map(|own| own[..prompt(&network) / 2].to_vec())
        .collect();
    let dense = Continuations::new(&mut original, long, cut, go_on)?;
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
    let prefill = asked.number("prefill", 0)?.min(ids.len());
    let mut bench = Bench {
        network: &network,
        catalog: &catalog,
        compute: &compute,
        dense,
        short: Some(short),
        original,
        decoded: Decoded::default(),
        prompts,
        prefill: ids[..prefill].to_vec(),
        sets: measured_sets,
    };
    println!("{}", Bench::HEAD);
    routers::routers(&mut bench, &asked, &calibration)?;
    rivals::rivals(&mut bench, &asked, &calibration.long)
}

/// Texts that schedules and routers are made with: long windows and short ones, since what long texts can spare short ones may not.
struct Calibration {
    long: Vec<Vec<u32>>,
    short: Vec<Vec<u32>>,
    training: Vec<Vec<u32>>,
}

impl Calibration {
    fn new(mut windows: Vec<Vec<u32>>, long: usize, training: usize, bos: Option<u32>) -> Self {
        let mut rest = windows.split_off(long.min(windows.len()));
        let of_short = rest.split_off(training.min(rest.len()));
        // Where the text is too short for windows of their own, they are parts of the long ones.
        let of_short = if of_short.is_empty() {
            &windows
        } else {
            &of_short
        };
        Self {
            short: short_windows(of_short, 8 * long, bos),
            long: windows,
            training: rest,
        }
    }

    fn mixed(&self) -> Vec<Vec<u32>> {
        interleaved(&self.long, &self.short)
    }

    /// One short window for each three long ones: a step of it costs little, but counts as much.
    fn for_training(&self) -> Vec<Vec<u32>> {
        let short = &self.short[..self.short.len().min(self.training.len() / 3)];
        interleaved(&self.training, short)
    }
}

/// Two lists of windows mixed evenly, so that any first part of them has both.
fn interleaved(long: &[Vec<u32>], short: &[Vec<u32>]) -> Vec<Vec<u32>> {
    let mut all = Vec::with_capacity(long.len() + short.len());
    let mut taken = 0;
    for (index, own) in long.iter().enumerate() {
        all.push(own.clone());
        let due = short.len() * (index + 1) / long.len();
        all.extend_from_slice(&short[taken..due]);
        taken = due;
    }
    all
}

/// Texts of 8 to 31 tokens out of long ones, each behind the begin token where the model has one.
fn short_windows(long: &[Vec<u32>], count: usize, bos: Option<u32>) -> Vec<Vec<u32>> {
    let mut all = Vec::with_capacity(count);
    for index in 0..count {
        let (from, length) = (&long[index % long.len()], 8 + (index * 7) % 24);
        let start = (index / long.len() * 37) % (from.len() - length);
        let ids = bos
            .into_iter()
            .chain(from[start..start + length].iter().copied());
        all.push(ids.collect());
    }
    all
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
