//! What the rules of others let subscribers read: asked for, and told whenever it changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sip::Aor;
use xcap::Tree;

use super::outbox::Ask;
use super::resource::Resource;
use crate::request::Standing;
use crate::xdms::Xdms;

/// Whose rules say what somebody may read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Judge {
    presentity: Aor,
    /// The subscriber by all proven names.
    identities: Arc<[Aor]>,
}

impl Judge {
    /// Those who say it of these resources, each once.
    pub(super) fn of(resources: &[Resource], xdms: &Xdms, identities: &[Aor]) -> Vec<Self> {
        let principal = xdms.principal(identities);
        let mut presentities = BTreeSet::new();
        for resource in resources {
            let (auid, trees) = resource.trees();
            for tree in trees {
                if let Tree::User(xui) = tree
                    && xdms.is_by_rules(&principal, auid, tree)
                {
                    presentities.extend(Aor::parse(xui).ok());
                }
            }
        }
        let identities: Arc<[Aor]> = identities.into();
        presentities
            .into_iter()
            .map(|presentity| Self { presentity, identities: identities.clone() })
            .collect()
    }
}

/// All that is asked, and what is known of it.
#[derive(Debug, Default)]
pub(super) struct Standings {
    asked: BTreeMap<Judge, Asked>,
    last: u32,
}

#[derive(Debug)]
struct Asked {
    item: u32,
    /// Nothing before the answer; then what it was.
    answer: Option<Option<Standing>>,
}

impl Standings {
    /// Asks for what is needed and not asked yet, and for nothing else any more.
    pub(super) fn retain(&mut self, needed: BTreeSet<Judge>, asks: &mut Vec<Ask>) {
        self.asked.retain(|judge, asked| {
            let is_needed = needed.contains(judge);
            if !is_needed {
                asks.push(Ask::Unfollow { item: asked.item, presentity: judge.presentity.clone() });
            }
            is_needed
        });
        for judge in needed {
            let Self { asked, last } = self;
            asked.entry(judge).or_insert_with_key(|Judge { presentity, identities }| {
                *last = last.wrapping_add(1);
                let (presentity, identities) = (presentity.clone(), identities.clone());
                asks.push(Ask::Follow { item: *last, presentity, identities });
                Asked { item: *last, answer: None }
            });
        }
    }

    /// An answer: whose it is, if it is new.
    pub(super) fn told(&mut self, item: u32, standing: Option<Standing>) -> Option<Judge> {
        let (judge, asked) = self.asked.iter_mut().find(|(_, asked)| asked.item == item)?;
        let answer = Some(standing);
        let is_new = asked.answer != answer;
        asked.answer = answer;
        is_new.then(|| judge.clone())
    }

    /// Whether all have answered.
    pub(super) fn are_known(&self, judges: &[Judge]) -> bool {
        judges.iter().all(|judge| self.asked.get(judge).is_some_and(|asked| asked.answer.is_some()))
    }

    /// What the one of them says whose tree it is.
    pub(super) fn standing(&self, judges: &[Judge], tree: &Tree) -> Option<&Standing> {
        let Tree::User(xui) = tree else { return None };
        let judge = judges.iter().find(|judge| *judge.presentity.as_str() == **xui)?;
        self.asked.get(judge)?.answer.as_ref()?.as_ref()
    }
}
