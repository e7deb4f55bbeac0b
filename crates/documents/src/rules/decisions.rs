//! What a presentity has decided about single watchers, as rules of its document.
//!
//! There are three such rules, one for each thing that can be decided, each with a name of its own and a list of users.
//! Everything else in the document belongs to somebody else, and stays as it is, byte for byte.

use xml::edit::Edits;
use xml::{Element, Limits, Tree};

use super::names::{COMMON_POLICY, OMA_COMMON_POLICY, PRES_RULES};
use super::ruleset::{Condition, Identity, Rule, Ruleset, SubHandling};
use super::writing;
use crate::error::{DocumentError, Rule as Broken};

/// What can be decided about a watcher, the most first. `confirm` is no decision: it is what waits for one.
pub const DECISIONS: [SubHandling; 3] = [SubHandling::Allow, SubHandling::PoliteBlock, SubHandling::Block];

/// Whether a URI in a rule names the watcher. The caller knows which URIs name one user.
pub type Names<'a> = &'a dyn Fn(&str) -> bool;

/// What the rules for decisions say of a watcher; the most that any of them grants.
pub fn decided(
    document: &[u8],
    names: Names<'_>,
    limits: &Limits,
) -> Result<Option<SubHandling>, DocumentError> {
    let tree = Tree::read(document, limits)?;
    let root = root(&tree)?;
    let has = |handling: &SubHandling| {
        own(root, *handling).any(|(_, identity)| users(identity).any(|(_, uri)| names(&uri)))
    };
    Ok(DECISIONS.into_iter().find(has))
}

/// The document after a decision about the watcher `uri`: in the rule for it, and in none of the others; with `None` in
/// none of them. A rule without users goes. What is decided already gives the same document, octet for octet.
pub fn decide(
    document: &[u8],
    uri: &str,
    names: Names<'_>,
    decision: Option<SubHandling>,
    limits: &Limits,
) -> Result<Vec<u8>, DocumentError> {
    let tree = Tree::read(document, limits)?;
    let root = root(&tree)?;
    let mut edits = Edits::new(&tree);
    for handling in DECISIONS {
        let is_wanted = decision == Some(handling);
        let mut is_there = false;
        for (rule, identity) in own(root, handling) {
            let (theirs, others): (Vec<_>, Vec<_>) = users(identity).partition(|(_, uri)| names(uri));
            if is_wanted {
                is_there |= !theirs.is_empty();
            } else if others.is_empty() && !theirs.is_empty() {
                edits.remove(rule);
            } else {
                theirs.iter().for_each(|(one, _)| edits.remove(*one));
            }
        }
        if is_wanted && !is_there {
            match own(root, handling).next() {
                Some((_, identity)) => edits.append(identity, &writing::one(identity, uri)),
                None => {
                    let condition = writing::identity(root, &[uri], &[], false);
                    let everything = handling == SubHandling::Allow;
                    let rule =
                        writing::rule(root, &free_id(root, handling), &condition, handling, everything);
                    edits.append(root, &rule);
                }
            }
        }
    }
    Ok(edits.apply())
}

/// The first rules document of a presentity: it sees itself, and everybody else waits until it has decided. As soon as
/// there are rules, what the domain says of those who have none holds no longer, so the document must say both.
///
/// The names of the rules are those that clients of the OMA give them. Where `other-identity` is not understood its rule
/// matches nobody, and everybody else is blocked (RFC 5025 §3.2.1).
pub fn first(presentity: &str) -> Vec<u8> {
    let blank = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ruleset xmlns=\"{COMMON_POLICY}\">\n</ruleset>\n"
    );
    let tree = Tree::read(blank.as_bytes(), &Limits::default()).expect("it is well-formed");
    let root = tree.root();
    let mut edits = Edits::new(&tree);
    let oneself = writing::identity(root, &[presentity], &[], false);
    edits.append(root, &writing::rule(root, "wp_prs_allow_own", &oneself, SubHandling::Allow, true));
    let others = format!("<oc:other-identity xmlns:oc=\"{OMA_COMMON_POLICY}\"/>");
    edits.append(root, &writing::rule(root, "wp_prs_unlisted", &others, SubHandling::Confirm, false));
    edits.apply()
}

