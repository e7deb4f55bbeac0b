//! The query of a request URI: namespace bindings as XPointer expressions, RFC 4825 §6.4.

use std::sync::Arc;

use crate::error::UriError;
use crate::limits::Limits;
use crate::percent;

/// The prefixes that a query binds. `xml` is always bound.
#[derive(Clone, Debug)]
pub(crate) struct Bindings {
    bound: Vec<(String, Arc<str>)>,
}

impl Bindings {
    /// Reads a query, percent-encoded: `xmlns(a=urn:x)xmlns(b=urn:y)`, with or without whitespace between.
    ///
    /// Expressions of other schemes are ignored, and so is one that would bind `xml` or `xmlns` or the namespace of
    /// either. Of two that bind one prefix the later counts. A `^` escapes a parenthesis or itself.
    pub(crate) fn read(query: Option<&str>, limits: &Limits) -> Result<Self, UriError> {
        let mut bindings = Self { bound: Vec::new() };
        let Some(query) = query else { return Ok(bindings) };
        if query.len() > limits.query {
            return Err(UriError::QueryTooLong { most: limits.query });
        }
        let query = percent::decode(query, 0)?;
        if is_shorthand(&query) {
            return Ok(bindings);
        }
        let mut at = skip_space(&query, 0);
        while at < query.len() {
            let open = query[at..]
                .find('(')
                .map(|length| at + length)
                .ok_or(UriError::Query { offset: query.len(), expected: "`(` after the name of a scheme" })?;
            let scheme = &query[at..open];
            if !scheme.split(':').all(xml::is_name) || scheme.matches(':').count() > 1 {
                return Err(UriError::Query { offset: at, expected: "the name of a scheme" });
            }
            let (data, end) = scheme_data(&query, open + 1)?;
            if scheme == "xmlns" {
                bindings.bind(&data, open + 1, limits)?;
            }
            at = skip_space(&query, end);
        }
        Ok(bindings)
    }

    /// The namespace that a prefix is bound to.
    pub(crate) fn namespace(&self, prefix: &str) -> Option<Arc<str>> {
        if prefix == "xml" {
            return Some(xml::XML_NAMESPACE.into());
        }
        self.bound.iter().find(|(bound, _)| bound == prefix).map(|(_, namespace)| Arc::clone(namespace))
    }

    fn bind(&mut self, data: &str, offset: usize, limits: &Limits) -> Result<(), UriError> {
        let refused = |expected| UriError::Query { offset, expected };
        let (prefix, namespace) = data.split_once('=').ok_or(refused("`prefix=namespace`"))?;
        let (prefix, namespace) = (prefix.trim_end_matches(is_space), namespace.trim_start_matches(is_space));
        if !xml::is_name(prefix) {
            return Err(refused("a prefix"));
        }
        let reserved = [xml::XML_NAMESPACE, xml::XMLNS_NAMESPACE].contains(&namespace);
        if matches!(prefix, "xml" | "xmlns") || reserved {
            return Ok(());
        }
        self.bound.retain(|(bound, _)| bound != prefix);
        if self.bound.len() >= limits.bindings {
            return Err(UriError::TooManyBindings { most: limits.bindings });
        }
        self.bound.push((prefix.to_owned(), namespace.into()));
        Ok(())
    }
}

/// Appends `xmlns(prefix=namespace)`, percent-encoded.
pub(crate) fn push_binding(into: &mut String, prefix: &str, namespace: &str) {
    into.push_str("xmlns(");
    percent::push_query(into, prefix);
    into.push('=');
    let escaped: String = namespace
        .chars()
        .flat_map(|character| {
            matches!(character, '(' | ')' | '^').then_some('^').into_iter().chain([character])
        })
        .collect();
    percent::push_query(into, &escaped);
    into.push(')');
}

