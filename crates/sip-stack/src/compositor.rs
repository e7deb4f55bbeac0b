//! Event state compositor: the publications of one address-of-record and package, whatever their documents are.

use core::fmt;
use core::time::Duration;

use sip::{Hexadecimal, Name, Writer};

use crate::time::Timestamp;

/// Names one version of one publication, RFC 3903 §8. Never given twice: the epoch is new at every start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityTag {
    /// The life of the server in which it was given.
    pub epoch: u32,
    /// Running number in that life, with the shard in the high 16 bits.
    pub number: u64,
}

impl EntityTag {
    /// The tag that `text` stands for, if it is one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let (epoch, number) = text.split_once('.')?;
        let canonical = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !canonical(epoch) || !canonical(number) {
            return None;
        }
        Some(Self {
            epoch: u32::from_str_radix(epoch, 16).ok()?,
            number: u64::from_str_radix(number, 16).ok()?,
        })
    }
}

impl EntityTag {
    /// Adds the SIP-ETag field that tells of it.
    pub fn print(self, response: &mut Writer<'_>) {
        let (epoch, number) = (Hexadecimal::of(u64::from(self.epoch)), Hexadecimal::of(self.number));
        response.pieces(Name::SipETag, &[epoch.as_str(), ".", number.as_str()]);
    }
}

impl fmt::Display for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Hexadecimal::of(u64::from(self.epoch)).as_str())?;
        f.write_str(".")?;
        f.write_str(Hexadecimal::of(self.number).as_str())
    }
}

/// The bounds of a lifetime that a compositor or notifier grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Shorter ones are refused with 423 and Min-Expires (zero is not a lifetime, it ends one).
    pub min: Duration,
    /// What is granted when none is asked for.
    pub default: Duration,
    /// Longer ones are cut to this.
    pub max: Duration,
}

impl Lifetimes {
    /// RFC 3856 §6.4 gives an hour; RFC 3903 leaves the numbers to the server.
    pub const HOUR: Self = Self {
        min: Duration::from_secs(60),
        default: Duration::from_secs(3600),
        max: Duration::from_secs(7200),
    };

    /// The lifetime granted for `asked` seconds (`None`: none asked for); zero stays zero.
    pub fn grant(&self, asked: Option<u32>) -> Result<Duration, Refusal> {
        let asked = asked.map_or(self.default, |seconds| Duration::from_secs(u64::from(seconds)));
        if !asked.is_zero() && asked < self.min {
            return Err(Refusal::IntervalTooBrief { min: self.min });
        }
        Ok(asked.min(self.max))
    }
}

/// Why a PUBLISH is not taken, whatever its package, RFC 3903 §6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 412
    #[error("no publication bears the entity-tag in SIP-If-Match")]
    UnknownEntityTag,
    /// 423
    #[error("a lifetime below {min:?} was asked for")]
    IntervalTooBrief {
        /// The least we grant.
        min: Duration,
    },
    /// 400
    #[error("an initial publication has no body")]
    NoBody,
    /// 403 would say that it is forbidden; it is only too much: 500 with Retry-After.
    #[error("the presentity has as many publications as it may")]
    TooMany,
}

/// One publication: a document, the entity-tag of its latest version, and when it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication<D> {
    /// The row it is stored in; stays the same through all versions.
    pub id: u64,
    /// The latest version.
    pub entity_tag: EntityTag,
    /// When its document last changed: orders publications, newest first.
    pub changed_at: Timestamp,
    /// When it ends unless it is refreshed.
    pub expires_at: Timestamp,
    /// When its owner has asked to be woken for it; earlier than `expires_at` after a refresh.
    pub armed_at: Timestamp,
    /// Who published it, where that is not whom it is about.
    pub source: Option<Box<str>>,
    /// What is published.
    pub document: D,
}

/// What an accepted PUBLISH does, RFC 3903 §4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A new publication.
    Initial,
    /// A longer life for one, its document as it was.
    Refresh,
    /// Another document for one.
    Modify,
    /// The end of one (or of none: an initial publication that ends at once).
    Remove,
}

/// The decision about a PUBLISH: what it does, to which publication, for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What is done.
    pub operation: Operation,
    /// Place of the publication it is done to.
    pub index: Option<usize>,
    /// The lifetime granted.
    pub lifetime: Duration,
}

/// Decides by RFC 3903 §6 steps 3 to 5, reading only.
///
/// `has_body` stands for the document, which is judged by the package before or after.
pub fn decide<D>(
    publications: &[Publication<D>],
    if_match: Option<Option<EntityTag>>,
    expires: Option<u32>,
    has_body: bool,
    lifetimes: &Lifetimes,
    max: usize,
) -> Result<Decision, Refusal> {
    let index = match if_match {
        Some(tag) => {
            let found = publications.iter().position(|publication| Some(publication.entity_tag) == tag);
            Some(found.ok_or(Refusal::UnknownEntityTag)?)
        }
        None => None,
    };
    let lifetime = lifetimes.grant(expires)?;
    let operation = match (index, has_body) {
        (None, false) => return Err(Refusal::NoBody),
        _ if lifetime.is_zero() => Operation::Remove,
        (None, true) if publications.len() >= max => return Err(Refusal::TooMany),
        (None, true) => Operation::Initial,
        (Some(_), false) => Operation::Refresh,
        (Some(_), true) => Operation::Modify,
    };
    Ok(Decision { operation, index, lifetime })
}
