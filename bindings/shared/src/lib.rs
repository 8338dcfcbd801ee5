//! The functions that every binding offers: one request and one response type each, no knowledge of the host language.

pub mod api;
