//! Reading resource lists.

use std::sync::Arc;

use xml::{Limits, Scanner, Start, Token, XML_NAMESPACE};

use super::NAMESPACE;
use super::lists::{Entry, EntryRef, External, List, Member, Name, ResourceLists};
use crate::error::{DocumentError, Rule};

impl ResourceLists {
    /// Reads a document. Refused is what is not well-formed or over the limits, another root, and an entry or reference
    /// without its URI. That names and URIs are unique is asked by who stores documents, not by who uses them.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, DocumentError> {
        let mut scanner = Scanner::new(bytes, limits)?;
        let root = scanner.root()?;
        if !root.name.is(NAMESPACE, "resource-lists") {
            return Err(DocumentError::Rule {
                offset: root.span.start as usize,
                rule: Rule::RootOf("resource-lists"),
            });
        }
        let mut lists = Vec::new();
        while let Some(token) = scanner.pull()? {
            if let Token::Start(start) = token {
                if start.name.is(NAMESPACE, "list") {
                    lists.push(list(&mut scanner)?);
                } else {
                    scanner.skip()?;
                }
            }
        }
        Ok(Self { lists })
    }
}

/// Reads the list whose start tag was pulled last, up to its end. Its name does not matter: in services documents it
/// is of another namespace. Without recursion.
pub(crate) fn list(scanner: &mut Scanner<'_>) -> Result<List, DocumentError> {
    let mut open: Vec<List> = Vec::new();
    let mut innermost = opened(scanner);
    while let Some(token) = scanner.pull()? {
        match token {
            Token::Start(start) if start.name.namespace == *NAMESPACE && start.name.local == "list" => {
                open.push(core::mem::replace(&mut innermost, opened(scanner)));
            }
            Token::Start(start) => child(scanner, &start, &mut innermost)?,
            // Every other element was pulled up to its end, so this is the end of the innermost list.
            Token::End(_) => match open.pop() {
                Some(outer) => {
                    let list = core::mem::replace(&mut innermost, outer);
                    innermost.members.push(Member::List(list));
                }
                None => break,
            },
            Token::Text(_) | Token::CData(_) | Token::Comment(_) | Token::Instruction(_) => {}
        }
    }
    Ok(innermost)
}

fn opened(scanner: &Scanner<'_>) -> List {
    List { name: attribute(scanner, "name"), display_name: None, members: Vec::new() }
}

/// Reads one child of a list that is no list itself, up to its end.
fn child(scanner: &mut Scanner<'_>, start: &Start<'_>, list: &mut List) -> Result<(), DocumentError> {
    if start.name.namespace != *NAMESPACE {
        scanner.skip()?;
        return Ok(());
    }
    match start.name.local {
        "entry" => {
            let uri = uri(scanner, start, "uri")?;
            list.members.push(Member::Entry(Entry { uri, display_name: display_name(scanner)? }));
        }
        "entry-ref" => {
            let reference = uri(scanner, start, "ref")?;
            list.members.push(Member::EntryRef(EntryRef { reference, display_name: display_name(scanner)? }));
        }
        "external" => {
            let anchor = uri(scanner, start, "anchor")?;
            list.members.push(Member::External(External { anchor, display_name: display_name(scanner)? }));
        }
        "display-name" => list.display_name = Some(name(scanner)?),
        _ => {
            scanner.skip()?;
        }
    }
    Ok(())
}

/// The name of the element that is open, which is read up to its end.
fn display_name(scanner: &mut Scanner<'_>) -> Result<Option<Name>, DocumentError> {
    let mut found = None;
    while let Some(token) = scanner.pull()? {
        match token {
            Token::Start(start) if start.name.is(NAMESPACE, "display-name") => found = Some(name(scanner)?),
            Token::Start(_) => {
                scanner.skip()?;
            }
            Token::End(_) => break,
            Token::Text(_) | Token::CData(_) | Token::Comment(_) | Token::Instruction(_) => {}
        }
    }
    Ok(found)
}

/// Reads a name whose start tag was pulled last, up to its end. White space around it does not count.
pub(crate) fn name(scanner: &mut Scanner<'_>) -> Result<Name, DocumentError> {
    let language = scanner.attribute(XML_NAMESPACE, "lang").map(|language| language.value.text().into());
    let text = text(scanner)?;
    Ok(Name { text: text.trim_matches(is_space).into(), language })
}

/// The text of the element whose start tag was pulled last, read up to its end; what its children say is left out.
pub(crate) fn text(scanner: &mut Scanner<'_>) -> Result<String, DocumentError> {
    let mut text = String::new();
    while let Some(token) = scanner.pull()? {
        match token {
            Token::Text(run) | Token::CData(run) => text.push_str(&run.value.text()),
            Token::Start(_) => {
                scanner.skip()?;
            }
            Token::End(_) => break,
            Token::Comment(_) | Token::Instruction(_) => {}
        }
    }
    Ok(text)
}

/// An attribute without namespace of the start tag that was pulled last.
pub(crate) fn attribute(scanner: &Scanner<'_>, local: &str) -> Option<Arc<str>> {
    scanner.attribute("", local).map(|attribute| attribute.value.text().into())
}

/// An attribute that holds a URI, without the white space that its type lets stand around it.
pub(crate) fn uri(
    scanner: &Scanner<'_>,
    start: &Start<'_>,
    local: &'static str,
) -> Result<Arc<str>, DocumentError> {
    let value = scanner.attribute("", local).map(|attribute| attribute.value.text());
    let value = value.as_deref().map(|value| value.trim_matches(is_space)).filter(|value| !value.is_empty());
    value
        .map(Arc::from)
        .ok_or(DocumentError::Rule { offset: start.span.start as usize, rule: Rule::Missing(local) })
}

/// XML 1.0 §2.3 S
pub(crate) fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r')
}
