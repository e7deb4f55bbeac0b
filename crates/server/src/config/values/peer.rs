//! Who serves the users of another domain.

use toml::de::DeValue;

use super::{Secret, Setting, expected, quoted, text};

/// Where the users of another domain are served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// The URI of the next hop. None: where the users' own URIs lead (RFC 3263).
    pub hop: Option<String>,
    /// Whether it takes our word for who our users are (RFC 3325).
    pub trusted: bool,
    /// Who we are to whoever asks there for a password.
    pub username: Option<String>,
    /// The password itself, never its hash: the realm is the peer's.
    pub password: Option<Secret>,
}

impl Setting for Peer {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        const WHAT: &str = "{ hop = \"sip:..\", trusted = false, username = \"..\", password = \"..\" }";
        const KEYS: &str = "hop, trusted, username and password";
        let Some(table) = value.as_table() else { return expected(WHAT, value) };
        let mut peer = Self::default();
        for (key, value) in table.iter() {
            match key.get_ref().as_ref() {
                "hop" => peer.hop = Some(text("a SIP URI", value.get_ref())?.to_owned()),
                "trusted" => peer.trusted = bool::read(value.get_ref())?,
                "username" => peer.username = Some(text("a name", value.get_ref())?.to_owned()),
                "password" => match Secret::read(value.get_ref())? {
                    Secret::Hashes { .. } => {
                        return Err("hashes prove nothing to others: a password".to_owned());
                    }
                    password @ Secret::Password(_) => peer.password = Some(password),
                },
                other => return Err(format!("unknown key {}; known are {KEYS}", quoted(other))),
            }
        }
        if peer.username.is_some() != peer.password.is_some() {
            return Err("a username and its password go together".to_owned());
        }
        let is_hop = |hop: &String| matches!(sip::Uri::parse(hop), Ok(sip::Uri::Sip(uri)) if !uri.secure);
        match peer.hop.as_ref().filter(|hop| !is_hop(hop)) {
            Some(hop) => Err(format!("{} is no SIP URI; TLS is not spoken", quoted(hop))),
            None => Ok(peer),
        }
    }

    fn print(&self) -> String {
        let hop = self.hop.as_ref().map(|hop| format!("hop = {}, ", quoted(hop))).unwrap_or_default();
        let username = self.username.as_ref().map(|name| format!(", username = {}", quoted(name)));
        let password = self.password.as_ref().map(|secret| format!(", password = {}", secret.print()));
        let (username, password) = (username.unwrap_or_default(), password.unwrap_or_default());
        format!("{{ {hop}trusted = {}{username}{password} }}", self.trusted)
    }
}
