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
    /// What of the component.
    pub left_out: LeftOut,
    /// What rules would have to grant for it to be there, by the name that it has in them: `provide-activities`.
    pub permission: String,
}

/// What is left out of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// All of it.
    Whole,
    /// An element in it.
    Element(String),
    /// Attributes of an element in it, or of the component itself.
    Attributes(String),
}

/// Where it is noted what is left out of one component.
struct Removals<'a> {
    noted: Option<&'a mut Vec<Removal>>,
    kind: Kind,
    id: Option<&'a str>,
}

impl Removals<'_> {
    fn note(&mut self, left_out: impl FnOnce() -> (LeftOut, String)) {
        if let Some(noted) = &mut self.noted {
            let (left_out, permission) = left_out();
            noted.push(Removal { kind: self.kind, id: self.id.map(str::to_owned), left_out, permission });
        }
    }

    fn whole(&mut self, permissions: &Permissions) {
        let permission = match self.kind {
            Kind::Tuple => "provide-services",
            Kind::Person => "provide-persons",
            Kind::Device => "provide-devices",
            Kind::Note if permissions.persons != Selection::All && permissions.grants(Attribute::Note) => {
                "provide-persons with all-persons"
            }
            Kind::Note if permissions.persons != Selection::All => {
                "provide-persons with all-persons, and provide-note,"
            }
            Kind::Note => "provide-note",
            Kind::Other => "everything: all services, persons and devices with provide-all-attributes",
        };
        self.note(|| (LeftOut::Whole, permission.to_owned()));
    }

    fn element(&mut self, child: &Child, governed: Governed, within_status: bool) {
        self.note(|| {
            let permission = match governed {
                Governed::By(attribute) => format!("provide-{attribute}"),
                Governed::ByUserInput => "provide-user-input".to_owned(),
                // Extensions of a status are not children of the tuple, so no name grants them.
                Governed::ByName if within_status => "provide-all-attributes".to_owned(),
                Governed::ByName => {
                    format!("provide-unknown-attribute with name {} and ns {}", child.local, child.namespace)
                }
                Governed::Always | Governed::Within => "provide-all-attributes".to_owned(),
            };
            (LeftOut::Element(child.local.to_string()), permission)
        });
    }

    /// Notes the attributes that a start tag loses, if any.
    fn attributes(&mut self, start: &[u8], keep: impl Fn(&[u8]) -> bool, permission: &str) {
        if self.noted.is_none() {
            return;
        }
        let tag = StartTag::new(start);
        let is_lost = |name: &[u8]| !is_retained(name, &keep);
        if tag.pairs().any(|pair| is_lost(&start[pair.name.range()])) {
            let name = String::from_utf8_lossy(&start[tag.name().range()]);
            let local = name.rsplit_once(':').map_or(&*name, |(_, local)| local).to_owned();
            self.note(|| (LeftOut::Attributes(local), permission.to_owned()));
        }
    }
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
        let mut removals = Removals { noted: removed.as_deref_mut(), kind: component.kind, id: element.id };
        if !is_selected(&element, component, permissions) {
            removals.whole(permissions);
        } else if permissions.all_attributes || matches!(component.kind, Kind::Note | Kind::Other) {
            builder.element(&element, None);
        } else {
            let parts: Vec<Part<'_>> = component
                .children
                .iter()
                .filter_map(|child| {
                    let bytes = part(document.bytes(), child, permissions, usage, &mut removals)?;
                    Some(Part { owner: element, bytes })
                })
                .collect();
            let start = &document.bytes()[component.start.range()];
            removals.attributes(start, |name| name == b"id", "provide-all-attributes");
            let start = retained(start, |name| name == b"id");
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
    permissions: &Permissions,
    usage: Usage,
    removals: &mut Removals<'_>,
) -> Option<Cow<'a, [u8]>> {
    let kind = removals.kind;
    let governed = governing(child, kind, usage);
    match permissions.of_element(governed, &child.namespace, &child.local) {
        UserInput::Nothing => {
            removals.element(child, governed, false);
            None
        }
        // RFC 5025 §3.3.2.12: without them, or with the threshold alone. RFC 4480 has other names for them than it says.
        UserInput::Bare => Some(user_input(document, child, |_| false, removals)),
        UserInput::Thresholds => {
            Some(user_input(document, child, |name| name == b"idle-threshold", removals))
        }
        UserInput::Full if governed == Governed::Within => {
            let is_shown = |child: &&Child| {
                let governed = governing(child, kind, usage);
                let is_shown = governed != Governed::ByName
                    && permissions.of_element(governed, &child.namespace, &child.local) != UserInput::Nothing;
                if !is_shown {
                    removals.element(child, governed, true);
                }
                is_shown
            };
            let shown: Vec<&Child> = child.children.iter().filter(is_shown).collect();
            removals.attributes(&document[child.start.range()], |_| false, "provide-all-attributes");
            Some(shell(document, child, &shown))
        }
        UserInput::Full => Some(Cow::Borrowed(&document[child.span.range()])),
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
fn user_input<'a>(
    document: &'a [u8],
    child: &Child,
    keep: impl Fn(&[u8]) -> bool + Copy,
    removals: &mut Removals<'_>,
) -> Cow<'a, [u8]> {
    let start = &document[child.start.range()];
    removals.attributes(start, keep, "provide-user-input");
    let mut bytes = retained(start, keep);
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
        if is_retained(name, &keep) {
            bytes.push(b' ');
            bytes.extend_from_slice(name);
            bytes.push(b'=');
            bytes.extend_from_slice(&start[pair.value.range().start - 1..=pair.value.range().end]);
        }
    }
    bytes.extend_from_slice(if start.ends_with(b"/>") { b"/>" } else { b">" });
    bytes
}

fn is_retained(name: &[u8], keep: impl Fn(&[u8]) -> bool) -> bool {
    name.starts_with(b"xmlns") || name.starts_with(b"xml:") || keep(name)
}
