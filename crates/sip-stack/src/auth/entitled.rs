//! Who is entitled to a function of the service, whoever else has a say in it.

use sip::Aor;

/// Users by themselves and by their domains; with none named, everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entitled(Vec<Box<str>>);

impl Entitled {
    /// Domains in lower case, and addresses-of-record.
    pub fn of<'a>(entries: impl IntoIterator<Item = &'a str>) -> Self {
        Self(entries.into_iter().map(Box::from).collect())
    }

    /// Whether one of these identities, which are all of one user, is entitled.
    pub fn has(&self, identities: &[Aor]) -> bool {
        let is_named = |user: &Aor| {
            self.0.iter().any(|entry| **entry == *user.as_str() || Some(&**entry) == user.domain())
        };
        self.0.is_empty() || identities.iter().any(is_named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_named_by_themselves_or_by_their_domain() {
        let user = |text: &str| Aor::parse(text).expect("an address-of-record");
        let entitled = Entitled::of(["example.com", "sip:eve@example.net", "tel:+15550100"]);
        for (who, is_entitled) in [
            ("sip:bob@example.com", true),
            ("sip:bob@sub.example.com", false),
            ("sip:eve@example.net", true),
            ("sip:adam@example.net", false),
            ("tel:+15550100", true),
            ("tel:+15550101", false),
        ] {
            assert_eq!(entitled.has(&[user(who)]), is_entitled, "{who}");
            assert!(Entitled::default().has(&[user(who)]));
        }
        assert!(entitled.has(&[user("sip:x@elsewhere.example"), user("tel:+15550100")]));
        assert!(!entitled.has(&[]));
    }
}
