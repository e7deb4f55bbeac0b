//! Conditional notification, RFC 5839: who knows the state already is not told it again.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use sip::{Message, Name};

use super::{Content, Heard, Kept, Outbox, Owed, Refresh, Refusal, Subscriptions, Terms};
use crate::mac::push_hex;
use crate::notifier::State;
use crate::time::Timestamp;

/// Names a state as one subscriber is shown it, RFC 5839 §4: the beginning of its hash, so that nothing needs to be
/// remembered, and a subscriber can come back after a restart of either side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntityTag([u8; Self::LENGTH]);

impl EntityTag {
    const LENGTH: usize = 12;

    /// The tag of a state that is described by these octets; parts of variable length belong last, or next to their
    /// length.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Sha256::new();
        parts.into_iter().for_each(|part| hash.update(part));
        let hash: [u8; 32] = hash.finalize().into();
        Self(core::array::from_fn(|index| hash[index]))
    }

    /// The tag that `text` stands for, if it can be one of ours.
    fn parse(text: &str) -> Option<Self> {
        if text.len() != 2 * Self::LENGTH
            || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        {
            return None;
        }
        let mut tag = [0; Self::LENGTH];
        for (byte, digits) in tag.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(Self(tag))
    }
}

impl fmt::Display for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(2 * Self::LENGTH);
        push_hex(&mut text, &self.0);
        f.write_str(&text)
    }
}

/// What a Suppress-If-Match field says, RFC 5839 §5.2: for which state nothing is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// `*`: for none, until the next SUBSCRIBE.
    Always,
    /// For this one.
    Tag(EntityTag),
}

/// A Suppress-If-Match field that cannot be read: a 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Suppress-If-Match is not one entity-tag")]
pub struct BrokenCondition;

impl Condition {
    /// Reads the field of a SUBSCRIBE, also under the name that it had in drafts. A tag that we never gave matches nothing, as
    /// if there was no field.
    pub fn read(request: &Message<'_>) -> Result<Option<Self>, BrokenCondition> {
        let old = || request.other("Suppress-Notify-If-Match").next();
        match request.get(Name::SuppressIfMatch).or_else(old) {
            None => Ok(None),
            Some("*") => Ok(Some(Self::Always)),
            Some(text) if text.is_empty() || text.contains([' ', '\t', ',', '"', ';']) => {
                Err(BrokenCondition)
            }
            Some(text) => Ok(EntityTag::parse(text).map(Self::Tag)),
        }
    }

    /// Whether it is true for a state.
    pub fn is_met_by(self, state: Option<EntityTag>) -> bool {
        match self {
            Self::Always => true,
            Self::Tag(tag) => state == Some(tag),
        }
    }

    /// As the field's value.
    pub(super) fn text(self) -> String {
        match self {
            Self::Always => "*".to_owned(),
            Self::Tag(tag) => tag.to_string(),
        }
    }

    /// What [`Condition::text`] gave.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text == "*" { Some(Self::Always) } else { EntityTag::parse(text).map(Self::Tag) }
    }
}

/// What a SUBSCRIBE inside a dialog came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refreshed {
    /// The lifetime granted.
    pub lifetime: Duration,
    /// No NOTIFY follows: the answer is 204, RFC 5839 §6.3. With a lifetime of zero the subscription is no more.
    pub suppressed: bool,
}

impl Content {
    /// The whole state, which its own octets name.
    pub fn of_state(fields: &'static str, body: Arc<[u8]>) -> Self {
        let entity_tag = EntityTag::of([fields.as_bytes(), &body]);
        Self::tagged(fields, body, entity_tag)
    }

    /// What is told of a state with this tag.
    pub fn tagged(fields: &'static str, body: Arc<[u8]>, entity_tag: EntityTag) -> Self {
        let fields = format!("SIP-ETag: {entity_tag}\r\n{fields}").into();
        Self { fields, body, entity_tag: Some(entity_tag) }
    }

    /// The state without itself, for who knows it, RFC 5839 §6.2.
    pub(super) fn suppressed(&self) -> Option<Self> {
        self.entity_tag.map(|entity_tag| Self::tagged("", Arc::default(), entity_tag))
    }
}

impl<T: Kept> Subscriptions<T> {
    /// As [`Subscriptions::refresh`], under the condition of the request, which takes the place of the one before. `current`
    /// is the tag of the state as the subscriber would be told it now, if it is known.
    ///
    /// If the condition is true no NOTIFY follows, RFC 5839 §6.3, unless one is owed for something else than the state, or
    /// nobody knows yet whether one has arrived: then one without a body does.
    pub fn refresh_unless(
        &mut self,
        now: Timestamp,
        terms: &Terms<'_>,
        heard: Heard,
        refresh: Refresh<'_>,
        current: Option<EntityTag>,
        out: &mut Outbox,
    ) -> Result<Refreshed, Refusal> {
        let (Heard(id), unless) = (&heard, refresh.unless);
        let id = *id;
        let is_told = self
            .record(id)
            .is_some_and(|record| record.owed < Owed::Again && record.subscription.in_flight().is_none());
        let suppressed = is_told && unless.is_some_and(|condition| condition.is_met_by(current));
        let before = self.record_mut(id).and_then(|record| core::mem::replace(&mut record.unless, unless));
        let lifetime = match self.refresh(now, terms, heard, refresh, out) {
            Ok(lifetime) => lifetime,
            Err(refusal) => {
                if let Some(record) = self.record_mut(id) {
                    record.unless = before;
                }
                return Err(refusal);
            }
        };
        if suppressed {
            let is_over = self.record_mut(id).is_some_and(|record| {
                record.owed = Owed::Nothing;
                matches!(record.subscription.state(), State::Terminated(_))
            });
            if is_over {
                self.remove(id, out);
            }
        }
        Ok(Refreshed { lifetime, suppressed })
    }
}