/// The other rules that make a decision vain: they grant a user of that domain more, and what rules grant adds up
/// (RFC 4745 §10.2). Their ids, in the order of the document. Rules that the OMA has yield to a rule for a single user do
/// not count.
pub fn overruling(
    document: &[u8],
    domain: Option<&str>,
    names: Names<'_>,
    decision: SubHandling,
    limits: &Limits,
) -> Result<Vec<String>, DocumentError> {
    let overrules = |rule: &Rule| rule.handling > Some(decision) && is_for(rule, domain, names);
    let rules = Ruleset::read(document, limits)?.rules;
    Ok(rules.into_iter().filter(overrules).map(|rule| rule.id).collect())
}

fn is_for(rule: &Rule, domain: Option<&str>, names: Names<'_>) -> bool {
    let is_theirs = |other: &Option<String>| {
        other.as_deref().is_some_and(|other| domain.is_some_and(|own| own.eq_ignore_ascii_case(other.trim())))
    };
    let has = |identity: &Identity| {
        identity.one.iter().any(|uri| names(uri))
            || identity.many.iter().any(|many| {
                (many.domain.is_none() || is_theirs(&many.domain))
                    && !many
                        .except
                        .iter()
                        .any(|except| except.id.as_deref().is_some_and(names) || is_theirs(&except.domain))
            })
    };
    rule.conditions.iter().all(|condition| match condition {
        Condition::Identity(identity) => has(identity),
        // They may hold at some time.
        Condition::Sphere(_) | Condition::Validity(_) => true,
        Condition::AnonymousRequest
        | Condition::ExternalList(_)
        | Condition::OtherIdentity
        | Condition::Unknown => false,
    })
}

fn root<'t>(tree: &'t Tree<'t>) -> Result<Element<'t>, DocumentError> {
    let root = tree.root();
    if root.is(COMMON_POLICY, "ruleset") {
        return Ok(root);
    }
    let offset = root.node().span().range().start;
    Err(DocumentError::Rule { offset, rule: Broken::RootOf("ruleset") })
}

/// The name of the rule for a decision.
fn name(handling: SubHandling) -> String {
    format!("rollcall-{handling}")
}

/// A name for the rule that no other rule has.
fn free_id(root: Element<'_>, handling: SubHandling) -> String {
    let is_taken = |id: &String| root.elements().any(|rule| id_of(rule).as_deref() == Some(id));
    let name = name(handling);
    let mut names = core::iter::once(name.clone()).chain((2..).map(|number| format!("{name}-{number}")));
    names.find(|id| !is_taken(id)).unwrap_or(name)
}

fn id_of(rule: Element<'_>) -> Option<String> {
    rule.attribute("", "id").map(|id| id.value.text().into_owned())
}

/// The rules for a decision, each with the condition that has its users. One that somebody has made into something else,
/// by another condition, another handling or whole domains, is not ours any more.
fn own<'t>(root: Element<'t>, handling: SubHandling) -> impl Iterator<Item = (Element<'t>, Element<'t>)> {
    let rules = root.elements().filter(|element| element.is(COMMON_POLICY, "rule"));
    rules.filter_map(move |rule| {
        let id = id_of(rule)?;
        let rest = id.strip_prefix(&name(handling))?;
        let number = rest.strip_prefix('-').map(|number| number.parse::<u32>());
        if !(rest.is_empty() || matches!(number, Some(Ok(_)))) {
            return None;
        }
        let conditions = rule.child(COMMON_POLICY, "conditions")?;
        let identity = conditions.child(COMMON_POLICY, "identity")?;
        let says = rule.child(COMMON_POLICY, "actions")?.child(PRES_RULES, "sub-handling")?;
        let is_alone = conditions.elements().count() == 1;
        let is_plain = |one: Element<'_>| one.is(COMMON_POLICY, "one") && one.elements().next().is_none();
        let is_ours = is_alone
            && says.node().string_value().trim() == handling.as_str()
            && identity.elements().all(is_plain);
        is_ours.then_some((rule, identity))
    })
}

/// The users that a condition lists, with their URIs.
fn users(identity: Element<'_>) -> impl Iterator<Item = (Element<'_>, String)> {
    identity.elements().map(|one| {
        let uri = one.attribute("", "id").map(|id| id.value.text().into_owned());
        (one, uri.unwrap_or_default())
    })
}
