//! The documents that are made when they are asked for.

use std::sync::Arc;

use documents::rules::{COMMON_POLICY, OMA_PUB_RULES, Permissions};
use sip_stack::Timestamp;
use xcap::{DocumentSelector, ETag, Tree, Version};

use super::{Plan, Xdms};
use crate::date;
use crate::principal::Principal;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::snapshot::{Snapshot, Stored};
use crate::usage::Generated;
use crate::usages::{CAPABILITIES, Usages};
use crate::xui;

impl Xdms {
    pub(super) fn generate(
        &self,
        generated: Generated,
        request: &Request<'_>,
        plan: &Plan<'_, '_>,
        snapshot: &Snapshot<'_>,
    ) -> Result<Stored, Refusal> {
        match generated {
            Generated::Capabilities => {
                let (_, Version { etag, body }) = self.capabilities.clone();
                Ok(Stored { etag, body, modified: Timestamp::ZERO })
            }
            Generated::Services => self.services(plan, snapshot),
            Generated::PublicationView => {
                let body = publication_view(request).ok_or(Refusal::NoDocument)?;
                Ok(Stored { etag: content_tag(&body), body: body.into(), modified: Timestamp::ZERO })
            }
            Generated::Directory => {
                let body: Arc<[u8]> = self.directory(plan, snapshot).into();
                Ok(Stored { etag: content_tag(&body), body, modified: Timestamp::ZERO })
            }
        }
    }

    /// The union of all list services, RFC 4826 §4.4.8. A selector that names one service by its URI, as a Resource List
    /// Server's does (§4.5), is answered from a union that holds no other.
    fn services(&self, plan: &Plan<'_, '_>, snapshot: &Snapshot<'_>) -> Result<Stored, Refusal> {
        let only = plan.selector.as_ref().and_then(|selector| {
            let [_, service, ..] = selector.steps() else { return None };
            let test = service.attribute.as_ref()?;
            let is_uri = *test.name.local == *"uri" && test.name.namespace.is_empty();
            (is_uri && service.position.is_none() && service.name.is_some()).then_some(&*test.value)
        });
        let union = snapshot.index.services.union(only, self.settings.limits.global_index);
        let body =
            union.ok_or(Refusal::Fault("the index of all services is larger than is handed out whole"))?;
        Ok(Stored { etag: snapshot.index.services_etag(), body: body.into(), modified: Timestamp::ZERO })
    }

    /// The documents of one user, a folder for each usage that can have any, OMA XDM.
    fn directory(&self, plan: &Plan<'_, '_>, snapshot: &Snapshot<'_>) -> Vec<u8> {
        let Tree::User(xui) = &plan.target.document.tree else { return Vec::new() };
        let root = self.settings.roots.first().map_or("", |root| &**root);
        let mut document = Vec::with_capacity(1024);
        document.extend_from_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        document.extend_from_slice(b"<xcap-directory xmlns=\"urn:oma:xml:xdm:xcap-directory\">\n");
        for (auid, _) in self.usages.iter().filter(|(_, usage)| usage.has_user_documents()) {
            document.extend_from_slice(b"  <folder auid=\"");
            xml::push_attribute(&mut document, auid);
            document.extend_from_slice(b"\">\n");
            for listed in snapshot.listing.iter().filter(|listed| listed.document.auid == *auid) {
                let mut uri = format!("{root}/{auid}/users/");
                xui::push_segment(&mut uri, xui);
                for segment in listed.document.name.split('/') {
                    uri.push('/');
                    xui::push_segment(&mut uri, segment);
                }
                document.extend_from_slice(b"    <entry uri=\"");
                xml::push_attribute(&mut document, &uri);
                document.extend_from_slice(b"\" etag=\"");
                xml::push_attribute(&mut document, &listed.etag.0);
                let modified = date::print_rfc3339(listed.modified);
                let rest = format!("\" last-modified=\"{modified}\" size=\"{}\"/>\n", listed.bytes);
                document.extend_from_slice(rest.as_bytes());
            }
            document.extend_from_slice(b"  </folder>\n");
        }
        document.extend_from_slice(b"</xcap-directory>\n");
        document
    }
}

/// What the rules of a user let the caller publish: one rule that is for him alone. The user himself, and who is nobody's
/// publisher, have no view.
fn publication_view(request: &Request<'_>) -> Option<Vec<u8>> {
    let (Principal::User(identities), Some(standing)) = (request.principal, request.standing) else {
        return None;
    };
    let handling = |allowed| if allowed { "allow" } else { "block" };
    let mut document = Vec::with_capacity(1024);
    document.extend_from_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let root = format!(
        "<ruleset xmlns=\"{COMMON_POLICY}\" xmlns:opb=\"{OMA_PUB_RULES}\">\n  <rule id=\"view\">\n    "
    );
    document.extend_from_slice(root.as_bytes());
    document.extend_from_slice(b"<conditions><identity>");
    for identity in identities {
        document.extend_from_slice(b"<one id=\"");
        xml::push_attribute(&mut document, identity.as_str());
        document.extend_from_slice(b"\"/>");
    }
    let actions = format!(
        "</identity></conditions>\n    <actions><opb:pub-handling>{}</opb:pub-handling>\
         <opb:perm-handling>{}</opb:perm-handling></actions>\n    <transformations>",
        handling(standing.published.is_some()),
        handling(standing.permanent)
    );
    document.extend_from_slice(actions.as_bytes());
    for word in standing.published.iter().flat_map(Permissions::as_publication_rules) {
        document.extend_from_slice(word.as_bytes());
    }
    document.extend_from_slice(b"</transformations>\n  </rule>\n</ruleset>\n");
    Some(document)
}

/// `xcap-caps`, RFC 4825 §12: what is served, and the namespaces whose grammar is checked. We know no extension.
pub(super) fn capabilities(usages: &Usages) -> (DocumentSelector, Version) {
    let mut document = Vec::with_capacity(2048);
    let mut namespaces: Vec<&str> = usages.iter().flat_map(|(_, usage)| usage.namespaces()).collect();
    namespaces.sort_unstable();
    namespaces.dedup();
    document.extend_from_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    document.extend_from_slice(b"<xcap-caps xmlns=\"urn:ietf:params:xml:ns:xcap-caps\">\n  <auids>\n");
    for (auid, _) in usages.iter() {
        document.extend_from_slice(b"    <auid>");
        xml::push_text(&mut document, auid);
        document.extend_from_slice(b"</auid>\n");
    }
    document.extend_from_slice(b"  </auids>\n  <extensions/>\n  <namespaces>\n");
    for namespace in namespaces {
        document.extend_from_slice(b"    <namespace>");
        xml::push_text(&mut document, namespace);
        document.extend_from_slice(b"</namespace>\n");
    }
    document.extend_from_slice(b"  </namespaces>\n</xcap-caps>\n");
    let version = Version { etag: content_tag(&document), body: document.into() };
    (DocumentSelector::global(CAPABILITIES, "index"), version)
}

/// The version of a generated document, by what it says: whoever may ask for the tag may ask for the document.
fn content_tag(body: &[u8]) -> ETag {
    let fnv = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    ETag(format!("g{:x}", body.iter().fold(0xcbf2_9ce4_8422_2325, fnv)).into())
}
