//! The sum of the machines as one machine: door, dispatch and shards of owners.
#![forbid(unsafe_code)]

pub mod effects;
pub mod record;

pub use effects::{Effects, Outgoing};
pub use record::{Epoch, Kind, Partition, Row, RowChange, RowKey};
