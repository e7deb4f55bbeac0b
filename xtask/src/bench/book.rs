//! What the generator knows and has seen: presentities, dialogs, outstanding requests, and what a server did wrong.

use std::collections::{BTreeMap, HashMap};

use memchr::memmem;

use super::histogram::Histogram;
use super::message::{BRANCH, MARK};
use super::scan::{self, Scan};

/// No slot, no target.
pub(super) const NONE: u32 = u32::MAX;

/// Everything that was seen, since the generator began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Requests that were answered 200 (and, for SUBSCRIBE, followed by a NOTIFY).
    pub(crate) publishes: u64,
    pub(crate) subscribes: u64,
    /// NOTIFYs that were new in their dialog.
    pub(crate) notifies: u64,
    /// Our requests that had to be sent again.
    pub(crate) our_retransmissions: u64,
    /// NOTIFYs that came again.
    pub(crate) their_retransmissions: u64,
    /// Statuses other than 200, and how often each came.
    pub(crate) refusals: BTreeMap<u16, u64>,
    /// What is wrong, by kind. Empty is good.
    pub(crate) wrong: Wrong,
}

/// Counts of what a server may never do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// A status other than 200.
    pub(crate) refused: u64,
    /// No answer after all retransmissions.
    pub(crate) unanswered: u64,
    /// A CSeq below one already seen in its dialog, RFC 6665 §4.1.
    pub(crate) reordered: u64,
    /// A state older than one already seen in its dialog.
    pub(crate) backwards: u64,
    /// The same state again, without a refresh that called for it.
    pub(crate) duplicated: u64,
    /// A state of another presentity.
    pub(crate) misdirected: u64,
    /// A NOTIFY for no dialog of ours, or one that ends a dialog that should live.
    pub(crate) stray: u64,
    /// What could not be read.
    pub(crate) unreadable: u64,
}

impl Wrong {
    pub(crate) fn total(&self) -> u64 {
        let Self { refused, unanswered, reordered, backwards, duplicated, misdirected, stray, unreadable } =
            self;
        refused + unanswered + reordered + backwards + duplicated + misdirected + stray + unreadable
    }
}

/// Mean lengths of what came and went, for the raw floor.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mean {
    bytes: u64,
    count: u64,
}

impl Mean {
    pub(super) fn add(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        self.count += 1;
    }

    pub(crate) fn value(self) -> usize {
        self.bytes.checked_div(self.count).unwrap_or(0) as usize
    }
}

/// Mean lengths by kind of message.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lengths {
    pub(crate) publish: Mean,
    pub(crate) published: Mean,
    pub(crate) subscribe: Mean,
    pub(crate) subscribed: Mean,
    pub(crate) notify: Mean,
    pub(crate) notified: Mean,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Kind {
    #[default]
    Publish,
    Subscribe,
}

/// Room for one outstanding request.
#[derive(Default)]
pub(super) struct Slot {
    pub(super) busy: bool,
    pub(super) kind: Kind,
    /// Presentity or dialog.
    pub(super) subject: u32,
    pub(super) serial: u32,
    pub(super) answered: bool,
    pub(super) notified: bool,
    pub(super) begun_at: u64,
    pub(super) sent_at: u64,
    pub(super) wire: usize,
    pub(super) request: Vec<u8>,
}

/// A presentity and its one source.
#[derive(Default)]
pub(crate) struct Presentity {
    pub(super) entity_tag: Vec<u8>,
    pub(super) cseq: u32,
    /// Of the newest state sent.
    pub(crate) counter: u32,
    pub(crate) published_at: u64,
    pub(super) slot: u32,
    /// Its watchers, and how many of them have not seen the newest state.
    pub(crate) watchers: u32,
    pub(crate) behind: u32,
}

/// A subscription and its one watcher.
pub(super) struct Dialog {
    pub(super) presentity: u32,
    /// Of our newest SUBSCRIBE.
    pub(super) cseq: u32,
    /// Of the newest NOTIFY.
    pub(super) seen: u32,
    pub(super) counter: u32,
    pub(super) slot: u32,
    target: u32,
    pub(super) to_tag: Box<[u8]>,
    /// A SUBSCRIBE asked for a NOTIFY that need not be news.
    pub(super) refreshed: bool,
    pub(super) leaving: bool,
}

