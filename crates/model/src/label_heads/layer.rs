//! The layer that stands before the last one of some heads.

use super::dense::{Dense, values};
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
            HeadNorm::load(network, compute, weights, &stem)
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
    pub norm: Option<HeadNorm>,
}

impl HeadLayer {
    /// Outputs [n, hidden] for inputs [n, hidden].
    pub fn apply(&self, compute: &Compute, input: &[f32]) -> Vec<f32> {
        let mut out = self.dense.apply(compute, input);
        self.bend.apply(compute, &mut out);
        match &self.norm {
            Some(norm) => norm.apply(compute, &out),
            None => out,
        }
    }
}

/// A layer norm of a head.
#[derive(Clone, Debug)]
pub(crate) struct HeadNorm {
    /// Name of its tensors without `.weight`.
    #[cfg(feature = "train")]
    pub stem: String,
    pub scale: Vec<f32>,
    pub shift: Option<Vec<f32>>,
    pub eps: f32,
}

impl HeadNorm {
    /// Reads `stem.weight`, and `stem.bias` if it is there; epsilon is that of the network. `TENSOR_MISSING`, `WRONG_SHAPE`.
    fn load(
        network: &Network,
        compute: &Compute,
        weights: &dyn WeightSource,
        stem: &str,
    ) -> Result<Self, ModelError> {
        let vector = |name| values(compute, weights, name, vec![network.hidden()]);
        let bias = format!("{stem}.bias");
        let has_bias = weights.shape(&bias).is_some();
        Ok(Self {
            #[cfg(feature = "train")]
            stem: stem.into(),
            scale: vector(format!("{stem}.weight"))?,
            shift: has_bias.then(|| vector(bias)).transpose()?,
            eps: network.settings.eps,
        })
    }

    /// Rows of the width of the norm, normed.
    pub fn apply(&self, compute: &Compute, input: &[f32]) -> Vec<f32> {
        let width = self.scale.len();
        let mut out = vec![0.0; input.len()];
        let rows = input.chunks_exact(width).zip(out.chunks_exact_mut(width));
        for (row, out) in rows {
            let (scale, shift) = (&self.scale, self.shift.as_deref());
            compute.kernels.layer_norm(row, scale, shift, self.eps, out);
        }
        out
    }
}
