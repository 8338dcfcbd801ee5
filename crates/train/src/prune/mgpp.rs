//! Magnitude pruning with a mixture-Gaussian prior (Zhang, Sun, Liang: 2411.00969). Each candidate weight has the prior
//! lambda N(0, slab) + (1 - lambda) N(0, spike). The gradient of its negative logarithm, divided by the number of examples, is added to that
//! of the loss before the optimiser sees it: small weights are pulled to zero, large ones hardly. The pull grows while weights are removed,
//! since lambda falls from its first value to its last; after the last cut there is no prior.

use super::gradual::Magnitude;
use super::{Moment, Pruner, Ranking};
use crate::Prior;
use kerf_run::param::{Param, Params};

/// Variance of the wide part.
pub(super) const SLAB: Param = Param::real(
    "slab",
    "Variance of the wide part of the prior of weights",
    [1e-6, 10.0],
    0.1,
);
const SPIKE: Param = Param::real(
    "spike",
    "Variance of the narrow part of the prior of weights, as the paper gives it (1e-10, 1e-9); 0 takes it from the step size, by `reach`",
    [0.0, 1.0],
    0.0,
);
const REACH: Param = Param::real(
    "reach",
    "Where narrow and wide part of the prior are equally likely, in steps of the optimiser (`learningRate`), where `spike` is 0",
    [0.01, 100.0],
    1.5,
);
const LAMBDA: Param = Param::real(
    "lambda",
    "Probability of the wide part of the prior at the first cut",
    [1e-12, 0.999],
    0.1,
);
const LAMBDA_END: Param = Param::real(
    "lambdaEnd",
    "Probability of the wide part of the prior at the last cut",
    [1e-12, 0.999],
    1e-4,
);

pub(super) struct Mgpp;

impl Pruner for Mgpp {
    fn id(&self) -> &'static str {
        "mgpp"
    }

    fn about(&self) -> &'static str {
        "removes the smallest weights under a mixture-Gaussian prior, which keeps those at zero that do not matter"
    }

    fn params(&self) -> &'static [Param] {
        &[SLAB, SPIKE, REACH, LAMBDA, LAMBDA_END]
    }

    fn prior(&self, params: Params<'_>, moment: Moment) -> Option<Prior> {
        let (first, last) = (params.real(&LAMBDA), params.real(&LAMBDA_END));
        let lambda = first + (last - first) * moment.done;
        let slab = params.real(&SLAB);
        let spike = match params.real(&SPIKE) {
            0.0 => spike_of(params.real(&REACH) * moment.step_size, slab, first),
            spike => spike.min(slab),
        };
        Some(Prior {
            slab,
            spike,
            lambda,
            examples: moment.examples,
        })
    }

    fn ranking(&self, _params: Params<'_>, _sizes: &[usize]) -> Box<dyn Ranking> {
        Box::new(Magnitude)
    }
}

/// The variance of the narrow part for which both parts are equally likely at the weight `crossover`: the fixed point of
/// s = w^2 / (2 ln(((1 - lambda) / lambda) sqrt(slab / s))), for a spike that is narrow beside the slab.
fn spike_of(crossover: f64, slab: f64, lambda: f64) -> f64 {
    let mut spike = 0.1 * crossover * crossover;
    for _ in 0..50 {
        let odds = ((1.0 - lambda) / lambda) * (slab / spike).sqrt();
        spike = crossover * crossover / (2.0 * odds.max(1.5).ln());
    }
    spike.clamp(f64::MIN_POSITIVE, slab)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLES: f64 = 1000.0;

    fn prior(values: &[(&'static str, f64)], done: f64) -> Prior {
        let moment = Moment {
            done,
            step_size: 5e-5,
            examples: EXAMPLES,
        };
        Mgpp.prior(Params::new(values), moment).expect("a prior")
    }

    /// The weight at which both parts are equally likely, found by halving.
    fn crossover(prior: Prior) -> f64 {
        let density = |variance: f64, w: f64| (-0.5 * w * w / variance).exp() / variance.sqrt();
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..200 {
            let w: f64 = 0.5 * (low + high);
            let narrow = (1.0 - prior.lambda) * density(prior.spike, w);
            match narrow > prior.lambda * density(prior.slab, w) {
                true => low = w,
                false => high = w,
            }
        }
        low
    }

    /// The paper's values, and where its parts cross: computed from the formula of its code.
    #[test]
    fn the_parts_cross_where_the_paper_has_it() {
        for (lambda, at) in [(0.1, 4.94e-5), (1e-3, 5.82e-5), (1e-4, 6.20e-5)] {
            let values = [("spike", 1e-10), ("slab", 0.05), ("lambda", lambda)];
            let found = crossover(prior(&values, 0.0));
            assert!((found / at - 1.0).abs() < 2e-3, "{lambda}: {found:e}");
        }
    }

    #[test]
    fn lambda_falls_in_a_straight_line() {
        let at = |done| prior(&[], done).lambda;
        assert_eq!(at(0.0), 0.1);
        assert!((at(0.5) - 0.05005).abs() < 1e-12);
        assert!((at(1.0) - 1e-4).abs() < 1e-15);
    }

    #[test]
    fn without_a_variance_the_parts_cross_at_so_many_steps() {
        for reach in [0.5, 1.0, 3.0] {
            let found = crossover(prior(&[("reach", reach)], 0.0));
            assert!(
                (found / (reach * 5e-5) - 1.0).abs() < 1e-3,
                "{reach}: {found:e}"
            );
        }
    }

    /// The gradient of the negative logarithm of the density, by differences in f64.
    #[test]
    fn the_gradient_is_that_of_the_density() {
        let prior = prior(&[("spike", 1e-6)], 0.3);
        let energy = |w: f64| {
            let density = |variance: f64| {
                (-0.5 * w * w / variance).exp() / (std::f64::consts::TAU * variance).sqrt()
            };
            let both =
                prior.lambda * density(prior.slab) + (1.0 - prior.lambda) * density(prior.spike);
            -both.ln() / EXAMPLES
        };
        for w in [-0.4, -3e-3, -1e-4, 0.0, 5e-4, 2.5e-3, 0.01, 0.2] {
            let step = 1e-7;
            let numeric = (energy(w + step) - energy(w - step)) / (2.0 * step);
            let own = prior.grad(w);
            assert!(
                (numeric - own).abs() <= 1e-5 * own.abs().max(1e-4),
                "{w}: {numeric} {own}"
            );
        }
        assert!(prior.grad(1e3).is_finite() && prior.grad(-1e20).is_finite());
    }
}
