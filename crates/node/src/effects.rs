//! What the shell must do after a call into a shard: keep rows, then send messages.

use std::ops::Range;
use std::sync::Arc;

use presence::{Ruling, Standing};
use sip::Aor;
use sip_stack::Flow;
use sip_stack::subscriptions::Content;
use xcap::{Found, Tree, Want};

use crate::door::ShardId;
use crate::letters::Letter;
use crate::owners::Owner;
use crate::record::RowChange;

/// The effects of one or more calls, in order. Reused by the pump, so that a message costs no allocation.
///
/// All rows of a batch are handed to the store before any message of it is sent. Questions to the document store may be
/// asked at any time; they wait for nothing. Whether the messages also wait
/// until the rows are on disk is the shell's setting.
#[derive(Debug, Default)]
pub struct Effects {
    bytes: Vec<u8>,
    sends: Vec<Send>,
    rows: Vec<RowChange>,
    enquiries: Vec<Enquiry>,
    letters: Vec<(ShardId, Letter)>,
    locates: Vec<Locate>,
    rulings: Vec<Ruling>,
    standings: Vec<(u64, Option<Standing>)>,
}

/// A question what the rules of a presentity let somebody do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingQuestion {
    /// Tells its answer from others.
    pub number: u64,
    /// Whose rules.
    pub presentity: Aor,
    /// Who asks, by all proven names.
    pub identities: Vec<Aor>,
}

impl StandingQuestion {
    /// How many octets it takes.
    pub(crate) fn octets(&self) -> usize {
        self.identities.iter().chain([&self.presentity]).map(|aor| aor.as_str().len()).sum()
    }
}

/// A question where a URI leads (RFC 3263); its answer goes to [`crate::Shard::located`] of the same shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locate {
    /// A SIP URI: the next hop of a request.
    pub hop: String,
    /// The place of the back-end subscription that asks.
    pub(crate) place: u32,
    /// Tells a later one at the same place from this one.
    pub(crate) serial: u32,
}

/// A question to the document store; its answer goes to [`crate::Shard::documents`] of the same shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enquiry {
    /// What is asked.
    pub question: Question,
    /// Who asks.
    pub(crate) owner: Owner,
}

/// What is asked of the document store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Which documents there are.
    Documents(Want),
    /// Which list services have this address-of-record, whoever's they are: RFC 4826 §4.5.
    Services(Aor),
    /// No question: this shard needs nothing of a tree any more, until it asks again. Only said of trees that may be elsewhere.
    Release(Tree),
}

/// What the document store says to a question of its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The documents.
    Documents(Found),
    /// The services by canonical URI, each with the user whose it is.
    Services(Vec<(String, Aor)>),
}

#[derive(Debug)]
struct Send {
    flow: Flow,
    head: Range<usize>,
    content: Option<Arc<Content>>,
}

/// One message to put on a flow: its head, and a body that is shared with other messages (or empty).
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// Where it goes.
    pub flow: Flow,
    /// Start line, header fields, blank line, and the body if it is not shared.
    pub head: &'a [u8],
    /// The rest of the message.
    pub body: &'a [u8],
}

impl Effects {
    /// Prints a message for `flow` into the batch; the body of `content` follows what `print` wrote.
    pub fn send(&mut self, flow: Flow, content: Option<Arc<Content>>, print: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        print(&mut self.bytes);
        self.sends.push(Send { flow, head: start..self.bytes.len(), content });
    }

    /// Adds a change for the store.
    pub fn persist(&mut self, change: RowChange) {
        self.rows.push(change);
    }

    /// Asks for documents.
    pub(crate) fn want(&mut self, owner: Owner, want: Want) {
        self.enquiries.push(Enquiry { question: Question::Documents(want), owner });
    }

    /// Asks for the list services of an address-of-record.
    pub(crate) fn ask_services(&mut self, owner: Owner, aor: Aor) {
        self.enquiries.push(Enquiry { question: Question::Services(aor), owner });
    }

    /// Says that nothing of a tree is needed.
    pub(crate) fn release(&mut self, owner: Owner, tree: Tree) {
        self.enquiries.push(Enquiry { question: Question::Release(tree), owner });
    }

    /// Takes the questions to the document store, in order.
    pub fn take_enquiries(&mut self) -> Vec<Enquiry> {
        core::mem::take(&mut self.enquiries)
    }

    /// Notes decisions about watchers.
    pub(crate) fn rule(&mut self, rulings: &mut Vec<Ruling>) {
        self.rulings.append(rulings);
    }

    /// Takes the decisions about watchers, in order; none unless [`crate::Shard::keep_rulings`] was called.
    pub fn take_rulings(&mut self) -> Vec<Ruling> {
        core::mem::take(&mut self.rulings)
    }

    /// Asks where a URI leads.
    pub(crate) fn locate(&mut self, locate: Locate) {
        self.locates.push(locate);
    }

    /// Takes the questions where URIs lead, in order.
    pub fn take_locates(&mut self) -> Vec<Locate> {
        core::mem::take(&mut self.locates)
    }

    /// Answers a question of somebody's standing; `None` if that cannot be known now.
    pub(crate) fn standing(&mut self, number: u64, standing: Option<Standing>) {
        self.standings.push((number, standing));
    }

    /// Takes the answers to questions of standing, by the numbers of the questions.
    pub fn take_standings(&mut self) -> Vec<(u64, Option<Standing>)> {
        core::mem::take(&mut self.standings)
    }

    /// Brings a letter to another shard.
    pub(crate) fn bring(&mut self, to: ShardId, letter: Letter) {
        self.letters.push((to, letter));
    }

    /// Takes the letters to other shards, in order: each goes to [`crate::Shard::letter`] there.
    pub fn take_letters(&mut self) -> Vec<(ShardId, Letter)> {
        core::mem::take(&mut self.letters)
    }

    /// The messages, in order.
    pub fn outgoing(&self) -> impl ExactSizeIterator<Item = Outgoing<'_>> {
        self.sends.iter().map(|send| Outgoing {
            flow: send.flow,
            head: &self.bytes[send.head.clone()],
            body: send.content.as_ref().map_or(&[], |content| &content.body),
        })
    }

    /// Takes the changes for the store, in order.
    pub fn take_rows(&mut self) -> Vec<RowChange> {
        core::mem::take(&mut self.rows)
    }

    /// The changes for the store, in order.
    pub fn rows(&self) -> &[RowChange] {
        &self.rows
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.sends.is_empty()
            && self.rows.is_empty()
            && self.enquiries.is_empty()
            && self.letters.is_empty()
            && self.locates.is_empty()
            && self.standings.is_empty()
    }

    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.sends.clear();
        self.rows.clear();
        self.enquiries.clear();
        self.letters.clear();
        self.locates.clear();
        self.standings.clear();
    }
}
