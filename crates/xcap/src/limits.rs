//! How long a request URI may be before it is refused.

/// The largest request URI that is read. Each limit is inclusive and has a refusal of its own; within them, reading
/// takes time in proportion to the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the path below the XCAP root, as they are sent.
    pub path: usize,
    /// Bytes of the query, as they are sent.
    pub query: usize,
    /// Steps of the node selector, the terminal selector included.
    pub steps: usize,
    /// Namespace bindings in the query.
    pub bindings: usize,
}

impl Default for Limits {
    /// 8 KiB of path, 4 KiB of query, 64 steps, 32 bindings.
    fn default() -> Self {
        Self { path: 8 * 1024, query: 4 * 1024, steps: 64, bindings: 32 }
    }
}
