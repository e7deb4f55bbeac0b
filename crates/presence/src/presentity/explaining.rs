//! Why a watcher sees what it sees, and why it was told, or was not.

use core::time::Duration;

use documents::pidf::Kind;
use documents::rules::{Permissions, Selection, Selector, SubHandling};
use sip::Aor;
use sip_stack::Timestamp;
use sip_stack::notifier::State;
use sip_stack::subscriptions::Prospect;

use super::{Presentity, Sort, Terms};
use crate::rules::{LeftOut, Outcome, Removal, Requester, Verdict};

/// A decision about a watcher, step by step. Names users: for the operator who asks, not for logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What becomes of the watcher; `None` if that cannot be known yet.
    pub handling: Option<SubHandling>,
    /// A sentence for each step.
    pub steps: Vec<String>,
    /// What of the composed document it does not see, if it sees any of it; the steps tell it too.
    pub removals: Vec<Removal>,
}

impl Presentity {
    /// Explains what holds now for a watcher with these names. Changes nothing.
    pub fn explain(&self, now: Timestamp, terms: &Terms<'_>, requester: &Requester<'_>) -> Explanation {
        let mut steps = Vec::new();
        if !self.is_ready() {
            steps.push(
                "The documents of the presentity are not known yet: requests wait for them.".to_owned(),
            );
            return Explanation { handling: None, steps, removals: Vec::new() };
        }
        let decision = self.decide(now, terms.policy, requester);
        let authorization = &self.rulebook.authorization;
        if !terms.policy.entitles(requester.identities) {
            steps.push("The watcher is not entitled to watch anybody here (entitlement.watch).".to_owned());
        } else if authorization.is_absent() {
            steps.push(
                "The presentity has no rules documents: presence-server.watch and unmatched decide."
                    .to_owned(),
            );
        } else {
            let unreadable = authorization.unreadable().iter();
            steps
                .extend(unreadable.map(|it| {
                    format!("{} cannot be read, {}: everybody is blocked.", it.document, it.error)
                }));
            let (verdicts, _) =
                authorization.explain(requester, &self.circumstances(now), &terms.policy.defaults);
            steps.extend(verdicts.iter().map(verdict));
            if !verdicts.iter().any(|verdict| verdict.outcome == Outcome::Counts) {
                steps.push("No rule counts: presence-server.unmatched decides.".to_owned());
            }
        }
        steps.push(format!("Decision: {}.", decision.handling));
        let mut removals = Vec::new();
        match decision.handling {
            SubHandling::Allow => {
                steps.push(format!("Granted: {}.", granted(&decision.permissions)));
                removals = self.composed.removals(&decision.permissions);
                steps.extend(removals.iter().map(removal));
            }
            SubHandling::PoliteBlock => {
                steps.push("It is shown a presentity of whom nothing is known.".to_owned());
            }
            SubHandling::Confirm => {
                steps.push("It is shown nothing until the presentity has decided.".to_owned());
            }
            SubHandling::Block => {}
        }
        self.explain_subscriptions(now, terms, requester.identities, &mut steps);
        Explanation { handling: Some(decision.handling), steps, removals }
    }

