//! Who watches, and what has been decided about each, as JSON; decisions are edits of the rules.

use documents::DocumentError;
use documents::rules::{SubHandling, decisions};
use documents::watcherinfo::Watcher;
use serde_json::{Value, json};
use sip::Aor;
use xml::Limits;

use super::Edited;
use super::field::{self, JsonError, wrong};
use crate::xui::same_owner;

/// The rules documents of a user, the one that decisions are written into first: the Presence Server of the OMA reads that.
pub const RULES: [(&str, &str); 2] =
    [("org.openmobilealliance.pres-rules", "pres-rules"), ("pres-rules", "index")];

const WORDS: &str = "allow, block or polite-block";

/// The decision in the body of a request.
pub fn wanted(body: &[u8]) -> Result<SubHandling, JsonError> {
    let body: Value = serde_json::from_slice(body).map_err(|error| JsonError::NotJson(error.to_string()))?;
    let body = field::strict(&body, "body", &["uri", "decision", "overruled_by"])?;
    let decision = field::text(body, "decision")?.and_then(SubHandling::read);
    decision
        .filter(|decision| decisions::DECISIONS.contains(decision))
        .ok_or_else(|| wrong("decision", WORDS))
}

/// What the rules say that has been decided about a watcher.
pub fn decided(document: Option<&[u8]>, watcher: &Aor) -> Result<Option<SubHandling>, JsonError> {
    let Some(document) = document else { return Ok(None) };
    decisions::decided(document, &names(watcher), &Limits::default()).map_err(unreadable)
}

/// The rules after a decision of their owner, or after taking it back. The first rules let the owner see itself, and have
/// everybody else wait.
pub fn decide(
    document: Option<&[u8]>,
    owner: &Aor,
    watcher: &Aor,
    decision: Option<SubHandling>,
) -> Result<Edited, JsonError> {
    let first;
    let created = decided(document, watcher)?.is_none();
    if created && decision.is_none() {
        return Err(JsonError::Absent);
    }
    let document = match document {
        Some(document) => document,
        None => {
            first = decisions::first(owner.as_str());
            &first
        }
    };
    let (limits, names) = (Limits::default(), names(watcher));
    let document = decisions::decide(document, watcher.as_str(), &names, decision, &limits);
    Ok(Edited { document: document.map_err(unreadable)?, created })
}

/// A decision as it is told: `documents` are all rules with their usages, for those that make it vain.
pub fn show<'d>(
    watcher: &Aor,
    decision: Option<SubHandling>,
    documents: impl Iterator<Item = (&'static str, &'d [u8])>,
) -> Value {
    let (limits, names) = (Limits::default(), names(watcher));
    let mut overruled_by = Vec::new();
    for (usage, document) in documents {
        let Some(decision) = decision else { break };
        // What cannot be read grants nobody anything.
        let vain = decisions::overruling(document, watcher.domain(), &names, decision, &limits);
        overruled_by.extend(vain.unwrap_or_default().into_iter().map(|id| format!("{usage}/{id}")));
    }
    json!({
        "uri": watcher.as_str(),
        "decision": decision.map(SubHandling::as_str),
        "overruled_by": overruled_by,
    })
}

/// A subscription as watcher information tells it, with what has been decided.
pub fn row(watcher: &Watcher, rules: Option<&[u8]>) -> Result<Value, JsonError> {
    let decision = match same_owner(&watcher.uri) {
        Some(user) => decided(rules, &user)?,
        None => None,
    };
    Ok(json!({
        "uri": *watcher.uri,
        "name": watcher.display_name.as_deref(),
        "id": *watcher.id,
        "status": watcher.status.as_str(),
        "event": watcher.event.as_str(),
        "subscribed_s": watcher.duration_subscribed,
        "expires_s": watcher.expiration,
        "decision": decision.map(SubHandling::as_str),
    }))
}

fn names(watcher: &Aor) -> impl Fn(&str) -> bool {
    move |uri| same_owner(uri).is_some_and(|user| user == *watcher)
}

fn unreadable(_: DocumentError) -> JsonError {
    JsonError::Unreadable
}
