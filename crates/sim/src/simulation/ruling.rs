//! What decides about the watchers of a presentity in a run: rules, lists and permanent state by chance, as plain values and
//! as the documents that say the same.

use core::fmt::Write as _;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use documents::rules::{Attribute, Permissions, Selection, Selector, SubHandling, UserInput};
use sip_stack::Timestamp;
use xcap::DocumentSelector;

use super::world::START;
use crate::flow::instant;
use crate::model::{Component, print, transformations};
use crate::random::Random;

/// Our own XCAP root.
pub(super) const ROOT: &str = "http://xcap.example.com";

/// Usages and names of rules documents; all of them count together.
const RULES: [(&str, &str); 3] =
    [("org.openmobilealliance.pres-rules", "pres-rules"), ("pres-rules", "index"), ("pres-rules", "more")];
/// Lists that rules may name, all in one document; the last is never there.
const LISTS: [&str; 3] = ["friends", "foes", "nobody"];
/// What rules may ask of the sphere: one, or one of two, in any case.
const SPHERES: [&[&str]; 4] = [&["work"], &["HOME"], &["Work", "home"], &["nowhere"]];
const FITS: &str = "a string takes what is written to it";

/// Who a rule is for. The order is that of the OMA: rules of a later kind do not count where one of an earlier matches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Anonymous,
    Named(Vec<String>),
    /// Everybody but for one.
    Everybody(String),
    Listed(&'static str),
    Others,
}

#[derive(Clone, Debug)]
struct Rule {
    who: Who,
    /// Only while the presentity is in one of these spheres.
    spheres: Option<&'static [&'static str]>,
    /// Only in one of these spans, from the first instant to before the last.
    spans: Vec<(Timestamp, Timestamp)>,
    handling: SubHandling,
    shown: Permissions,
}

/// What rules depend on besides who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct When<'a> {
    pub(super) now: Timestamp,
    /// The sphere that all publications agree on which have one.
    pub(super) sphere: Option<&'a str>,
}

/// What a watcher is let do and see, and whether that is for the sphere or the time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Decided {
    pub(super) handling: SubHandling,
    pub(super) shown: Permissions,
    pub(super) by_circumstances: bool,
}

/// All that decides for one presentity.
#[derive(Clone, Debug, Default)]
pub(super) struct Ruling {
    /// By document; `None` for one that cannot be read.
    rules: BTreeMap<(&'static str, &'static str), Option<Vec<Rule>>>,
    lists: BTreeMap<&'static str, BTreeSet<String>>,
    /// Its permanent state.
    pub(super) permanent: Vec<Component>,
    edits: u32,
}

/// A document that is another now; without a body it is no more.
#[derive(Clone, Debug)]
pub(super) struct Edit {
    pub(super) document: DocumentSelector,
    pub(super) body: Option<String>,
}

impl Ruling {
    /// Changes something.
    pub(super) fn edit(
        &mut self,
        now: Timestamp,
        presentity: &str,
        users: &[String],
        random: &mut Random,
    ) -> Edit {
        self.edits += 1;
        match random.below(10) {
            0..=1 => {
                self.permanent =
                    if random.chance(70) { permanent(presentity, self.edits) } else { Vec::new() };
                let body = (!self.permanent.is_empty()).then(|| {
                    let document = print(presentity, &self.permanent, random.chance(50));
                    String::from_utf8_lossy(document.bytes()).into_owned()
                });
                edited(presentity, "pidf-manipulation", "perm-presence", body)
            }
            2..=4 => {
                for list in &LISTS[..2] {
                    self.lists.insert(list, users.iter().filter(|_| random.chance(40)).cloned().collect());
                }
                edited(presentity, "resource-lists", "index", Some(self.print_lists()))
            }
            _ => {
                let place = *random.pick(&RULES);
                if random.chance(20) {
                    self.rules.remove(&place);
                    return edited(presentity, place.0, place.1, None);
                }
                let rules = (!random.chance(5)).then(|| {
                    (0..random.between(1, 4)).map(|_| Rule::by_chance(now, users, random)).collect::<Vec<_>>()
                });
                let body =
                    rules.as_ref().map_or("<broken".to_owned(), |rules| print_rules(presentity, rules));
                self.rules.insert(place, rules);
                edited(presentity, place.0, place.1, Some(body))
            }
        }
    }

    /// Deletes a document, if there is one.
    pub(super) fn delete(&mut self, presentity: &str) -> Option<Edit> {
        if let Some(((auid, name), _)) = self.rules.pop_first() {
            return Some(edited(presentity, auid, name, None));
        }
        if self.permanent.is_empty() {
            return None;
        }
        self.permanent.clear();
        Some(edited(presentity, "pidf-manipulation", "perm-presence", None))
    }

