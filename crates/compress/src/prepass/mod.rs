//! What looks at the dense model before the first matrix is solved.

pub mod survey;
