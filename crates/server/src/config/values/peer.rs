//! Who serves the users of another domain.

use toml::de::DeValue;

use super::{Setting, expected, quoted, text};

/// Where the users of another domain are served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// The URI of the next hop. None: where the users' own URIs lead (RFC 3263).
    pub hop: Option<String>,
    /// Whether it takes our word for who our users are (RFC 3325).
    pub trusted: bool,
}

impl Setting for Peer {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        const WHAT: &str = "{ hop = \"sip:..\", trusted = false }";
        let Some(table) = value.as_table() else { return expected(WHAT, value) };
        let mut peer = Self::default();
        for (key, value) in table.iter() {
            match key.get_ref().as_ref() {
                "hop" => peer.hop = Some(text("a SIP URI", value.get_ref())?.to_owned()),
                "trusted" => peer.trusted = bool::read(value.get_ref())?,
                other => return Err(format!("unknown key {}; known are hop and trusted", quoted(other))),
            }
        }
        let is_hop = |hop: &String| matches!(sip::Uri::parse(hop), Ok(sip::Uri::Sip(uri)) if !uri.secure);
        match peer.hop.as_ref().filter(|hop| !is_hop(hop)) {
            Some(hop) => Err(format!("{} is no SIP URI; TLS is not spoken", quoted(hop))),
            None => Ok(peer),
        }
    }

    fn print(&self) -> String {
        let hop = self.hop.as_ref().map(|hop| format!("hop = {}, ", quoted(hop)));
        format!("{{ {}trusted = {} }}", hop.unwrap_or_default(), self.trusted)
    }
}
