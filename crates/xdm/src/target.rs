//! What a request URI selects: usage, document and node, RFC 4825 §6.

use std::sync::Arc;

use sip::Aor;
use xcap::{Branch, DocumentSelector, Reference, Tree};

use crate::limits::Limits;
use crate::refusal::Refusal;
use crate::usage::{Place, Usage};
use crate::usages::{SEARCH_AUID, Usages};
use crate::xui;

/// A request URI that is one of a document, or of something in it.
#[derive(Clone, Debug)]
pub(crate) struct Target<'s, 'r> {
    pub(crate) usage: &'s dyn Usage,
    pub(crate) document: DocumentSelector,
    pub(crate) place: Place,
    /// The node selector with its escapes.
    pub(crate) node: Option<&'r str>,
}

/// Takes a path after the XCAP root apart. `serves` says whether a user is one of ours.
pub(crate) fn read<'s, 'r>(
    usages: &'s Usages,
    serves: &dyn Fn(&Aor) -> bool,
    limits: &Limits,
    path: &'r str,
    query: Option<&'r str>,
) -> Result<Target<'s, 'r>, Refusal> {
    if path.trim_matches('/') == SEARCH_AUID
        && let Some((auid, usage)) = usages.find(SEARCH_AUID)
    {
        let document = DocumentSelector { auid: Arc::clone(auid), tree: Tree::Global, name: "form".into() };
        return Ok(Target { usage, document, place: Place::Form, node: None });
    }
    let reference = Reference::split(path, query, &limits.uri)?;
    let (auid, usage) = usages.find(&reference.auid).ok_or(Refusal::NoUsage)?;
    let tree = match &reference.branch {
        Some(Branch::Global) => Tree::Global,
        Some(Branch::User(xui)) => {
            let owner = xui::owner(xui).filter(|owner| serves(owner)).ok_or(Refusal::NoUser)?;
            Tree::User(owner.as_str().into())
        }
        Some(Branch::Users) | None => return Err(Refusal::NoDocument),
    };
    let is_name =
        |name: &str| !name.is_empty() && name.len() <= limits.name && !name.chars().any(char::is_control);
    if reference.is_collection || !is_name(&reference.name) {
        return Err(Refusal::NoDocument);
    }
    let place = usage.place(&tree, &reference.name);
    let name: Arc<str> = match place {
        Place::Alias(stored) => stored.into(),
        Place::Stored | Place::Generated(_) | Place::Form | Place::Barred(_) | Place::NoFolder => {
            reference.name.into()
        }
    };
    let document = DocumentSelector { auid: Arc::clone(auid), tree, name };
    Ok(Target { usage, document, place, node: reference.node })
}
