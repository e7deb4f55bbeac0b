//! Who within the installation is shown watcher information: whole documents, one whenever something has changed.

use std::sync::Arc;

use sip::Aor;
use sip_stack::Timestamp;
use sip_stack::interest::{Asker, Interest, Shown, Standing};
use sip_stack::notifier::Reason;
use sip_stack::subscriptions::Content;

use super::informing::{FIELDS, PACKAGES};
use super::{Presentity, Sort, Terms};
use crate::outbox::Outbox;
use crate::rules::Requester;
use crate::winfo::About;

/// Somebody who is interested in who watches.
#[derive(Debug)]
pub(super) struct Informed {
    /// In whose name.
    identities: Arc<[Aor]>,
    /// Up to which change of the journal it has been told; none before the first document.
    told: Option<u64>,
    /// The version of the next document.
    version: u32,
    /// What was shown last.
    shown: Option<Standing>,
}

impl Presentity {
    /// Somebody asks to be shown who watches, as far as it may know. It is shown again if it was asked for before.
    pub(super) fn interest_in_winfo(
        &mut self,
        now: Timestamp,
        terms: &Terms<'_>,
        interest: &Interest,
        out: &mut Outbox,
    ) {
        let fresh = || Informed {
            identities: Arc::clone(&interest.identities),
            told: None,
            version: interest.version,
            shown: None,
        };
        self.winfo.get_or_insert_default().interested.entry(interest.asker).or_insert_with(fresh);
        if self.is_ready() {
            self.inform(now, terms, interest.asker, true, out);
        } else {
            self.prepare(out);
        }
    }

    pub(super) fn no_interest_in_winfo(&mut self, asker: Asker) {
        if let Some(winfo) = &mut self.winfo {
            winfo.interested.remove(&asker);
        }
    }

    /// Something has changed that those who are interested in watchers may have to be shown.
    pub(super) fn owe_interested(&mut self, out: &mut Outbox) {
        let Some(winfo) = self.winfo.as_mut().filter(|winfo| !winfo.interested.is_empty()) else { return };
        if !core::mem::replace(&mut winfo.is_owed, true) {
            out.showing = true;
        }
    }

    /// Shows it to them.
    pub(super) fn show_winfo(&mut self, now: Timestamp, terms: &Terms<'_>, out: &mut Outbox) {
        let Some(winfo) = self.winfo.as_mut().filter(|winfo| winfo.is_owed) else { return };
        winfo.is_owed = false;
        let askers: Vec<_> = winfo.interested.keys().copied().collect();
        if self.is_ready() {
            askers.into_iter().for_each(|asker| self.inform(now, terms, asker, false, out));
        }
    }

    /// Shows one what is new to it, or what it was shown last if it asks again.
    fn inform(&mut self, now: Timestamp, terms: &Terms<'_>, asker: Asker, again: bool, out: &mut Outbox) {
        let Some(standing) = self.informed_standing(now, terms, asker) else { return };
        let Some(winfo) = &mut self.winfo else { return };
        let changes = winfo.journals[0].changes();
        let Some(informed) = winfo.interested.get_mut(&asker) else { return };
        let is_new = match standing {
            News::Document(content) => {
                (informed.told, informed.version) = (Some(changes), informed.version + 1);
                informed.shown = Some(Standing::Active(Arc::new(content)));
                true
            }
            News::Forbidden => {
                let rejected = Some(Standing::Terminated(Reason::Rejected));
                informed.told = None;
                core::mem::replace(&mut informed.shown, rejected.clone()) != rejected
            }
            News::None => false,
        };
        if let Some(standing) = informed.shown.clone().filter(|_| is_new || again) {
            out.shown.push(Shown { asker, standing, changed_at: now });
        }
    }

    fn informed_standing(&self, now: Timestamp, terms: &Terms<'_>, asker: Asker) -> Option<News> {
        let winfo = self.winfo.as_ref()?;
        let informed = winfo.interested.get(&asker)?;
        let requester = Requester::known(&informed.identities);
        let Ok(Sort::Winfo { only, .. }) = self.may_be_informed(now, terms.policy, 1, &requester) else {
            return Some(News::Forbidden);
        };
        let only = only.then(|| informed.identities.first().map_or("", Aor::as_str));
        let about = About { resource: self.aor.as_str(), package: PACKAGES[0], version: informed.version };
        let document =
            |told| winfo.journals[0].document(now, &about, told, only, self.told_of(0), &self.waiting);
        if informed.told.is_some() && document(informed.told).is_none() {
            return Some(News::None);
        }
        let info = document(None)?;
        Some(News::Document(Content { fields: FIELDS.into(), body: info.print().into(), entity_tag: None }))
    }
}

/// What there is to tell of watchers.
enum News {
    Document(Content),
    Forbidden,
    None,
}
