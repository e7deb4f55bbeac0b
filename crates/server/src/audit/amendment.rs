//! What a change of a rules document came to: which rules are there now that were not, and what of the others is another.

use std::collections::BTreeMap;

use documents::rules::{Rule, Ruleset};
use serde_json::{Value, json};

/// How large a document is read, as a presentity reads it.
const LIMITS: xml::Limits =
    xml::Limits { bytes: 4 << 20, depth: 64, attributes: 64, nodes: 1 << 18, declarations: 64 };

/// How many rules a record names of those added, removed and changed each; of the others it has the number.
const NAMED_MAX: usize = 50;
/// How many characters of a rule's name.
const NAME_MAX: usize = 100;

/// Two versions of a document; `None` where there is none.
#[derive(Clone, Copy, Debug)]
pub struct Amendment<'a> {
    /// Before.
    pub before: Option<&'a [u8]>,
    /// After.
    pub after: Option<&'a [u8]>,
}

impl Amendment<'_> {
    /// `added` and `removed` with the ids of rules, and `changed` with those that mean something else now and which parts of
    /// them do; `unnamed` says how many more there are. Null if one of the versions cannot be read.
    ///
    /// What the rules say is not in it: who is meant is in the documents.
    pub(super) fn to_json(self) -> Value {
        let (Some(before), Some(after)) = (rules(self.before), rules(self.after)) else { return Value::Null };
        let missing_in = |others: &BTreeMap<String, Rule>, ids: &BTreeMap<String, Rule>| {
            ids.keys().filter(|id| !others.contains_key(*id)).cloned().collect::<Vec<_>>()
        };
        let (added, removed) = (missing_in(&before, &after), missing_in(&after, &before));
        let changed: Vec<_> = before
            .iter()
            .filter_map(|(id, old)| Some((id, parts(old, after.get(id)?))))
            .filter(|(_, parts)| !parts.is_empty())
            .collect();
        let unnamed: usize = [added.len(), removed.len(), changed.len()]
            .iter()
            .map(|count| count.saturating_sub(NAMED_MAX))
            .sum();
        let ids = |ids: &[String]| ids.iter().take(NAMED_MAX).map(|id| name(id)).collect::<Vec<_>>();
        let changed: Vec<_> = changed
            .iter()
            .take(NAMED_MAX)
            .map(|(id, parts)| json!({ "rule": name(id), "parts": parts }))
            .collect();
        json!({ "added": ids(&added), "removed": ids(&removed), "changed": changed, "unnamed": unnamed })
    }
}

/// By id; none if there is no document.
fn rules(document: Option<&[u8]>) -> Option<BTreeMap<String, Rule>> {
    let Some(bytes) = document else { return Some(BTreeMap::new()) };
    let ruleset = Ruleset::read(bytes, &LIMITS).ok()?;
    Some(ruleset.rules.into_iter().map(|rule| (rule.id.clone(), rule)).collect())
}

/// The parts of a rule that mean something else.
fn parts(old: &Rule, new: &Rule) -> Vec<&'static str> {
    let actions = |rule: &Rule| (rule.handling, rule.publish, rule.permanent);
    let transformations = |rule: &Rule| (rule.shown.clone(), rule.published.clone(), rule.transforms);
    let differ = [
        ("conditions", old.conditions != new.conditions),
        ("actions", actions(old) != actions(new)),
        ("transformations", transformations(old) != transformations(new)),
    ];
    differ.into_iter().filter(|(_, differs)| *differs).map(|(part, _)| part).collect()
}

fn name(id: &str) -> String {
    id.chars().take(NAME_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(id: &str, who: &str, handling: &str, shown: &str) -> String {
        format!(
            "<cr:rule id='{id}'><cr:conditions><cr:identity><cr:one id='sip:{who}@example.com'/></cr:identity>\
             </cr:conditions><cr:actions><pr:sub-handling>{handling}</pr:sub-handling></cr:actions>\
             <cr:transformations>{shown}</cr:transformations></cr:rule>"
        )
    }

    fn document(rules: &[String]) -> String {
        format!(
            "<cr:ruleset xmlns:cr='urn:ietf:params:xml:ns:common-policy' xmlns:pr='urn:ietf:params:xml:ns:pres-rules'>{}\
             </cr:ruleset>",
            rules.concat()
        )
    }

    fn told(before: Option<&str>, after: Option<&str>) -> Value {
        Amendment { before: before.map(str::as_bytes), after: after.map(str::as_bytes) }.to_json()
    }

    #[test]
    fn rules_that_come_go_and_change_are_told_without_what_they_say() {
        let mood = "<pr:provide-mood>true</pr:provide-mood>";
        let before = document(&[
            rule("goes", "bob", "allow", ""),
            rule("stays", "carol", "allow", ""),
            rule("changes", "dave", "confirm", ""),
            rule("narrows", "erin", "allow", mood),
        ]);
        let after = document(&[
            rule("narrows", "erin", "allow", ""),
            rule("changes", "frank", "allow", ""),
            rule("stays", "carol", "allow", " "),
            rule("comes", "bob", "block", ""),
        ]);
        let changed = json!([
            { "rule": "changes", "parts": ["conditions", "actions"] },
            { "rule": "narrows", "parts": ["transformations"] },
        ]);
        let both = told(Some(&before), Some(&after));
        assert_eq!(
            both,
            json!({ "added": ["comes"], "removed": ["goes"], "changed": changed, "unnamed": 0 })
        );
        assert!(!both.to_string().contains("example.com"));
        let all = ["changes", "goes", "narrows", "stays"];
        assert_eq!(
            told(Some(&before), None),
            json!({ "added": [], "removed": all, "changed": [], "unnamed": 0 })
        );
        assert_eq!(
            told(None, Some(&before)),
            json!({ "added": all, "removed": [], "changed": [], "unnamed": 0 })
        );
        assert_eq!(told(Some("<broken"), Some(&after)), Value::Null);
    }

    #[test]
    fn a_record_is_bounded_however_many_rules_there_are() {
        let many: Vec<_> =
            (0..1000).map(|number| rule(&format!("{number:0>900}"), "bob", "allow", "")).collect();
        let told = told(None, Some(&document(&many)));
        assert_eq!(told["unnamed"], 950);
        assert_eq!(told["added"][0].as_str().map(str::len), Some(100));
        assert!(told.to_string().len() < 6000);
    }
}
