//! `finetune`: teaches a model a task, and prunes it meanwhile if asked.

mod examples;
pub mod request;
mod start;
