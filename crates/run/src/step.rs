//! What a step of a run gives back, and what every run is given.

use kerf_tensors::{OutFolder, TensorsError};

/// Makes the folder of the result. Called once to see that it can be made, and once more when there is something to write.
pub type OutFactory = Box<dyn Fn() -> Result<Box<dyn OutFolder>, TensorsError> + Send + Sync>;

/// Seconds since some fixed moment. (WebAssembly has no clock of its own.)
pub type Clock = fn() -> f64;

/// What a step did. `R` is what the run reports at its end.
#[derive(Debug)]
pub enum Step<R> {
    /// One unit; there are more.
    Continue,
    /// The last one.
    Done(Box<R>),
}
