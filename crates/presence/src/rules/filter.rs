//! Leaving out of a presence document what permissions do not grant, RFC 5025 §3.3.

use std::borrow::Cow;

use documents::pidf::{Builder, Child, Component, Element, Kind, Outline, Part, Presence};
use documents::rules::{Attribute, Governed, Permissions, Selection, Selector, UserInput};
use sip::Uri;
use xml::StartTag;

/// Something that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// What kind of component it is, or was in.
    pub kind: Kind,
    /// The `id` of the component, if it has one.
    pub id: Option<String>,
    /// The element that is left out; `None` if the whole component is.
    pub element: Option<String>,
}

/// What of a document somebody else than the presentity may publish who is granted that.
pub fn published(document: &Presence, permissions: &Permissions) -> Presence {
    filtered(document, &document.shape(), permissions, Usage::Publication, None)
}

/// Which permissions govern which elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Usage {
    /// Those of presence rules, for watchers.
    Presence,
    /// Those of publication rules, for sources.
    Publication,
}

/// The document without what is not granted. What comes out is a valid document if what goes in is, with every namespace
/// that it uses and no other; filtered again it stays as it is (RFC 5025 §4).
///
/// Components that are selected stay in their order. Within them `contact`, `basic`, `timestamp`, `service-class`, the
/// OMA's `service-description`, and the `deviceID` of a device are always there; attributes of the component itself that
/// are not its `id` only where every attribute is granted. A note on the presentity speaks of every person (RFC 4479 §5.1),
/// so it is there where notes on all persons are. Other extensions of the root are for those who see everything.
pub(crate) fn filtered(
    document: &Presence,
    outline: &Outline,
    permissions: &Permissions,
    usage: Usage,
    mut removed: Option<&mut Vec<Removal>>,
) -> Presence {
    let mut builder = Builder::sparing(document.entity());
    for (element, component) in document.elements().zip(&outline.components) {
        let id = element.id.map(str::to_owned);
        let mut remove = |child: Option<&Child>| {
            if let Some(removed) = &mut removed {
                let element = child.map(|child| child.local.to_string());
                removed.push(Removal { kind: component.kind, id: id.clone(), element });
            }
        };
        if !is_selected(&element, component, permissions) {
            remove(None);
        } else if permissions.all_attributes || matches!(component.kind, Kind::Note | Kind::Other) {
            builder.element(&element, None);
        } else {
            let parts: Vec<Part<'_>> = component
                .children
                .iter()
                .filter_map(|child| {
                    let bytes =
                        part(document.bytes(), child, component.kind, permissions, usage, &mut remove)?;
                    Some(Part { owner: element, bytes })
                })
                .collect();
            let start = retained(&document.bytes()[component.start.range()], |name| name == b"id");
            builder.assemble(&element, &start, &parts, None);
        }
    }
    builder.finish()
}

fn is_selected(element: &Element<'_>, component: &Component, permissions: &Permissions) -> bool {
    let selection = match component.kind {
        Kind::Tuple => &permissions.services,
        Kind::Person => &permissions.persons,
        Kind::Device => &permissions.devices,
        Kind::Note => return permissions.persons == Selection::All && permissions.grants(Attribute::Note),
        Kind::Other => return permissions.is_everything(),
    };
    match selection {
        Selection::All => true,
        Selection::Some(selectors) => {
            selectors.iter().any(|selector| selects(selector, element.id, component))
        }
    }
}

/// RFC 5025 §3.3.1. The reader gives a selection no selector that its kind of component has not.
fn selects(selector: &Selector, id: Option<&str>, component: &Component) -> bool {
    match selector {
        Selector::Class(class) => component.class() == Some(class),
        Selector::OccurrenceId(wanted) => id == Some(wanted),
        Selector::ServiceUri(uri) => component.contact().is_some_and(|contact| is_same_uri(contact, uri)),
        Selector::ServiceUriScheme(scheme) => component
            .contact()
            .and_then(|contact| contact.split_once(':'))
            .is_some_and(|(written, _)| written == &**scheme),
        Selector::ServiceId(id) => component.service().is_some_and(|(service, _)| service == &**id),
        Selector::DeviceId(id) => component.device_ids().any(|device| is_same_uri(device, id)),
    }
}