/// The data of a scheme that begins at `start`, without its escapes, and the offset after its `)`.
fn scheme_data(query: &str, start: usize) -> Result<(String, usize), UriError> {
    let mut data = String::new();
    let mut depth = 0_usize;
    let mut characters = query[start..].char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '^' => match characters.next() {
                Some((_, escaped @ ('(' | ')' | '^'))) => data.push(escaped),
                _ => return Err(UriError::Query { offset: start + at, expected: "`^(`, `^)` or `^^`" }),
            },
            ')' if depth == 0 => return Ok((data, start + at + 1)),
            _ => {
                match character {
                    '(' => depth += 1,
                    ')' => depth -= 1,
                    _ => {}
                }
                data.push(character);
            }
        }
    }
    Err(UriError::Query { offset: query.len(), expected: "`)`" })
}

/// Whether this is a pointer by name alone, which binds nothing.
fn is_shorthand(query: &str) -> bool {
    xml::is_name(query)
}

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

fn skip_space(text: &str, at: usize) -> usize {
    text.len() - text[at..].trim_start_matches(is_space).len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(query: &str, prefix: &str) -> Option<String> {
        let bindings = Bindings::read(Some(query), &Limits::default()).expect(query);
        bindings.namespace(prefix).map(|namespace| namespace.to_string())
    }

    #[test]
    fn expressions_bind_prefixes() {
        for query in [
            "xmlns(a=urn:x)xmlns(b=urn:y)",
            "xmlns(a=urn:x)%20xmlns(b%20=%20urn:y)",
            "%78mlns(a=urn:x)xmlns(b=urn%3Ay)",
        ] {
            assert_eq!(bound(query, "a").as_deref(), Some("urn:x"));
            assert_eq!(bound(query, "b").as_deref(), Some("urn:y"));
            assert_eq!(bound(query, "c"), None);
        }
        assert_eq!(bound("xmlns(a=urn:x)xmlns(a=urn:y)", "a").as_deref(), Some("urn:y"));
        assert_eq!(bound("xmlns(a=x=y(z))", "a").as_deref(), Some("x=y(z)"));
        assert_eq!(bound("", "xml").as_deref(), Some(xml::XML_NAMESPACE));
    }

    #[test]
    fn a_circumflex_escapes() {
        assert_eq!(bound("xmlns(a=x^(y)", "a").as_deref(), Some("x(y"));
        assert_eq!(bound("xmlns(a=x^)y^^)", "a").as_deref(), Some("x)y^"));
        for namespace in ["urn:x", "a(b", "a)b", "^", "(^^)", "é b+c"] {
            let mut query = String::new();
            push_binding(&mut query, "p", namespace);
            assert_eq!(bound(&query, "p").as_deref(), Some(namespace), "{query}");
        }
    }

    #[test]
    fn other_schemes_and_reserved_names_bind_nothing() {
        assert_eq!(bound("element(/1/2)xpointer(id('a'))xmlns(a=urn:x)", "a").as_deref(), Some("urn:x"));
        assert_eq!(bound("p:own(a^)b)", "a"), None);
        assert_eq!(bound("name", "name"), None);
        assert_eq!(bound("xmlns(xml=urn:x)", "xml").as_deref(), Some(xml::XML_NAMESPACE));
        assert_eq!(bound("xmlns(a=http://www.w3.org/XML/1998/namespace)", "a"), None);
    }

    #[test]
    fn what_is_no_pointer_is_refused() {
        for query in [
            "xmlns",
            "a=b",
            "xmlns(",
            "xmlns(a)",
            "xmlns(=x)",
            "xmlns(a=x",
            "xmlns(a=x^y)",
            "(a=x)",
            "a:b:c()",
        ] {
            let refused = Bindings::read(Some(query), &Limits::default());
            assert!(
                query == "xmlns" || matches!(refused, Err(UriError::Query { .. })),
                "{query}: {refused:?}"
            );
        }
        let limits = Limits { bindings: 1, query: 40, ..Limits::default() };
        assert!(Bindings::read(Some("xmlns(a=x)xmlns(a=y)"), &limits).is_ok());
        let refused = Bindings::read(Some("xmlns(a=x)xmlns(b=y)"), &limits);
        assert_eq!(refused.err(), Some(UriError::TooManyBindings { most: 1 }));
        let refused = Bindings::read(Some(&"x".repeat(41)), &limits);
        assert_eq!(refused.err(), Some(UriError::QueryTooLong { most: 40 }));
    }
}
