//! SIP messages, URIs, header fields, framing and digest arithmetic.
