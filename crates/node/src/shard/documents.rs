//! Documents as events: what owners have asked for, what has changed, and the requests that wait for either.

use core::time::Duration;
use std::collections::BTreeMap;

use presence::rules::Requester;
use sip::Message;
use sip_stack::Timestamp;
use sip_stack::auth::Caller;
use xcap::{Change, Unavailable};

use super::{Asked, Shard};
use crate::deadlines::Wake;
use crate::dispatch::Refused;
use crate::effects::{Answer, Effects, Enquiry, Question, StandingQuestion};
use crate::owners::Owner;
use crate::parking::{Parked, Request};
use crate::record::Partition;

/// An owner that the store had no answer for asks again after so long, if no request makes it ask before.
const ASK_AGAIN: Duration = Duration::from_secs(5);

impl Shard {
    /// The answer to a question of this shard: the documents that there are, or that the store cannot say.
    pub fn documents(
        &mut self,
        now: Timestamp,
        enquiry: &Enquiry,
        answer: Result<Answer, Unavailable>,
        out: &mut Effects,
    ) {
        let owner = enquiry.owner;
        if let Question::Release(_) = enquiry.question {
            return;
        }
        let refused = answer.is_err();
        if refused {
            self.deadlines.ask((now + ASK_AGAIN).next_quarter(), Wake::Documents(owner));
        }
        match (&enquiry.question, answer) {
            (Question::Documents(want), Ok(Answer::Documents(found))) => {
                self.owners.found(now, &self.settings, owner, want, Ok(found));
            }
            (Question::Documents(want), Ok(Answer::Services(_)) | Err(Unavailable)) => {
                self.owners.found(now, &self.settings, owner, want, Err(Unavailable));
            }
            (Question::Services(_), Ok(Answer::Services(lists))) => {
                self.owners.services.answered(owner.place, Some(lists));
            }
            (Question::Services(_), Ok(Answer::Documents(_)) | Err(Unavailable)) => {
                self.owners.services.answered(owner.place, None);
            }
            (Question::Release(_), _) => {}
        }
        if refused || self.owners.is_ready(owner) {
            for parked in self.parking.take(owner) {
                self.unpark(now, parked, refused, out);
            }
        }
        self.drain(owner, out);
        self.turn(now, out);
    }

    /// A document has changed; told to all shards, in the order of commits, before they look at anything that came after.
    pub fn changed(&mut self, now: Timestamp, change: &Change, out: &mut Effects) {
        if self.settings.lists.is_some() {
            self.owners.services_changed(change);
        }
        for owner in self.owners.concerned(change) {
            self.owners.changed(now, &self.settings, owner, change);
            self.drain(owner, out);
        }
        self.turn(now, out);
    }

    /// Whether it has presentities, of whose documents, in partitions of its own, it must be told at once.
    pub fn has_presentities(&self) -> bool {
        self.owners.presentities.len() > 0
    }

    /// The partitions of whose trees it must be told at once from now on, or no more, since this was asked last. It must be
    /// asked before the questions of the same turn are: then what they do not tell is told.
    pub fn take_attention(&mut self) -> BTreeMap<Partition, bool> {
        self.owners.attention.take()
    }

    /// Whether a request to this owner must wait: it does not know its documents, or others wait already.
    pub(crate) fn must_wait(&self, owner: Owner) -> bool {
        self.parking.is_waiting(owner) || !self.owners.is_ready(owner)
    }

    /// Puts a request aside until its owner knows its documents. Requests to one owner keep their order.
    pub(crate) fn park(
        &mut self,
        asked: &Asked<'_>,
        caller: &Caller,
        owner: Owner,
        out: &mut Effects,
    ) -> Result<(), Refused> {
        let bytes = asked.request.bytes().into();
        let (flow, back, key) = (asked.flow, asked.back, asked.key);
        let request = Request { flow, back, key, caller: caller.clone(), bytes };
        let has_room = self.put_aside(owner, Parked::Request(request), out);
        if has_room { Ok(()) } else { Err(Refused::Full) }
    }

    /// Puts something aside until its owner knows its documents, if there is room.
    fn put_aside(&mut self, owner: Owner, parked: Parked, out: &mut Effects) -> bool {
        let has_room = self.parking.put(owner, parked, self.settings.limits.parked);
        if has_room {
            self.owners.prepare(owner);
            self.metrics.requests_parked += 1;
        }
        self.drain(owner, out);
        has_room
    }

    /// Asks what the rules of a presentity let somebody do. The answer is among the effects, now or when the documents
    /// that decide are known.
    pub fn standing(&mut self, now: Timestamp, question: StandingQuestion, out: &mut Effects) {
        if !self.has_room(&question.presentity) {
            return out.standing(question.number, None);
        }
        let owner = Owner::presentity(self.presentity_for(&question.presentity));
        if !self.must_wait(owner) {
            self.stand(now, &question, out);
            return self.drain(owner, out);
        }
        let number = question.number;
        if !self.put_aside(owner, Parked::Question(question), out) {
            out.standing(number, None);
        }
    }

    fn stand(&mut self, now: Timestamp, question: &StandingQuestion, out: &mut Effects) {
        let place = self.owners.presentities.find(&question.presentity);
        let presentity = place.and_then(|place| self.owners.presentities.get(place));
        let requester = Requester::known(&question.identities);
        let terms = self.settings.presence();
        let standing = presentity.and_then(|presentity| presentity.standing(now, &terms, &requester));
        out.standing(question.number, standing);
    }

    fn unpark(&mut self, now: Timestamp, parked: Parked, refused: bool, out: &mut Effects) {
        let Request { flow, back, key, caller, bytes } = match parked {
            Parked::Request(request) => request,
            Parked::Question(question) if refused => return out.standing(question.number, None),
            Parked::Question(question) => return self.stand(now, &question, out),
        };
        // Read once more: what was read borrows from octets that are gone.
        let Ok(request) = Message::parse(&bytes, &self.settings.limits.sip) else { return };
        let Some(method) = request.method() else { return };
        let asked = Asked { flow, back, key, method, request: &request };
        if refused {
            return self.refuse(now, &asked, &Refused::Documents, out);
        }
        self.serve(now, &asked, &caller, out);
    }
}
