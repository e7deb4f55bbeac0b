//! What a message may measure before it is refused.

/// Bounds that parsing and framing keep, so that no peer decides how much work one message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a whole message, body included. A head (start line and header fields) is never taken over 65,535.
    pub message: usize,
    /// Header fields of one message; values above [`Limits::MOST_HEADERS`] act as that.
    pub headers: usize,
    /// Bytes of one header field: name, value and folding.
    pub header: usize,
    /// Bytes of the Request-URI, and of any URI turned into an [`Aor`](crate::Aor).
    pub uri: usize,
    /// How deep multiparts may nest; the body itself is depth 1.
    pub multipart_depth: usize,
    /// Parts of one multipart.
    pub multipart_parts: usize,
}

impl Limits {
    /// The most header fields that a message index can name.
    pub const MOST_HEADERS: usize = 250;

    /// The defaults: a datagram's size, and several times what deployed agents send in it.
    pub const DEFAULT: Self = Self {
        message: 65_535,
        headers: 128,
        header: 8_192,
        uri: 2_048,
        multipart_depth: 4,
        multipart_parts: 64,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