    /// What becomes of a watcher, and what it may see: everything where there are no rules at all.
    pub(super) fn decide(&self, user: &str, anonymous: bool, when: When<'_>) -> Decided {
        let blocked =
            Decided { handling: SubHandling::Block, shown: Permissions::default(), by_circumstances: false };
        if self.rules.is_empty() {
            return Decided::everything();
        }
        let Some(rules) = self.rules.values().map(Option::as_ref).collect::<Option<Vec<_>>>() else {
            return blocked;
        };
        let matching: Vec<&Rule> = rules
            .into_iter()
            .flatten()
            .filter(|rule| self.is_for(&rule.who, user, anonymous) && rule.holds(when))
            .collect();
        let Some(strongest) = matching.iter().map(|rule| rule.who.class()).min() else { return blocked };
        let mut decided = blocked;
        for rule in matching.into_iter().filter(|rule| rule.who.class() == strongest) {
            decided.handling = decided.handling.max(rule.handling);
            decided.shown.add(&rule.shown);
            decided.by_circumstances |= rule.spheres.is_some() || !rule.spans.is_empty();
        }
        decided
    }

    /// When time makes other rules hold.
    pub(super) fn edges(&self) -> impl Iterator<Item = Timestamp> {
        let spans = self.rules.values().flatten().flatten().flat_map(|rule| &rule.spans);
        spans.flat_map(|(from, until)| [*from, *until])
    }

    /// Whether something depends on the sphere or on time.
    pub(super) fn has_circumstances(&self) -> bool {
        let mut rules = self.rules.values().flatten().flatten();
        rules.any(|rule| rule.spheres.is_some() || !rule.spans.is_empty())
    }

    fn is_for(&self, who: &Who, user: &str, anonymous: bool) -> bool {
        match who {
            Who::Anonymous => anonymous,
            Who::Named(users) => users.iter().any(|named| named == user),
            Who::Everybody(but) => but != user,
            Who::Listed(list) => self.lists.get(list).is_some_and(|members| members.contains(user)),
            Who::Others => true,
        }
    }

    /// The first list refers to the second, but for the members that both have.
    fn print_lists(&self) -> String {
        let mut text = "<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'>".to_owned();
        for (name, members) in &self.lists {
            let entries: String = members.iter().map(|user| format!("<entry uri='{user}'/>")).collect();
            write!(text, "<list name='{name}'>{entries}</list>").expect(FITS);
        }
        text + "</resource-lists>"
    }
}

impl Who {
    fn class(&self) -> u8 {
        match self {
            Self::Anonymous => 0,
            Self::Named(_) | Self::Everybody(_) => 1,
            Self::Listed(_) => 2,
            Self::Others => 3,
        }
    }
}

impl Decided {
    /// As if there were no rules.
    pub(super) fn everything() -> Self {
        let shown = Permissions::everything();
        Self { handling: SubHandling::Allow, shown, by_circumstances: false }
    }
}

impl Rule {
    fn by_chance(now: Timestamp, users: &[String], random: &mut Random) -> Self {
        let list = random.pick(&LISTS);
        let who = match random.below(10) {
            0 => Who::Anonymous,
            1..=4 => Who::Named(users.iter().filter(|_| random.chance(40)).cloned().collect()),
            5 => Who::Everybody(random.pick(users).clone()),
            6..=8 => Who::Listed(list),
            _ => Who::Others,
        };
        let handling = *random.pick(&[
            SubHandling::Block,
            SubHandling::Confirm,
            SubHandling::PoliteBlock,
            SubHandling::Allow,
            SubHandling::Allow,
            SubHandling::Allow,
        ]);
        let spheres = random.chance(20).then(|| *random.pick(&SPHERES));
        let spans = if random.chance(20) { spans(now, random) } else { Vec::new() };
        Self { who, spheres, spans, handling, shown: shown(random) }
    }

    fn holds(&self, when: When<'_>) -> bool {
        let in_sphere = self.spheres.is_none_or(|named| {
            when.sphere.is_some_and(|sphere| named.iter().any(|name| name.eq_ignore_ascii_case(sphere)))
        });
        let in_time = |(from, until): &(Timestamp, Timestamp)| *from <= when.now && when.now < *until;
        in_sphere && (self.spans.is_empty() || self.spans.iter().any(in_time))
    }

    fn conditions(&self, presentity: &str) -> String {
        let mut text = self.identity(presentity);
        if let Some(spheres) = self.spheres {
            write!(text, "<cr:sphere value='{}'/>", spheres.join(" ")).expect(FITS);
        }
        let spans = self.spans.iter().map(|(from, until)| {
            format!("<cr:from>{}</cr:from><cr:until>{}</cr:until>", date(*from), date(*until))
        });
        let spans: String = spans.collect();
        if spans.is_empty() { text } else { text + "<cr:validity>" + &spans + "</cr:validity>" }
    }

