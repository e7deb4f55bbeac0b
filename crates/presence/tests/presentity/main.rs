//! The presentity as a machine: what it decides, what it leaves untouched, and what its rows give back.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod notifying;
mod publishing;
mod restoring;
mod watching;
mod world;
