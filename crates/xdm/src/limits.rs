//! How much one user may keep, and how long a name may be.

/// What bounds requests and documents. Each is inclusive, and each has its own refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes, steps and bindings of a request URI. 414.
    pub uri: xcap::Limits,
    /// Bytes of a document's name, folders included, without escapes. 404, as no such document can be.
    pub name: usize,
    /// Bytes of one document. 409 with `local-constraint-failure`, as the next four.
    pub document: usize,
    /// Documents of one user, over all application usages.
    pub documents: usize,
    /// Bytes of all documents of one user.
    pub bytes: usize,
    /// Elements within elements; the root counts as one.
    pub depth: usize,
    /// Elements, texts, comments and processing instructions of one document.
    pub nodes: usize,
    /// Bytes of a service index that is handed out whole. 500 beyond it, and a selector for one service still works.
    pub global_index: usize,
    /// Profiles that one search gives; more are left out.
    pub found: usize,
}

impl Limits {
    /// What the XML reader is told; 64 attributes on an element and 64 declarations in scope are its own defaults.
    pub fn xml(&self) -> xml::Limits {
        xml::Limits { bytes: self.document, depth: self.depth, nodes: self.nodes, ..xml::Limits::default() }
    }
}

impl Default for Limits {
    /// 512 KiB a document, 100 documents and 8 MiB a user; 32 deep, 65536 nodes; 255 bytes of name; 100 found.
    fn default() -> Self {
        Self {
            uri: xcap::Limits::default(),
            name: 255,
            document: 512 * 1024,
            documents: 100,
            bytes: 8 * 1024 * 1024,
            depth: 32,
            nodes: 65_536,
            global_index: 64 * 1024 * 1024,
            found: 100,
        }
    }
}
