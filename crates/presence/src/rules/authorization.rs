//! The rules documents of one presentity, ready to be asked.

use std::collections::HashMap;
use std::sync::Arc;

use documents::rules::{Permissions, Rule, Ruleset, SubHandling};
use documents::{DocumentError, rules};

use super::conditions::{Check, Truth};
use super::decision::{Decision, Defaults};
use super::requester::{Circumstances, Requester};

/// What kind of condition a rule selects requesters by, the strongest first: rules of a weaker class do not count where
/// one of a stronger class matches, even if they would grant more. This is the OMA's order; rules of RFC 4745 alone are
/// all of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleClass {
    /// `anonymous-request`
    Anonymous,
    /// `identity`, or no condition on who asks.
    Identity,
    /// `external-list`
    List,
    /// `other-identity`: counts where no rule of another class matches.
    Other,
}

/// All rules that hold for one presentity: the documents of both application usages together, as grants only add up.
#[derive(Clone, Debug, Default)]
pub struct Authorization {
    documents: Vec<Arc<str>>,
    rules: Vec<Ready>,
    unreadable: Vec<Unreadable>,
}

/// A stored rules document that cannot be read: nobody is told anything until it is mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Its name.
    pub document: Arc<str>,
    /// Where it is at fault, and why.
    pub error: DocumentError,
}

#[derive(Clone, Debug)]
struct Ready {
    document: usize,
    class: RuleClass,
    checks: Vec<Check>,
    rule: Rule,
}

/// The rules that match one request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Matching {
    /// They match, and are all those of the strongest class of which any matches.
    pub(super) certain: Vec<u32>,
    /// Of stronger classes than those: each might match, if a list that cannot be read has the requester.
    pub(super) possible: Vec<u32>,
}

impl Authorization {
    /// Reads the rules documents of a presentity, each with its name, within `limits` each.
    pub fn read<'a>(documents: impl IntoIterator<Item = (&'a str, &'a [u8])>, limits: &xml::Limits) -> Self {
        let mut authorization = Self::default();
        for (name, bytes) in documents {
            let name: Arc<str> = name.into();
            match Ruleset::read(bytes, limits) {
                Ok(ruleset) => {
                    let document = authorization.documents.len();
                    authorization
                        .rules
                        .extend(ruleset.rules.into_iter().map(|rule| Ready::of(document, rule)));
                }
                Err(error) => {
                    authorization.unreadable.push(Unreadable { document: Arc::clone(&name), error })
                }
            }
            authorization.documents.push(name);
        }
        authorization
    }

    /// Whether the presentity has no rules document, so that what its domain says holds.
    pub fn is_absent(&self) -> bool {
        self.documents.is_empty()
    }

    /// The documents that cannot be read.
    pub fn unreadable(&self) -> &[Unreadable] {
        &self.unreadable
    }

    /// The XCAP URIs of all lists that rules refer to, in order, each once.
    pub fn lists(&self) -> Vec<&str> {
        let mut lists: Vec<&str> = self
            .checks()
            .filter_map(|check| match check {
                Check::Lists(anchors) => Some(anchors),
                _ => None,
            })
            .flatten()
            .map(String::as_str)
            .collect();
        lists.sort_unstable();
        lists.dedup();
        lists
    }

    /// Whether any rule depends on the presentity's sphere.
    pub fn depends_on_sphere(&self) -> bool {
        self.checks().any(|check| matches!(check, Check::Sphere(_)))
    }

    /// The next instant after `now` (milliseconds since 1970) at which a rule begins or ceases to be valid.
    pub fn next_edge(&self, now: i64) -> Option<i64> {
        self.checks()
            .filter_map(|check| match check {
                Check::Validity(periods) => Some(periods),
                _ => None,
            })
            .flatten()
            .flat_map(|period| [period.from, period.until])
            .filter(|edge| *edge > now)
            .min()
    }

    /// What becomes of a watcher, RFC 4745 §10 and RFC 5025 §3.2.1, by what the rules say at this moment.
    ///
    /// Every matching rule adds its grants; a watcher that none matches is handled by `defaults`. Where it depends on a
    /// list that cannot be read, the watcher gets no more than it would get in either case. Who asks for many watchers
    /// asks a [`Judge`].
    pub fn decide(
        &self,
        requester: &Requester<'_>,
        when: &Circumstances<'_>,
        defaults: &Defaults,
    ) -> Decision {
        if !self.unreadable.is_empty() {
            return Decision::new(SubHandling::Block);
        }
        self.combined(&self.matching(requester, when), defaults)
    }

    /// Whether a source may publish for the presentity, and what: `None` if not. What no rule matches may not.
    pub fn publication(&self, requester: &Requester<'_>, when: &Circumstances<'_>) -> Option<Permissions> {
        self.granted(requester, when, |rule| rule.publish).map(|granted| {
            let mut published = Permissions::default();
            granted.for_each(|rule| published.add(&rule.published));
            published.canonical()
        })
    }

    /// Whether somebody else may handle the presentity's permanent state: `perm-handling` of the OMA.
    pub fn handles_permanent(&self, requester: &Requester<'_>, when: &Circumstances<'_>) -> bool {
        self.granted(requester, when, |rule| rule.permanent).is_some()
    }

    /// The matching rules, if any of them grants that. Where it depends on a list that cannot be read, none does.
    fn granted(
        &self,
        requester: &Requester<'_>,
        when: &Circumstances<'_>,
        grant: impl Fn(&Rule) -> Option<bool>,
    ) -> Option<impl Iterator<Item = &Rule>> {
        if !self.unreadable.is_empty() {
            return None;
        }
        let Matching { certain, possible } = self.matching(requester, when);
        let is_granted = certain.iter().any(|index| grant(self.rule(*index)) == Some(true));
        (possible.is_empty() && is_granted).then(|| certain.into_iter().map(|index| self.rule(index)))
    }

    fn rule(&self, index: u32) -> &Rule {
        &self.rules[index as usize].rule
    }

    /// Each rule's number, document, class, name and conditions.
    pub(super) fn rules(&self) -> impl Iterator<Item = (u32, &str, RuleClass, &str, &[Check])> {
        (0..).zip(&self.rules).map(|(index, ready)| {
            (index, &*self.documents[ready.document], ready.class, &*ready.rule.id, &*ready.checks)
        })
    }

    pub(super) fn matching(&self, requester: &Requester<'_>, when: &Circumstances<'_>) -> Matching {
        let mut certain: [Vec<u32>; 4] = Default::default();
        let mut possible = Vec::new();
        for (index, ready) in (0..).zip(&self.rules) {
            match ready.matches(requester, when) {
                Truth::True => certain[ready.class as usize].push(index),
                Truth::Unknown => possible.push(index),
                Truth::False => {}
            }
        }
        let strongest = certain.iter().position(|rules| !rules.is_empty());
        // One of the same class could only add to what is granted, and one of a weaker would not count.
        possible.retain(|index| {
            strongest.is_none_or(|class| (self.rules[*index as usize].class as usize) < class)
        });
        Matching {
            certain: strongest.map(|class| core::mem::take(&mut certain[class])).unwrap_or_default(),
            possible,
        }
    }

    fn combined(&self, matching: &Matching, defaults: &Defaults) -> Decision {
        let certain = if matching.certain.is_empty() {
            defaults.unmatched()
        } else {
            self.sum(&matching.certain, defaults)
        };
        matching.possible.iter().fold(certain, |least, index| least.least(self.sum(&[*index], defaults)))
    }

    /// The highest handling, and all permissions, RFC 4745 §10.2.
    fn sum(&self, rules: &[u32], defaults: &Defaults) -> Decision {
        let rules = || rules.iter().map(|index| self.rule(*index));
        let handling = rules().filter_map(|rule| rule.handling).max().unwrap_or_default();
        if handling != SubHandling::Allow {
            return Decision::new(handling);
        }
        if defaults.bare_allow_shows_all && rules().all(|rule| !rule.transforms) {
            return Decision::everything();
        }
        let mut shown = Permissions::default();
        rules().for_each(|rule| shown.add(&rule.shown));
        Decision::allow(shown)
    }

    fn checks(&self) -> impl Iterator<Item = &Check> {
        self.rules.iter().flat_map(|ready| &ready.checks)
    }
}

