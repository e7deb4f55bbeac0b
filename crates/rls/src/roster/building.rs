//! What one NOTIFY of a list says: meta-information and states, within a number of octets. RFC 4662 §5.

use documents::resource_lists::Name;
use documents::rlmi::{MEDIA_TYPE, State, Writer};
use sip::Related;

use super::told::WHOLE;
use super::{Body, Gone, Resource, Roster, Shown, Told};

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
    pub fn owes(&self, told: &Told) -> bool {
        told.full
            || told.upto < self.changes
            || self.resources.last().is_some_and(|last| last.serial >= told.from)
            || self.unfinished(told).next().is_some()
    }

    /// The lists within that it was told of, but not of all that is owed.
    fn unfinished(&self, told: &Told) -> impl Iterator<Item = &Resource> {
        told.lists().filter(|serial| *serial < told.from).filter_map(|serial| {
            let list = self.lists.get(&serial)?;
            let is_finished = told.list(serial, list.born).is_none_or(|within| !list.roster.owes(within));
            if is_finished { None } else { self.resource(serial) }
        })
    }

    /// What to say to a subscription that has been told so much, in at most `room` octets.
    ///
    /// The full state names every resource if they fit without their states, and else as many as do. As many as fit, in
    /// order, come with their states; the others are owed, and told in partial notifications in the order of the list.
    /// Partial notifications tell first of what changed, in the order of the changes, each with its latest state. One
    /// resource at least is told of, so a state that is too large by itself goes alone and over the limit, as it would in
    /// a subscription of its own. A list within is told of in the same way, in what room there is for it. Cost: linear in
    /// the list.
    pub fn build(&self, told: &Told, heading: &Heading<'_>, room: usize) -> Built {
        if told.full { self.build_full(told, heading, room) } else { self.build_partial(told, heading, room) }
    }

    fn build_full(&self, told: &Told, heading: &Heading<'_>, room: usize) -> Built {
        let mut left = room.saturating_sub(fixed_size(heading, self.omitted));
        let bare = self.resources.iter().map(|resource| bare_size(&resource.uri, resource.name.as_ref()));
        let named = fitting(bare, &mut left);
        let mut after = Told { full: false, upto: self.changes, from: WHOLE, ..told.clone() };
        let mut picked = Vec::with_capacity(named);
        for resource in &self.resources[..named] {
            let mut shown = Is::In(None);
            if after.from == WHOLE {
                let (is, size) = self.state_of(resource, told, heading, picked.len() + 1, left);
                match left.checked_sub(size) {
                    Some(rest) => (shown, left) = (is, rest),
                    None => after.from = resource.serial,
                }
                shown.tell(&mut after);
            }
            picked.push(Picked { uri: &resource.uri, name: resource.name.as_ref(), shown });
        }
        if let Some(next) = self.resources.get(named) {
            after.from = after.from.min(next.serial);
        }
        self.print(after, picked, true, heading)
    }

    fn build_partial(&self, told: &Told, heading: &Heading<'_>, room: usize) -> Built {
        let mut left = room.saturating_sub(fixed_size(heading, self.omitted));
        let owed = self.owed(told);
        let mut after = Told { upto: self.changes, from: WHOLE, ..told.clone() };
        let mut picked: Vec<Picked<'_>> = Vec::new();
        for (place, one) in (1..).zip(&owed) {
            let (uri, name) = one.name();
            let bare = bare_size(uri, name);
            let (shown, size) = match one {
                Owed::Change(resource) | Owed::Later(resource) => {
                    self.state_of(resource, told, heading, place, left.saturating_sub(bare))
                }
                Owed::Gone(_) => (Is::Gone, LINE + GONE.len()),
            };
            let rest = left.checked_sub(bare + size);
            if rest.is_none() && place > 1 {
                match one {
                    Owed::Later(next) => after.from = next.serial,
                    Owed::Change(_) | Owed::Gone(_) => {
                        (after.upto, after.from) = (told.upto.max(owed[place - 2].changed()), told.from);
                    }
                }
                break;
            }
            shown.tell(&mut after);
            left = rest.unwrap_or(0);
            picked.push(Picked { uri, name, shown });
        }
        self.print(after, picked, false, heading)
    }

    /// What a subscription is owed that has the full state: changes in their order, then what is left of the full state.
    fn owed(&self, told: &Told) -> Vec<Owed<'_>> {
        let changed = self
            .resources
            .iter()
            .filter(|resource| resource.changed > told.upto && resource.serial < told.from);
        let unfinished = self.unfinished(told).filter(|resource| resource.changed <= told.upto);
        let gone = self.gone.iter().filter(|gone| gone.changed > told.upto);
        let changed = unfinished.chain(changed).map(Owed::Change);
        let mut owed: Vec<_> = changed.chain(gone.map(Owed::Gone)).collect();
        owed.sort_unstable_by_key(Owed::changed);
        owed.extend(self.resources.iter().filter(|resource| resource.serial >= told.from).map(Owed::Later));
        owed
    }

    /// How a resource is told of in so much room, and how much it takes; more than that if there is too little.
    fn state_of<'a>(
        &'a self,
        resource: &'a Resource,
        told: &Told,
        heading: &Heading<'_>,
        place: usize,
        room: usize,
    ) -> (Is<'a>, usize) {
        let list = resource.is_list.then(|| self.lists.get(&resource.serial)).flatten();
        let Some(list) = list else {
            let shown = resource.shown.as_ref();
            return (Is::In(shown), shown.map_or(0, |shown| state_size(shown, heading)));
        };
        let (version, within) = told.next(resource.serial, list.born, heading.version);
        // No boundary begins with that of a multipart around it, RFC 2046 §5.1.2.
        let boundary = format!("{place}.{}", heading.boundary);
        let inner =
            Heading { uri: &resource.uri, names: &list.names, version, boundary: &boundary, ..*heading };
        let around = LINE + content_id_size(heading) + part_size(heading, "", 0);
        let built = list.roster.build(&within, &inner, room.saturating_sub(around));
        let is_enough = built.resources > 0 || list.roster.is_empty() || !list.roster.owes(&within);
        let size =
            if is_enough { around + built.media_type.len() + built.body.len() } else { usize::MAX / 2 };
        (Is::List(resource.serial, list.born, version, Box::new(built)), size)
    }

    fn print(&self, mut told: Told, picked: Vec<Picked<'_>>, full: bool, heading: &Heading<'_>) -> Built {
        let mut root = Vec::with_capacity(256 + 160 * picked.len());
        let mut writer = Writer::start(&mut root, heading.uri, heading.version, full, None, self.omitted);
        for name in heading.names {
            writer.name(name);
        }
        let mut cid = String::new();
        for (place, picked) in (1..).zip(&picked) {
            writer.resource(picked.uri);
            if let Some(name) = picked.name {
                writer.name(name);
            }
            match &picked.shown {
                Is::In(None) => {}
                Is::In(Some(Shown::Active(_))) | Is::List(..) => {
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
        let bodies = picked.iter().filter_map(Picked::body);
        let bodies = bodies.map(|(media_type, bytes)| part_size(heading, media_type, bytes.len()));
        let size = part_size(heading, MEDIA_TYPE, root.len()) + bodies.sum::<usize>();
        related.reserve(size + heading.boundary.len() + END);
        related.part(MEDIA_TYPE, &cid, &root);
        for (place, picked) in (1..).zip(&picked) {
            if let Some((media_type, bytes)) = picked.body() {
                content_id(&mut cid, place, heading);
                related.part(media_type, &cid, bytes);
            }
        }
        let (media_type, body) = related.finish();
        told.keep_lists(|serial| self.place(serial).is_some());
        let more = self.owes(&told);
        Built { media_type, body, told, resources: picked.len(), more }
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

    fn name(&self) -> (&'a str, Option<&'a Name>) {
        match self {
            Self::Change(resource) | Self::Later(resource) => (&resource.uri, resource.name.as_ref()),
            Self::Gone(gone) => (&gone.uri, gone.name.as_ref()),
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
enum Is<'a> {
    /// In the list, with that state if it is told.
    In(Option<&'a Shown>),
    /// In the list, and a list itself: its serial number, which roster it has, the version of its document, and that.
    List(u32, u64, u32, Box<Built>),
    /// In the list no more.
    Gone,
}

impl Is<'_> {
    /// A list within is told of.
    fn tell(&self, told: &mut Told) {
        if let Self::List(serial, born, version, built) = self {
            told.tell(*serial, *born, *version, built.told.clone());
        }
    }
}

impl Picked<'_> {
    fn body(&self) -> Option<(&str, &[u8])> {
        match &self.shown {
            Is::In(Some(Shown::Active(Body { media_type, bytes }))) => Some((media_type, bytes)),
            Is::List(.., built) => Some((&built.media_type, &built.body)),
            Is::In(Some(Shown::Pending | Shown::Terminated(_)) | None) | Is::Gone => None,
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
fn fixed_size(heading: &Heading<'_>, omitted: u32) -> usize {
    const ROOT: usize = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<list xmlns=\"\" uri=\"\" version=\"\" fullState=\"\">\n</list>\n"
        .len()
        + documents::rlmi::NAMESPACE.len()
        + "4294967295".len()
        + "false".len();
    const OMITTED: usize = " xmlns:x=\"\" x:omitted=\"4294967295\"".len() + documents::rlmi::EXTENSION.len();
    const MEDIA: usize = "multipart/related;type=\"\";start=\"<>\";boundary=".len() + MEDIA_TYPE.len();
    let names: usize = heading.names.iter().map(name_size).sum();
    let media = MEDIA + content_id_size(heading) + heading.boundary.len();
    let omitted = if omitted > 0 { OMITTED } else { 0 };
    let root = part_size(heading, MEDIA_TYPE, ROOT + omitted + escaped_size(heading.uri) + names);
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
