//! Request URIs, taken apart: which document, and which part of it.

use std::borrow::Cow;

use crate::document::{DocumentSelector, Tree};
use crate::error::UriError;
use crate::limits::Limits;
use crate::percent;

/// What parts a document selector from a node selector, RFC 4825 §6.
const SEPARATOR: &str = "~~";

/// A request URI below the XCAP root. Its pieces are percent-decoded, apart from the node selector and the query, which
/// [`NodeSelector::parse`](crate::NodeSelector::parse) takes as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference<'a> {
    /// The application usage.
    pub auid: Cow<'a, str>,
    /// Whose documents; none for a collection of all documents of a usage.
    pub branch: Option<Branch<'a>>,
    /// The path below the branch: `index`, or `oma_status-icon/face`. Empty for a collection that is a whole branch.
    pub name: String,
    /// Whether the path ends with a slash and so names a collection, RFC 5875 §4.1.
    pub is_collection: bool,
    /// The node selector, if the separator is there.
    pub node: Option<&'a str>,
    /// The query, if there is one.
    pub query: Option<&'a str>,
}

/// A sub-tree of an application usage as a URI names it, RFC 4825 §6.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Branch<'a> {
    /// `users`, the documents of everybody: only as a collection.
    Users,
    /// `users/<XUI>`, the XUI as it was sent, in whatever form.
    User(Cow<'a, str>),
    /// `global`.
    Global,
}

impl<'a> Reference<'a> {
    /// Takes a path (below the XCAP root, with or without its first slash) and a query apart. Segments are parted
    /// before they are decoded, so an encoded slash is part of a segment. A document needs usage, branch and name; a
    /// collection ends with a slash. Neither has an empty segment, nor `.` or `..`.
    pub fn split(path: &'a str, query: Option<&'a str>, limits: &Limits) -> Result<Self, UriError> {
        if path.len() > limits.path {
            return Err(UriError::PathTooLong { most: limits.path });
        }
        if query.is_some_and(|query| query.len() > limits.query) {
            return Err(UriError::QueryTooLong { most: limits.query });
        }
        let mut at = usize::from(path.starts_with('/'));
        let mut segments: Vec<Cow<'a, str>> = Vec::new();
        let mut node = None;
        while at < path.len() {
            let end = path[at..].find('/').map_or(path.len(), |length| at + length);
            let segment = percent::decode(&path[at..end], at)?;
            at = end + 1;
            if segment == SEPARATOR {
                node = Some(path.get(at..).unwrap_or_default());
                break;
            }
            if matches!(&*segment, "" | "." | "..") {
                return Err(UriError::NoDocument);
            }
            segments.push(segment);
        }
        let is_collection = node.is_none() && path.ends_with('/');
        let mut segments = segments.into_iter();
        let auid = segments.next().ok_or(UriError::NoDocument)?;
        let branch = match segments.next().as_deref() {
            Some("users") => Some(segments.next().map_or(Branch::Users, Branch::User)),
            Some("global") => Some(Branch::Global),
            Some(_) => return Err(UriError::NoDocument),
            None => None,
        };
        let name = name(segments)?;
        if name.is_empty() && !is_collection {
            return Err(UriError::NoDocument);
        }
        Ok(Self { auid, branch, name, is_collection, node, query })
    }
}

/// Joins the segments below a branch. One with a slash in it would read as two, so it names nothing.
fn name<'a>(segments: impl Iterator<Item = Cow<'a, str>>) -> Result<String, UriError> {
    let mut name = String::new();
    for segment in segments {
        if segment.contains('/') {
            return Err(UriError::NoDocument);
        }
        if !name.is_empty() {
            name.push('/');
        }
        name.push_str(&segment);
    }
    Ok(name)
}

