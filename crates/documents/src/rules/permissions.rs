//! What transformations grant, and how grants add up.

use std::collections::BTreeSet;

use super::attributes::{Attribute, AttributeSet, Governed, UserInput};

/// What may be seen of a presence document, RFC 5025 §3.3. The default is nothing.
///
/// Equal permissions have equal values once they are [canonical](Permissions::canonical), so they tell classes of
/// watchers apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Permissions {
    /// Which tuples.
    pub services: Selection,
    /// Which persons.
    pub persons: Selection,
    /// Which devices.
    pub devices: Selection,
    /// Which attributes of those.
    pub attributes: AttributeSet,
    /// How much of `user-input`.
    pub user_input: UserInput,
    /// Attributes that have no permission of their own: namespace and name.
    pub unknown: BTreeSet<(Box<str>, Box<str>)>,
    /// Every attribute, whatever it is.
    pub all_attributes: bool,
}

impl Permissions {
    /// Everything there is.
    pub fn everything() -> Self {
        Self {
            services: Selection::All,
            persons: Selection::All,
            devices: Selection::All,
            all_attributes: true,
            ..Self::default()
        }
    }

    /// The elements of publication rules that say the same, one by one, in the namespace of the prefix `opb`; those that
    /// `pub-rules` has no words for are left out.
    pub fn as_publication_rules(&self) -> Vec<String> {
        let kinds = [("services", &self.services), ("devices", &self.devices), ("persons", &self.persons)];
        let kinds = kinds.into_iter().filter(|(_, selection)| !selection.is_nothing());
        let mut names: Vec<String> = kinds.map(|(name, _)| name.to_owned()).collect();
        if !self.all_attributes {
            let attributes = self.attributes.iter().filter(|attribute| attribute.is_in_pub_rules());
            names.extend(attributes.map(|attribute| attribute.to_string()));
        }
        let mut words: Vec<String> =
            names.iter().map(|name| format!("<opb:allow-{name}>true</opb:allow-{name}>")).collect();
        if self.all_attributes {
            words.push("<opb:allow-all-attributes/>".to_owned());
        }
        for (namespace, name) in &self.unknown {
            let mut word = b"<opb:allow-unknown-attribute name=\"".to_vec();
            xml::push_attribute(&mut word, name);
            word.extend_from_slice(b"\" ns=\"");
            xml::push_attribute(&mut word, namespace);
            word.extend_from_slice(b"\">true</opb:allow-unknown-attribute>");
            words.push(String::from_utf8(word).expect("texts between texts"));
        }
        words
    }

    /// Grants what `other` grants, too: true wins, the most wins, sets unite, RFC 4745 §10.2.
    pub fn add(&mut self, other: &Self) {
        self.services.add(&other.services);
        self.persons.add(&other.persons);
        self.devices.add(&other.devices);
        self.attributes = self.attributes.union(other.attributes);
        self.user_input = self.user_input.max(other.user_input);
        self.unknown.extend(other.unknown.iter().cloned());
        self.all_attributes |= other.all_attributes;
    }

    /// Takes away what `other` does not grant.
    pub fn restrict(&mut self, other: &Self) {
        self.services.restrict(&other.services);
        self.persons.restrict(&other.persons);
        self.devices.restrict(&other.devices);
        match (self.all_attributes, other.all_attributes) {
            (_, true) => {}
            (true, false) => {
                self.attributes = other.attributes;
                self.user_input = other.user_input;
                self.unknown.clone_from(&other.unknown);
                self.all_attributes = false;
            }
            (false, false) => {
                self.attributes = self.attributes.intersection(other.attributes);
                self.user_input = self.user_input.min(other.user_input);
                self.unknown.retain(|name| other.unknown.contains(name));
            }
        }
    }

    /// The same permissions in the one form that they have: `all_attributes` covers the others.
    #[must_use]
    pub fn canonical(mut self) -> Self {
        if self.all_attributes {
            self.attributes = AttributeSet::default();
            self.user_input = UserInput::Nothing;
            self.unknown.clear();
        }
        if self.services.is_nothing() && self.persons.is_nothing() && self.devices.is_nothing() {
            return Self::default();
        }
        self
    }

    /// Whether a presence document may be seen as it is.
    pub fn is_everything(&self) -> bool {
        self.all_attributes
            && [&self.services, &self.persons, &self.devices]
                .iter()
                .all(|selection| **selection == Selection::All)
    }

    /// Whether the attribute is granted.
    pub fn grants(&self, attribute: Attribute) -> bool {
        self.all_attributes || self.attributes.contains(attribute)
    }

    /// How much of an element that is governed by itself is granted; `Nothing` or `Full` for all but `user-input`.
    pub fn of_element(&self, governed: Governed, namespace: &str, local: &str) -> UserInput {
        let granted = match governed {
            _ if self.all_attributes => true,
            Governed::Always | Governed::Within => true,
            Governed::By(attribute) => self.attributes.contains(attribute),
            Governed::ByUserInput => return self.user_input,
            Governed::ByName => self.unknown.iter().any(|(ns, name)| **ns == *namespace && **name == *local),
        };
        if granted { UserInput::Full } else { UserInput::Nothing }
    }
}

/// Which components are meant, RFC 5025 §3.3.1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Selection {
    /// Those that one of these selects.
    Some(BTreeSet<Selector>),
    /// All.
    All,
}

impl Default for Selection {
    /// None.
    fn default() -> Self {
        Self::Some(BTreeSet::new())
    }
}

impl Selection {
    /// Whether it can select nothing.
    pub fn is_nothing(&self) -> bool {
        matches!(self, Self::Some(selectors) if selectors.is_empty())
    }

    pub(super) fn add(&mut self, other: &Self) {
        match (&mut *self, other) {
            (Self::All, _) => {}
            (Self::Some(selectors), Self::Some(others)) => selectors.extend(others.iter().cloned()),
            (Self::Some(_), Self::All) => *self = Self::All,
        }
    }

    /// What both surely select: a class and an id might mean one component, but need not.
    fn restrict(&mut self, other: &Self) {
        match (&mut *self, other) {
            (_, Self::All) => {}
            (Self::All, Self::Some(_)) => *self = other.clone(),
            (Self::Some(selectors), Self::Some(others)) => selectors.retain(|it| others.contains(it)),
        }
    }
}

/// Selects components by one of their properties, RFC 5025 §3.3.1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Selector {
    /// The text of their RPID `class`, case-sensitive.
    Class(Box<str>),
    /// Their `id`, case-sensitive.
    OccurrenceId(Box<str>),
    /// The URI of a service: the `contact` of a tuple.
    ServiceUri(Box<str>),
    /// The scheme of that URI, case-sensitive.
    ServiceUriScheme(Box<str>),
    /// The `service-id` in the OMA's `service-description`.
    ServiceId(Box<str>),
    /// The `deviceID` of a device.
    DeviceId(Box<str>),
}