    fn explain_subscriptions(
        &self,
        now: Timestamp,
        terms: &Terms<'_>,
        identities: &[Aor],
        steps: &mut Vec<String>,
    ) {
        let before = steps.len();
        for (id, subscription, watcher) in self.watchers.iter() {
            let is_theirs = identities.iter().any(|identity| identity.as_str() == subscription.identity());
            if !is_theirs || !matches!(watcher.sort, Sort::Presence(_)) {
                continue;
            }
            let left = subscription.expires_at().since(now).as_secs();
            let prospect = self.watchers.prospect(now, id);
            let told_at = self.watchers.told_at(id);
            let last = match told_at {
                Some(at) => {
                    let answered = if prospect == Prospect::Unanswered {
                        "is not answered yet"
                    } else {
                        "was answered, or given up"
                    };
                    let cseq = subscription.next_cseq() - 1;
                    format!("the last NOTIFY (CSeq {cseq}) went {} ago and {answered}", span(now.since(at)))
                }
                None => "no NOTIFY went since the server was started".to_owned(),
            };
            let next = match prospect {
                Prospect::Unanswered => "another one waits for that answer, as one at a time is under way".to_owned(),
                Prospect::Nothing => "no other follows, as it knows everything that it may see".to_owned(),
                Prospect::Unwanted => "it asked not to be told of changes (Suppress-If-Match: *)".to_owned(),
                Prospect::Due => {
                    "the next one is due: it waits for its turn, or for answers to others from the same address \
                     (limits.notify-window)"
                        .to_owned()
                }
                Prospect::Paused(at) => {
                    let is_pace = told_at.is_some_and(|told| at == told + terms.pace);
                    let why = if is_pace { "presence-server.pace" } else { "a failure before, or a Retry-After" };
                    format!("the next one waits {} more, by {why}", span(at.since(now)))
                }
            };
            steps.push(match subscription.state() {
                State::Active => format!("Subscription, active: {left} s left; {last}; {next}."),
                State::Pending => format!("Subscription, pending: {left} s left; {last}; {next}."),
                State::Terminated(reason) => {
                    format!("Subscription, terminated ({}): {last}.", reason.as_str())
                }
            });
        }
        for shown in self.interests.shown_to(identities) {
            steps.push(format!("Within a list of its: {shown}."));
        }
        if steps.len() == before {
            steps.push("It has no subscription of its own now.".to_owned());
        }
    }
}

/// `35 ms`, `1.2 s`, `3 min`.
fn span(time: Duration) -> String {
    match time.as_millis() {
        millis @ 0..1_000 => format!("{millis} ms"),
        millis @ 1_000..60_000 => format!("{}.{} s", millis / 1_000, millis / 100 % 10),
        millis => format!("{} min", millis / 60_000),
    }
}

fn verdict(verdict: &Verdict<'_>) -> String {
    let Verdict { document, rule, class, outcome } = verdict;
    let class = format!("{class:?}").to_lowercase();
    let outcome = match outcome {
        Outcome::Counts => "counts".to_owned(),
        Outcome::Overruled => "matches, but a rule of a stronger class does too".to_owned(),
        Outcome::ListUnknown => "might match: a list that it refers to cannot be read".to_owned(),
        Outcome::Fails(condition) => format!("does not match, by its {condition}"),
    };
    format!("Rule {rule} of {document} (class {class}) {outcome}.")
}

fn granted(permissions: &Permissions) -> String {
    if permissions.is_everything() {
        return "everything".to_owned();
    }
    let selections = [
        ("services", &permissions.services),
        ("persons", &permissions.persons),
        ("devices", &permissions.devices),
    ];
    let mut words: Vec<String> =
        selections.iter().filter_map(|(name, selection)| selected(name, selection)).collect();
    if permissions.all_attributes {
        words.push("all attributes".to_owned());
    }
    words.extend(permissions.attributes.iter().map(|attribute| attribute.to_string()));
    words.extend(permissions.unknown.iter().map(|(_, name)| name.to_string()));
    if permissions.user_input != documents::rules::UserInput::Nothing {
        words.push("user-input".to_owned());
    }
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}

fn selected(name: &str, selection: &Selection) -> Option<String> {
    match selection {
        Selection::All => Some(format!("all {name}")),
        Selection::Some(selectors) if selectors.is_empty() => None,
        Selection::Some(selectors) => {
            let values = selectors.iter().map(|selector| match selector {
                Selector::Class(value)
                | Selector::OccurrenceId(value)
                | Selector::ServiceUri(value)
                | Selector::ServiceUriScheme(value)
                | Selector::ServiceId(value)
                | Selector::DeviceId(value) => &**value,
            });
            Some(format!("{name} ({})", values.collect::<Vec<_>>().join(" ")))
        }
    }
}

fn removal(removal: &Removal) -> String {
    let Removal { kind, id, left_out, permission } = removal;
    let component = match kind {
        Kind::Tuple => "service",
        Kind::Person => "person",
        Kind::Device => "device",
        Kind::Note => "note on the presentity",
        Kind::Other => "extension",
    };
    let name = id.as_ref().map_or_else(|| component.to_owned(), |id| format!("{component} {id}"));
    match left_out {
        LeftOut::Whole => format!("Left out: {name}; {permission} would show it."),
        LeftOut::Element(element) => format!("Left out of {name}: {element}; {permission} would show it."),
        LeftOut::Attributes(element) => {
            format!("Left out of {name}: attributes of {element}; {permission} would show them.")
        }
    }
}
