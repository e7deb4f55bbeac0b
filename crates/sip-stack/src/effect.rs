//! What a publisher or subscriber wants done.

use std::sync::Arc;

use crate::flow::Flow;

/// One effect, in order. `R` is what the machine's owner is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect<R> {
    /// Send a request to where this URI leads (RFC 3263).
    Send {
        /// The next hop.
        hop: String,
        /// The way to it, if the machine was told; else the shell finds it.
        flow: Option<Flow>,
        /// The whole message.
        message: Arc<[u8]>,
    },
    /// Tell the owner.
    Report(R),
}
