//! Virtual time, network and disk around real nodes: flows as text files, and simulated runs by seed.
#![forbid(unsafe_code)]

pub mod feed;
pub mod flow;
pub mod host;
pub mod library;
pub mod manners;
mod model;
pub mod pidf;
pub mod random;
pub mod rlmi;
pub mod simulation;
mod tree;
pub mod winfo;
pub mod wire;
