//! Gradual magnitude pruning under a normal prior: MGPP whose spike is as wide as its slab. It shows what the mixture is worth.

use super::gradual::Magnitude;
use super::mgpp::SLAB;
use super::{Moment, Pruner, Ranking};
use crate::Prior;
use kerf_run::param::{Param, Params};

pub(super) struct L2;

impl Pruner for L2 {
    fn id(&self) -> &'static str {
        "l2"
    }

    fn about(&self) -> &'static str {
        "removes the smallest weights, and pulls all towards zero meanwhile"
    }

    fn params(&self) -> &'static [Param] {
        &[SLAB]
    }

    fn prior(&self, params: Params<'_>, moment: Moment) -> Option<Prior> {
        let slab = params.real(&SLAB);
        Some(Prior {
            slab,
            spike: slab,
            lambda: 0.5,
            examples: moment.examples,
        })
    }

    fn ranking(&self, _params: Params<'_>, _sizes: &[usize]) -> Box<dyn Ranking> {
        Box::new(Magnitude)
    }
}
