//! Why rules decide as they do, rule by rule.

use super::authorization::{Authorization, RuleClass};
use super::conditions::Truth;
use super::decision::{Decision, Defaults};
use super::requester::{Circumstances, Requester};

/// What came of one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict<'a> {
    /// The document it stands in.
    pub document: &'a str,
    /// Its `id`.
    pub rule: &'a str,
    /// Its class.
    pub class: RuleClass,
    /// Whether it counts.
    pub outcome: Outcome,
}

/// Whether a rule counts for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It matches, and what it grants is granted.
    Counts,
    /// It matches, but so does a rule of a stronger class.
    Overruled,
    /// It would match if a list that cannot be read had the requester.
    ListUnknown,
    /// This condition is false.
    Fails(&'static str),
}

impl Authorization {
    /// What came of each rule, in order, and the decision: the same as [`Authorization::decide`].
    pub fn explain(
        &self,
        requester: &Requester<'_>,
        when: &Circumstances<'_>,
        defaults: &Defaults,
    ) -> (Vec<Verdict<'_>>, Decision) {
        let matching = self.matching(requester, when);
        let verdicts = self.rules().map(|(index, document, class, rule, checks)| {
            let failed = checks.iter().find(|check| check.holds(requester, when) == Truth::False);
            let outcome = match failed {
                Some(check) => Outcome::Fails(check.name()),
                None if matching.certain.contains(&index) => Outcome::Counts,
                None if checks.iter().any(|check| check.holds(requester, when) == Truth::Unknown) => {
                    Outcome::ListUnknown
                }
                None => Outcome::Overruled,
            };
            Verdict { document, rule, class, outcome }
        });
        (verdicts.collect(), self.decide(requester, when, defaults))
    }
}
