//! Group usage lists of OMA: the groups that a user is in, as resource lists with what each URI is used for.

use xml::Limits;
use xml::schema::Invalid;

use crate::resource_lists;

pub use crate::resource_lists::{GRAMMAR, NAMESPACE};

/// The media type.
pub const MEDIA_TYPE: &str = "application/vnd.oma.group-usage-list+xml";

/// Checks a document against its grammar, which is that of resource lists.
pub fn check(bytes: &[u8], limits: &Limits) -> Result<(), Invalid> {
    resource_lists::check(bytes, limits)
}
