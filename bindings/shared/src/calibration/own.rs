//! Text that the model writes itself.

use super::Draw;
use crate::open_model::Runnable;
use crate::reporter::Reporter;
use crate::running::Running;
use crate::{Error, Host};
use kerf_compress::calibration::MAX_WINDOW;
use kerf_kernels::Compute;
use kerf_model::generate::{Sampling, generate};
use kerf_model::{Kind, ModelError};
use kerf_run::Stage;
use kerf_tensors::TensorsError;

/// Text that the model writes itself, from its begin token, at temperature 1 (self-calibration, Williams et al. 2024,
/// arXiv:2410.17170). A text that ends is followed by another, until there are enough tokens. One token at a time, so this
/// takes longer than reading a text.
pub(super) fn write(
    model: &Runnable,
    compute: &Compute,
    draw: Draw,
    host: &dyn Host,
) -> Result<Vec<Vec<u32>>, Error> {
    let network = &model.network;
    if network.kind() != Kind::Decoder {
        return Err(ModelError::WrongKind {
            operation: "calibration on the model's own text".into(),
            expected: "a decoder".into(),
            architecture: network.architecture().into(),
        }
        .into());
    }
    let Some(begin) = network.bos().or(network.eos().first().copied()) else {
        return Err(TensorsError::BadConfig {
            file: "config.json".into(),
            field: "bos_token_id".into(),
            expected: "it or eos_token_id, from which the model can begin a text".into(),
            actual: "neither".into(),
        }
        .into());
    };
    // Stage "calibrate" counts the tokens once more, when they are used.
    let reporter = Reporter::new(host, Stage::Generate, "tokens", "");
    let longest = network.max_context().min(MAX_WINDOW);
    let running = Running::writing(draw.limit_bytes, model, compute, 1, longest)?;
    let mut runner = running.runner(model, compute);
    let (mut sequences, mut total) = (Vec::new(), 0);
    while total < draw.tokens {
        let room = longest.min(draw.tokens - total);
        let sampling = Sampling {
            temperature: 1.0,
            seed: draw.seed.wrapping_add(sequences.len() as u64),
            ..Sampling::default()
        };
        let (mut written, mut go_on) = (1, true);
        let ids = generate(&mut runner, &[begin], room - 1, sampling, &mut |_| {
            written += 1;
            go_on = reporter.report((total + written) as u64, draw.tokens as u64);
            go_on
        })?;
        if !go_on {
            return Err(ModelError::Cancelled {}.into());
        }
        let mut sequence = vec![begin];
        sequence.extend(ids);
        total += sequence.len();
        sequences.push(sequence);
    }
    reporter.report(draw.tokens as u64, draw.tokens as u64);
    Ok(sequences)
}
