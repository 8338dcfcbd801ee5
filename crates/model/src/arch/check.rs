//! What must be true of every architecture, built in or described in JSON, so that the generic block can rely on it.

use super::{Architecture, Bias, Norm, Order, Positions, Role, Setting, WindowLayers};

/// A rule that a description breaks.
#[derive(Debug, PartialEq)]
pub(super) struct Broken {
    /// Path of the field.
    pub field: String,
    /// What it may hold.
    pub expected: String,
    /// What it holds.
    pub actual: String,
}

fn broken(field: &str, expected: &str, actual: impl std::fmt::Debug) -> Broken {
    Broken {
        field: field.into(),
        expected: expected.into(),
        actual: format!("{actual:?}").chars().take(200).collect(),
    }
}

/// Which roles may do the work of the attention's inputs and of the MLP's.
const INPUT_ROLES: [&[&[Role]]; 4] = [
    &[
        &[Role::Q, Role::K, Role::V],
        &[Role::Qkv],
        &[Role::QkvByHead],
    ],
    &[&[Role::O]],
    &[&[Role::Up], &[Role::Gate, Role::Up], &[Role::GateUp]],
    &[&[Role::Down]],
];

/// Checks one row.
pub(super) fn check(row: &Architecture) -> Result<(), Broken> {
    if row.model_types.is_empty() {
        return Err(broken("modelTypes", "at least one", row.model_types));
    }
    if row.prefixes.is_empty() {
        return Err(broken(
            "prefixes",
            "at least one (\"\" is none)",
            row.prefixes,
        ));
    }
    check_linears(row)?;
    check_stems(row)?;
    check_norms(row)?;
    check_numbers(row)
}

fn check_linears(row: &Architecture) -> Result<(), Broken> {
    let linears = row.block.linears;
    let roles: Vec<Role> = linears.iter().map(|linear| linear.role).collect();
    for (input, possible) in INPUT_ROLES.iter().enumerate() {
        let of_input = roles.iter().filter(|role| role.input() == input);
        let found: Vec<Role> = of_input.copied().collect();
        if !possible.contains(&found.as_slice()) {
            let sets: Vec<String> = possible.iter().map(|set| ids(set)).collect();
            let expected = format!("exactly {}, in this order", sets.join(" or "));
            return Err(broken("block.linears", &expected, ids(&found)));
        }
    }
    if !roles.is_sorted() {
        let expected = "q, k, v, o, gate, up, down in this order";
        return Err(broken("block.linears", expected, ids(&roles)));
    }
    let twice = |at: &usize| {
        linears[..*at]
            .iter()
            .any(|row| row.stem == linears[*at].stem)
    };
    if let Some(at) = (0..linears.len()).find(twice) {
        return Err(broken(
            "block.linears",
            "a stem of its own for each",
            linears[at].stem,
        ));
    }
    if roles.contains(&Role::QkvByHead) && row.fields.kv_heads.is_some() {
        let expected = "absent where queries, keys and values lie head by head";
        return Err(broken("fields.kvHeads", expected, row.fields.kv_heads));
    }
    Ok(())
}

fn ids(roles: &[Role]) -> String {
    let ids: Vec<&str> = roles.iter().map(|role| role.id()).collect();
    format!("[{}]", ids.join(", "))
}

/// Stems of the block have the number of the block in them, the others do not.
fn check_stems(row: &Architecture) -> Result<(), Broken> {
    let block = &row.block;
    let inside = block
        .linears
        .iter()
        .map(|linear| linear.stem)
        .chain([block.attention_norm]);
    let norms = [
        block.mlp_norm,
        block.attention_output_norm,
        block.mlp_output_norm,
        block.query_norm,
        block.key_norm,
    ];
    for stem in inside.chain(norms.into_iter().flatten()) {
        if stem.matches("{}").count() != 1 {
            return Err(broken(
                "block",
                "stems with one {} for the number of the block",
                stem,
            ));
        }
    }
    let embeddings = &row.embeddings;
    let outside = [
        Some(embeddings.token),
        embeddings.token_type.map(|kind| kind.stem),
        embeddings.norm,
        row.final_norm,
        row.head.map(|head| head.stem),
    ];
    match outside
        .into_iter()
        .flatten()
        .find(|stem| stem.contains("{}"))
    {
        Some(stem) => Err(broken(
            "embeddings, finalNorm, head",
            "stems without {}",
            stem,
        )),
        None => Ok(()),
    }
}

