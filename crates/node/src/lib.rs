//! The sum of the machines as one machine: door, dispatch and shards of owners.
#![forbid(unsafe_code)]

mod attention;
mod deadlines;
mod destinations;
mod dispatch;
pub mod door;
pub mod effects;
mod gates;
mod letters;
pub mod metrics;
mod owners;
mod parking;
pub mod record;
mod services;
pub mod settings;
pub mod shard;
mod standing;
mod telling;
mod watchers;

pub use door::{Entry, ShardId, enter, overloaded};
pub use effects::{Answer, Effects, Enquiry, Locate, Outgoing, Question, StandingQuestion};
pub use letters::Letter;
pub use metrics::{Histogram, MetricKind, Metrics, Sizes};
pub use record::{Epoch, Kind, Partition, Row, RowChange, RowKey};
pub use settings::{Entitlement, Foreign, Limits, Listener, Lists, Oversize, Peer, Settings};
pub use shard::{Place, Shard, Storage};
pub use standing::standing;