impl DocumentSelector {
    /// The path below the XCAP root, percent-encoded, without a slash before it: `rls-services/global/index`.
    pub fn to_path(&self) -> String {
        let mut path = String::new();
        percent::push_segment(&mut path, &self.auid);
        match &self.tree {
            Tree::User(xui) => {
                path.push_str("/users/");
                percent::push_segment(&mut path, xui);
            }
            Tree::Global => path.push_str("/global"),
        }
        for segment in self.name.split('/') {
            path.push('/');
            percent::push_segment(&mut path, segment);
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(path: &str) -> Result<Reference<'_>, UriError> {
        Reference::split(path, None, &Limits::default())
    }

    #[test]
    fn a_document_has_usage_branch_and_name() {
        let read = split("/resource-lists/users/sip:joe@example.com/index").unwrap();
        assert_eq!(
            (&*read.auid, &*read.name, read.is_collection, read.node),
            ("resource-lists", "index", false, None)
        );
        assert_eq!(read.branch, Some(Branch::User("sip:joe@example.com".into())));
        let read = split("rls-services/global/index").unwrap();
        assert_eq!((read.branch, &*read.name), (Some(Branch::Global), "index"));
        let read = split("a/users/x/oma_status-icon/face").unwrap();
        assert_eq!(read.name, "oma_status-icon/face");
    }

    #[test]
    fn segments_are_parted_before_they_are_decoded() {
        let read = split("/a/users/sip%3Ajoe%2Fhome%3F@example.com/i%20x/~~/l%2F~~/b").unwrap();
        assert_eq!(read.branch, Some(Branch::User("sip:joe/home?@example.com".into())));
        assert_eq!((&*read.name, read.node), ("i x", Some("l%2F~~/b")));
        assert_eq!(split("/a/global/i%2Fx"), Err(UriError::NoDocument));
    }

    #[test]
    fn the_first_separator_counts_however_it_is_written() {
        assert_eq!(split("/a/global/i/~~/b/~~/c").unwrap().node, Some("b/~~/c"));
        assert_eq!(split("/a/global/i/%7e%7E/b").unwrap().node, Some("b"));
        assert_eq!(split("/a/global/i/~~/").unwrap().node, Some(""));
        assert_eq!(split("/a/global/i/~~").unwrap().node, Some(""));
        assert_eq!(split("/a/global/~~/b"), Err(UriError::NoDocument));
    }

    #[test]
    fn a_collection_ends_with_a_slash() {
        let of = |path| {
            let read = split(path).unwrap();
            assert!(read.is_collection && read.node.is_none());
            (read.branch, read.name)
        };
        assert_eq!(of("/a/"), (None, String::new()));
        assert_eq!(of("/a/users/"), (Some(Branch::Users), String::new()));
        assert_eq!(of("/a/users/x/"), (Some(Branch::User("x".into())), String::new()));
        assert_eq!(of("/a/users/x/d/"), (Some(Branch::User("x".into())), "d".to_owned()));
    }

    #[test]
    fn other_paths_name_nothing() {
        for path in [
            "",
            "/",
            "//",
            "a",
            "a/users",
            "a/users/x",
            "a/global",
            "a/other/x",
            "a/global//x",
            "a/global/../x",
        ] {
            assert_eq!(split(path), Err(UriError::NoDocument), "{path}");
        }
    }

    #[test]
    fn what_is_too_long_is_refused() {
        let limits = Limits { path: 20, query: 5, ..Limits::default() };
        assert!(Reference::split("/a/global/index/~~/b", Some("12345"), &limits).is_ok());
        let too_long = Reference::split("/a/global/index/~~/bc", None, &limits);
        assert_eq!(too_long, Err(UriError::PathTooLong { most: 20 }));
        let too_long = Reference::split("/a/global/index", Some("123456"), &limits);
        assert_eq!(too_long, Err(UriError::QueryTooLong { most: 5 }));
    }

    #[test]
    fn a_printed_document_selector_reads_as_it_was() {
        let document = DocumentSelector::of_user("a", "sip:j/o?e#é@example.com", "oma status/face");
        let path = document.to_path();
        assert_eq!(path, "a/users/sip:j%2Fo%3Fe%23%C3%A9@example.com/oma%20status/face");
        let read = split(&path).unwrap();
        assert_eq!(read.branch, Some(Branch::User("sip:j/o?e#é@example.com".into())));
        assert_eq!(read.name, &*document.name);
        assert_eq!(DocumentSelector::global("a", "index").to_path(), "a/global/index");
    }
}