impl Ready {
    fn of(document: usize, mut rule: Rule) -> Self {
        let conditions = core::mem::take(&mut rule.conditions);
        let class = class_of(&conditions);
        Self { document, class, checks: conditions.into_iter().filter_map(Check::of).collect(), rule }
    }

    /// All conditions, but for `other-identity`.
    fn matches(&self, requester: &Requester<'_>, when: &Circumstances<'_>) -> Truth {
        self.checks.iter().map(|check| check.holds(requester, when)).min().unwrap_or(Truth::True)
    }
}

/// A rule with conditions of several classes, which the OMA has refused when it is written, must meet all of them, and
/// is of the strongest class; but what is for those whom no other rule matches stays that.
fn class_of(conditions: &[rules::Condition]) -> RuleClass {
    let has = |wanted: fn(&rules::Condition) -> bool| conditions.iter().any(wanted);
    if has(|condition| matches!(condition, rules::Condition::OtherIdentity)) {
        RuleClass::Other
    } else if has(|condition| matches!(condition, rules::Condition::AnonymousRequest)) {
        RuleClass::Anonymous
    } else if has(|condition| matches!(condition, rules::Condition::ExternalList(_)))
        && !has(|condition| matches!(condition, rules::Condition::Identity(_)))
    {
        RuleClass::List
    } else {
        RuleClass::Identity
    }
}

/// Decides for many watchers at one moment. Watchers whom the same rules match share one decision.
pub struct Judge<'a> {
    authorization: &'a Authorization,
    when: Circumstances<'a>,
    defaults: Defaults,
    known: HashMap<Matching, Arc<Decision>>,
}

impl<'a> Judge<'a> {
    /// By these rules, in these circumstances.
    pub fn new(authorization: &'a Authorization, when: Circumstances<'a>, defaults: Defaults) -> Self {
        Self { authorization, when, defaults, known: HashMap::new() }
    }

    /// The same as [`Authorization::decide`].
    pub fn decide(&mut self, requester: &Requester<'_>) -> Arc<Decision> {
        let authorization = self.authorization;
        if !authorization.unreadable.is_empty() {
            return Arc::default(); // blocked
        }
        let matching = authorization.matching(requester, &self.when);
        let decide = |matching: &Matching| Arc::new(authorization.combined(matching, &self.defaults));
        Arc::clone(self.known.entry(matching).or_insert_with_key(decide))
    }
}
