//! Where something stands in a document, in bytes.

use core::ops::Range;

/// A range of bytes of one document. Half the size of a `Range<usize>`, and `Copy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

impl Span {
    /// From offsets into a document that [`Limits::bytes`](crate::Limits) has kept below 4 GiB.
    #[inline]
    pub fn new(start: usize, end: usize) -> Self {
        Self { start: offset(start), end: offset(end) }
    }

    /// For indexing: `&bytes[span.range()]`.
    #[inline]
    pub const fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// How many bytes it covers.
    pub const fn len(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }

    /// Whether it covers none.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The same range after `by` bytes were put before the document's first.
    pub fn shifted(self, by: usize) -> Self {
        Self::new(self.start as usize + by, self.end as usize + by)
    }
}

/// An offset into a document that was found to be below 4 GiB.
#[inline]
pub(crate) fn offset(at: usize) -> u32 {
    debug_assert!(u32::try_from(at).is_ok(), "a scanner takes no document of 4 GiB or more");
    at as u32
}
