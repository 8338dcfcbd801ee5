//! The card of a router, for people.

use super::request::{RouteReport, RouterMeasure};
use std::path::Path;

/// The card of a router of `model`, with what was measured. It says no times: the same run gives the same card.
pub fn of(model: &str, report: &RouteReport) -> String {
    let name = Path::new(model).file_name().unwrap_or_default();
    let name = name.to_string_lossy();
    let RouteReport {
        router,
        architecture,
        dense_perplexity,
        held_out_windows,
        window,
        prompt,
        ..
    } = report;
    let blocks = report.sparsity.len();
    let share = percent(report.token_sparsity);
    let rows: String = report.measured.iter().map(row).collect();
    let shares: Vec<String> = report.sparsity.iter().map(|own| percent(*own)).collect();
    format!(
        "\
# Router of {name}

Kerf {version} made this folder with `kerf route`. It says which tokens pass a block of {name} ({architecture}, {blocks} blocks) by: a skipped
token keeps its hidden state, and the block does not compute it. It holds no weights of the model, and is for this model alone.

- Router: `{router}`. Mean share of tokens that blocks skip: {share}.
- By block: {shares}.

| router | schedule | skipped | perplexity | KL to dense (nats) | same top token |
|---|---|---|---|---|---|
| dense | | 0.0 % | {dense_perplexity:.4} | 0 | 100.0 % |
{rows}
Measured on held-out text, {held_out_windows} of the windows of {window} tokens, that nothing was searched on: the first {prompt} of each are a routed prompt, and the others are
predicted through the decoding path. `kerf eval` with `--router` measures the time on your machine.

    kerf generate MODEL --prompt TEXT --router THIS_FOLDER
    kerf eval MODEL --text FILE --router THIS_FOLDER

Skipping saves time on long prompts. It costs quality, which the table shows.
",
        version = crate::VERSION,
        shares = shares.join(", "),
    )
}

fn row(row: &RouterMeasure) -> String {
    let RouterMeasure {
        router,
        schedule,
        perplexity,
        kl,
        ..
    } = row;
    let (skipped, same) = (percent(row.skipped), percent(row.top_token_agreement));
    format!("| {router} | {schedule} | {skipped} | {perplexity:.4} | {kl:.4} | {same} |\n")
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}
