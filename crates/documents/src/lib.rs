//! Presence documents: PIDF with its data model and extensions.
//!
//! Typed where presence is decided on, bytes where it is only carried: see [`pidf`].
#![forbid(unsafe_code)]

pub mod error;
mod fingerprint;
pub mod pidf;
pub mod resource_lists;
pub mod rlmi;
pub mod rls_services;
pub mod rules;
pub mod time;

pub use error::{DocumentError, Rule};