fn check_norms(row: &Architecture) -> Result<(), Broken> {
    let block = &row.block;
    let parallel = matches!(row.order, Order::Parallel);
    if block.mlp_norm.is_none() && !parallel {
        return Err(broken(
            "block.mlpNorm",
            "a stem, unless the order is parallel",
            row.order,
        ));
    }
    if block.query_norm.is_some() != block.key_norm.is_some() {
        let expected = "both or neither of queryNorm and keyNorm";
        return Err(broken("block.keyNorm", expected, block.key_norm));
    }
    if block.query_norm.is_some() && row.norm == Norm::Layer {
        return Err(broken(
            "norm",
            "rms or rmsPlusOne with norms of queries and keys",
            row.norm,
        ));
    }
    if row.order == Order::Post && (block.attention_output_norm.is_some() || block.bare_first) {
        let expected = "not post with attentionOutputNorm or bareFirst";
        return Err(broken("order", expected, row.order));
    }
    if block.attention_output_norm.is_some() != block.mlp_output_norm.is_some() {
        let expected = "both or neither of attentionOutputNorm and mlpOutputNorm";
        return Err(broken(
            "block.mlpOutputNorm",
            expected,
            block.mlp_output_norm,
        ));
    }
    if row.norm != Norm::Layer && row.norm_bias == Bias::Always {
        return Err(broken(
            "normBias",
            "asStored where norms have a scale only",
            row.norm_bias,
        ));
    }
    Ok(())
}

fn check_numbers(row: &Architecture) -> Result<(), Broken> {
    /// More than any model has.
    const MANY: usize = 1 << 20;
    /// Each head gets a value for every distance up to there.
    const FAR: usize = 4096;
    if let Positions::Learned(learned) = row.positions
        && learned.first.max(learned.extra) > MANY
    {
        return Err(broken(
            "positions.learned",
            "less than a million rows",
            learned,
        ));
    }
    if let Some(bias) = row.attention.distance_bias
        && !(2..=FAR).contains(&bias.max_distance)
    {
        let field = "attention.distanceBias.maxDistance";
        return Err(broken(field, "from 2 to 4096", bias.max_distance));
    }
    check_defaults(row)?;
    if row
        .fields
        .intermediate_times
        .is_some_and(|times| times == 0 || times > 1024)
    {
        let times = row.fields.intermediate_times;
        return Err(broken("fields.intermediateTimes", "from 1 to 1024", times));
    }
    Ok(())
}

/// Defaults that nothing can be computed with. Values of a configuration are checked when it is read.
fn check_defaults(row: &Architecture) -> Result<(), Broken> {
    if let Some(window) = &row.attention.window {
        let every = match &window.layers {
            WindowLayers::All | WindowLayers::From(_) => 1,
            WindowLayers::AllButLastOf(every) | WindowLayers::AllButFirstOf(every) => every.default,
        };
        if window.width.default == Some(0) || every == 0 {
            let expected = "defaults of at least 1 (or null for the width)";
            return Err(broken("attention.window", expected, window));
        }
    }
    if let Positions::Rope(rope) = &row.positions
        && let Some(skipped) = rope.skipped
        && skipped.last_of.default == 0
    {
        let field = "positions.rope.skipped.lastOf";
        return Err(broken(field, "a default of at least 1", skipped.last_of));
    }
    let caps = [row.attention.cap, row.head.and_then(|head| head.cap)];
    let none = |cap: &Setting<Option<f64>>| cap.default.is_some_and(|cap| cap <= 0.0);
    match caps.into_iter().flatten().find(none) {
        Some(cap) => Err(broken("cap", "a default of more than 0, or null", cap)),
        None => Ok(()),
    }
}
