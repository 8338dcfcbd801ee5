//! Rows of gates that skip tokens: by rules, and those that have learned.

use crate::bench::Bench;
use crate::{Asked, Calibration, Failure, Loud, clock, prompt};
use kerf_model::gate::{Settings, by_id};
use kerf_route::{RouterTraining, RouterTrainingOptions, Schedule, Search, SearchOptions};
use kerf_tensors::folder::MemWorkspace;
use std::sync::Arc;

/// A row of a gate under a schedule.
fn row(
    bench: &mut Bench<'_>,
    (id, name): (&str, &str),
    ratio: f64,
    schedule: &Schedule,
    settings: Settings,
) -> Result<(), Failure> {
    let settings = Settings {
        shares: schedule.shares(bench.network)?,
        ..settings
    };
    let own = by_id(id).ok_or("a gate")?;
    bench.row(name, ratio, (own.build)(&settings).as_ref())?;
    Ok(())
}

fn search(
    bench: &Bench<'_>,
    asked: &Asked,
    calibration: &Calibration,
    ratio: f64,
) -> Result<Schedule, Failure> {
    let windows = calibration.mixed();
    let search = Search {
        network: bench.network,
        weights: bench.catalog,
        compute: bench.compute,
        windows: &windows,
        prompt: prompt(bench.network),
        keep_bytes: u64::MAX,
        fingerprint: "",
    };
    let options = SearchOptions {
        sparsity: ratio,
        generations: asked.number("generations", 0)?,
        offspring: asked.number("offspring", 8)?,
        seed: asked.number("seed", 0)? as u64,
        ..SearchOptions::default()
    };
    let build = |shares| {
        let settings = Settings {
            shares,
            ..Settings::default()
        };
        (by_id("static").expect("a row").build)(&settings)
    };
    let (workspace, begun) = (Arc::new(MemWorkspace::default()), clock());
    let found = search.run(&options, &build, workspace, &mut Loud)?;
    eprintln!("search: {:.1} s: {:?}", clock() - begun, found.sparsity);
    Ok(found)
}

/// Trains routers under a schedule, and prints a row of each.
fn learned(
    bench: &mut Bench<'_>,
    asked: &Asked,
    calibration: &Calibration,
    ratio: f64,
    schedule: &Schedule,
) -> Result<(), Failure> {
    let steps = asked.number("steps", 0)? as u64;
    if steps == 0 {
        return Ok(());
    }
    let windows = calibration.for_training();
    let options = |strict, rank| RouterTrainingOptions {
        steps,
        strict,
        rank,
        batch: asked.number("batch", 1).unwrap_or(1),
        learning_rate: asked.real("rate", 3e-3).unwrap_or(3e-3),
        seed: asked.number("seed", 0).unwrap_or(0) as u64,
        ..RouterTrainingOptions::default()
    };
    let training = RouterTraining {
        network: bench.network,
        weights: bench.catalog,
        compute: bench.compute,
        windows: &windows,
        prompt: prompt(bench.network),
        schedule,
        keep_bytes: u64::MAX,
        fingerprint: "",
    };
    let workspace = || Arc::new(MemWorkspace::default());
    let rank = asked.number("rank", 8)?;
    for (name, strict, rank) in [
        ("mlp, trained", true, 0),
        ("mlp, trained, threshold", false, 0),
        ("mlp, trained, with stand-in", true, rank),
    ] {
        if !asked.has_row(name) {
            continue;
        }
        let begun = clock();
        let own = training.run(&options(strict, rank), workspace(), &mut Loud)?;
        eprintln!(
            "{name}: {:.1} s, held-out KL static {:.4}, learned {:.4}, improved {}: {:?}",
            clock() - begun,
            own.kl_static,
            own.kl_learned,
            own.improved,
            own.curve
        );
        let settings = Settings {
            strict,
            weights: Some(Arc::new(own.weights)),
            stand_in: own.stand_in.map(Arc::new),
            ..Settings::default()
        };
        row(bench, ("mlp", name), ratio, schedule, settings)?;
    }
    let name = "hidden, trained";
    if asked.has_row(name) {
        let own = training.run_hidden(&options(true, 0), workspace(), &mut Loud)?;
        eprintln!(
            "{name}: {:.4} {:.4}: {:?}",
            own.kl_static, own.kl_learned, own.curve
        );
        let settings = Settings {
            strict: true,
            hidden: Some(Arc::new(own.weights)),
            ..Settings::default()
        };
        row(bench, ("hidden", name), ratio, schedule, settings)?;
    }
    Ok(())
}

/// All rows.
pub fn routers(
    bench: &mut Bench<'_>,
    asked: &Asked,
    calibration: &Calibration,
) -> Result<(), Failure> {
    let seed = asked.number("seed", 0)? as u64;
    let network = bench.network;
    let plain = || Settings {
        seed,
        strict: true,
        ..Settings::default()
    };
    let none = Schedule::uniform(network, 0.0);
    row(bench, ("none", "none"), 0.0, &none, plain())?;
    for ratio in asked.ratios()? {
        let even = Schedule::uniform(network, ratio);
        for id in ["random", "static"] {
            row(
                bench,
                (id, &format!("{id}, uniform")),
                ratio,
                &even,
                plain(),
            )?;
        }
        let found = match asked.number("generations", 0)? {
            0 => even,
            _ => search(bench, asked, calibration, ratio)?,
        };
        for id in ["random", "static", "mlp"] {
            let name = match id {
                "mlp" => "mlp, untrained".to_owned(),
                _ => format!("{id}, searched"),
            };
            row(bench, (id, &name), ratio, &found, plain())?;
        }
        learned(bench, asked, calibration, ratio, &found)?;
    }
    Ok(())
}
