//! How large a document may be before it is refused.

/// The largest document a [`Scanner`](crate::Scanner) takes. Each limit is inclusive and has a refusal of its own.
///
/// Within these limits scanning takes time in proportion to the number of bytes. `attributes` and `declarations` are
/// the factors of that proportion, as names within one start tag are compared with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole document, a byte order mark included. Never more than 4 GiB - 1, whatever is written here.
    pub bytes: usize,
    /// Elements open at the same time; the root is at depth 1.
    pub depth: usize,
    /// Attributes of one element, namespace declarations not counted.
    pub attributes: usize,
    /// Elements, runs of text, CDATA sections, comments and processing instructions of the whole document.
    pub nodes: usize,
    /// Namespace declarations in scope at the same time, overridden ones included.
    pub declarations: usize,
}

impl Limits {
    /// No limit but the size of an offset: for documents that were accepted before.
    pub const NONE: Self = Self {
        bytes: usize::MAX,
        depth: usize::MAX,
        attributes: usize::MAX,
        nodes: usize::MAX,
        declarations: usize::MAX,
    };
}

impl Default for Limits {
    /// 64 KiB, 64 deep, 64 attributes, 4096 nodes, 64 declarations.
    fn default() -> Self {
        Self { bytes: 64 * 1024, depth: 64, attributes: 64, nodes: 4096, declarations: 64 }
    }
}
