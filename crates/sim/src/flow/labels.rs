//! Values that the node chooses, numbered as they come: `<etag 1>` in an answer to PUBLISH, `<state 1>` in a NOTIFY,
//! `<tag 2>`, `<branch 3>`, `<nonce 1>`.

use crate::wire::Message;

/// What the node has chosen so far.
#[derive(Debug, Default)]
pub(crate) struct Labels {
    kinds: Vec<(&'static str, Vec<String>)>,
}

impl Labels {
    /// Numbers what is new in a message of the node.
    pub(crate) fn learn(&mut self, message: &Message) {
        if let Some(tag) = message.get("SIP-ETag") {
            self.name(if message.status().is_some() { "etag" } else { "state" }, tag);
        }
        let chosen = if message.status().is_some() { message.to_tag() } else { message.from_tag() };
        if let Some(tag) = chosen {
            self.name("tag", tag);
        }
        if message.status().is_none()
            && let Some(branch) = message.branch()
        {
            self.name("branch", branch);
        }
        for challenge in message.all("WWW-Authenticate") {
            if let Some(nonce) = quoted(challenge, "nonce") {
                self.name("nonce", nonce);
            }
        }
    }

    /// The value of a field of the node with its choices written as labels.
    pub(crate) fn hide(&self, name: &str, value: &str) -> String {
        let mut text = value.to_owned();
        let chosen_here = match name.to_ascii_lowercase().as_str() {
            "sip-etag" => &["etag", "state"][..],
            "from" | "to" => &["tag"],
            "via" => &["branch"],
            "www-authenticate" => &["nonce"],
            _ => return text,
        };
        for (kind, values) in self.kinds.iter().filter(|(kind, _)| chosen_here.contains(kind)) {
            for (index, chosen) in values.iter().enumerate() {
                if text.contains(chosen.as_str()) {
                    text = text.replace(chosen.as_str(), &format!("<{kind} {}>", index + 1));
                }
            }
        }
        text
    }

    /// A value of a flow with labels written as what the node chose.
    pub(crate) fn show(&self, value: &str) -> Result<String, String> {
        let mut text = value.to_owned();
        for (kind, values) in &self.kinds {
            for (index, chosen) in values.iter().enumerate() {
                text = text.replace(&format!("<{kind} {}>", index + 1), chosen);
            }
        }
        for kind in ["<etag ", "<state ", "<tag ", "<branch ", "<nonce "] {
            if let Some(at) = text.find(kind) {
                let label = text[at..].split_inclusive('>').next().unwrap_or_default();
                return Err(format!("the node has not chosen {label} yet"));
            }
        }
        Ok(text)
    }

    fn name(&mut self, kind: &'static str, value: &str) {
        // A tag that the peer brought (a refresh PUBLISH with a To tag) is not the node's choice, but harmless.
        if value.is_empty() {
            return;
        }
        let at = match self.kinds.iter().position(|(known, _)| *known == kind) {
            Some(at) => at,
            None => {
                self.kinds.push((kind, Vec::new()));
                self.kinds.len() - 1
            }
        };
        let values = &mut self.kinds[at].1;
        if !values.iter().any(|known| known == value) {
            values.push(value.to_owned());
        }
    }
}

/// A quoted parameter of a challenge, or an unquoted one.
pub(crate) fn quoted<'a>(challenge: &'a str, name: &str) -> Option<&'a str> {
    let lower = challenge.to_ascii_lowercase();
    let mut from = 0;
    loop {
        let at = from + lower[from..].find(&format!("{name}="))?;
        let begins = at == 0 || matches!(lower.as_bytes()[at - 1], b' ' | b',' | b'\t');
        let rest = &challenge[at + name.len() + 1..];
        if begins {
            return match rest.strip_prefix('"') {
                Some(rest) => rest.split('"').next(),
                None => rest.split([',', ' ']).next(),
            };
        }
        from = at + 1;
    }
}

/// Whether `text` has the form of `pattern`, in which `*` stands for anything.
pub(crate) fn alike(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        assert!(alike("active;expires=*", "active;expires=7200"));
        assert!(alike("*PUBLISH*", "SUBSCRIBE, PUBLISH, OPTIONS"));
        assert!(alike("*", ""));
        assert!(!alike("active;expires=*", "terminated"));
        assert!(!alike("7200", "72000"));
        assert!(!alike("a*b*c", "acb"));
    }

    #[test]
    fn choices_of_the_node_are_numbered_as_they_come() {
        let mut labels = Labels::default();
        let mut message = Message::new("SIP/2.0 200 OK");
        message.add("SIP-ETag", "qx81");
        labels.learn(&message);
        assert_eq!(labels.hide("SIP-ETag", "qx81"), "<etag 1>");
        assert_eq!(labels.hide("Expires", "qx81"), "qx81");
        assert_eq!(labels.show("<etag 1>").as_deref(), Ok("qx81"));
        assert!(labels.show("<etag 2>").is_err());
    }

    #[test]
    fn parameters_of_a_challenge_are_found() {
        let challenge = "Digest realm=\"example.com\", nonce=\"a=b\", algorithm=SHA-256, qop=\"auth\"";
        assert_eq!(quoted(challenge, "nonce"), Some("a=b"));
        assert_eq!(quoted(challenge, "algorithm"), Some("SHA-256"));
        assert_eq!(quoted(challenge, "opaque"), None);
    }
}