impl Dialog {
    pub(super) fn new(presentity: u32) -> Self {
        Self {
            presentity,
            cseq: 0,
            seen: 0,
            counter: 0,
            slot: NONE,
            target: NONE,
            to_tag: Box::default(),
            refreshed: false,
            leaving: false,
        }
    }
}

/// All that the answers are checked against. Times are nanoseconds since the generator began.
pub(crate) struct Book {
    pub(super) slots: Vec<Slot>,
    pub(super) free: Vec<u32>,
    pub(crate) presentities: Vec<Presentity>,
    pub(super) dialogs: Vec<Dialog>,
    targets: Vec<Box<[u8]>>,
    target_numbers: HashMap<Box<[u8]>, u32>,
    pub(crate) seen: Seen,
    pub(crate) lengths: Lengths,
    /// Request to end of exchange.
    pub(crate) exchange: Histogram,
    /// A publication's sending (or when it should have been sent) to each NOTIFY of that state.
    pub(crate) fan_out: Histogram,
    pub(super) now: u64,
    mark: memmem::Finder<'static>,
    branch: memmem::Finder<'static>,
}

impl Book {
    /// An empty book with room for this many outstanding requests.
    pub(super) fn new(window: usize) -> Self {
        Self {
            slots: (0..window).map(|_| Slot::default()).collect(),
            free: (0..window as u32).rev().collect(),
            presentities: Vec::new(),
            dialogs: Vec::new(),
            targets: Vec::new(),
            target_numbers: HashMap::new(),
            seen: Seen::default(),
            lengths: Lengths::default(),
            exchange: Histogram::new(),
            fan_out: Histogram::new(),
            now: 0,
            mark: memmem::Finder::new(MARK),
            branch: memmem::Finder::new(BRANCH),
        }
    }

    /// Where requests inside this dialog go; empty before its first answer.
    pub(super) fn target(&self, dialog: u32) -> &[u8] {
        self.targets.get(self.dialogs[dialog as usize].target as usize).map_or(&[], |target| target)
    }

    /// Takes one message; what it is owed at once is appended to `answer`.
    pub(super) fn take(&mut self, message: &[u8], answer: &mut Vec<u8>) {
        let scan = scan::scan(message);
        if let Some(status) = scan::status(scan.start) {
            self.response(status, &scan, message.len());
        } else if let Some(rest) = scan.start.strip_prefix(b"NOTIFY sip:w") {
            let before = answer.len();
            answer.extend_from_slice(b"SIP/2.0 200 OK\r\n");
            for line in
                [scan.copied.via, scan.copied.from, scan.copied.to, scan.copied.call_id, scan.copied.cseq]
            {
                answer.extend_from_slice(line);
            }
            answer.extend_from_slice(b"Content-Length: 0\r\n\r\n");
            self.lengths.notify.add(message.len());
            self.lengths.notified.add(answer.len() - before);
            self.notify(rest, &scan);
        } else {
            self.seen.wrong.unreadable += 1;
        }
    }

    fn response(&mut self, status: u16, scan: &Scan<'_>, length: usize) {
        let via = scan.copied.via;
        let at = self.branch.find(via).map(|at| at + BRANCH.len());
        let branch =
            at.and_then(|at| Some((scan::hex(via.get(at..at + 8)?)?, scan::hex(via.get(at + 8..at + 16)?)?)));
        let Some((number, serial)) = branch else {
            self.seen.wrong.unreadable += 1;
            return;
        };
        let Some(slot) = self.slots.get_mut(number as usize) else { return };
        if !slot.busy || slot.serial != serial || slot.answered || status < 200 {
            return; // provisional, or the answer to a retransmission
        }
        slot.answered = true;
        let (kind, subject) = (slot.kind, slot.subject);
        if status != 200 {
            self.seen.wrong.refused += 1;
            *self.seen.refusals.entry(status).or_default() += 1;
            if kind == Kind::Publish {
                // That state never was; the next one takes its number.
                let presentity = &mut self.presentities[subject as usize];
                presentity.counter -= 1;
                presentity.behind = 0;
                if status == 412 {
                    presentity.entity_tag.clear();
                }
            }
            self.finish(number);
            return;
        }
        match kind {
            Kind::Publish => {
                self.lengths.published.add(length);
                let presentity = &mut self.presentities[subject as usize];
                presentity.entity_tag.clear();
                presentity.entity_tag.extend_from_slice(scan.entity_tag);
                self.seen.publishes += 1;
                self.finish(number);
            }
            Kind::Subscribe => {
                self.lengths.subscribed.add(length);
                let target = self.intern(scan::uri(scan.contact));
                let dialog = &mut self.dialogs[subject as usize];
                dialog.target = target;
                if dialog.to_tag.is_empty() {
                    dialog.to_tag = scan::tag(scan.copied.to).unwrap_or_default().into();
                }
                if self.slots[number as usize].notified {
                    self.finish(number);
                }
            }
        }
    }

