//! The unit before the last: both models on text that calibration did not see, so that a run says itself how close its result is.
//!
//! The small model is what a reader will decode: every solved matrix from its unit file. Cost: two forward passes of the tokens.

use super::decisions::put_json;
use super::{Job, JobHost, event, of_unit};
use crate::measured::{HeldOut, Measured, MeasuredOn};
use crate::overlay::Overlay;
use crate::{CompressError, Stage};
use kerf_model::evaluate::{Closeness, Pooling, Runner, divergence_between};
use kerf_model::{Kind, finite};

/// The unit of what was measured.
pub(super) const MEASURED: &str = "measured";

impl Job {
    /// Measures on every text.
    pub(super) fn measure(&mut self, host: &mut dyn JobHost) -> Result<(), CompressError> {
        (self.activations, self.dense, self.inputs) = (None, None, None);
        let total: usize = self.held.iter().map(HeldOut::tokens).sum();
        let (mut on, mut done) = (Vec::new(), 0);
        for held in &self.held {
            let told = |done: usize| {
                let told = event(
                    Stage::Evaluate,
                    done as u64,
                    total as u64,
                    "tokens",
                    &held.text,
                );
                of_unit(told, done as u64, total as u64)
            };
            host.event(told(done));
            on.push(self.measured_on(held)?);
            done += held.tokens();
            self.check_cancelled(host)?;
            host.event(told(done));
        }
        let measured = Measured::of(self.network().kind(), on);
        put_json(
            &mut self.journal,
            MEASURED.into(),
            "measured.json".into(),
            &measured,
        )
    }

    fn measured_on(&self, held: &HeldOut) -> Result<MeasuredOn, CompressError> {
        let (network, compute) = (self.network(), &self.compute);
        let names = self.plan.matrices().map(|matrix| matrix.name.as_str());
        let weights = Overlay::open(&self.catalog, &self.workspace, &self.journal, names)?;
        let batch = self.plan.memory.batch_tokens;
        let mut original = Runner::new(network, &self.catalog, compute, 0).with_batch_tokens(batch);
        let mut small = Runner::new(network, &weights, compute, 0).with_batch_tokens(batch);
        let mut on = MeasuredOn {
            text: held.text.clone(),
            tokens: held.tokens(),
            loss: 0.0,
            kl: None,
            top_token_agreement: None,
            mean_cosine: None,
        };
        match network.kind() {
            Kind::Decoder => {
                let found = divergence_between(&mut original, &mut small, &held.sequences)?;
                on.loss = finite::metric("KL", RESULT, found.kl)?;
                on.kl = Some(found.kl);
                on.top_token_agreement = Some(found.top_token_agreement);
            }
            Kind::Encoder => {
                let closeness = Closeness::at_once(&mut original, &held.sequences, Pooling::Mean)?;
                let distance = closeness.distance(&mut small, closeness.sequences())?;
                on.loss = finite::metric("cosine", RESULT, distance)?;
                on.mean_cosine = Some(1.0 - distance);
            }
        }
        Ok(on)
    }

    /// What was measured, also before a resume.
    pub(super) fn measured(&self) -> Result<Option<Measured>, CompressError> {
        let found = self.get_json::<Option<Measured>>(MEASURED)?;
        Ok(found.flatten())
    }
}

/// What errors call the model that is measured.
const RESULT: &str = "the compressed model";
