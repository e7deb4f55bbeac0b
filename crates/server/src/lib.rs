//! The one program: configuration, pump, metrics, logs and shutdown.
#![forbid(unsafe_code)]

pub mod admin;
pub mod audit;
pub mod clock;
pub mod commands;
pub mod config;
pub mod demo;
mod explain;
pub mod exposition;
pub mod http;
pub mod keeper;
pub mod library;
pub mod log;
pub mod places;
pub mod pump;
mod question;
pub mod remote_xdms;
pub mod serve;
pub mod server;
pub mod standing;
pub mod status;
pub mod writer;
pub mod xdms;
