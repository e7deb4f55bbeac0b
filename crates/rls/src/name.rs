//! What a list owner is known by.

use core::fmt;
use std::sync::Arc;

use sip::Aor;

/// Names the subscriptions of one watcher to one list with one event package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListName {
    /// The list as it was first subscribed to.
    pub uri: Arc<str>,
    /// The event package.
    pub package: Arc<str>,
    /// The watcher's first proven name.
    pub watcher: Aor,
    /// Whose it is, where documents define it and its URI does not say so.
    pub owner: Option<Aor>,
    /// The watcher does not want to be known to the resources.
    pub anonymous: bool,
    /// For a list that a request contained the number of its dialog's tag: it is nobody else's.
    pub contained: Option<u64>,
}

/// As it is stored: no part of it holds a space.
impl fmt::Display for ListName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.uri, self.package, self.watcher)?;
        // An address-of-record has a colon, a number has none.
        self.owner.as_ref().map_or(Ok(()), |owner| write!(f, " {owner}"))?;
        self.contained.map_or(Ok(()), |tag| write!(f, " {tag:016x}"))?;
        if self.anonymous { f.write_str(" anonymous") } else { Ok(()) }
    }
}

impl ListName {
    /// Reads what was stored.
    pub fn parse(text: &str) -> Option<Self> {
        let (text, anonymous) = text.strip_suffix(" anonymous").map_or((text, false), |text| (text, true));
        let mut parts = text.split(' ');
        let (uri, package) = (parts.next()?.into(), parts.next()?.into());
        let watcher = Aor::parse(parts.next()?).ok()?;
        let (mut owner, mut contained) = (None, None);
        match parts.next() {
            Some(user) if user.contains(':') => owner = Some(Aor::parse(user).ok()?),
            Some(tag) => contained = Some(u64::from_str_radix(tag, 16).ok()?),
            None => {}
        }
        parts.next().is_none().then_some(Self { uri, package, watcher, owner, anonymous, contained })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_back() {
        let watcher = Aor::parse("sip:a@example.com").expect("an address-of-record");
        for (owner, contained) in
            [(None, None), (None, Some(0)), (None, Some(u64::MAX)), (Some(watcher.clone()), None)]
        {
            for anonymous in [false, true] {
                let (uri, package) = ("sip:a@example.com;pres-list=friends".into(), "presence".into());
                let (watcher, owner) = (watcher.clone(), owner.clone());
                let name = ListName { uri, package, watcher, owner, anonymous, contained };
                assert_eq!(ListName::parse(&name.to_string()), Some(name));
            }
        }
        for text in [
            "",
            "sip:a@x presence",
            "sip:a@x presence sip:b@x 1 2",
            "sip:a@x presence sip:b@x z",
            "sip:a@x presence sip:b@x sip:",
        ] {
            assert_eq!(ListName::parse(text), None, "{text}");
        }
    }
}
