//! Presence attributes, each with the permission that governs it.

use core::fmt;

use super::names::{GEOPRIV, OMA_PRES};
use crate::pidf::{DATA_MODEL, PIDF, RPID};

/// An attribute that is shown or not, RFC 5025 §3.3.2 and the OMA's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Attribute {
    /// RFC 5025 §3.3.2.1
    Activities,
    /// RFC 5025 §3.3.2.2
    Class,
    /// RFC 5025 §3.3.2.3: in a tuple. In a device it is always shown.
    DeviceId,
    /// RFC 5025 §3.3.2.4
    Mood,
    /// RFC 5025 §3.3.2.5
    PlaceIs,
    /// RFC 5025 §3.3.2.6
    PlaceType,
    /// RFC 5025 §3.3.2.7
    Privacy,
    /// RFC 5025 §3.3.2.8
    Relationship,
    /// RFC 5025 §3.3.2.9
    Sphere,
    /// RFC 5025 §3.3.2.10
    StatusIcon,
    /// RFC 5025 §3.3.2.11
    TimeOffset,
    /// RFC 5025 §3.3.2.13
    Note,
    /// `willingness` and `overriding-willingness` of the OMA.
    Willingness,
    /// `network-availability` of the OMA.
    NetworkAvailability,
    /// `session-participation` of the OMA.
    SessionParticipation,
    /// `registration-state` of the OMA.
    RegistrationState,
    /// `barring-state` of the OMA.
    BarringState,
    /// `geopriv` of RFC 4119, wherever it stands; the OMA's permission.
    Geopriv,
}

impl Attribute {
    /// All of them, with the name that follows `provide-` and `allow-` in rules.
    pub(super) const NAMES: [(Self, &'static str); 18] = [
        (Self::Activities, "activities"),
        (Self::Class, "class"),
        (Self::DeviceId, "deviceID"),
        (Self::Mood, "mood"),
        (Self::PlaceIs, "place-is"),
        (Self::PlaceType, "place-type"),
        (Self::Privacy, "privacy"),
        (Self::Relationship, "relationship"),
        (Self::Sphere, "sphere"),
        (Self::StatusIcon, "status-icon"),
        (Self::TimeOffset, "time-offset"),
        (Self::Note, "note"),
        (Self::Willingness, "willingness"),
        (Self::NetworkAvailability, "network-availability"),
        (Self::SessionParticipation, "session-participation"),
        (Self::RegistrationState, "registration-state"),
        (Self::BarringState, "barring-state"),
        (Self::Geopriv, "geopriv"),
    ];

    /// Whether the OMA defines the permission, so that it stands in the OMA's namespace.
    pub(super) const fn is_oma(self) -> bool {
        self as u8 >= Self::Willingness as u8
    }

    /// Whether publications may be allowed to have it: `pub-rules` has no word for some.
    pub(super) const fn is_in_pub_rules(self) -> bool {
        !matches!(self, Self::DeviceId | Self::PlaceIs | Self::Privacy | Self::Relationship | Self::Sphere)
    }
}

impl fmt::Display for Attribute {
    /// The name of the element, or of the first of two.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::NAMES[*self as usize].1)
    }
}

/// A set of attributes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttributeSet(u32);

impl AttributeSet {
    /// Puts one in.
    pub fn insert(&mut self, attribute: Attribute) {
        self.0 |= 1 << attribute as u8;
    }

    /// Whether it is in.
    pub const fn contains(self, attribute: Attribute) -> bool {
        self.0 & 1 << attribute as u8 != 0
    }

    /// What is in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those that are in, in the order of [`Attribute`].
    pub fn iter(self) -> impl Iterator<Item = Attribute> {
        Attribute::NAMES.into_iter().map(|(attribute, _)| attribute).filter(move |it| self.contains(*it))
    }
}

/// How much of `user-input` is shown, RFC 5025 §3.3.2.12.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UserInput {
    /// Nothing.
    #[default]
    Nothing,
    /// The element without its attributes.
    Bare,
    /// The element with its idle threshold.
    Thresholds,
    /// The element as it is.
    Full,
}

