//! Users and what proves them.

use core::fmt;
use std::collections::BTreeMap;

use toml::de::DeValue;

use super::{Setting, expected, quoted, text};

/// How a user proves to be one. Never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// The password itself.
    Password(String),
    /// Hashes of user, realm and password in hex, RFC 7616 §3.4.2: useless to read, bound to the realm.
    Hashes {
        /// HA1 with MD5.
        md5: Option<String>,
        /// HA1 with SHA-256.
        sha256: Option<String>,
    },
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Setting for Secret {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        if let Some(password) = value.as_str() {
            if password.is_empty() {
                return Err("a password must not be empty".to_owned());
            }
            return Ok(Self::Password(password.to_owned()));
        }
        let Some(table) = value.as_table() else {
            return expected("a password, or { md5 = \"..\", sha256 = \"..\" }", value);
        };
        let (mut md5, mut sha256) = (None, None);
        for (key, value) in table.iter() {
            let (slot, digits) = match key.get_ref().as_ref() {
                "md5" => (&mut md5, 32),
                "sha256" => (&mut sha256, 64),
                other => return Err(format!("unknown hash {}; known are md5 and sha256", quoted(other))),
            };
            let hash = text("a hash in hex", value.get_ref())?;
            if hash.len() != digits || !hash.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(format!("expected a hash of {digits} hex digits"));
            }
            *slot = Some(hash.to_ascii_lowercase());
        }
        if md5.is_none() && sha256.is_none() {
            return Err("expected at least one of md5 and sha256".to_owned());
        }
        Ok(Self::Hashes { md5, sha256 })
    }

    fn print(&self) -> String {
        match self {
            Self::Password(password) => quoted(password),
            Self::Hashes { md5, sha256 } => {
                let parts = [("md5", md5), ("sha256", sha256)];
                let parts: Vec<_> = parts
                    .iter()
                    .filter_map(|(name, hash)| hash.as_ref().map(|hash| format!("{name} = {}", quoted(hash))))
                    .collect();
                format!("{{ {} }}", parts.join(", "))
            }
        }
    }
}

/// Users and their secrets.
impl Setting for BTreeMap<String, Secret> {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        let Some(table) = value.as_table() else {
            return expected("a table of users such as { alice = \"her password\" }", value);
        };
        let mut users = Self::new();
        for (user, secret) in table.iter() {
            let name = user.get_ref().as_ref();
            if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '"') {
                return Err(format!("{} is no user name", quoted(name)));
            }
            let secret =
                Secret::read(secret.get_ref()).map_err(|why| format!("user {}: {why}", quoted(name)))?;
            users.insert(name.to_owned(), secret);
        }
        Ok(users)
    }

    fn print(&self) -> String {
        if self.is_empty() {
            return "{}".to_owned();
        }
        let users: Vec<_> =
            self.iter().map(|(user, secret)| format!("{} = {}", quoted(user), secret.print())).collect();
        format!("{{ {} }}", users.join(", "))
    }
}