    fn identity(&self, presentity: &str) -> String {
        match &self.who {
            Who::Anonymous => "<oc:anonymous-request/>".to_owned(),
            Who::Named(users) if users.is_empty() => {
                "<cr:identity><cr:one id='sip:x@y'/></cr:identity>".to_owned()
            }
            Who::Named(users) => {
                let ones: String = users.iter().map(|user| format!("<cr:one id='{user}'/>")).collect();
                format!("<cr:identity>{ones}</cr:identity>")
            }
            Who::Everybody(but) => {
                format!("<cr:identity><cr:many><cr:except id='{but}'/></cr:many></cr:identity>")
            }
            Who::Listed(list) => format!(
                "<oc:external-list><oc:entry anc='{ROOT}/resource-lists/users/{presentity}/index/~~/resource-lists/\
                 list%5B@name=%22{list}%22%5D'/></oc:external-list>"
            ),
            Who::Others => "<oc:other-identity/>".to_owned(),
        }
    }
}

/// One or two spans around now, with edges at any millisecond.
fn spans(now: Timestamp, random: &mut Random) -> Vec<(Timestamp, Timestamp)> {
    let millis = |random: &mut Random, max| Duration::from_millis(random.below(max));
    let mut from = now - Duration::from_secs(20) + millis(random, 60_000);
    let mut spans = Vec::new();
    for _ in 0..random.between(1, 2) {
        let longest = *random.pick(&[400, 20_000, 90_000]);
        let until = from + millis(random, longest);
        spans.push((from, until));
        from = until + millis(random, 20_000);
    }
    spans
}

fn date(at: Timestamp) -> String {
    let since = at.since(START);
    format!("{}.{:03}Z", instant(since).trim_end_matches('Z'), since.subsec_millis())
}

fn shown(random: &mut Random) -> Permissions {
    if random.chance(30) {
        return Permissions::everything();
    }
    let mut shown = Permissions::default();
    let class = || Selector::Class("biz".into());
    shown.services = selection(random, [class(), Selector::ServiceUriScheme("tel".into())]);
    shown.persons = selection(random, [class(), Selector::Class("home".into())]);
    let attributes =
        [Attribute::Note, Attribute::Class, Attribute::Mood, Attribute::Sphere, Attribute::Willingness];
    for attribute in attributes {
        if random.chance(60) {
            shown.attributes.insert(attribute);
        }
    }
    shown.user_input = *random.pick(&[UserInput::Nothing, UserInput::Bare, UserInput::Full]);
    if random.chance(30) {
        shown.unknown.insert(("urn:x".into(), "y".into()));
    }
    shown
}

fn selection(random: &mut Random, selectors: [Selector; 2]) -> Selection {
    if random.chance(60) {
        return Selection::All;
    }
    Selection::Some(selectors.into_iter().filter(|_| random.chance(60)).collect())
}

fn permanent(presentity: &str, edits: u32) -> Vec<Component> {
    let user = presentity.trim_start_matches("sip:").split('@').next().unwrap_or_default();
    let note = format!("perm-{user}:0:{edits}:");
    vec![component("tuple", "perm", &[("status/p:basic", "closed"), ("p:note", &note)])]
}

/// A component of the model.
pub(super) fn component(kind: &'static str, id: &str, children: &[(&str, &str)]) -> Component {
    let children =
        children.iter().map(|(name, text)| ((*name).to_owned(), BTreeSet::from([(*text).to_owned()])));
    Component { kind, id: id.to_owned(), children: children.collect() }
}

fn print_rules(presentity: &str, rules: &[Rule]) -> String {
    let mut text = "<cr:ruleset xmlns:cr='urn:ietf:params:xml:ns:common-policy' \
        xmlns:pr='urn:ietf:params:xml:ns:pres-rules' xmlns:op='urn:oma:xml:prs:pres-rules' \
        xmlns:oc='urn:oma:xml:xdm:common-policy'>"
        .to_owned();
    for (number, rule) in rules.iter().enumerate() {
        let (conditions, shown) = (rule.conditions(presentity), transformations(&rule.shown));
        write!(
            text,
            "<cr:rule id='r{number}'><cr:conditions>{conditions}</cr:conditions><cr:actions><pr:sub-handling>{}\
             </pr:sub-handling></cr:actions><cr:transformations>{shown}</cr:transformations></cr:rule>",
            rule.handling
        )
        .expect(FITS);
    }
    text + "</cr:ruleset>"
}

fn edited(presentity: &str, auid: &str, name: &str, body: Option<String>) -> Edit {
    Edit { document: DocumentSelector::of_user(auid, presentity, name), body }
}
