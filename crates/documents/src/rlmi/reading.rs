//! Reading meta-information.

use xml::{Limits, Scanner, Start, Token};

use super::list::{Instance, List, Resource, State};
use super::{EXTENSION, NAMESPACE};
use crate::error::{DocumentError, Rule};
use crate::resource_lists::reading::{attribute, name, uri};

impl List {
    /// Reads a document. Refused is what is not well-formed or over the limits, another root, and what lacks an
    /// attribute that RFC 4662 §5 asks for or has another value than it allows, but for two that servers forget and that
    /// nothing depends on: a `reason` with `terminated`, and a `cid` with `active`.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, DocumentError> {
        let mut scanner = Scanner::new(bytes, limits)?;
        let root = scanner.root()?;
        if !root.name.is(NAMESPACE, "list") {
            return Err(refused(&root, Rule::RootOf("list")));
        }
        let mut list = Self {
            uri: uri(&scanner, &root, "uri")?,
            version: version(&scanner, &root)?,
            full_state: full_state(&scanner, &root)?,
            cid: attribute(&scanner, "cid"),
            omitted: omitted(&scanner),
            names: Vec::new(),
            resources: Vec::new(),
        };
        while let Some(token) = scanner.pull()? {
            match token {
                Token::Start(start) if start.name.is(NAMESPACE, "name") => {
                    list.names.push(name(&mut scanner)?)
                }
                Token::Start(start) if start.name.is(NAMESPACE, "resource") => {
                    list.resources.push(resource(&mut scanner, &start)?);
                }
                Token::Start(_) => {
                    scanner.skip()?;
                }
                Token::End(_)
                | Token::Text(_)
                | Token::CData(_)
                | Token::Comment(_)
                | Token::Instruction(_) => {}
            }
        }
        Ok(list)
    }
}

/// Reads a resource whose start tag was pulled last, up to its end.
fn resource(scanner: &mut Scanner<'_>, start: &Start<'_>) -> Result<Resource, DocumentError> {
    let mut resource =
        Resource { uri: uri(scanner, start, "uri")?, names: Vec::new(), instances: Vec::new() };
    while let Some(token) = scanner.pull()? {
        match token {
            Token::Start(start) if start.name.is(NAMESPACE, "name") => resource.names.push(name(scanner)?),
            Token::Start(start) if start.name.is(NAMESPACE, "instance") => {
                resource.instances.push(instance(scanner, &start)?);
                scanner.skip()?;
            }
            Token::Start(_) => {
                scanner.skip()?;
            }
            Token::End(_) => break,
            Token::Text(_) | Token::CData(_) | Token::Comment(_) | Token::Instruction(_) => {}
        }
    }
    Ok(resource)
}

fn instance(scanner: &Scanner<'_>, start: &Start<'_>) -> Result<Instance, DocumentError> {
    let state = scanner.attribute("", "state").map(|state| state.value.text());
    let state = state.ok_or_else(|| refused(start, Rule::Missing("state")))?;
    Ok(Instance {
        id: attribute(scanner, "id").ok_or_else(|| refused(start, Rule::Missing("id")))?,
        state: State::read(state.trim()).ok_or_else(|| refused(start, Rule::Value("state")))?,
        reason: attribute(scanner, "reason"),
        cid: attribute(scanner, "cid"),
    })
}

fn version(scanner: &Scanner<'_>, root: &Start<'_>) -> Result<u32, DocumentError> {
    let version = attribute(scanner, "version").ok_or_else(|| refused(root, Rule::Missing("version")))?;
    version.trim().parse().map_err(|_| refused(root, Rule::Value("version")))
}

fn full_state(scanner: &Scanner<'_>, root: &Start<'_>) -> Result<bool, DocumentError> {
    let full_state =
        attribute(scanner, "fullState").ok_or_else(|| refused(root, Rule::Missing("fullState")))?;
    match full_state.trim() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(refused(root, Rule::Value("fullState"))),
    }
}

/// What cannot be read of an extension is not there.
fn omitted(scanner: &Scanner<'_>) -> u32 {
    let omitted = scanner.attribute(EXTENSION, "omitted");
    omitted.and_then(|omitted| omitted.value.text().trim().parse().ok()).unwrap_or(0)
}

fn refused(start: &Start<'_>, rule: Rule) -> DocumentError {
    DocumentError::Rule { offset: start.span.start as usize, rule }
}
