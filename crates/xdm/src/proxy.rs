//! The Aggregation Proxy's decisions: whom to believe, where to send, and what answers of several servers come to.

mod identity;
mod merge;
mod routes;

pub use identity::{ASSERTED, Claim, Disbelief, INTENDED, claim, print};
pub use merge::{Part, capabilities, directory, results_asked_for, search};
pub use routes::{Merged, Routes, Way};
