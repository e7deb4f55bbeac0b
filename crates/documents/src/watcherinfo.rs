//! Watcher information, RFC 3858: who watches a resource.

mod grammar;

use xml::Limits;
use xml::schema::Invalid;

pub use grammar::GRAMMAR;

/// The namespace, RFC 3858 §8.2.
pub const NAMESPACE: &str = "urn:ietf:params:xml:ns:watcherinfo";
/// The media type, RFC 3858 §8.1.
pub const MEDIA_TYPE: &str = "application/watcherinfo+xml";

/// Checks a document against its grammar.
pub fn check(bytes: &[u8], limits: &Limits) -> Result<(), Invalid> {
    xml::schema::check(bytes, &GRAMMAR, limits)
}
