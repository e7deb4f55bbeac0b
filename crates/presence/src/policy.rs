//! Who may watch and who may publish, as a small table: the rules of a domain until a presentity has its own.

/// Who may watch the presentities of this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// Everyone whose identity is known, from any domain.
    Everyone,
    /// Users of the presentity's own domain.
    OwnDomain,
    /// Each presentity only itself.
    Oneself,
}

/// Who may publish for a presentity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Publish {
    /// Everyone whose identity is known: open mode only.
    Everyone,
    /// The presentity itself.
    Oneself,
}

/// The policy table of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Who may watch.
    pub watch: Watch,
    /// Who may publish.
    pub publish: Publish,
}

impl Default for Policy {
    fn default() -> Self {
        Self { watch: Watch::OwnDomain, publish: Publish::Oneself }
    }
}
