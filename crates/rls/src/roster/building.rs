//! What one NOTIFY of a list says: meta-information and states, within a number of octets. RFC 4662 §5.

use documents::resource_lists::Name;
use documents::rlmi::{MEDIA_TYPE, State, Writer};
use sip::Related;

use super::{Body, Gone, Resource, Roster, Shown};

/// How much of a roster one subscription has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// The full state is owed.
    full: bool,
    /// All changes up to this number are known, but for resources from `from` on.
    upto: u64,
    /// Of resources with this serial number and higher ones, nothing is known but that they are in the list: the full
    /// state was too large for one NOTIFY.
    from: u32,
}

/// All resources are below this one.
const WHOLE: u32 = u32::MAX;

impl Told {
    /// Nothing, so the full state is owed.
    pub const NOTHING: Self = Self { full: true, upto: 0, from: 0 };

    /// Up to which change everything is known; none while something older is owed.
    pub fn upto(&self) -> Option<u64> {
        (!self.full && self.from == WHOLE).then_some(self.upto)
    }
}

/// What stands at the head of the meta-information, and what names the parts.
#[derive(Clone, Copy, Debug)]
pub struct Heading<'a> {
    /// The list.
    pub uri: &'a str,
    /// What people call it.
    pub names: &'a [Name],
    /// The version of this NOTIFY.
    pub version: u32,
    /// A token that nobody who publishes can guess, another in each NOTIFY: boundary, and part of Content-IDs.
    pub boundary: &'a str,
    /// The host in Content-IDs.
    pub host: &'a str,
}

/// A body for one NOTIFY.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// The Content-Type field's value.
    pub media_type: String,
    /// The multipart/related body.
    pub body: Vec<u8>,
    /// What the subscription has been told once this is delivered.
    pub told: Told,
    /// How many resources it tells of.
    pub resources: usize,
    /// Whether more is owed: it did not fit.
    pub more: bool,
}

impl Roster {
    /// Whether a subscription is owed anything.
    pub fn owes(&self, told: Told) -> bool {
        told.full
            || told.upto < self.changes
            || self.resources.last().is_some_and(|last| last.serial >= told.from)
    }

    /// What to say to a subscription that has been told so much, in at most `room` octets.
    ///
    /// The full state names every resource if they fit without their states, and else as many as do. As many as fit, in
    /// order, come with their states; the others are owed, and told in partial notifications in the order of the list.
    /// Partial notifications tell first of what changed, in the order of the changes, each with its latest state. One
    /// resource at least is told of, so a state that is too large by itself goes alone and over the limit, as it would in
    /// a subscription of its own. Cost: linear in the list.
    pub fn build(&self, told: Told, heading: &Heading<'_>, room: usize) -> Built {
        if told.full { self.build_full(heading, room) } else { self.build_partial(told, heading, room) }
    }

    fn build_full(&self, heading: &Heading<'_>, room: usize) -> Built {
        let mut left = room.saturating_sub(fixed_size(heading));
        let bare = self.resources.iter().map(|resource| bare_size(&resource.uri, resource.name.as_ref()));
        let named = fitting(bare, &mut left);
        let with_state = self.resources[..named].iter().map(|resource| match &resource.shown {
            Some(shown) => state_size(shown, heading),
            None => 0,
        });
        let stated = fitting(with_state, &mut left);
        let from = self.resources.get(stated).map_or(WHOLE, |resource| resource.serial);
        let mut picked = Vec::with_capacity(named);
        for (index, resource) in self.resources[..named].iter().enumerate() {
            let shown = resource.shown.as_ref().filter(|_| index < stated);
            picked.push(Picked { uri: &resource.uri, name: resource.name.as_ref(), shown: Is::In(shown) });
        }
        let told = Told { full: false, upto: self.changes, from };
        self.print(told, &picked, true, heading)
    }

