//! Nothing is removed.

use super::gradual::Magnitude;
use super::{Pruner, Ranking};
use kerf_run::param::Params;

pub(super) struct Dense;

impl Pruner for Dense {
    fn id(&self) -> &'static str {
        "dense"
    }

    fn about(&self) -> &'static str {
        "learns and removes nothing"
    }

    fn prunes(&self) -> bool {
        false
    }

    fn ranking(&self, _params: Params<'_>, _sizes: &[usize]) -> Box<dyn Ranking> {
        Box::new(Magnitude)
    }
}