fn is_same_uri(one: &str, other: &str) -> bool {
    one == other
        || matches!((Uri::parse(one), Uri::parse(other)), (Ok(one), Ok(other)) if one.equivalent(&other))
}

/// What is left of a child; `None` if nothing is.
fn part<'a>(
    document: &'a [u8],
    child: &Child,
    kind: Kind,
    permissions: &Permissions,
    usage: Usage,
    remove: &mut impl FnMut(Option<&Child>),
) -> Option<Cow<'a, [u8]>> {
    let bytes = &document[child.span.range()];
    let governed = governing(child, kind, usage);
    match permissions.of_element(governed, &child.namespace, &child.local) {
        UserInput::Nothing => {
            remove(Some(child));
            None
        }
        // RFC 5025 §3.3.2.12: without them, or with the threshold alone. RFC 4480 has other names for them than it says.
        UserInput::Bare => Some(user_input(document, child, |_| false)),
        UserInput::Thresholds => Some(user_input(document, child, |name| name == b"idle-threshold")),
        UserInput::Full if governed == Governed::Within => {
            let is_shown = |child: &&Child| {
                let is_shown = match governing(child, kind, usage) {
                    // Extensions of a status are not children of the tuple, so no name grants them.
                    Governed::ByName => false,
                    governed => {
                        permissions.of_element(governed, &child.namespace, &child.local) != UserInput::Nothing
                    }
                };
                if !is_shown {
                    remove(Some(child));
                }
                is_shown
            };
            let shown: Vec<&Child> = child.children.iter().filter(is_shown).collect();
            Some(shell(document, child, &shown))
        }
        UserInput::Full => Some(Cow::Borrowed(bytes)),
    }
}

fn governing(child: &Child, kind: Kind, usage: Usage) -> Governed {
    let governed = Governed::of(&child.namespace, &child.local, kind == Kind::Device);
    match usage {
        Usage::Presence => governed,
        Usage::Publication => governed.in_publication(),
    }
}

/// A `user-input` with only some of its attributes.
fn user_input<'a>(document: &'a [u8], child: &Child, keep: impl Fn(&[u8]) -> bool) -> Cow<'a, [u8]> {
    let mut bytes = retained(&document[child.start.range()], keep);
    bytes.extend_from_slice(&document[child.start.range().end..child.span.range().end]);
    Cow::Owned(bytes)
}

/// A `status` with only some of its children, and none of its attributes.
fn shell<'a>(document: &'a [u8], status: &Child, shown: &[&Child]) -> Cow<'a, [u8]> {
    let start = &document[status.start.range()];
    if status.start == status.span {
        return Cow::Owned(retained(start, |_| false));
    }
    let mut bytes = retained(start, |_| false);
    for child in shown {
        bytes.extend_from_slice(&document[child.span.range()]);
    }
    bytes.extend_from_slice(b"</");
    bytes.extend_from_slice(&start[StartTag::new(start).name().range()]);
    bytes.push(b'>');
    Cow::Owned(bytes)
}

/// A start tag with only some of its attributes; declarations and what XML itself defines stay.
fn retained(start: &[u8], keep: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let tag = StartTag::new(start);
    let mut bytes = start[..tag.name().range().end].to_vec();
    for pair in tag.pairs() {
        let name = &start[pair.name.range()];
        if name.starts_with(b"xmlns") || name.starts_with(b"xml:") || keep(name) {
            bytes.push(b' ');
            bytes.extend_from_slice(name);
            bytes.push(b'=');
            bytes.extend_from_slice(&start[pair.value.range().start - 1..=pair.value.range().end]);
        }
    }
    bytes.extend_from_slice(if start.ends_with(b"/>") { b"/>" } else { b">" });
    bytes
}