    fn build_partial(&self, told: Told, heading: &Heading<'_>, room: usize) -> Built {
        let mut left = room.saturating_sub(fixed_size(heading));
        let owed = self.owed(told);
        let sizes = owed.iter().map(|owed| owed.picked().size(heading));
        let fits = fitting(sizes, &mut left).max(1).min(owed.len());
        let mut after = Told { upto: self.changes, ..told };
        match owed.get(fits) {
            Some(Owed::Later(next)) => after.from = next.serial,
            Some(Owed::Change(_) | Owed::Gone(_)) => {
                after.upto = owed[fits - 1].changed();
            }
            None => after.from = WHOLE,
        }
        let picked: Vec<_> = owed[..fits].iter().map(Owed::picked).collect();
        self.print(after, &picked, false, heading)
    }

    /// What a subscription is owed that has the full state: changes in their order, then what is left of the full state.
    fn owed(&self, told: Told) -> Vec<Owed<'_>> {
        let changed = self
            .resources
            .iter()
            .filter(|resource| resource.changed > told.upto && resource.serial < told.from);
        let gone = self.gone.iter().filter(|gone| gone.changed > told.upto);
        let mut owed: Vec<_> = changed.map(Owed::Change).chain(gone.map(Owed::Gone)).collect();
        owed.sort_unstable_by_key(Owed::changed);
        owed.extend(self.resources.iter().filter(|resource| resource.serial >= told.from).map(Owed::Later));
        owed
    }

    fn print(&self, told: Told, picked: &[Picked<'_>], full: bool, heading: &Heading<'_>) -> Built {
        let mut root = Vec::with_capacity(256 + 160 * picked.len());
        let mut writer = Writer::start(&mut root, heading.uri, heading.version, full, None);
        for name in heading.names {
            writer.name(name);
        }
        let mut cid = String::new();
        for (place, picked) in (1..).zip(picked) {
            writer.resource(picked.uri);
            if let Some(name) = picked.name {
                writer.name(name);
            }
            match picked.shown {
                Is::In(None) => {}
                Is::In(Some(Shown::Active(_))) => {
                    content_id(&mut cid, place, heading);
                    writer.instance(INSTANCE, State::Active, None, Some(&cid));
                }
                Is::In(Some(Shown::Pending)) => {
                    writer.instance(INSTANCE, State::Pending, None, None);
                }
                Is::In(Some(Shown::Terminated(reason))) => {
                    writer.instance(INSTANCE, State::Terminated, Some(reason), None);
                }
                Is::Gone => {
                    writer.instance(INSTANCE, State::Terminated, Some(GONE), None);
                }
            }
        }
        writer.finish();
        content_id(&mut cid, 0, heading);
        let mut related = Related::new(heading.boundary, MEDIA_TYPE, &cid);
        let bodies = picked.iter().filter_map(|picked| picked.body());
        let bodies = bodies.map(|body| part_size(heading, &body.media_type, body.bytes.len()));
        let size = part_size(heading, MEDIA_TYPE, root.len()) + bodies.sum::<usize>();
        related.reserve(size + heading.boundary.len() + END);
        related.part(MEDIA_TYPE, &cid, &root);
        for (place, picked) in (1..).zip(picked) {
            if let Some(body) = picked.body() {
                content_id(&mut cid, place, heading);
                related.part(&body.media_type, &cid, &body.bytes);
            }
        }
        let (media_type, body) = related.finish();
        Built { media_type, body, told, resources: picked.len(), more: self.owes(told) }
    }
}

/// How many sizes in a row fit into what is left, which they are taken from.
fn fitting(sizes: impl IntoIterator<Item = usize>, left: &mut usize) -> usize {
    let mut count = 0;
    for size in sizes {
        let Some(rest) = left.checked_sub(size) else { break };
        *left = rest;
        count += 1;
    }
    count
}

/// The one instance of each resource: a virtual subscription does not fork, RFC 4662 §5.5.
const INSTANCE: &str = "1";

/// Why the instance of a resource is over that was taken out of the list.
const GONE: &str = "noresource";

/// What the last boundary has besides itself.
const END: usize = "\r\n----\r\n".len();

