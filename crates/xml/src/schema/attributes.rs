//! The attributes of one start tag, and the ids of a document.

use super::simple::Simple;
use super::table::{ANYTHING, Grammar, Openness, Type};
use super::violation::Violation;
use crate::scanner::Scanner;
use crate::stack::Stack;
use crate::tag::Attribute;
use crate::token::Start;
use crate::value::Value;

/// The namespace of `xsi:type`, `xsi:nil` and of hints where schemas are, which may stand on any element.
const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

impl Type {
    /// Checks the attributes of the start tag that was pulled last.
    #[inline]
    pub(super) fn check_attributes<'a>(
        &'static self,
        scanner: &Scanner<'a>,
        start: &Start<'a>,
        grammar: &'static Grammar,
        ids: &mut Ids<'a>,
    ) -> Result<(), Violation> {
        let mut seen = 0_u64;
        for attribute in scanner.attributes() {
            let name = &attribute.name;
            let declared =
                self.attributes.iter().position(|declared| declared.is(&name.namespace, name.local));
            match declared {
                Some(at) => {
                    seen |= 1 << at;
                    self.check_value(&self.attributes[at].value, &attribute, ids)?;
                }
                None if name.namespace == *INSTANCE => self.check_instance(start, &attribute)?,
                None => {
                    let is_open = match self.openness {
                        Openness::Closed => false,
                        Openness::Other => self.origin.is_other(&name.namespace),
                        Openness::Any => true,
                    };
                    if !is_open {
                        let at = attribute.span.start;
                        return Err(Violation::unknown_attribute(
                            at,
                            start.name.local,
                            name.local,
                            self.origin,
                        ));
                    }
                    if let Some(global) = grammar.attribute(&name.namespace, name.local) {
                        self.check_value(&global.value, &attribute, ids)?;
                    }
                }
            }
        }
        let missing = |(at, declared): &(usize, &super::Attribute)| declared.required && seen >> at & 1 == 0;
        match self.attributes.iter().enumerate().find(missing) {
            Some((_, declared)) => {
                Err(Violation::missing(start.span.start, start.name.local, declared, self.origin))
            }
            None => Ok(()),
        }
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
    fn check_instance(&'static self, start: &Start<'_>, attribute: &Attribute<'_>) -> Result<(), Violation> {
        match attribute.name.local {
            "type" | "schemaLocation" | "noNamespaceSchemaLocation" => Ok(()),
            "nil" if core::ptr::eq(self, &raw const ANYTHING) => Ok(()),
            "nil" => Err(Violation::nil(attribute.span.start, start.name.local, self.origin)),
            other => {
                Err(Violation::unknown_attribute(attribute.span.start, start.name.local, other, self.origin))
            }
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
        if self.met.len() < FEW && self.met.as_slice().iter().any(|other| other.name().eq(id.name())) {
            return Err(id.twice());
        }
        self.met.push(id);
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<(), Violation> {
        if self.met.len() <= FEW {
            return Ok(());
        }
        let sorted = self.met.as_mut_slice();
        sorted.sort_unstable_by(|a, b| a.name().cmp(b.name()).then(a.at.cmp(&b.at)));
        let twice = sorted.windows(2).filter(|pair| pair[0].name().eq(pair[1].name())).map(|pair| pair[1]);
        match twice.min_by_key(|id| id.at) {
            Some(id) => Err(id.twice()),
            None => Ok(()),
        }
    }
}

impl Id<'_> {
    /// What counts of it: a name has no whitespace within, so none is left.
    fn name(&self) -> impl Iterator<Item = char> {
        self.value.characters().filter(|character| !matches!(character, ' ' | '\t' | '\r' | '\n'))
    }

    fn twice(&self) -> Violation {
        Violation::id_twice(self.at, self.value.text().trim())
    }
}
