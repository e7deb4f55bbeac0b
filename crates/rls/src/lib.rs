//! The Resource List Server: list subscriptions, their back-end subscriptions, RLMI and multipart.
#![forbid(unsafe_code)]

pub mod roster;
