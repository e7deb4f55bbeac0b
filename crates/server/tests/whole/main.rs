//! Whole servers, in this process and as processes of their own, and peers on loopback.
#![expect(clippy::unwrap_used, reason = "what a helper cannot do fails the test that asked for it")]

mod audit;
mod client;
mod documents;
mod domains;
mod entrance;
mod explain;
mod face;
mod foreign;
mod journal;
mod lists;
mod operation;
mod peer;
mod privacy;
mod process;
mod proxy;
mod pump;
mod recital;
mod remote;
mod rights;
mod store;
mod streams;
mod watchers;
mod web;
