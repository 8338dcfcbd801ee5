//! The unit before the last: both models on text that calibration did not see, so that a run says itself how close its result is.
//!
//! The small model is what a reader will decode: every solved matrix from its unit file. Cost: two forward passes of the tokens.

use super::Machine;
use super::decisions::put_json;
use crate::CompressError;
use crate::job::overlay::solved_over;
use crate::job::records::Journal;
use crate::measured::{HeldOut, Measured, MeasuredOn};
use crate::plan::Plan;
use kerf_model::evaluate::{Closeness, Divergence, Pooling, Runner, divergence_between};
use kerf_model::{Kind, finite};
use kerf_run::{Event, Host, Stage};

/// The unit of what was measured.
pub(super) const MEASURED: &str = "measured";

/// Measures on every text.
pub(super) fn measure(
    machine: &Machine,
    plan: &Plan,
    journal: &mut Journal,
    held: &[HeldOut],
    host: &mut dyn Host,
) -> Result<(), CompressError> {
    let total = held.iter().map(HeldOut::tokens).sum::<usize>() as u64;
    let told = |done| {
        let event = Event::new(Stage::Measure, done, total, "tokens", "");
        event.with_share(done, total)
    };
    host.event(told(0));
    let measured = machine
        .compute
        .meter
        .section("network", || measured_now(machine, plan, journal, held))?;
    machine.cancel.check(host)?;
    host.event(told(total));
    let (unit, file) = (MEASURED.into(), "measured.json".into());
    put_json(journal, unit, file, &measured)
}

/// Both models run on all texts together: each block is read once.
fn measured_now(
    machine: &Machine,
    plan: &Plan,
    journal: &Journal,
    held: &[HeldOut],
) -> Result<Option<Measured>, CompressError> {
    let (network, compute) = (machine.network(), &machine.compute);
    let names = machine.catalog.tensors.iter().map(|entry| &*entry.name);
    let weights = solved_over(&machine.catalog, journal, names)?;
    let batch = plan.memory.batch_tokens;
    let mut original = Runner::new(network, &machine.catalog, compute, 0).with_batch_tokens(batch);
    let mut small = Runner::new(network, &weights, compute, 0).with_batch_tokens(batch);
    let texts: Vec<&[Vec<u32>]> = held.iter().map(|held| &*held.sequences).collect();
    let found: Vec<Found> = match network.kind() {
        Kind::Decoder => divergence_between(&mut original, &mut small, &texts)?
            .into_iter()
            .map(Found::of_decoder)
            .collect(),
        Kind::Encoder => {
            let closeness = Closeness::by_text(&mut original, &texts, Pooling::Mean)?;
            let losses = closeness.distance_of_each(&mut small)?;
            losses.into_iter().map(Found::of_encoder).collect()
        }
    };
    let on = held.iter().zip(found).map(|(held, found)| {
        Ok(MeasuredOn {
            text: held.text.clone(),
            tokens: held.tokens(),
            loss: finite::metric("loss", RESULT, found.loss)?,
            kl: found.agreement.map(|_| found.loss),
            top_token_agreement: found.agreement,
            mean_cosine: found.agreement.is_none().then_some(1.0 - found.loss),
        })
    });
    let on = on.collect::<Result<_, CompressError>>()?;
    Ok(Measured::of(network.kind(), on))
}

/// What was measured, also before a resume.
pub(super) fn measured(journal: &Journal) -> Result<Option<Measured>, CompressError> {
    let found = journal.value::<Option<Measured>>(MEASURED)?;
    Ok(found.flatten())
}

/// What was found on one text.
struct Found {
    loss: f64,
    /// Of a decoder.
    agreement: Option<f64>,
}

impl Found {
    fn of_decoder(found: Divergence) -> Self {
        Self {
            loss: found.kl,
            agreement: Some(found.top_token_agreement),
        }
    }

    fn of_encoder(loss: f64) -> Self {
        Self {
            loss,
            agreement: None,
        }
    }
}

/// What errors call the model that is measured.
const RESULT: &str = "the compressed model";
