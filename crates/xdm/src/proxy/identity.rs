//! The identity header fields: what they say, and which of it is believed from whom.

use sip::Aor;

/// The field by which a client says as whom it acts. In lower case, as all names here.
pub const INTENDED: &str = "x-3gpp-intended-identity";

/// The fields by which a trusted peer says from whom a request is. Both occur; they mean the same.
pub const ASSERTED: [&str; 2] = ["x-3gpp-asserted-identity", "x-xcap-asserted-identity"];

/// The most identities that one request may bear.
const IDENTITIES_MAX: usize = 16;

/// Whom a request is said to be from, as far as its sender may say so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    /// What a trusted peer asserts, the principal first. Empty if it asserts nobody, or is not trusted.
    pub asserted: Vec<Aor>,
    /// As whom the sender wants to act; to be compared with what it proves.
    pub intended: Option<Aor>,
}

/// Why the fields of a request cannot be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Disbelief {
    /// An identity that cannot be read. 400.
    #[error("an identity field names no user")]
    Malformed,
    /// An intended identity that is none of the asserted ones. 403.
    #[error("the intended identity is not one of the user's")]
    Foreign,
}

impl Disbelief {
    /// The status that answers it.
    pub const fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::Foreign => 403,
        }
    }
}

/// Weighs the identity fields of a request: the values of those that assert, and of those that intend.
///
/// Assertions of a peer that is not trusted are as if they were not there: whoever likes can send them. A trusted peer
/// that sends an intended identity alone has checked it (TS 33.222 lets an authentication proxy do that) and thereby
/// asserts it.
pub fn claim<'f>(
    is_trusted: bool,
    asserted: impl Iterator<Item = &'f str>,
    intended: impl Iterator<Item = &'f str>,
) -> Result<Claim, Disbelief> {
    let mut wanted = identities(intended)?;
    if wanted.len() > 1 {
        return Err(Disbelief::Malformed);
    }
    let intended = wanted.pop();
    if !is_trusted {
        return Ok(Claim { asserted: Vec::new(), intended });
    }
    let mut asserted = asserted.peekable();
    let is_said = asserted.peek().is_some();
    let mut asserted = identities(asserted)?;
    if is_said && asserted.is_empty() {
        // A peer that meant to name somebody must not be taken for one that speaks for itself.
        return Err(Disbelief::Malformed);
    }
    match &intended {
        Some(intended) if asserted.is_empty() => asserted.push(intended.clone()),
        Some(intended) => {
            let place = asserted.iter().position(|one| one == intended).ok_or(Disbelief::Foreign)?;
            asserted[..=place].rotate_right(1);
        }
        None => {}
    }
    Ok(Claim { asserted, intended })
}

/// The value of an asserting field.
pub fn print(identities: &[Aor]) -> String {
    identities.iter().map(|identity| format!("\"{identity}\"")).collect::<Vec<_>>().join(", ")
}

/// All users that the fields name, each once, in their order.
fn identities<'f>(fields: impl Iterator<Item = &'f str>) -> Result<Vec<Aor>, Disbelief> {
    let mut found: Vec<Aor> = Vec::new();
    for value in fields.flat_map(values) {
        let identity = user(value).ok_or(Disbelief::Malformed)?;
        if !found.contains(&identity) {
            found.push(identity);
        }
        if found.len() > IDENTITIES_MAX {
            return Err(Disbelief::Malformed);
        }
    }
    Ok(found)
}

/// The values between the commas that stand outside of quotes, empty ones left out.
fn values(field: &str) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    let parts = field.split(move |letter: char| {
        is_quoted ^= letter == '"';
        letter == ',' && !is_quoted
    });
    parts.map(str::trim).filter(|part| !part.is_empty())
}

/// The user that a value names: a URI between quotes, between angle brackets, or bare.
fn user(value: &str) -> Option<Aor> {
    let inside = |open, close| value.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    let uri = inside('"', '"').or_else(|| inside('<', '>')).unwrap_or(value).trim();
    if uri.contains(['"', '<', '>']) {
        return None;
    }
    crate::xui::owner(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(
        is_trusted: bool,
        asserted: &[&str],
        intended: &[&str],
    ) -> Result<(Vec<String>, Option<String>), Disbelief> {
        let claim = claim(is_trusted, asserted.iter().copied(), intended.iter().copied())?;
        let texts = claim.asserted.iter().map(ToString::to_string).collect();
        Ok((texts, claim.intended.map(|intended| intended.to_string())))
    }

    const ALICE: &str = "\"sip:alice@example.com\"";

    #[test]
    fn a_stranger_asserts_in_vain_and_intends() {
        assert_eq!(said(false, &[ALICE], &[]), Ok((vec![], None)));
        assert_eq!(said(false, &["nonsense"], &[]), Ok((vec![], None)));
        assert_eq!(said(false, &[], &[ALICE]), Ok((vec![], Some("sip:alice@example.com".into()))));
    }

    #[test]
    fn a_trusted_peer_asserts_the_principal_first() {
        let both = ["sip:alice@example.com".to_owned(), "tel:+15550100".to_owned()];
        let list = "\"sip:alice@EXAMPLE.com:5060\", \"tel:+1-555-0100\",, \"sip:alice@example.com\"";
        assert_eq!(said(true, &[list], &[]), Ok((both.to_vec(), None)));
        assert_eq!(said(true, &[ALICE, "<tel:+15550100>"], &[]), Ok((both.to_vec(), None)));
    }

    #[test]
    fn the_intended_identity_is_one_of_the_asserted_and_becomes_the_principal() {
        let (asserted, _) = said(true, &[ALICE, "tel:+15550100"], &["\"tel:+15550100\""]).unwrap();
        assert_eq!(asserted, ["tel:+15550100", "sip:alice@example.com"]);
        assert_eq!(said(true, &[ALICE], &["\"sip:bob@example.com\""]), Err(Disbelief::Foreign));
        assert_eq!(said(true, &[], &[ALICE]).unwrap().0, ["sip:alice@example.com"]);
    }

    #[test]
    fn what_names_no_user_is_malformed() {
        for wrong in ["\"http://example.com/\"", "\"sip:alice@example.com", "alice"] {
            assert_eq!(said(true, &[wrong], &[]), Err(Disbelief::Malformed), "{wrong}");
            assert_eq!(said(false, &[], &[wrong]), Err(Disbelief::Malformed), "{wrong}");
        }
        assert_eq!(said(true, &[""], &[]), Err(Disbelief::Malformed), "named nobody");
        assert_eq!(said(true, &[" , "], &[ALICE]), Err(Disbelief::Malformed));
        assert_eq!(said(false, &[], &[ALICE, "\"sip:bob@example.com\""]), Err(Disbelief::Malformed));
        let many = (0..17).map(|n| format!("\"sip:u{n}@example.com\"")).collect::<Vec<_>>().join(",");
        assert_eq!(said(true, &[&many], &[]), Err(Disbelief::Malformed));
    }

    #[test]
    fn what_is_printed_is_read_again() {
        let claim = claim(true, [ALICE, "\"tel:+15550100\""].into_iter(), core::iter::empty()).unwrap();
        let text = print(&claim.asserted);
        assert_eq!(text, "\"sip:alice@example.com\", \"tel:+15550100\"");
        assert_eq!(identities([text.as_str()].into_iter()).unwrap(), claim.asserted);
    }
}
