//! What a document of resource lists says.

use std::sync::Arc;

/// A document: its lists, in order, RFC 4826 §3.1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceLists {
    /// The lists.
    pub lists: Vec<List>,
}

/// A list, which may hold others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    /// The handle of the list among its siblings.
    pub name: Option<Arc<str>>,
    /// What people call it.
    pub display_name: Option<Name>,
    /// What is in it, in order.
    pub members: Vec<Member>,
}

/// One thing in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Member {
    /// A resource.
    Entry(Entry),
    /// A list within the list.
    List(List),
    /// An entry that stands in another document under the same XCAP root.
    EntryRef(EntryRef),
    /// A list that stands elsewhere.
    External(External),
}

/// A resource in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The URI of the resource, not empty; of any scheme.
    pub uri: Arc<str>,
    /// What people call it.
    pub display_name: Option<Name>,
}

/// An entry included by reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryRef {
    /// A path relative to the XCAP root, percent-encoded, not empty.
    pub reference: Arc<str>,
    /// What people call it here, rather than what the entry says.
    pub display_name: Option<Name>,
}

/// A list included by reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct External {
    /// An absolute HTTP URI, percent-encoded, not empty.
    pub anchor: Arc<str>,
    /// What people call it here.
    pub display_name: Option<Name>,
}

/// A name for people.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    /// The name.
    pub text: Arc<str>,
    /// Its language (`xml:lang` on the name itself), RFC 5646.
    pub language: Option<Arc<str>>,
}

impl Entry {
    /// An entry without a name.
    pub fn new(uri: &str) -> Self {
        Self { uri: uri.into(), display_name: None }
    }
}

impl Name {
    /// A name in no particular language.
    pub fn new(text: &str) -> Self {
        Self { text: text.into(), language: None }
    }
}

impl FromIterator<Entry> for List {
    /// A flat list.
    fn from_iter<T: IntoIterator<Item = Entry>>(entries: T) -> Self {
        Self { members: entries.into_iter().map(Member::Entry).collect(), ..Self::default() }
    }
}
