//! The layer that stands before the last one of some heads.

use super::dense::Dense;
use crate::norm::NormWeights;
use crate::reader::Reader;
use crate::{ModelError, Network, WeightSource};
use kerf_kernels::Compute;
use serde_json::Value;

/// What is done to the outputs of the layer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bend {
    Tanh,
    Relu,
    Gelu,
}

impl Bend {
    /// Applies the activation in place.
    pub fn apply(self, compute: &Compute, x: &mut [f32]) {
        match self {
            Self::Tanh => compute.kernels.tanh(x),
            Self::Relu => compute.kernels.relu(x),
            Self::Gelu => compute.kernels.gelu_erf(x),
        }
    }
}

/// How the layer is called, and what it does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    pub name: &'static str,
    /// Whether its name has the prefix of the body.
    pub of_body: bool,
    pub bend: Bend,
    /// The layer norm after it.
    pub norm: Option<&'static str>,
    /// The field of config.json that names its activation; another than that of `bend` is refused.
    pub activation: Option<(&'static str, &'static str)>,
}

/// The prediction head of ModernBERT.
pub(super) const MODERNBERT: Before = Before {
    name: "head.dense",
    of_body: false,
    bend: Bend::Gelu,
    norm: Some("head.norm"),
    activation: Some(("classifier_activation", "gelu")),
};

impl Before {
    /// A layer without a norm, outside the body.
    pub const fn bare(name: &'static str, bend: Bend) -> Self {
        Self {
            name,
            of_body: false,
            bend,
            norm: None,
            activation: None,
        }
    }

    /// Names of its own tensors behind the stem, and their shapes. The layer of ModernBERT has no bias.
    #[cfg(feature = "train")]
    pub fn parts(&self, hidden: usize) -> Vec<(&'static str, Vec<usize>)> {
        let mut parts = vec![("weight", vec![hidden, hidden])];
        if self.norm.is_none() {
            parts.push(("bias", vec![hidden]));
        }
        parts
    }

    /// Its name without `.weight`.
    pub fn stem(&self, network: &Network) -> String {
        match self.of_body {
            true => network.name(self.name, 0),
            false => format!("{}{}", network.wrapper, self.name),
        }
    }

    /// Reads it. `TENSOR_MISSING`, `WRONG_SHAPE`, `BAD_CONFIG` for an activation that kerf does not compute here.
    pub fn load(
        &self,
        network: &Network,
        config: &Value,
        compute: &Compute,
        weights: &dyn WeightSource,
    ) -> Result<HeadLayer, ModelError> {
        if let Some((field, known)) = self.activation {
            let reader = Reader::new(config);
            if reader.text(field)?.is_some_and(|said| said != known) {
                return Err(reader.bad(field, known));
            }
        }
        let hidden = network.hidden();
        let norm = self.norm.map(|name| {
            let stem = format!("{}{name}", network.wrapper);
            let norm = NormWeights::of_head(network, compute, weights, &stem);
            norm.map(|norm| (stem, norm))
        });
        let stem = self.stem(network);
        Ok(HeadLayer {
            dense: Dense::load(compute, weights, &stem, (hidden, hidden))?,
            bend: self.bend,
            norm: norm.transpose()?,
        })
    }
}

/// A layer, ready to run.
#[derive(Clone, Debug)]
pub(crate) struct HeadLayer {
    pub dense: Dense,
    pub bend: Bend,
    /// The norm behind the activation, and the name of its tensors without `.weight`.
    pub norm: Option<(String, NormWeights)>,
}

impl HeadLayer {
    /// Outputs [n, hidden] for inputs [n, hidden].
    pub fn apply(&self, compute: &Compute, input: &[f32]) -> Vec<f32> {
        let mut out = self.dense.apply(compute, input);
        self.bend.apply(compute, &mut out);
        match &self.norm {
            Some((_, norm)) => norm.applied(compute, &out),
            None => out,
        }
    }
}