    /// `rest` follows `NOTIFY sip:w` in the start line: the dialog's number, which we chose as the Contact's user.
    fn notify(&mut self, rest: &[u8], scan: &Scan<'_>) {
        let number = rest.get(..8).and_then(scan::hex);
        let (Some(number), Some(cseq)) = (number, scan::cseq(scan.copied.cseq)) else {
            self.seen.wrong.unreadable += 1;
            return;
        };
        let Some(dialog) = self.dialogs.get_mut(number as usize) else {
            self.seen.wrong.stray += 1;
            return;
        };
        if cseq == dialog.seen {
            self.seen.their_retransmissions += 1;
            return;
        }
        if cseq < dialog.seen {
            self.seen.wrong.reordered += 1;
            return;
        }
        dialog.seen = cseq;
        self.seen.notifies += 1;
        let ended = scan.state.starts_with(b"terminated");
        if ended && !dialog.leaving {
            self.seen.wrong.stray += 1;
        }
        // The NOTIFY that a SUBSCRIBE asked for need not be news. It follows the 200; one that came before the 200 was
        // on its way already, and the one asked for is still to come.
        let (presentity, before, slot, asked) =
            (dialog.presentity, dialog.counter, dialog.slot, dialog.refreshed);
        if slot == NONE || self.slots[slot as usize].answered {
            dialog.refreshed = false;
        }
        let body = scan.body;
        let state = self.mark.find(body).map(|at| at + MARK.len());
        let state = state
            .and_then(|at| Some((scan::hex(body.get(at..at + 8)?)?, scan::hex(body.get(at + 8..at + 16)?)?)));
        match state {
            Some((whose, _)) if whose != presentity => self.seen.wrong.misdirected += 1,
            Some((_, counter)) if counter < before => self.seen.wrong.backwards += 1,
            Some((_, counter)) if counter == before && !asked => self.seen.wrong.duplicated += 1,
            Some((_, counter)) => self.advance(number, counter),
            // A presentity without publications has a document without a state; a last NOTIFY may have none.
            None if before == 0 || ended => {}
            None => self.seen.wrong.backwards += 1,
        }
        if slot != NONE {
            self.slots[slot as usize].notified = true;
            if self.slots[slot as usize].answered {
                self.finish(slot);
            }
        }
    }

    fn advance(&mut self, dialog: u32, counter: u32) {
        let dialog = &mut self.dialogs[dialog as usize];
        let presentity = &mut self.presentities[dialog.presentity as usize];
        if counter == presentity.counter && dialog.counter != counter && !dialog.leaving {
            if dialog.counter != 0 {
                self.fan_out.add(self.now.saturating_sub(presentity.published_at));
            }
            presentity.behind = presentity.behind.saturating_sub(1);
        }
        dialog.counter = counter;
    }

    /// Ends an exchange and frees its slot.
    pub(super) fn finish(&mut self, number: u32) {
        let slot = &mut self.slots[number as usize];
        slot.busy = false;
        self.exchange.add(self.now.saturating_sub(slot.begun_at));
        match slot.kind {
            Kind::Publish => self.presentities[slot.subject as usize].slot = NONE,
            Kind::Subscribe => {
                self.dialogs[slot.subject as usize].slot = NONE;
                if slot.notified {
                    self.seen.subscribes += 1;
                }
            }
        }
        self.free.push(number);
    }

    fn intern(&mut self, target: &[u8]) -> u32 {
        if let Some(number) = self.target_numbers.get(target) {
            return *number;
        }
        let number = self.targets.len() as u32;
        self.targets.push(target.into());
        self.target_numbers.insert(target.into(), number);
        number
    }
}
