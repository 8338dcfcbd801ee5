//! PLATON (Zhang et al.: 2206.12562): importance times uncertainty. The importance of a weight is |w dL/dw|, averaged over a window of
//! steps and then smoothed; its uncertainty is the smoothed distance of the windows from that. What was removed gets gradients and may come
//! back.

use super::{Pruner, Ranking};
use kerf_run::param::{Param, Params};

const WINDOW: Param = Param::integer(
    "window",
    "Steps over which the importance of a weight is averaged",
    [1, 1000],
    10,
);
const SMOOTHING: Param = Param::real(
    "smoothing",
    "Share of the importance so far that stays when a window is added",
    [0.0, 0.999],
    0.85,
);
const DOUBT: Param = Param::real(
    "doubt",
    "Share of the uncertainty so far that stays when a window is added",
    [0.0, 0.999],
    0.95,
);

pub(super) struct Platon;

impl Pruner for Platon {
    fn id(&self) -> &'static str {
        "platon"
    }

    fn about(&self) -> &'static str {
        "removes the weights that matter least to the loss, unless that is uncertain"
    }

    fn params(&self) -> &'static [Param] {
        &[WINDOW, SMOOTHING, DOUBT]
    }

    fn ranking(&self, params: Params<'_>, sizes: &[usize]) -> Box<dyn Ranking> {
        let zeros = || sizes.iter().map(|size| vec![0.0; *size]).collect();
        Box::new(Important {
            window: params.integer(&WINDOW) as f32,
            smoothing: params.real(&SMOOTHING) as f32,
            doubt: params.real(&DOUBT) as f32,
            seen: vec![0.0, 1.0],
            sums: zeros(),
            importance: zeros(),
            uncertainty: zeros(),
        })
    }

    fn kept_values(&self) -> usize {
        3
    }
}

struct Important {
    window: f32,
    smoothing: f32,
    doubt: f32,
    /// Steps of the present window, and its length: the first is one step, so that there are scores from the beginning.
    seen: Vec<f32>,
    sums: Vec<Vec<f32>>,
    importance: Vec<Vec<f32>>,
    uncertainty: Vec<Vec<f32>>,
}

impl Important {
    fn add_window(&mut self) {
        let all = self.importance.iter_mut().zip(&mut self.uncertainty);
        for ((importance, uncertainty), sums) in all.zip(&mut self.sums) {
            for ((importance, uncertainty), sum) in importance.iter_mut().zip(uncertainty).zip(sums)
            {
                let own = std::mem::take(sum) / self.seen[1];
                *importance = self.smoothing * *importance + (1.0 - self.smoothing) * own;
                let distance = (own - *importance).abs();
                *uncertainty = self.doubt * *uncertainty + (1.0 - self.doubt) * distance;
            }
        }
    }
}

impl Ranking for Important {
    fn observe(&mut self, tensor: usize, values: &[f32], gradient: &[f32], scale: f32) {
        let pairs = values.iter().zip(gradient);
        for (sum, (value, gradient)) in self.sums[tensor].iter_mut().zip(pairs) {
            *sum += (value * gradient * scale).abs();
        }
    }

    fn observed(&mut self) {
        self.seen[0] += 1.0;
        if self.seen[0] >= self.seen[1] {
            self.add_window();
            self.seen = vec![0.0, self.window];
        }
    }

    fn scores(&self, tensor: usize, first: usize, _values: &[f32], out: &mut [f32]) {
        let own = first..first + out.len();
        let parts = self.importance[tensor][own.clone()].iter();
        for (out, (importance, uncertainty)) in out
            .iter_mut()
            .zip(parts.zip(&self.uncertainty[tensor][own]))
        {
            *out = importance * uncertainty;
        }
    }

    fn kept(&mut self) -> Vec<&mut [f32]> {
        let parts = [&mut self.sums, &mut self.importance, &mut self.uncertainty];
        let arrays = parts.into_iter().flatten().map(Vec::as_mut_slice);
        std::iter::once(self.seen.as_mut_slice())
            .chain(arrays)
            .collect()
    }
}
