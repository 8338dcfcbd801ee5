//! Whether the work shall stop.

use crate::{Host, RunError};
use kerf_kernels::Pool;

/// Says between pieces of work whether to go on. `CANCELLED` names the folder where the work so far is kept.
#[derive(Clone)]
pub struct CancelCheck {
    pool: Pool,
    work_dir: String,
}

impl CancelCheck {
    /// Of work that runs on `pool` and is kept in the folder of that name.
    pub fn new(pool: Pool, work_dir: String) -> Self {
        Self { pool, work_dir }
    }

    /// `CANCELLED` if the host has asked to stop, or the pool was stopped.
    pub fn check(&self, host: &dyn Host) -> Result<(), RunError> {
        if host.cancelled() {
            return Err(self.cancelled());
        }
        self.check_stopped()
    }

    /// `CANCELLED` if the pool was stopped. What it computed since then is worthless: nothing of it may be looked at.
    pub fn check_stopped(&self) -> Result<(), RunError> {
        match self.pool.stopped() {
            true => Err(self.cancelled()),
            false => Ok(()),
        }
    }

    fn cancelled(&self) -> RunError {
        RunError::Cancelled {
            work_dir: self.work_dir.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Alone, Event};
    use kerf_kernels::{Compute, Stop};

    struct Impatient;

    impl Host for Impatient {
        fn event(&mut self, _event: Event) {}

        fn cancelled(&self) -> bool {
            true
        }
    }

    #[test]
    fn a_host_or_a_stopped_pool_ends_the_work_and_the_error_says_where_it_is_kept() {
        let stop = Stop::default();
        let compute = Compute::new(None, 1).unwrap().with_stop(stop.clone());
        let check = CancelCheck::new(compute.pool.clone(), "a/work".into());
        assert_eq!(check.check(&Alone), Ok(()));
        let error = check.check(&Impatient).unwrap_err();
        assert_eq!(error.code(), "CANCELLED");
        assert_eq!(error.data().details["workDir"], "a/work");
        assert!(error.to_string().contains("a/work"), "{error}");
        assert_eq!(check.check_stopped(), Ok(()));
        stop.ask();
        assert_eq!(check.check_stopped(), Err(error.clone()));
        assert_eq!(check.check(&Alone), Err(error));
    }
}
