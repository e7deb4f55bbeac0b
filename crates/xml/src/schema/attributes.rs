//! The attributes of one start tag, and the ids of a document.

use core::cmp::Ordering;

use super::local::Met;
use super::simple::{SPACES, Simple, trimmed};
use super::table::{ANYTHING, Grammar, Openness, Type};
use super::violation::Violation;
use crate::stack::Stack;
use crate::tag::Attribute;
use crate::value::Value;

/// The namespace of `xsi:type`, `xsi:nil` and of hints where schemas are, which may stand on any element.
const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// An attribute as it was met, put together only if it must be.
pub(super) trait Written<'a> {
    /// Whether it is in no namespace.
    fn is_bare(&self) -> bool;
    /// Its local name.
    fn local(&self) -> Met<'a>;
    /// It, put together.
    fn attribute(&self) -> Attribute<'a>;
}

impl Type {
    /// Checks the attributes of the start tag of `element`, which begins at `at`.
    #[inline]
    pub(super) fn check_attributes<'a>(
        &'static self,
        element: &str,
        at: u32,
        attributes: impl Iterator<Item = impl Written<'a>>,
        grammar: &'static Grammar,
        ids: &mut Ids<'a>,
    ) -> Result<(), Violation> {
        let mut seen = 0_u64;
        for written in attributes {
            // Most attributes are in no namespace and may be any text: nothing more is to be known of those.
            if written.is_bare() {
                let local = written.local();
                let is_it = |declared: &super::Attribute| declared.is_bare() && declared.name.is(local);
                if let Some(at) = self.attributes.iter().position(is_it) {
                    seen |= 1 << at;
                    let value = &self.attributes[at].value;
                    if !value.is_free() {
                        self.check_value(value, &written.attribute(), ids)?;
                    }
                    continue;
                }
            }
            seen |= self.check_other(&written.attribute(), element, grammar, ids)?;
        }
        let missing = |(at, declared): &(usize, &super::Attribute)| declared.required && seen >> at & 1 == 0;
        match self.attributes.iter().enumerate().find(missing) {
            Some((_, declared)) => Err(Violation::missing(at, element, declared, self.origin)),
            None => Ok(()),
        }
    }

    /// Checks an attribute that is in a namespace, or not declared: which of the declared ones it is.
    fn check_other<'a>(
        &'static self,
        attribute: &Attribute<'a>,
        element: &str,
        grammar: &'static Grammar,
        ids: &mut Ids<'a>,
    ) -> Result<u64, Violation> {
        let name = &attribute.name;
        let is_it = |declared: &super::Attribute| {
            declared.name.text == name.local && name.namespace == *declared.namespace
        };
        if let Some(at) = self.attributes.iter().position(is_it) {
            self.check_value(&self.attributes[at].value, attribute, ids)?;
            return Ok(1 << at);
        }
        if name.namespace == *INSTANCE {
            self.check_instance(element, attribute)?;
            return Ok(0);
        }
        let is_open = match self.openness {
            Openness::Closed => false,
            Openness::Other => self.origin.is_other(&name.namespace),
            Openness::Any => true,
        };
        if !is_open {
            let at = attribute.span.start;
            return Err(Violation::unknown_attribute(at, element, name.local, self.origin));
        }
        if let Some(global) = grammar.attribute(&name.namespace, name.local) {
            self.check_value(&global.value, attribute, ids)?;
        }
        Ok(0)
    }

    fn check_value<'a>(
        &'static self,
        simple: &Simple,
        attribute: &Attribute<'a>,
        ids: &mut Ids<'a>,
    ) -> Result<(), Violation> {
        let at = attribute.value_span.start;
        if !simple.is_free() && !attribute.value.with_text(|text| simple.takes(text)) {
            return Err(Violation::value(at, attribute.name.local, simple, self.origin));
        }
        if let Simple::Id = simple {
            return ids.add(attribute.value, at);
        }
        Ok(())
    }

    /// An attribute of XML Schema itself. No element that we declare may be nil; `xsi:type` is passed over.
    fn check_instance(&'static self, element: &str, attribute: &Attribute<'_>) -> Result<(), Violation> {
        match attribute.name.local {
            "type" | "schemaLocation" | "noNamespaceSchemaLocation" => Ok(()),
            "nil" if core::ptr::eq(self, &raw const ANYTHING) => Ok(()),
            "nil" => Err(Violation::nil(attribute.span.start, element, self.origin)),
            other => Err(Violation::unknown_attribute(attribute.span.start, element, other, self.origin)),
        }
    }
}

/// The ids met so far. Few are compared as they come; many are sorted at the end.
#[derive(Debug)]
pub(super) struct Ids<'a> {
    met: Stack<Id<'a>, FEW>,
}

const FEW: usize = 8;

#[derive(Clone, Copy, Debug, Default)]
struct Id<'a> {
    value: Value<'a>,
    at: u32,
}

impl Default for Ids<'_> {
    fn default() -> Self {
        Self { met: Stack::new() }
    }
}

impl<'a> Ids<'a> {
    fn add(&mut self, value: Value<'a>, at: u32) -> Result<(), Violation> {
        let id = Id { value, at };
        if self.met.len() < FEW && self.met.as_slice().iter().any(|other| other.compare(&id).is_eq()) {
            return Err(id.twice());
        }
        self.met.push(id);
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.met.is_empty()
    }

    pub(super) fn finish(mut self) -> Result<(), Violation> {
        if self.met.len() <= FEW {
            return Ok(());
        }
        let sorted = self.met.as_mut_slice();
        sorted.sort_unstable_by(|a, b| a.compare(b).then(a.at.cmp(&b.at)));
        let twice = sorted.windows(2).filter(|pair| pair[0].compare(&pair[1]).is_eq()).map(|pair| pair[1]);
        match twice.min_by_key(|id| id.at) {
            Some(id) => Err(id.twice()),
            None => Ok(()),
        }
    }
}

impl Id<'_> {
    /// By name, in the order of its characters.
    fn compare(&self, other: &Self) -> Ordering {
        if self.value.is_plain() && other.value.is_plain() {
            trimmed(self.value.raw()).cmp(trimmed(other.value.raw()))
        } else {
            self.name().cmp(other.name())
        }
    }

    /// What counts of it: a name has no whitespace within, so none is left.
    fn name(&self) -> impl Iterator<Item = char> {
        self.value.characters().filter(|character| !SPACES.contains(character))
    }

    fn twice(&self) -> Violation {
        Violation::id_twice(self.at, trimmed(&self.value.text()))
    }
}