/// A resource, and why it is owed.
enum Owed<'a> {
    Change(&'a Resource),
    Gone(&'a Gone),
    Later(&'a Resource),
}

impl<'a> Owed<'a> {
    fn changed(&self) -> u64 {
        match self {
            Self::Change(resource) | Self::Later(resource) => resource.changed,
            Self::Gone(gone) => gone.changed,
        }
    }

    fn picked(&self) -> Picked<'a> {
        match self {
            Self::Change(resource) | Self::Later(resource) => Picked {
                uri: &resource.uri,
                name: resource.name.as_ref(),
                shown: Is::In(resource.shown.as_ref()),
            },
            Self::Gone(gone) => Picked { uri: &gone.uri, name: gone.name.as_ref(), shown: Is::Gone },
        }
    }
}

/// A resource as one NOTIFY tells of it.
struct Picked<'a> {
    uri: &'a str,
    name: Option<&'a Name>,
    shown: Is<'a>,
}

/// What it is.
#[derive(Clone, Copy)]
enum Is<'a> {
    /// In the list, with that state if it is told.
    In(Option<&'a Shown>),
    /// In the list no more.
    Gone,
}

impl<'a> Picked<'a> {
    fn body(&self) -> Option<&'a Body> {
        match self.shown {
            Is::In(Some(Shown::Active(body))) => Some(body),
            Is::In(Some(Shown::Pending | Shown::Terminated(_)) | None) | Is::Gone => None,
        }
    }

    fn size(&self, heading: &Heading<'_>) -> usize {
        let bare = bare_size(self.uri, self.name);
        match self.shown {
            Is::In(None) => bare,
            Is::In(Some(shown)) => bare + state_size(shown, heading),
            Is::Gone => bare + LINE + GONE.len(),
        }
    }
}

/// The most octets that an instance's tag takes besides reason and Content-ID.
const LINE: usize = "<instance id=\"1\" state=\"terminated\" reason=\"\" cid=\"\"/>\n".len();

/// The most octets that a resource takes without an instance.
fn bare_size(uri: &str, name: Option<&Name>) -> usize {
    const TAGS: usize = "<resource uri=\"\">\n</resource>\n".len();
    TAGS + escaped_size(uri) + name.map_or(0, name_size)
}

fn name_size(name: &Name) -> usize {
    const TAGS: usize = "<name xml:lang=\"\"></name>\n".len();
    TAGS + escaped_size(&name.text) + name.language.as_deref().map_or(0, escaped_size)
}

/// The most octets that an instance takes with its part.
fn state_size(shown: &Shown, heading: &Heading<'_>) -> usize {
    LINE + match shown {
        Shown::Active(body) => {
            content_id_size(heading) + part_size(heading, &body.media_type, body.bytes.len())
        }
        Shown::Pending => 0,
        Shown::Terminated(reason) => escaped_size(reason),
    }
}

/// The most octets that a part takes.
fn part_size(heading: &Heading<'_>, media_type: &str, content: usize) -> usize {
    let cid = content_id_size(heading);
    Related::part_size(heading.boundary.len(), media_type.len(), cid, content)
}

/// The most octets that all takes which is there in any case.
fn fixed_size(heading: &Heading<'_>) -> usize {
    const ROOT: usize = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<list xmlns=\"\" uri=\"\" version=\"\" fullState=\"\">\n</list>\n"
        .len()
        + documents::rlmi::NAMESPACE.len()
        + "4294967295".len()
        + "false".len();
    const MEDIA: usize = "multipart/related;type=\"\";start=\"<>\";boundary=".len() + MEDIA_TYPE.len();
    let names: usize = heading.names.iter().map(name_size).sum();
    let media = MEDIA + content_id_size(heading) + heading.boundary.len();
    let root = part_size(heading, MEDIA_TYPE, ROOT + escaped_size(heading.uri) + names);
    media + root + END + heading.boundary.len()
}

/// The most octets that text takes once it is escaped.
fn escaped_size(text: &str) -> usize {
    let is_escaped = |byte: u8| matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\'' | b'\r' | b'\t' | b'\n');
    text.len() + 5 * text.bytes().filter(|byte| is_escaped(*byte)).count()
}

fn content_id(cid: &mut String, place: u64, heading: &Heading<'_>) {
    cid.clear();
    cid.push_str(sip::Decimal::of(place).as_str());
    for piece in [".", heading.boundary, "@", heading.host] {
        cid.push_str(piece);
    }
}

fn content_id_size(heading: &Heading<'_>) -> usize {
    const PLACE: usize = "100000.@".len();
    PLACE + heading.boundary.len() + heading.host.len()
}