impl UserInput {
    /// From what a document says.
    pub(super) fn read(text: &str) -> Option<Self> {
        match text {
            "false" => Some(Self::Nothing),
            "bare" => Some(Self::Bare),
            "thresholds" => Some(Self::Thresholds),
            "full" => Some(Self::Full),
            _ => None,
        }
    }
}

/// What decides whether a child of a tuple, person or device is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Governed {
    /// It is always shown, RFC 5025 §3.3.2.
    Always,
    /// Within it each child is judged by itself: `status`.
    Within,
    /// A permission of its own.
    By(Attribute),
    /// `provide-user-input`.
    ByUserInput,
    /// Its name: `provide-unknown-attribute`, RFC 5025 §3.3.2.14.
    ByName,
}

impl Governed {
    /// How an element is governed that stands in a tuple, person or device, or in the status of a tuple.
    pub fn of(namespace: &str, local: &str, in_device: bool) -> Self {
        match (namespace, local) {
            (PIDF, "contact" | "basic" | "timestamp")
            | (DATA_MODEL, "timestamp")
            | (RPID, "service-class")
            | (OMA_PRES, "service-description") => Self::Always,
            (PIDF, "status") => Self::Within,
            (DATA_MODEL, "deviceID") if in_device => Self::Always,
            (DATA_MODEL | RPID, "deviceID") => Self::By(Attribute::DeviceId),
            (PIDF | DATA_MODEL, "note") => Self::By(Attribute::Note),
            (RPID, "user-input") => Self::ByUserInput,
            (RPID, local) => rpid(local),
            (OMA_PRES, "overriding-willingness") => Self::By(Attribute::Willingness),
            (OMA_PRES, local) => named(local, Attribute::is_oma),
            (GEOPRIV, "geopriv") => Self::By(Attribute::Geopriv),
            _ => Self::ByName,
        }
    }

    /// The same for publications: `pub-rules` has fewer words, so more elements are governed by their names.
    #[must_use]
    pub const fn in_publication(self) -> Self {
        match self {
            Self::By(attribute) if !attribute.is_in_pub_rules() => Self::ByName,
            Self::ByUserInput => Self::ByName,
            Self::Always | Self::Within | Self::By(_) | Self::ByName => self,
        }
    }
}

fn rpid(local: &str) -> Governed {
    named(local, |attribute| !attribute.is_oma() && attribute != Attribute::Note)
}

fn named(local: &str, is_of_namespace: impl Fn(Attribute) -> bool) -> Governed {
    let found =
        Attribute::NAMES.iter().find(|(attribute, name)| *name == local && is_of_namespace(*attribute));
    found.map_or(Governed::ByName, |(attribute, _)| Governed::By(*attribute))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_where_their_attributes_are_counted() {
        for (index, (attribute, name)) in Attribute::NAMES.into_iter().enumerate() {
            assert_eq!(attribute as usize, index);
            assert_eq!(attribute.to_string(), name);
        }
    }

    #[test]
    fn each_element_has_its_permission() {
        assert_eq!(Governed::of(RPID, "mood", false), Governed::By(Attribute::Mood));
        assert_eq!(Governed::of(PIDF, "mood", false), Governed::ByName);
        assert_eq!(Governed::of(DATA_MODEL, "deviceID", true), Governed::Always);
        assert_eq!(Governed::of(DATA_MODEL, "deviceID", false), Governed::By(Attribute::DeviceId));
        assert_eq!(
            Governed::of(OMA_PRES, "overriding-willingness", false),
            Governed::By(Attribute::Willingness)
        );
        assert_eq!(Governed::of(OMA_PRES, "barring-state", false), Governed::By(Attribute::BarringState));
        assert_eq!(Governed::of(OMA_PRES, "geopriv", false), Governed::By(Attribute::Geopriv));
        assert_eq!(Governed::of(RPID, "willingness", false), Governed::ByName);
        assert_eq!(Governed::of("urn:x", "note", false), Governed::ByName);
    }
}
