//! What differs from block to block: which have a window, and which rotate.

use crate::ModelError;
use crate::arch::{Architecture, Positions, SkippedRope, Window, WindowLayers};
use crate::config::limits;
use crate::reader::Reader;
use crate::{Kind, arch::Setting};
use serde_json::Value;

/// How far a token sees, itself not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    pub before: usize,
    pub after: usize,
}

/// Which rotation a block has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    None,
    Global,
    Local,
}

/// One block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layer {
    /// `None`: all tokens.
    pub reach: Option<Reach>,
    pub turn: Turn,
}

/// All blocks of a configuration.
pub(crate) fn read(
    reader: &Reader<'_>,
    arch: &Architecture,
    blocks: usize,
) -> Result<Vec<Layer>, ModelError> {
    let reach = match &arch.attention.window {
        Some(window) => reach(reader, window, arch.kind)?,
        None => None,
    };
    let windowed = match (&arch.attention.window, reach) {
        (Some(window), Some(_)) => windowed(reader, window, blocks)?,
        _ => vec![false; blocks],
    };
    let rope = match &arch.positions {
        Positions::Rope(rope) => Some(rope),
        Positions::Learned(_) => None,
    };
    let turning = match rope.and_then(|rope| rope.skipped.as_ref()) {
        Some(skipped) => turning(reader, skipped, blocks)?,
        None => vec![rope.is_some(); blocks],
    };
    let has_local = rope.is_some_and(|rope| rope.local_theta.is_some());
    let layer = |(windowed, turning): (bool, bool)| Layer {
        reach: reach.filter(|_| windowed),
        turn: match (turning, windowed && has_local) {
            (false, _) => Turn::None,
            (true, false) => Turn::Global,
            (true, true) => Turn::Local,
        },
    };
    Ok(windowed.into_iter().zip(turning).map(layer).collect())
}

fn reach(reader: &Reader<'_>, window: &Window, kind: Kind) -> Result<Option<Reach>, ModelError> {
    if let Some(flag) = &window.enabled
        && !reader.flag(flag.field)?.unwrap_or(flag.default)
    {
        return Ok(None);
    }
    let width = match reader.stored(window.width.field) {
        None => window.width.default,
        Some(Value::Null) => None,
        Some(_) => Some(reader.size(window.width.field, limits::POSITIONS)?),
    };
    Ok(width.map(|width| match kind {
        Kind::Decoder => Reach {
            before: width - 1,
            after: 0,
        },
        Kind::Encoder => Reach {
            before: width / 2,
            after: width / 2,
        },
    }))
}

/// Which blocks have the window.
fn windowed(reader: &Reader<'_>, window: &Window, blocks: usize) -> Result<Vec<bool>, ModelError> {
    const TYPES: &str = "layer_types";
    if let Some(types) = list(reader, TYPES, blocks)? {
        let kind = |value: &Value| match value.as_str() {
            Some("sliding_attention") => Some(true),
            Some("full_attention") => Some(false),
            _ => None,
        };
        let kinds: Option<Vec<bool>> = types.iter().map(kind).collect();
        let expected = "a list of full_attention and sliding_attention";
        return kinds.ok_or_else(|| reader.bad(TYPES, expected));
    }
    let number =
        |setting: &Setting<usize>| reader.size_or(setting.field, limits::BLOCKS, setting.default);
    Ok(match &window.layers {
        WindowLayers::All => vec![true; blocks],
        WindowLayers::From(first) => {
            // 0 is a block too, but no size.
            let first = match reader.get(first.field).and_then(Value::as_u64) {
                Some(0) => 0,
                _ => number(first)?,
            };
            (0..blocks).map(|block| block >= first).collect()
        }
        WindowLayers::AllButLastOf(every) => last_of(number(every)?, blocks),
        WindowLayers::AllButFirstOf(every) => {
            let every = number(every)?;
            (0..blocks).map(|block| block % every != 0).collect()
        }
    })
}

/// All but the last of each `every` blocks.
fn last_of(every: usize, blocks: usize) -> Vec<bool> {
    (0..blocks).map(|block| (block + 1) % every != 0).collect()
}

/// Which blocks rotate.
fn turning(
    reader: &Reader<'_>,
    skipped: &SkippedRope,
    blocks: usize,
) -> Result<Vec<bool>, ModelError> {
    let every = &skipped.last_of;
    match list(reader, skipped.list, blocks)? {
        Some(flags) => Ok(flags.iter().map(|flag| flag.as_u64() != Some(0)).collect()),
        None => {
            let every = reader.size_or(every.field, limits::BLOCKS, every.default)?;
            Ok(last_of(every, blocks))
        }
    }
}

/// The first entries of a list with one for each block, or `None` without it.
fn list<'a>(
    reader: &Reader<'a>,
    field: &str,
    blocks: usize,
) -> Result<Option<&'a [Value]>, ModelError> {
    match reader.get(field) {
        None => Ok(None),
        Some(Value::Array(values)) if values.len() >= blocks => Ok(Some(&values[..blocks])),
        Some(_) => Err(reader.bad(
            field,
            format!("a list with an entry for each of {blocks} blocks"),
        )),
    }
}
