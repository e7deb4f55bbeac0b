//! Header field names: an enum of those we know, with their compact forms.

use core::fmt;

macro_rules! names {
    ($($variant:ident $text:literal $(/ $compact:literal)?, $many:ident;)*) => {
        /// A header field name. Those that are not listed are [`Name::Other`] and keep their own text.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Name {
            $(
                #[doc = concat!("`", $text, "`" $(, " (`", $compact, "`)")?)]
                $variant,
            )*
            /// Any name that is not listed.
            Other,
        }

        /// Every listed name, in the order of the enum.
        const LISTED: &[Name] = &[$(Name::$variant),*];
        const TEXTS: &[&str] = &[$($text),*, ""];
        const KINDS: &[Kind] = &[$(Kind::$many),*, Kind::Rows];
        #[cfg(test)]
        const COMPACT: &[(Name, &str)] = &[$($((Name::$variant, $compact),)?)*];
    };
}

/// How often a field may stand in a message and whether a comma separates its values, RFC 3261 §7.3.1.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Once.
    One,
    /// Any number of rows, each a comma-separated list.
    List,
    /// Any number of rows that must not be combined.
    Rows,
}

names! {
    Via "Via" / "v", List;
    From "From" / "f", One;
    To "To" / "t", One;
    CallId "Call-ID" / "i", One;
    CSeq "CSeq", One;
    MaxForwards "Max-Forwards", One;
    Contact "Contact" / "m", List;
    Route "Route", List;
    RecordRoute "Record-Route", List;
    Event "Event" / "o", One;
    Expires "Expires", One;
    MinExpires "Min-Expires", One;
    SubscriptionState "Subscription-State", One;
    SipIfMatch "SIP-If-Match", One;
    SipETag "SIP-ETag", One;
    SuppressIfMatch "Suppress-If-Match", One;
    Accept "Accept", List;
    AcceptEncoding "Accept-Encoding", List;
    AcceptLanguage "Accept-Language", List;
    ContentType "Content-Type" / "c", One;
    ContentLength "Content-Length" / "l", One;
    ContentEncoding "Content-Encoding" / "e", List;
    ContentDisposition "Content-Disposition", One;
    ContentLanguage "Content-Language", List;
    ContentId "Content-ID", One;
    ContentTransferEncoding "Content-Transfer-Encoding", One;
    MimeVersion "MIME-Version", One;
    Allow "Allow", List;
    AllowEvents "Allow-Events" / "u", List;
    Supported "Supported" / "k", List;
    Require "Require", List;
    Unsupported "Unsupported", List;
    ProxyRequire "Proxy-Require", List;
    Authorization "Authorization", Rows;
    ProxyAuthorization "Proxy-Authorization", Rows;
    WwwAuthenticate "WWW-Authenticate", Rows;
    ProxyAuthenticate "Proxy-Authenticate", Rows;
    AuthenticationInfo "Authentication-Info", One;
    RetryAfter "Retry-After", One;
    UserAgent "User-Agent", One;
    Server "Server", One;
    PAssertedIdentity "P-Asserted-Identity", List;
    PPreferredIdentity "P-Preferred-Identity", List;
    PAssociatedUri "P-Associated-URI", List;
    PCalledPartyId "P-Called-Party-ID", One;
    PAccessNetworkInfo "P-Access-Network-Info", List;
    PVisitedNetworkId "P-Visited-Network-ID", List;
    PChargingVector "P-Charging-Vector", One;
    PChargingFunctionAddresses "P-Charging-Function-Addresses", List;
    Privacy "Privacy", One;
    Warning "Warning", List;
    Date "Date", One;
    Reason "Reason", List;
    Path "Path", List;
    ServiceRoute "Service-Route", List;
    HistoryInfo "History-Info", List;
    ReferTo "Refer-To" / "r", One;
    ReferredBy "Referred-By" / "b", One;
    AcceptContact "Accept-Contact" / "a", List;
    RejectContact "Reject-Contact" / "j", List;
    RequestDisposition "Request-Disposition" / "d", List;
    Identity "Identity" / "y", Rows;
    SessionExpires "Session-Expires" / "x", One;
    MinSe "Min-SE", One;
    MaxBreadth "Max-Breadth", One;
    FlowTimer "Flow-Timer", One;
    Replaces "Replaces", One;
    RSeq "RSeq", One;
    RAck "RAck", One;
    AlertInfo "Alert-Info", List;
    CallInfo "Call-Info", List;
    ErrorInfo "Error-Info", List;
    InReplyTo "In-Reply-To", List;
    Organization "Organization", One;
    Priority "Priority", One;
    ReplyTo "Reply-To", One;
    Subject "Subject" / "s", One;
    Timestamp "Timestamp", One;
}

impl Name {
    /// How many names there are, `Other` included.
    pub(crate) const COUNT: usize = LISTED.len() + 1;

