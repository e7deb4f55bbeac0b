//! `rls-services`: list services and the URIs they are subscribed to by, RFC 4826 §4.4.

use documents::rls_services::{GRAMMAR, MEDIA_TYPE, NAMESPACE};
use xcap::{Exists, Tree};
use xml::Element;

use super::lists;
use crate::index::canonical_service;
use crate::refusal::Refusal;
use crate::usage::{Definition, Draft, Generated, Place, Right, Rights, Usage};
use crate::xui;

/// Services under any name, of which those in `index` are taken up; and their union.
#[derive(Debug)]
pub(super) struct RlsServices;

/// How many free URIs are offered for one that is taken.
const OFFERED: usize = 2;
/// How far is counted to find them.
const HIGHEST: u32 = 999;

impl Usage for RlsServices {
    fn definition(&self) -> Definition<'_> {
        Definition {
            auid: "rls-services",
            media_type: MEDIA_TYPE,
            namespace: NAMESPACE,
            grammar: Some(&GRAMMAR),
        }
    }

    fn place(&self, tree: &Tree, name: &str) -> Place {
        match (tree, name) {
            (Tree::Global, "index") => Place::Generated(Generated::Services),
            _ if name.contains('/') => Place::NoFolder,
            _ => Place::Stored,
        }
    }

    /// The union tells of everybody, so it is for the elements of the domain, RFC 4826 §4.4.9.
    fn rights(&self, tree: &Tree) -> Rights {
        match tree {
            Tree::User(_) => Rights { read: Right::Owner, write: Right::Owner },
            Tree::Global => Rights { read: Right::Trusted, write: Right::Provider },
        }
    }

    fn check(&self, draft: &Draft<'_>) -> Result<(), Refusal> {
        let tightenings = draft.settings.tightenings;
        lists::check(draft.tree, lists::Rules { tightenings, namespace: NAMESPACE })?;
        for service in services(draft) {
            if let Some(list) = service.child(NAMESPACE, "resource-list") {
                check_reference(draft, &list.node().string_value())?;
            }
        }
        check_unique(draft)
    }

    fn services(&self, draft: &Draft<'_>) -> Vec<String> {
        services(draft).filter_map(uri_of).collect()
    }
}

fn services<'d>(draft: &Draft<'d>) -> impl Iterator<Item = Element<'d>> + use<'d> {
    draft.tree.root().elements().filter(|element| element.is(NAMESPACE, "service"))
}

fn uri_of(service: Element<'_>) -> Option<String> {
    service.attribute("", "uri").map(|uri| canonical_service(&uri.value.text()))
}

/// The URI of a list: absolute, below one of our XCAP roots if they are known, of the usage `resource-lists`, and of the
/// same user. It is looked at, not dereferenced (RFC 4826 §4.4.5).
fn check_reference(draft: &Draft<'_>, uri: &str) -> Result<(), Refusal> {
    let uri: String = uri.split_ascii_whitespace().collect();
    if !lists::is_absolute_http(&uri) {
        return Err(Refusal::constraint("The resource-list must be an absolute HTTP URI."));
    }
    let path = match draft.settings.below_root(&uri) {
        Some(path) => path,
        None if draft.settings.roots.is_empty() => {
            let marker = "/resource-lists/";
            let at = uri
                .find(marker)
                .ok_or(Refusal::constraint("The resource-list must point to resource-lists."))?;
            &uri[at + 1..]
        }
        None => {
            return Err(Refusal::constraint("The resource-list must be below the XCAP root of this server."));
        }
    };
    let mut segments = path.split('/');
    if segments.next() != Some("resource-lists") {
        return Err(Refusal::constraint("The resource-list must point to resource-lists."));
    }
    let owner = match segments.next() {
        Some("users") => segments.next().and_then(xui::decode).and_then(|xui| xui::owner(&xui)),
        _ => None,
    };
    let is_right = match (owner, draft.xui()) {
        (Some(owner), Some(xui)) => owner.as_str() == xui,
        (Some(_), None) => true,
        (None, _) => false,
    };
    if is_right {
        Ok(())
    } else {
        Err(Refusal::constraint("The resource-list must point to a list of the same user."))
    }
}

/// Refuses a URI that another service has, here or in any document of the server, that names a user, or that is another
/// user's by its shape. What is free is offered instead.
fn check_unique(draft: &Draft<'_>) -> Result<(), Refusal> {
    let mut here: Vec<(String, usize, Element<'_>)> = services(draft)
        .enumerate()
        .filter_map(|(number, service)| Some((uri_of(service)?, number, service)))
        .collect();
    here.sort_by(|(a, first, _), (b, second, _)| (a, first).cmp(&(b, second)));
    let mut exists = Vec::new();
    for (at, (uri, _, service)) in here.iter().enumerate() {
        if exists.len() >= lists::MOST_TOLD {
            break;
        }
        let is_repeated = at > 0 && here[at - 1].0 == *uri;
        let own_shape = shaped(draft, uri);
        let is_taken = is_repeated
            || draft.index.services.belongs_to_another(uri, draft.document)
            || is_user(draft, uri)
            || own_shape.is_some();
        if is_taken {
            let uri = own_shape.as_ref().unwrap_or(uri);
            let is_free = |other: &String| {
                here.binary_search_by(|(found, _, _)| found.cmp(other)).is_err()
                    && !draft.index.services.is_taken(other)
                    && !is_user(draft, other)
            };
            let numbers = (2..=HIGHEST).filter_map(|number| numbered(uri, number));
            let alternatives =
                own_shape.iter().cloned().chain(numbers).filter(is_free).take(OFFERED).collect();
            exists.push(Exists { field: lists::field(*service, "uri", NAMESPACE), alternatives });
        }
    }
    if exists.is_empty() { Ok(()) } else { Err(Refusal::uniqueness(exists)) }
}

/// What the URI would be as the user's own, if it is another user's by its shape.
fn shaped(draft: &Draft<'_>, uri: &str) -> Option<String> {
    let (owner, xui) = (draft.settings.service_owner(uri)?, draft.xui()?);
    let parameters = uri.find(';').map_or("", |at| &uri[at..]);
    (owner.as_str() != xui).then(|| format!("{xui}{parameters}"))
}

/// Whether a URI is that of a user and so no service's, RFC 4826 §4.4.5. With parameters it is another resource.
fn is_user(draft: &Draft<'_>, uri: &str) -> bool {
    let Some(user) = xui::same_owner(uri).filter(|_| !uri.contains(';')) else { return false };
    draft.xui() == Some(user.as_str()) || draft.settings.is_listed(&user)
}

/// `sip:friends-2@example.com` for `sip:friends@example.com`; with parameters, the last one is numbered. There is none for
/// a telephone number: another one is somebody else's.
fn numbered(uri: &str, number: u32) -> Option<String> {
    if uri.contains(';') {
        return Some(format!("{uri}-{number}"));
    }
    match uri.split_once('@') {
        Some((user, host)) => Some(format!("{user}-{number}@{host}")),
        None if uri.starts_with("tel:") => None,
        None => Some(format!("{uri}-{number}")),
    }
}
