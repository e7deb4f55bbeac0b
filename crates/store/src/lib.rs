//! How changes are kept: versioned rows over an engine.
//!
//! [`SoftStore`] keeps soft state (publications, subscriptions): rows of a partition, written by its one owner.
//! Two engines answer to it and pass the one [`suite`]: [`memory`], which forgets at exit, and [`embedded`], a
//! segmented append log on the local disk. [`DocStore`] keeps documents: durable before a commit is answered, with a
//! feed of their changes; its engines pass [`docs::suite`]. Nothing here decides anything; a row or a document is
//! bytes to an engine.
#![forbid(unsafe_code)]

mod cache;
pub mod disk;
pub mod docs;
pub mod embedded;
pub mod memory;
mod segment;
mod soft;
pub mod suite;

pub use cache::Cache;
pub use docs::{DocStore, MemoryDocs};
pub use embedded::{Embedded, EmbeddedLog, OpenError, Opening, Options, Repair, Stats};
pub use memory::{Memory, MemoryRows};
pub use soft::{Durability, Engine, SoftStore, StoreError, ready};