    /// As the RFC that defines it writes it; empty for `Other`.
    pub const fn canonical(self) -> &'static str {
        TEXTS[self as usize]
    }

    /// The name that `raw` is, in whatever case, long or compact (RFC 3261 §7.3.3).
    pub fn of(raw: &str) -> Self {
        Self::of_bytes(raw.as_bytes())
    }

    /// Whether a message may hold the field only once.
    pub const fn is_singleton(self) -> bool {
        matches!(KINDS[self as usize], Kind::One)
    }

    /// Whether a comma separates values of the field.
    pub const fn is_list(self) -> bool {
        matches!(KINDS[self as usize], Kind::List)
    }

    /// Length and first letter leave at most a few candidates, which are then compared whole.
    #[inline]
    pub(crate) fn of_bytes(raw: &[u8]) -> Self {
        let Some(first) = raw.first() else { return Self::Other };
        if raw.len() == 1 {
            return compact(*first);
        }
        let slot = slot(raw.len(), *first);
        let mut next = BUCKETS[slot];
        while next != 0 {
            let candidate = LISTED[usize::from(next - 1)];
            let text = candidate.canonical().as_bytes();
            if raw == text || raw.eq_ignore_ascii_case(text) {
                return candidate;
            }
            next = CHAIN[usize::from(next - 1)];
        }
        Self::Other
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.canonical())
    }
}

/// RFC 3261 §7.3.3 and the registrations after it.
fn compact(letter: u8) -> Name {
    match letter | 0x20 {
        b'v' => Name::Via,
        b'f' => Name::From,
        b't' => Name::To,
        b'i' => Name::CallId,
        b'm' => Name::Contact,
        b'o' => Name::Event,
        b'c' => Name::ContentType,
        b'l' => Name::ContentLength,
        b'e' => Name::ContentEncoding,
        b'u' => Name::AllowEvents,
        b'k' => Name::Supported,
        b'r' => Name::ReferTo,
        b'b' => Name::ReferredBy,
        b'a' => Name::AcceptContact,
        b'j' => Name::RejectContact,
        b'd' => Name::RequestDisposition,
        b'y' => Name::Identity,
        b'x' => Name::SessionExpires,
        b's' => Name::Subject,
        _ => Name::Other,
    }
}

const SLOTS: usize = 1024;

/// Five bits of length and five of the first letter, its case removed.
const fn slot(length: usize, first: u8) -> usize {
    (length & 31) << 5 | (first & 31) as usize
}

/// The first listed name of a slot, counted from 1; `CHAIN` has the one after it. Made at compile time.
static BUCKETS: [u8; SLOTS] = tables().0;
static CHAIN: [u8; LISTED.len()] = tables().1;

const fn tables() -> ([u8; SLOTS], [u8; LISTED.len()]) {
    let mut buckets = [0_u8; SLOTS];
    let mut chain = [0_u8; LISTED.len()];
    // Backwards, so that a name listed earlier (and met more often) is tried first.
    let mut index = LISTED.len();
    while index > 0 {
        index -= 1;
        let text = TEXTS[index].as_bytes();
        let slot = slot(text.len(), text[0]);
        chain[index] = buckets[slot];
        buckets[slot] = index as u8 + 1;
    }
    (buckets, chain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case() {
        for name in LISTED {
            let text = name.canonical();
            assert_eq!(Name::of(text), *name, "{text}");
            assert_eq!(Name::of(&text.to_uppercase()), *name, "{text}");
            assert_eq!(Name::of(&text.to_lowercase()), *name, "{text}");
            assert_eq!(Name::of(&format!("{text}x")), Name::Other, "{text}");
        }
    }

    #[test]
    fn compact_forms_are_the_registered_ones() {
        for (name, letter) in COMPACT {
            assert_eq!(Name::of(letter), *name, "{letter}");
            assert_eq!(Name::of(&letter.to_uppercase()), *name, "{letter}");
        }
        let known = (0..=127_u8).filter(|b| Name::of_bytes(&[*b]) != Name::Other).count();
        assert_eq!(known, COMPACT.len() * 2, "a letter that no name lists is taken for one");
    }

    #[test]
    fn what_is_not_listed_is_other() {
        for raw in ["", "C%6Fntact", "NewFangledHeader", "z", "Vía", "[", "@"] {
            assert_eq!(Name::of(raw), Name::Other, "{raw}");
        }
    }

    #[test]
    fn rows_of_credentials_are_neither_lists_nor_singletons() {
        for name in [Name::Authorization, Name::WwwAuthenticate, Name::ProxyAuthorization, Name::Other] {
            assert!(!name.is_list() && !name.is_singleton());
        }
        assert!(Name::Via.is_list() && Name::CSeq.is_singleton());
    }
}
